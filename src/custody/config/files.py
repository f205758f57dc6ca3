"""The files that a configuration names: they must be there before anything starts.

Law: files are opened to see that they can be, and their content is not kept.
"""

from collections.abc import Iterator
from pathlib import Path

import msgspec

from custody.config.faults import ConfigFaults, KeyPath
from custody.config.read_table import fields_of
from custody.config.tables import Config


def check_files(config: Config, faults: ConfigFaults) -> None:
    for at, table in _placed(config):
        for field in fields_of(type(table)):
            value = getattr(table, field.name)
            if field.how.file and isinstance(value, Path):
                _readable(value, (*at, field.key), faults)
    token = config.metrics.token if config.metrics is not None else None
    if token is not None and token.scheme == "file":
        path = config.folder / token.place.reveal()
        _readable(path, ("listen", "metrics", "token"), faults)
    for target in config.targets:
        for key, reference in target.credentials():
            if reference.scheme == "file":
                path = config.folder / reference.place.reveal()
                _readable(path, ("target", target.number, key), faults)


def _placed(config: Config) -> Iterator[tuple[KeyPath, msgspec.Struct]]:
    for listener in config.listeners:
        yield ("listen", listener.name), listener
        yield ("listen", listener.name), listener.own
    if config.console is not None:
        yield ("listen", "console"), config.console
    if config.metrics is not None:
        yield ("listen", "metrics"), config.metrics
    for key in ("oidc", "workload", "saml"):
        for number, provider in enumerate(getattr(config, key)):
            yield (key, number), provider
    for target in config.targets:
        yield ("target", target.number), target
        yield ("target", target.number), target.own


def _readable(path: Path, at: KeyPath, faults: ConfigFaults) -> None:
    try:
        with path.open("rb") as file:
            file.read(1)
    except OSError as error:
        faults.add(
            "config.file-unreadable",
            at,
            f"The file {path} cannot be read: {error.strerror}.",
            "Check the path, which is relative to the configuration file, its owner and its mode.",
        )
