"""`custody doctor`: looks at this machine with the configuration in hand.

Law: it changes nothing, waits for nothing longer than a few seconds, and shows no secret. Every
finding that is not in order names its cure.
"""

import asyncio
import contextlib
import datetime as dt
import importlib.util
import os
import resource
import shutil
import socket
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from custody.config.faults import ConfigError
from custody.config.load import load_config
from custody.config.tables import Config
from custody.config.values import Address
from custody.doctor.evidence import examine_evidence
from custody.doctor.findings import Finding, Level
from custody.doctor.secrets import examine_secrets
from custody.doctor.targets import examine_targets
from custody.evidence import KEY_ENCRYPTION_KEY, LOG_KEY, TOKEN_KEY, DiskFiles, load_keyring
from custody.model.errors import CustodyError
from custody.operations.certificates.local_ca import (
    AUTHORITY_CERTIFICATE,
    AUTHORITY_KEY,
    SERVER_CERTIFICATE,
    SERVER_KEY,
    read_certificate,
)
from custody.operations.certificates.x509 import RENEW_DAYS

CONNECT_S: Final = 3.0
TIGHT_BYTES: Final = 64 << 20
SCARCE_BYTES: Final = 1 << 30


def examine(path: Path, environment: Mapping[str, str], now: dt.datetime) -> Iterator[Finding]:
    """Findings as they are made. A configuration with a fault ends it: nothing else can be told."""
    try:
        config = load_config(path)
    except ConfigError as error:
        for fault in error.faults:
            said = error.line(fault).removesuffix(fault.cure).rstrip()
            yield Finding(Level.FAULT, said, fault.cure)
        return
    yield Finding(Level.OK, f"{path} is sound")
    for warning in config.warnings:
        yield Finding(Level.WARN, warning)
    yield from _keys(config)
    yield from _data(config)
    yield from examine_secrets(config)
    serving = _serving(config.gateway.data / "run" / "admin.sock")
    yield from examine_evidence(config, serving=serving)
    yield from _certificates(config, now)
    yield from _doors(config)
    yield from asyncio.run(examine_targets(config, environment))
    if config.oidc or config.workload or config.saml:
        from custody.doctor.providers import examine_providers  # noqa: PLC0415 - costs 0.3 s

        yield from asyncio.run(examine_providers(config, now))
    yield from _machine(config)
    if config.console is not None and importlib.util.find_spec("litestar") is None:
        yield Finding(
            Level.FAULT,
            "[listen.console] needs parts that are not installed",
            "pip install 'custody[console]'",
        )


def _mode(path: Path, allowed: int) -> Finding | None:
    """A finding if others may do more with it than ``allowed``."""
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
    except OSError as error:
        return Finding(
            Level.FAULT,
            f"{path}: {error.strerror}",
            "`custody init DIR` makes what is needed; or correct the path in the configuration.",
        )
    if mode & ~allowed:
        return Finding(Level.FAULT, f"{path} has mode {mode:04o}", f"chmod {allowed:04o} {path}")
    return None


def _keys(config: Config) -> Iterator[Finding]:
    keys = config.gateway.keys
    places = [(keys, 0o700)]
    places += [(keys / name, 0o600) for name in (LOG_KEY, KEY_ENCRYPTION_KEY, TOKEN_KEY)]
    places += [
        (keys / name, 0o600) for name in (AUTHORITY_KEY, SERVER_KEY) if (keys / name).exists()
    ]
    faults = [finding for path, allowed in places if (finding := _mode(path, allowed))]
    yield from faults
    if faults:
        return
    try:
        load_keyring(DiskFiles(), keys, None, os.urandom)
    except CustodyError as error:
        yield Finding(Level.FAULT, error.fault, error.cure)
        return
    yield Finding(Level.OK, f"keys in {keys} are there and private")


def _data(config: Config) -> Iterator[Finding]:
    data = config.gateway.data
    fault = _mode(data, 0o700)
    if fault is None and not os.access(data, os.W_OK | os.X_OK):
        fault = Finding(Level.FAULT, f"{data} cannot be written", "Give it to this account.")
    yield fault or Finding(Level.OK, f"{data} is there and private")
    anchor = config.gateway.anchor
    if not os.access(anchor.parent, os.W_OK | os.X_OK):
        yield Finding(
            Level.FAULT,
            f"{anchor.parent}, where the anchor is kept, cannot be written",
            "Give it to this account, or name another `anchor`.",
        )


def _certificates(config: Config, now: dt.datetime) -> Iterator[Finding]:
    gateway = config.gateway
    own = [one.cert for one in config.listeners if one.cert is not None]
    local = [gateway.data / AUTHORITY_CERTIFICATE, gateway.keys / SERVER_CERTIFICATE]
    for path in [*own, *(local if len(own) < len(config.listeners) else [])]:
        try:
            certificate = read_certificate(path)
        except CustodyError as error:
            yield Finding(Level.FAULT, error.fault, error.cure)
            continue
        days = (certificate.not_valid_after_utc - now).days
        if days >= RENEW_DAYS:
            yield Finding(Level.OK, f"{path} is valid for {days} days")
        elif path == gateway.keys / SERVER_CERTIFICATE:
            yield Finding(Level.OK, f"{path} is renewed when `custody serve` starts")
        elif days >= 0:
            yield Finding(Level.WARN, f"{path} expires in {days} days", "Replace it in time.")
        else:
            yield Finding(Level.FAULT, f"{path} has expired", "Replace it.")


def _doors(config: Config) -> Iterator[Finding]:
    doors = [one.address for one in config.listeners]
    doors += [target.listen for target in config.targets if target.listen is not None]
    serving = _serving(config.gateway.data / "run" / "admin.sock")
    for door in doors:
        if serving:
            yield Finding(Level.OK, f"{door}: `custody serve` is running")
            continue
        cause = _bind(door)
        if cause:
            yield Finding(
                Level.FAULT,
                f"{door} cannot be listened on: {cause}",
                "Choose another address, or stop what listens there.",
            )
        else:
            yield Finding(Level.OK, f"{door} is free to listen on")


def _serving(path: Path) -> bool:
    with contextlib.closing(socket.socket(socket.AF_UNIX)) as client:
        client.settimeout(CONNECT_S)
        try:
            client.connect(str(path))
        except OSError:
            return False
        return True


def _bind(address: Address) -> str:
    """Why it cannot be bound; empty if it can."""
    try:
        found = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
        family, kind, protocol, _, place = found[0]
        with contextlib.closing(socket.socket(family, kind, protocol)) as server:
            server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            server.bind(place)
    except OSError as error:
        return error.strerror or "unknown host"
    return ""


def _machine(config: Config) -> Iterator[Finding]:
    core, _ = resource.getrlimit(resource.RLIMIT_CORE)
    if core:
        yield Finding(
            Level.WARN,
            "core dumps are on: a crash would write secrets in memory to disk",
            "Set `ulimit -c 0` (systemd: LimitCORE=0) for `custody serve`.",
        )
    else:
        yield Finding(Level.OK, "core dumps are off")
    try:
        free = shutil.disk_usage(config.gateway.data).free
    except OSError:
        return  # said already: the directory is not there
    size = f"{free / (1 << 30):.1f} GiB free for {config.gateway.data}"
    if free < TIGHT_BYTES:
        yield Finding(Level.FAULT, size, "Commands are refused when the disk is full: make room.")
    elif free < SCARCE_BYTES:
        yield Finding(Level.WARN, size, "Commands are refused when the disk is full: make room.")
    else:
        yield Finding(Level.OK, size)
