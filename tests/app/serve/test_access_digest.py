"""The digest of a `config` record changes with whatever decides who may come in."""

import pytest
from tests.config.test_digests import EVERY_KEY
from tests.config.test_load import PLACE

from custody.app.serve.startup import access_digest
from custody.config.load import parse_config

RULES = "ab" * 32
PROVIDERS = """
[[oidc]]
name = "corp"
issuer = "https://id.example.com"
client_id = "custody"
client_secret = "env:CLIENT"
[[workload]]
name = "ci"
issuer = "https://ci.example.com"
audience = ["custody"]
require = { repository = ["acme/*"] }
groups = ["agents"]
"""


def digest(text: str, rules: str = RULES) -> str:
    return access_digest(parse_config(text.encode(), PLACE), rules)


CHANGES = [
    ('client_id = "custody"', 'client_id = "other"'),
    ("acme/*", "evil/*"),
    ('issuer = "https://ci.example.com"', 'issuer = "https://ci.example.org"'),
    ("[[oidc]]", "[login]\nlocal = false\n[[oidc]]"),
]


@pytest.mark.parametrize(("before", "after"), CHANGES)
def test_it_changes_with_who_may_come_in(before: str, after: str) -> None:
    text = EVERY_KEY + PROVIDERS
    assert digest(text) == digest(text)
    assert digest(text.replace(before, after)) != digest(text)
    assert digest(text, "cd" * 32) != digest(text)


def test_it_says_nothing_of_a_secret() -> None:
    text = EVERY_KEY + PROVIDERS
    assert digest(text.replace("env:CLIENT", "plain:hunter2")) == digest(text)
