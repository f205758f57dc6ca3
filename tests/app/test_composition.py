"""The wiring: what a door is told of the configuration."""

from tests.config.test_load import MINIMAL, read
from tests.config.test_logins import OIDC, WORKLOAD

from custody.app.composition import bearer_options


def test_clients_are_not_told_to_ask_for_what_outlives_their_connection() -> None:
    config = read(MINIMAL.decode() + OIDC + WORKLOAD)
    assert "offline_access" in config.oidc[0].scopes
    assert bearer_options(config, "corp") == {
        "oauth_issuer": "https://id.example.com",
        "oauth_scope": "openid profile",
    }
    assert bearer_options(config, "github") == {
        "oauth_issuer": "https://token.actions.githubusercontent.com"
    }
