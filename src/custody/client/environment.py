"""Everything that the standard clients of a loop's targets need, gathered from their protocols.

Law: a protocol is found by its folder; adding one touches nothing here. A target that the loop may
not reach gets no entry.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, cast

from custody import protocols
from custody.client.gateway import GatewayDescription, LoopDescription, TargetDescription
from custody.client.private_folder import write_private
from custody.model.client_environment import ClientEnvironment, ClientSetup, Route
from custody.model.errors import CustodyError
from custody.model.secret import Secret

TICKET_FILE: Final = "ticket"
AUTHORITY_FILE: Final = "ca.pem"
NODE_AUTHORITIES: Final = "NODE_EXTRA_CA_CERTS"
"""Node.js trusts what this one file holds beside its own authorities; its drivers read no other."""
_NODE_FILE: Final = "node-ca.pem"


def client_setups() -> Mapping[str, ClientSetup]:
    """By protocol."""
    found = {name: protocols.part(name, "client", "CLIENT") for name in protocols.names()}
    return {name: cast("ClientSetup", each) for name, each in found.items() if each is not None}


def routes_of(
    facts: GatewayDescription, loop: LoopDescription, wanted: Sequence[str]
) -> list[Route]:
    """How each target is reached, in the order wanted; where none is named, all of the loop's that
    this command has clients' settings and the gateway a listener for.

    Raises ``run.target``, ``run.no-listener``, ``run.nothing``.
    """
    targets = {target.name: target for target in loop.targets}
    if not targets:
        raise CustodyError(
            "run.nothing",
            "This loop reaches no target.",
            "Ask the gateway's operator for a grant.",
        )
    for name in wanted:
        if name not in targets:
            raise CustodyError(
                "run.target",
                f"This loop has no grant for a target {name!r}.",
                f"It reaches: {', '.join(targets)}.",
            )
    chosen = [targets[name] for name in dict.fromkeys(wanted)] or list(targets.values())
    found = {target.name: _route(facts, loop, target) for target in chosen}
    lacking = next((target for target in chosen if found[target.name] is None), None)
    routes = [route for route in found.values() if route is not None]
    if lacking is not None and (wanted or not routes):
        raise CustodyError(
            "run.no-listener",
            f"Nothing leads to {lacking.name!r}: the gateway has no listener for "
            f"{lacking.protocol}, or this command is too old for it.",
            f"Ask its operator for [listen.{lacking.protocol}].",
        )
    return routes


def _route(
    facts: GatewayDescription, loop: LoopDescription, target: TargetDescription
) -> Route | None:
    if target.protocol not in client_setups():
        return None
    for listener in sorted(facts.listeners, key=lambda each: each.target is None):
        if listener.protocol == target.protocol and listener.target in (target.name, None):
            bound = listener.target is not None
            return Route(
                target=target.name,
                protocol=target.protocol,
                host=listener.host,
                port=listener.port,
                database=(target.database or target.name) if bound else target.name,
                own=target.database,
                within="" if bound else f"{target.name}/",
                subject=_plain(loop.identity),
            )
    return None


def write_environment(
    routes: Sequence[Route],
    secret: Secret,
    folder: Path,
    authority: str,
    before: Mapping[str, str],
) -> ClientEnvironment:
    """The environment of all clients; the files are written. ``before`` is what the command would
    have had. Raises ``OSError``.
    """
    place = folder / AUTHORITY_FILE
    write_private(place, authority)
    write_private(folder / TICKET_FILE, secret.reveal())
    write_private(folder / _NODE_FILE, authority + _already_trusted(before))
    environment = {NODE_AUTHORITIES: str(folder / _NODE_FILE)}
    unset: list[str] = []
    for protocol in dict.fromkeys(route.protocol for route in routes):
        own = [route for route in routes if route.protocol == protocol]
        given = client_setups()[protocol].environment_for(
            own, secret, folder=str(folder), authority=str(place)
        )
        for name, text in given.files.items():
            write_private(folder / name, text)
        environment |= given.environment
        unset += given.unset
    return ClientEnvironment(environment, {}, unset)


def _already_trusted(before: Mapping[str, str]) -> str:
    """What Node.js trusted without us; empty where it could not read it either."""
    try:
        return Path(before[NODE_AUTHORITIES]).read_text(encoding="utf-8", errors="replace")
    except (KeyError, OSError):
        return ""


def urls_with_credentials(environment: Mapping[str, str], routes: Sequence[Route]) -> Iterator[str]:
    """Variables that hold a URL of a system such as the loop's targets, with a credential of its
    own: a command that uses it goes past the gateway.
    """
    for name, value in environment.items():
        if ("@" in value or "password" in value) and _speaking(value, routes):
            yield name


def rewrite_urls(
    environment: Mapping[str, str],
    local: Mapping[str, Route],
    remote: Sequence[Route],
    chosen: Mapping[str, str],
    secret: Secret,
) -> tuple[dict[str, str], list[str]]:
    """Variables that hold a database's URL, led through the listeners on this host; and the names
    of those whose target is not clear, or that cannot be read.

    ``local`` are the listeners by target, ``chosen`` says of a variable which target it means. Else
    the one is taken whose name or database the URL names, or the only one that speaks its scheme.
    """
    changed: dict[str, str] = {}
    unclear: list[str] = []
    for name, value in environment.items():
        speaking = _speaking(value, remote)
        if not speaking:
            continue
        target = chosen.get(name) or _named(value, speaking)
        if target not in local:
            unclear.append(name)
            continue
        route = local[target]
        try:
            changed[name] = client_setups()[route.protocol].rewrite(value, route, secret)
        except ValueError:
            unclear.append(name)
    return changed, unclear


def _speaking(value: str, routes: Sequence[Route]) -> list[Route]:
    """The routes whose protocol's clients would take this value for a URL."""
    bare = value.removeprefix("jdbc:")  # behind it, the two slashes may be left out
    scheme = bare.partition(":")[0].partition("+")[0]
    if not value.startswith(("jdbc:", f"{bare.partition(':')[0]}://")):
        return []
    return [route for route in routes if scheme in client_setups()[route.protocol].schemes]


def _named(url: str, routes: Sequence[Route]) -> str:
    if len(routes) == 1:
        return routes[0].target
    last = url.partition("?")[0].rpartition("/")[2]
    named = [route.target for route in routes if last in (route.target, route.database, route.own)]
    return named[0] if len(named) == 1 else ""


def _plain(subject: str) -> str:
    """The subject as a user name that needs no quotes anywhere; it is only a claim."""
    kept = "".join(letter for letter in subject if letter.isalnum() or letter in "._@-")
    return kept if kept.isascii() and kept else "agent"
