"""`custody doctor`'s findings about targets: a real login at each, and its end.

Law: address, credential, TLS and login are separate findings, in the order in which a session needs
them; a fault ends the examination of that target. Nothing is asked of the target, and no secret is
shown.
"""

import asyncio
import contextlib
import os
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from custody.app.composition import make_target
from custody.app.stores import make_vault, references_of
from custody.config.tables import Config, TargetConfig
from custody.config.values import Address
from custody.doctor.findings import Finding, Level
from custody.gateway import try_login
from custody.model.codec import Inquirer
from custody.model.errors import CustodyError
from custody.model.identity import GATEWAY
from custody.model.interfaces import Vault
from custody.protocols import find_protocol
from custody.vault import warnings_for

CONNECT_S: Final = 3.0
LOGIN_S: Final = 5.0

_OF_TLS: Final = "target.tls"
_ELSEWHERE: Final = "Check that the address is this target's own, and what its log says."


async def examine_targets(config: Config, environment: Mapping[str, str]) -> Sequence[Finding]:
    references = references_of(config)
    with tempfile.TemporaryDirectory() as folder:
        # A running gateway has its own book of leases; what is leased here is taken back here.
        book = Path(folder) / "leases.json"
        try:
            vault = make_vault(config, _now, environment=environment, leases=book)
        except CustodyError as error:
            return (Finding(Level.FAULT, error.fault, error.cure),)
        findings: list[Finding] = []
        for target in config.targets:
            address = await _address(target)
            credential = await _credential(target, vault)
            findings += [address, *credential]
            inquirer = find_protocol(target.protocol).inquirer
            if inquirer and all(each.level is Level.OK for each in (address, *credential)):
                findings.append(await _login(target, inquirer, vault))
        for returned in await vault.release(GATEWAY.id):
            if not returned.revoked:
                text = f"{returned.target}: a lease could not be taken back"
                findings.append(Finding(Level.WARN, text, "It ends when its store says."))
    findings += [
        Finding(Level.WARN, warning) for warning in warnings_for(references, folder=config.folder)
    ]
    return findings


def _now() -> int:
    return time.time_ns() // 1_000_000


async def _address(target: TargetConfig) -> Finding:
    cause = await _connect(target.address)
    if not cause:
        return Finding(Level.OK, f"{target.name} at {target.address} answers")
    cure = "Check the address and what stands between; start the target."
    return Finding(Level.FAULT, f"{target.name} at {target.address}: {cause}", cure)


async def _credential(target: TargetConfig, vault: Vault) -> Sequence[Finding]:
    if target.credential is None:
        return ()
    try:
        await vault.lease(GATEWAY, target.name)
    except CustodyError as error:
        return (Finding(Level.FAULT, error.fault, error.cure),)
    return (Finding(Level.OK, f"{target.name}: {target.credential[1]} is there"),)


async def _login(target: TargetConfig, inquirer: Callable[[], Inquirer], vault: Vault) -> Finding:
    who = f"user {target.user} at database {target.database}"
    try:
        async with asyncio.timeout(LOGIN_S):
            tls = await try_login(make_target(target), vault, inquirer())
    except TimeoutError:
        return Finding(
            Level.FAULT,
            f"{target.name}: login as {who}: no answer within {LOGIN_S:.0f} s",
            "Check that this is the target's own port, and how busy the target is.",
        )
    except CustodyError as error:
        fault = error.fault.removeprefix("custody: ")
        stage = "TLS" if error.code == _OF_TLS else f"login as {who}"
        return Finding(Level.FAULT, f"{target.name}: {stage}: {fault}", error.cure or _ELSEWHERE)
    return Finding(Level.OK, f"{target.name}: login as {who} works, {tls or 'without TLS'}")


async def _connect(address: Address) -> str:
    """Why it cannot be reached; empty if it can."""
    try:
        async with asyncio.timeout(CONNECT_S):
            _, writer = await asyncio.open_connection(address.host, address.port)
    except TimeoutError:
        return f"no answer within {CONNECT_S:.0f} s"
    except OSError as error:
        number = error.errno or 0  # name resolution has negative numbers of its own
        return os.strerror(number).lower() if number > 0 else "unknown host"
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
    return ""
