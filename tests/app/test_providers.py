"""Providers at a start: one that cannot be made stops it, and says what to do."""

import asyncio

import pytest
from tests.config.test_load import MINIMAL, read
from tests.config.test_logins import CONSOLE

from custody.app.providers import make_providers
from custody.model.errors import CustodyError

SAML = """
[[saml]]
name = "corp-saml"
metadata = "https://127.0.0.1:1/idp.xml"
"""


def test_a_saml_provider_that_is_down_stops_the_start_and_says_the_way_out() -> None:
    config = read(MINIMAL.decode() + CONSOLE + SAML)
    with pytest.raises(CustodyError) as caught:
        asyncio.run(make_providers(config, "https://gw1.example.com", lambda: 0))
    assert caught.value.code == "identity.unreachable"
    assert "does not start" in caught.value.fault
    assert "corp-saml" in caught.value.fault
    assert "as a file" in caught.value.cure
