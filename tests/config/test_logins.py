"""``[login]``, providers, the console's listener and budgets: read, or refused with a cure."""

from pathlib import Path

import pytest
from tests.config.test_load import MINIMAL, read, refused

from custody.config.faults import ConfigError, dotted_path
from custody.config.load import load_config
from custody.config.values import Cleartext
from custody.identity.oidc.presets import Preset
from custody.identity.oidc.settings import ClientAuth, Flow
from custody.model.identity import Budget
from custody.model.words import Exceeded, IdentityKind

OIDC = """
[[oidc]]
name = "corp"
issuer = "https://id.example.com"
client_id = "custody"
"""
WORKLOAD = """
[[workload]]
name = "github"
issuer = "https://token.actions.githubusercontent.com"
audience = ["custody"]
preset = "github"
require = { repository = "acme/shop", ref = ["refs/heads/main", "refs/tags/*"] }
"""
SAME_ISSUER = """
[[oidc]]
name = "hub"
issuer = "https://token.actions.githubusercontent.com"
client_id = "custody"
flows = ["device"]
"""
CONSOLE = """
[listen.console]
address = "127.0.0.1:8443"
"""
SAML = """
[[saml]]
name = "corp-saml"
metadata = "idp.xml"
"""
TEXT = MINIMAL.decode()


def test_what_is_not_said_has_its_default() -> None:
    config = read(TEXT)
    assert (config.login.local, config.login.lifetime_ms) == (True, 8 * 3_600_000)
    assert config.login.recheck_ms == 60_000
    assert config.console is None
    assert (config.oidc, config.workload, config.saml) == ((), (), ())
    (grant,) = config.grants
    assert (grant.concurrency, grant.budget) == (None, None)


def test_the_tables_are_read() -> None:
    config = read(TEXT + OIDC + WORKLOAD + CONSOLE + SAML)
    (corp,), (github,), (saml,) = config.oidc, config.workload, config.saml
    assert corp.parameters == {}, "a table that is left out is an empty one"
    assert corp.flows == tuple(Flow)
    assert corp.kind is IdentityKind.HUMAN
    assert "HS256" not in corp.algorithms
    assert not corp.password
    assert github.preset is Preset.GITHUB
    assert github.require == {
        "repository": ("acme/shop",),
        "ref": ("refs/heads/main", "refs/tags/*"),
    }
    assert (github.lifetime_ms, github.single_use) == (3_600_000, False)
    assert saml.metadata == Path("/etc/custody/idp.xml")
    assert config.console is not None
    assert config.console.public_url() == "https://127.0.0.1:8443"


def test_what_some_providers_need_can_be_said() -> None:
    lines = 'client_auth = "client_secret_post"\nparameters = { access_type = "offline" }\n'
    (settings,) = read(TEXT + OIDC + lines + "single_use = true\n").oidc
    assert settings.client_auth is ClientAuth.POST
    assert settings.parameters == {"access_type": "offline"}
    assert settings.single_use


@pytest.mark.parametrize(
    ("lines", "url"),
    [
        ('url = "https://gw1.example.com:8443/"', "https://gw1.example.com:8443"),
        ('cleartext = "loopback"', "http://127.0.0.1:8443"),
    ],
)
def test_the_console_knows_its_own_name(lines: str, url: str) -> None:
    console = read(TEXT + CONSOLE + lines).console
    assert console is not None
    assert console.public_url() == url
    assert (console.cleartext is Cleartext.LOOPBACK) == url.startswith("http:")


def test_a_budget_says_what_is_limited_and_what_follows() -> None:
    config = read(TEXT + 'concurrency = 3\nbudget = { rows = 10, bytes = "1GiB", then = "pause" }')
    (grant,) = config.grants
    assert grant.concurrency == 3
    assert grant.budget == Budget(rows=10, bytes=1 << 30, then=Exceeded.PAUSE)


@pytest.mark.parametrize(
    ("more", "code", "words"),
    [
        ("[login]\nlocl = true", "config.unknown-key", "Did you mean `local`?"),
        ('[login]\nrecheck = "5s"', "config.value", "30s or longer"),
        (OIDC + 'algorithms = ["HS256"]', "config.algorithm", "asymmetric"),
        (OIDC + 'algorithms = ["none"]', "config.algorithm", "asymmetric"),
        (OIDC.replace("https:", "http:"), "config.value", "https://"),
        (OIDC.replace("example.com", "example.com?a=1"), "config.value", "without a query"),
        (OIDC + 'client_secret = "hunter2"', "config.secret-reference", "reference"),
        (OIDC + 'flows = ["implicit"]', "config.choice", "one of"),
        (OIDC + OIDC, "config.duplicate-name", "same name"),
        (OIDC.replace('"corp"', '"local"'), "config.duplicate-name", "local"),
        (OIDC + WORKLOAD.replace('"github"', '"corp"', 1), "config.duplicate-name", "same name"),
        (WORKLOAD.replace("require", "requires"), "config.unknown-key", "`require`"),
        (SAME_ISSUER + WORKLOAD, "config.same-tokens", "[[workload]] number 1"),
        (
            WORKLOAD
            + SAME_ISSUER.replace('client_id = "custody"', 'client_id = "x"')
            + 'audience = ["y", "custody"]',
            "config.same-tokens",
            "an audience of its own",
        ),
        (SAME_ISSUER + SAME_ISSUER.replace('"hub"', '"other"'), "config.same-tokens", "[[oidc]]"),
        (WORKLOAD.partition("require")[0], "config.missing-key", "require"),
        (WORKLOAD.partition("require")[0] + "require = {}", "config.value", "at least one claim"),
        (WORKLOAD.replace('["custody"]', "[]"), "config.value", "empty"),
        (SAML, "config.no-console", "listen.console"),
        (CONSOLE + 'url = "https://gw/path"', "config.value", "without a path"),
        (CONSOLE + 'cert = "c.pem"', "config.cert-and-key", "belong together"),
        (
            CONSOLE.replace("127.0.0.1", "0.0.0.0") + 'cleartext = "loopback"',
            "config.cleartext",
            "loopback",
        ),
    ],
)
def test_what_cannot_be_honoured_is_refused(more: str, code: str, words: str) -> None:
    error = refused(TEXT + more)
    assert code in {fault.code for fault in error.faults}
    assert words in str(error)
    assert "hunter2" not in str(error)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (OIDC + 'scopes = ["profile"]', "oidc[0]: scopes lacks openid"),
        (OIDC + 'parameters = { state = "mine" }', "oidc[0]: parameters: state is the gateway's"),
        (WORKLOAD + 'jwks = "http://127.0.0.1:1/keys"', "workload[0]: jwks is not an https URL"),
    ],
)
def test_what_the_room_refuses_has_its_place(more: str, words: str) -> None:
    error = refused(TEXT + more)
    assert error.code == "identity.settings"
    assert f":{TEXT.count(chr(10)) + 2}: {words}" in str(error)


def test_every_file_that_a_table_names_is_looked_for(tmp_path: Path) -> None:
    path = tmp_path / "custody.toml"
    pair, ca = 'cert = "c"\nkey = "k"\n', 'ca = "x"\n'
    path.write_text(
        TEXT.replace('"127.0.0.1:0"\n', f'"127.0.0.1:0"\n{pair}').replace(
            "[[grant]]", f"{ca}[[grant]]"
        )
        + (OIDC + ca)
        + (WORKLOAD + ca + 'jwks = "keys.json"\n')
        + (CONSOLE + pair)
        + (SAML + ca)
    )
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    assert {fault.code for fault in caught.value.faults} == {"config.file-unreadable"}
    assert [dotted_path(fault.at) for fault in caught.value.faults] == [
        "listen.postgres.cert",
        "listen.postgres.key",
        "target[0].ca",
        "oidc[0].ca",
        "workload[0].ca",
        "workload[0].jwks",
        "listen.console.cert",
        "listen.console.key",
        "saml[0].metadata",
        "saml[0].ca",
    ]


@pytest.mark.parametrize(
    ("budget", "words"),
    [
        ("{}", "limits nothing"),
        ("5", "table"),
        ("{ rows = -1 }", "between"),
        ("{ rows = 1, thn = 'end' }", "nothing else"),
        ("{ rows = 1, then = 'stop' }", "one of"),
    ],
)
def test_a_budget_that_says_nothing_is_refused(budget: str, words: str) -> None:
    assert words in str(refused(TEXT + f"budget = {budget}\n"))


def test_a_listener_takes_tokens_of_an_issuer_that_there_is() -> None:
    oauth = TEXT.replace('"127.0.0.1:0"\n', '"127.0.0.1:0"\noauth = "corp"\n')
    assert read(oauth + OIDC).listeners[0].oauth == "corp"
    error = refused(oauth)
    assert error.code == "config.unknown-provider"
    assert "Known here: none." in str(error)


def test_an_audience_tells_two_tables_of_one_issuer_apart() -> None:
    people = SAME_ISSUER.replace('client_id = "custody"', 'client_id = "people"')
    config = read(TEXT + CONSOLE + WORKLOAD + WORKLOAD.replace('"github"', '"tags"', 1) + people)
    assert [each.name for each in config.workload] == ["github", "tags"]
