"""Checks of the tables that say who may come in, together.

Law: each key alone is its own reader's; what these tables say of each other is checked here, and
where one of them has a fault, the others are checked all the same.
"""

from collections.abc import Collection, Iterable, Sequence

from custody.config.document import ConfigDocument
from custody.config.faults import ConfigFaults, KeyPath
from custody.config.logins import ConsoleConfig, MetricsConfig
from custody.config.tables import ListenerConfig
from custody.config.values import Cleartext
from custody.identity.oidc import Flow, OidcSettings, WorkloadSettings
from custody.identity.saml import SamlSettings


def check_logins(
    document: ConfigDocument,
    console: ConsoleConfig | None,
    oidc: Sequence[tuple[KeyPath, OidcSettings]],
    workload: Sequence[tuple[KeyPath, WorkloadSettings]],
    saml: Sequence[tuple[KeyPath, SamlSettings]],
) -> None:
    faults = document.faults
    if console is not None:
        _check_console(console, faults)
    _check_names([*oidc, *workload, *saml], faults)
    _check_audiences(oidc, workload, faults)
    _check_doors(oidc, saml, console, faults)
    tokens = {each.name for _, each in oidc} | {each.name for _, each in workload}
    _check_oauth(document.written.get("listen"), tokens, faults)


def check_certificate(
    listener: ListenerConfig | ConsoleConfig | MetricsConfig, at: KeyPath, faults: ConfigFaults
) -> None:
    if (listener.cert is None) != (listener.key is None):
        faults.add(
            "config.cert-and-key",
            (*at, "key" if listener.cert is None else "cert"),
            "`cert` and `key` belong together.",
            "Give both, or neither to use the local CA's.",
        )


def _check_console(console: ConsoleConfig, faults: ConfigFaults) -> None:
    at: KeyPath = ("listen", "console")
    check_certificate(console, at, faults)
    if console.cleartext is Cleartext.LOOPBACK and not console.address.loopback:
        faults.add(
            "config.cleartext",
            (*at, "cleartext"),
            "Without TLS it may only listen on a loopback address.",
            'Leave `cleartext` out, or use address = "127.0.0.1:…".',
        )


def check_metrics(metrics: MetricsConfig, faults: ConfigFaults) -> None:
    at: KeyPath = ("listen", "metrics")
    check_certificate(metrics, at, faults)
    if not metrics.address.loopback and metrics.token is None:
        faults.add(
            "config.no-token",
            (*at, "token"),
            "Off loopback, whoever asks for metrics must bring a token.",
            'Add token = "file:metrics.token", or use address = "127.0.0.1:…".',
        )
    if metrics.token is not None and metrics.token.scheme not in {"env", "file"}:
        faults.add(
            "config.token",
            (*at, "token"),
            "The token is read from a file or a variable.",
            'Use "file:PATH" or "env:NAME".',
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


def _check_audiences(
    oidc: Sequence[tuple[KeyPath, OidcSettings]],
    workload: Sequence[tuple[KeyPath, WorkloadSettings]],
    faults: ConfigFaults,
) -> None:
    """No token is for two tables, unless both say what they require of it."""
    taken: list[tuple[KeyPath, str, frozenset[str]]] = [
        (at, each.issuer, frozenset(each.audience)) for at, each in workload
    ]
    for at, each in oidc:
        ours = frozenset(each.audience or (each.client_id,))
        for other, issuer, audience in taken:
            if issuer == each.issuer and ours & audience:
                faults.add(
                    "config.same-tokens",
                    at,
                    f"A token of its issuer may be for it and for [[{other[0]}]] number "
                    f"{int(other[1]) + 1}, and which of them takes it decides what it may do.",
                    "Give each an audience of its own; of [[oidc]] it is its client_id, unless it "
                    "says otherwise.",
                )
        taken.append((at, each.issuer, ours))


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
                f"[[oidc]] number {int(at[1]) + 1} serves nobody who logs in by a browser or a "
                "device while there is no [listen.console]."
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
