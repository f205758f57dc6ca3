"""Settings that would weaken a check are refused when they are read."""

from typing import Any

import pytest

from custody.identity.oidc.issuer_trust import acceptable_url
from custody.identity.oidc.settings import OidcSettings
from custody.identity.oidc.workload_settings import WorkloadSettings
from custody.model.errors import CustodyError

OIDC: dict[str, Any] = {"name": "corp", "issuer": "https://id.example.com", "client_id": "custody"}
WORKLOAD: dict[str, Any] = {
    "name": "ci",
    "issuer": "https://ci.example.com",
    "audience": ("custody",),
    "require": {"sub": ("x",)},
}


@pytest.mark.parametrize(
    "changes",
    [
        {"issuer": "http://id.example.com"},
        {"issuer": "http://127.0.0.1.example.com"},
        {"issuer": "https://id.example.com?x=1"},
        {"issuer": "https://id.example.com#x"},
        {"issuer": "https://user:secret@id.example.com"},
        {"issuer": "id.example.com"},
        {"issuer": ""},
        {"issuer": "https://id.example.com:port"},
        {"issuer": "https://id.example.com\n"},
        {"algorithms": ()},
        {"algorithms": ("HS256",)},
        {"algorithms": ("RS256", "HS512")},
        {"algorithms": ("none",)},
        {"algorithms": ("rs256",)},
        {"client_id": ""},
        {"scopes": ("profile",)},
        {"flows": ()},
        {"parameters": {"state": "mine"}},
        {"parameters": {"code_challenge_method": "plain"}},
        {"parameters": {"max_age": "60"}},
    ],
    ids=str,
)
def test_a_provider_that_could_not_be_trusted_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(CustodyError) as caught:
        OidcSettings(**{**OIDC, **changes})
    assert caught.value.code == "identity.settings"


@pytest.mark.parametrize(
    "changes",
    [
        {"audience": ()},
        {"audience": ("",)},
        {"require": {}},
        {"require": {"": ("x",)}},
        {"require": {"sub": ()}},
        {"jwks": "http://ci.example.com/keys"},
        {"issuer": "http://ci.example.com"},
        {"algorithms": ("HS256",)},
    ],
    ids=str,
)
def test_an_issuer_that_would_let_anybody_in_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(CustodyError) as caught:
        WorkloadSettings(**{**WORKLOAD, **changes})
    assert caught.value.code == "identity.settings"


@pytest.mark.parametrize(
    ("url", "issuer", "fine"),
    [
        ("https://a.example/x", "https://a.example", True),
        ("https://b.example/x?y", "https://a.example", True),
        ("http://a.example/x", "https://a.example", False),
        ("http://127.0.0.1:1/x", "http://127.0.0.1:1", True),
        ("http://[::1]:1/x", "http://localhost:1", True),
        ("http://127.0.0.1:1/x", "https://a.example", False),
        ("http://169.254.169.254/x", "http://127.0.0.1", False),
        ("ftp://a.example", "https://a.example", False),
        ("https://a.example\\@b.example", "https://a.example", False),
        ("https://a.example/ x", "https://a.example", False),
        ("https://[", "https://a.example", False),
        ("https://\u0430.example", "https://a.example", False),
    ],
)
def test_plain_http_is_for_an_issuer_on_loopback(url: str, issuer: str, fine: bool) -> None:  # noqa: FBT001 - a row
    assert acceptable_url(url, of=issuer) is fine


def test_defaults_are_the_safe_ones() -> None:
    settings = OidcSettings(**OIDC)
    assert not any(each.startswith("HS") or each == "none" for each in settings.algorithms)
    assert not settings.single_use
