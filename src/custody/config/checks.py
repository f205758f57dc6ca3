"""Checks that concern more than one key.

Law: these look at the configuration alone, never at the machine; what they refuse could not have
been honoured as it is written.
"""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from pathlib import Path

from custody.config.faults import ConfigFaults, KeyPath
from custody.config.login_checks import check_certificate
from custody.config.tables import Config, Durability, ListenerConfig, TargetConfig, Tls
from custody.evidence import MOST_RECIPIENTS
from custody.model.errors import CustodyError
from custody.model.words import Effect
from custody.policy import compile_rule

_MEMORY_OF_A_COMMAND = 10
"""Times its length is what a protocol takes at most for a command."""
_BESIDE_A_TEXT = 64 * 1024
"""Bytes of a message beside its text."""


def check_config(config: Config, faults: ConfigFaults) -> None:
    """Adds every fault that it finds."""
    _gateway(config, faults)
    _names("target", [*[one.name for one in config.targets], *config.later_targets], faults)
    _names("rule", [rule.name for rule in config.rules], faults)
    _names("grant", [grant.name for grant in config.grants], faults)
    _names("escrow", [recipient.name for recipient in config.escrow], faults)
    if len(config.escrow) > MOST_RECIPIENTS:
        faults.add(
            "config.escrow-count",
            ("escrow",),
            f"There are more than {MOST_RECIPIENTS} recipients.",
            "Whoever opens contents for others can hold one key for all of them.",
        )
    for target in config.targets:
        _target(target, ("target", target.number), config.listeners, faults)
    for listener in config.listeners:
        _listener(listener, config, faults)
    _addresses(config, faults)
    for number, grant in enumerate(config.grants):
        at: KeyPath = ("grant", number)
        if not grant.groups and not grant.identities:
            faults.add(
                "config.grant-for-nobody",
                at,
                "It names neither groups nor identities, so it is for nobody.",
                'Add groups = ["a-group"].',
            )
        _known(grant.targets, config, (*at, "targets"), faults)
        if grant.objects is not None and (Effect.UNKNOWN in grant.effects or grant.replication):
            faults.add(
                "config.grant-objects",
                (*at, "objects"),
                "It names objects, but allows what cannot be read (`unknown`, `replication`): what "
                "that touches is not known.",
                "Allow that in a grant of its own, without objects.",
            )


def check_conditions(config: Config, faults: ConfigFaults) -> None:
    """Compiles every rule."""
    for number, rule in enumerate(config.rules):
        try:
            compile_rule(rule, b"")
        except CustodyError as error:
            key = "approvers" if error.code == "policy.no-approvers" else "when"
            key = "name" if error.code == "policy.reserved-name" else key
            faults.add(error.code, ("rule", number, key), error.fault, error.cure)


def _gateway(config: Config, faults: ConfigFaults) -> None:
    gateway = config.gateway
    if gateway.durability is Durability.HUB:
        faults.add(
            "config.no-hub",
            ("gateway", "durability"),
            "A hub must acknowledge every record, but hubs are not built yet.",
            'Use durability = "disk".',
        )
    one = memory_of_a_command(config)
    for key in ("memory_bytes", "loop_memory_bytes"):
        if 0 < getattr(gateway, key) < one:
            faults.add(
                "config.memory",
                ("gateway", key),
                f"One statement of `capture.command_bytes` takes {one} bytes, which is more.",
                "Give it more, or take shorter statements.",
            )
    for key, place in (("keys", gateway.keys), ("anchor", gateway.anchor)):
        if _inside(place, gateway.data):
            faults.add(
                "config.inside-data",
                ("gateway", key),
                f"`{key}` lies inside `data`, whose backups would then carry it.",
                "Keep it in a directory of its own, beside `data`.",
            )


def memory_of_a_command(config: Config) -> int:
    """What the longest command takes of the memory that sessions share, at most."""
    return _MEMORY_OF_A_COMMAND * (config.capture.command_bytes + _BESIDE_A_TEXT)


def _inside(inner: Path, outer: Path) -> bool:
    return inner.resolve().is_relative_to(outer.resolve())


def _names(table: str, names: Sequence[str], faults: ConfigFaults) -> None:
    for number, name in enumerate(names):
        if name in names[:number]:
            faults.add(
                "config.duplicate-name",
                (table, number, "name"),
                f"Another [[{table}]] has the same name.",
                "Give each its own.",
            )


def _known(names: Iterable[str], config: Config, at: KeyPath, faults: ConfigFaults) -> None:
    targets = {str(target.name) for target in config.targets} | set(config.later_targets)
    for name in names:
        if name != "*" and name not in targets:
            near = get_close_matches(name, targets, 1)
            faults.add(
                "config.unknown-target",
                at,
                f"There is no target {name!r}.",
                f"Did you mean {near[0]!r}?" if near else "Define it as a [[target]].",
            )


def _target(
    target: TargetConfig, at: KeyPath, listeners: Sequence[ListenerConfig], faults: ConfigFaults
) -> None:
    if target.ca is not None and target.tls is not Tls.VERIFY_FULL:
        faults.add(
            "config.ca-without-verify",
            (*at, "ca"),
            f'It has a `ca`, but with tls = "{target.tls}" no certificate is checked.',
            'Use tls = "verify-full", or leave `ca` out.',
        )
    if target.listen is not None and all(one.name != target.protocol for one in listeners):
        faults.add(
            "config.no-listener",
            (*at, "listen"),
            f"It has a `listen`, but there is no [listen.{target.protocol}] to take the rest from.",
            f"Add [listen.{target.protocol}] with an address.",
        )


def _listener(listener: ListenerConfig, config: Config, faults: ConfigFaults) -> None:
    at: KeyPath = ("listen", listener.name)
    check_certificate(listener, at, faults)
    if listener.target is not None:
        _known([listener.target], config, (*at, "target"), faults)


def _addresses(config: Config, faults: ConfigFaults) -> None:
    taken: set[tuple[str, int]] = set()
    ways: list[tuple[KeyPath, str, int]] = [
        (("listen", one.name, "address"), one.address.host, one.address.port)
        for one in config.listeners
    ]
    ways += [
        (("target", target.number, "listen"), target.listen.host, target.listen.port)
        for target in config.targets
        if target.listen is not None
    ]
    for at, host, port in ways:
        if port and (host, port) in taken:
            faults.add(
                "config.duplicate-address",
                at,
                "Another listener has the same address.",
                "Choose another port.",
            )
        taken.add((host, port))
