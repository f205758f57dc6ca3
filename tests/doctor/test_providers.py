"""`custody doctor` asks those who prove identities what they publish."""

import asyncio
import datetime as dt
import json
import os
from pathlib import Path

from tests.identity.oidc.issuing import public, rsa_key

from custody.config.load import load_config
from custody.doctor.findings import Finding, Level
from custody.doctor.providers import examine_providers
from custody.operations.init import initialise

NOW = dt.datetime(2026, 3, 1, tzinfo=dt.UTC)
WORKLOAD = """
[[workload]]
name = "ci"
issuer = "https://ci.example.com"
audience = ["custody"]
groups = ["ci"]
jwks = "{jwks}"
require = {{ repository = "acme/shop" }}
"""


def found(folder: Path, tables: str) -> list[Finding]:
    initialise(folder / "gateway", name="gw", now=NOW, random=os.urandom)
    path = folder / "gateway" / "custody.toml"
    path.write_text(path.read_text() + tables)
    return list(asyncio.run(examine_providers(load_config(path), NOW)))


def test_a_key_set_that_can_check_tokens_is_counted(tmp_path: Path) -> None:
    jwks = tmp_path / "jwks.json"
    jwks.write_text(json.dumps({"keys": [public(rsa_key())]}))
    (finding,) = found(tmp_path, WORKLOAD.format(jwks=jwks))
    assert finding.level is Level.OK
    assert finding.what == "[[workload]] ci: there, 1 key that can check a token"


def test_what_cannot_be_reached_is_a_fault_with_its_cure(tmp_path: Path) -> None:
    jwks = tmp_path / "jwks.json"
    jwks.write_text('{"keys": "none"}')
    (finding,) = found(tmp_path, WORKLOAD.format(jwks=jwks))
    assert (finding.level, bool(finding.cure)) == (Level.FAULT, True)
    assert finding.what.startswith("[[workload]] ci: ")
