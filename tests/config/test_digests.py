"""The digests that every verdict and every masked record carry: a release must not change them for
a configuration that stays as it is.
"""

from typing import Final

import pytest
from tests.config.test_load import CONTRACT, MINIMAL, PLACE

from custody.config.load import compile_policy, parse_config
from custody.masking.rules import check_rules

EVERY_KEY: Final = """
[gateway]
name = "gw"
[listen.postgres]
address = "127.0.0.1:0"
[[target]]
name = "orders"
protocol = "postgres"
address = "db.example.com:5432"
database = "orders"
user = "app"
[[grant]]
concurrency = 3
budget = { commands = 1, rows = 2, bytes = "1KiB", writes = 4, denials = 5, then = "pause" }
replication = true
max_loop = "8h"
hours = "22:00-06:30"
effects = ["write", "read", "unknown", "execute", "grant", "define"]
targets = ["*"]
issuer = "https://id.example.com"
identities = ["ada", "\u00e9mile"]
groups = ["b", "a"]
name = "all"
[[grant]]
groups = ["agents"]
targets = ["orders"]
effects = []
objects = ["public.*", "audit.log"]
[[rule]]
timeout = "90s"
approvers = ["dba", "lead"]
reason = "payments are changed by day"
then = "ask"
when = '"write" in command.effects && now.getHours() < 6'
name = "at-night"
[[rule]]
name = "reads"
when = "!command.bounded"
then = "allow"
[[mask]]
columns = ["users.ssn", "*.password"]
[[mask]]
detect = ["card", "secret"]
as = "token"
[[mask]]
pattern = "EMP[0-9]+"
name = "employee"
as = "last4"
"""
CONFIGS: Final = {
    "contract": CONTRACT.decode(),
    "minimal": MINIMAL.decode(),
    "every key": EVERY_KEY,
}
DIGESTS: Final = {
    "contract": (
        "528779641e50583aa8d5bbfbd12c3f34064409719f8f82894fd744be89196f1d",
        "169b05dafbade0c88ed2c8e7af2121e55c864722e11ef736bb5810a39860cc62",
    ),
    "minimal": (
        "1fb7e1819056faf44746bed1cb55a00fe225009106f5b8a25f8b7f3d26faed3b",
        "effc2e59da94fea1a7582e16385b43566c21333e57705b32bd4b96ca32406226",
    ),
    "every key": (
        "09aa6e51985251fb7275c49162469b146dd2c22113ecdd6cd80999bcedf2b09d",
        "089da30669bb72e5722cd87f95689a11b7225d37aa3270b81c86673981af014e",
    ),
}
"""Of the policy, and of the masks."""


@pytest.mark.parametrize("name", CONFIGS)
def test_a_configuration_keeps_its_digests(name: str) -> None:
    config = parse_config(CONFIGS[name].encode(), PLACE)
    found = (compile_policy(config).digest.hex(), check_rules(config.masks).digest.hex())
    assert found == DIGESTS[name]
