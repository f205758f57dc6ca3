"""Reads ``[login]``, ``[listen.console]``, ``[[oidc]]``, ``[[workload]]`` and ``[[saml]]``.

Law: what these tables say together is checked here; each key alone is its own reader's.
"""

from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from custody.config.faults import ConfigFaults, KeyPath
from custody.config.logins import ConsoleCleartext, ConsoleConfig, LoginConfig
from custody.config.read_table import read_table
from custody.identity.oidc.settings import Flow, OidcSettings
from custody.identity.oidc.workload_settings import WorkloadSettings
from custody.identity.saml.settings import SamlSettings

LEAST_RECHECK_MS: Final = 30_000

Table = tuple[KeyPath, dict[str, object]]
ProviderConfig = TypeVar("ProviderConfig", OidcSettings, WorkloadSettings, SamlSettings)


class LoginSections(msgspec.Struct, frozen=True):
    """Everything that is configured of who may come in."""

    login: LoginConfig
    console: ConsoleConfig | None
    oidc: tuple[OidcSettings, ...]
    workload: tuple[WorkloadSettings, ...]
    saml: tuple[SamlSettings, ...]


class LoginTables(msgspec.Struct, frozen=True):
    """The tables as the file has them."""

    oidc: tuple[Table, ...]
    workload: tuple[Table, ...]
    saml: tuple[Table, ...]


def read_logins(
    document: Mapping[str, object], written: LoginTables, folder: Path, faults: ConfigFaults
) -> LoginSections | None:
    """``None`` where ``faults`` says why not."""
    login = read_table(LoginConfig, document.get("login", {}), ("login",), folder, faults)
    if login is not None and login.recheck_ms < LEAST_RECHECK_MS:
        faults.add(
            "config.value",
            ("login", "recheck"),
            "It must be 30s or longer: providers refuse who asks them too often.",
        )
    listen = document.get("listen")
    console = None
    if isinstance(listen, dict) and "console" in listen:
        at: KeyPath = ("listen", "console")
        console = read_table(ConsoleConfig, listen["console"], at, folder, faults)
    if console is not None:
        _check_console(console, faults)
    oidc = _providers(OidcSettings, written.oidc, folder, faults)
    workload = _providers(WorkloadSettings, written.workload, folder, faults)
    saml = _providers(SamlSettings, written.saml, folder, faults)
    _check_names([*oidc, *workload, *saml], faults)
    _check_doors(oidc, saml, console, faults)
    tokens = {each.name for _, each in oidc} | {each.name for _, each in workload}
    _check_oauth(listen, tokens, faults)
    if login is None or (console is None and isinstance(listen, dict) and "console" in listen):
        return None
    return LoginSections(
        login,
        console,
        tuple(each for _, each in oidc),
        tuple(each for _, each in workload),
        tuple(each for _, each in saml),
    )


def _providers(
    kind: type[ProviderConfig], tables: Iterable[Table], folder: Path, faults: ConfigFaults
) -> list[tuple[KeyPath, ProviderConfig]]:
    found = [(at, read_table(kind, table, at, folder, faults)) for at, table in tables]
    return [(at, each) for at, each in found if each is not None]


def _check_console(console: ConsoleConfig, faults: ConfigFaults) -> None:
    at: KeyPath = ("listen", "console")
    if (console.cert is None) != (console.key is None):
        faults.add(
            "config.cert-and-key",
            (*at, "key" if console.cert is None else "cert"),
            "`cert` and `key` belong together.",
            "Give both, or neither to use the local CA's.",
        )
    if console.cleartext is ConsoleCleartext.LOOPBACK and not console.address.loopback:
        faults.add(
            "config.cleartext",
            (*at, "cleartext"),
            "Without TLS it may only listen on a loopback address.",
            'Leave `cleartext` out, or use address = "127.0.0.1:…".',
        )


def _check_names(
    providers: Iterable[tuple[KeyPath, OidcSettings | WorkloadSettings | SamlSettings]],
    faults: ConfigFaults,
) -> None:
    taken = {"local"}
    for at, each in providers:
        if each.name in taken:
            faults.add(
                "config.duplicate-name",
                (*at, "name"),
                "Another [[oidc]], [[workload]] or [[saml]] has the same name, or it is `local`.",
                "Give each its own.",
            )
        taken.add(each.name)


def _check_doors(
    oidc: Iterable[tuple[KeyPath, OidcSettings]],
    saml: Iterable[tuple[KeyPath, SamlSettings]],
    console: ConsoleConfig | None,
    faults: ConfigFaults,
) -> None:
    """A browser has to have somewhere to come back to."""
    if console is not None:
        return
    for at, provider in oidc:
        if Flow.CODE in provider.flows or Flow.DEVICE in provider.flows:
            faults.warn(
                f"[[oidc]] number {_number(at)} serves nobody who logs in by a browser or a device "
                "while there is no [listen.console]."
            )
    for at, _ in saml:
        faults.add(
            "config.no-console",
            at,
            "A SAML login comes back to the console, and there is no [listen.console].",
            "Add [listen.console] with an address.",
        )


def _check_oauth(listen: object, known: Collection[str], faults: ConfigFaults) -> None:
    for name, table in listen.items() if isinstance(listen, dict) else ():
        wanted = table.get("oauth") if isinstance(table, dict) else None
        if isinstance(wanted, str) and wanted not in known:
            faults.add(
                "config.unknown-provider",
                ("listen", str(name), "oauth"),
                "There is no [[oidc]] and no [[workload]] of this name.",
                f"Known here: {', '.join(sorted(known)) or 'none'}.",
            )


def _number(at: KeyPath) -> int:
    return int(at[1]) + 1
