"""The files that a configuration names: they must be there before anything starts.

Law: files are opened to see that they can be, and their content is not kept.
"""

from pathlib import Path

from custody.config.faults import ConfigFaults, KeyPath
from custody.config.tables import Config


def check_files(config: Config, faults: ConfigFaults) -> None:
    for listener in config.listeners:
        _readable(listener.cert, ("listen", listener.name, "cert"), faults)
        _readable(listener.key, ("listen", listener.name, "key"), faults)
    if config.console is not None:
        _readable(config.console.cert, ("listen", "console", "cert"), faults)
        _readable(config.console.key, ("listen", "console", "key"), faults)
    for number, oidc in enumerate(config.oidc):
        _readable(oidc.ca, ("oidc", number, "ca"), faults)
    for number, workload in enumerate(config.workload):
        _readable(workload.ca, ("workload", number, "ca"), faults)
        if isinstance(workload.jwks, Path):
            _readable(workload.jwks, ("workload", number, "jwks"), faults)
    for number, saml in enumerate(config.saml):
        _readable(saml.ca, ("saml", number, "ca"), faults)
        if isinstance(saml.metadata, Path):
            _readable(saml.metadata, ("saml", number, "metadata"), faults)
    for target in config.targets:
        _readable(target.ca, ("target", target.number, "ca"), faults)
        if target.password is not None and target.password.scheme == "file":
            _readable(
                config.folder / target.password.place.reveal(),
                ("target", target.number, "password"),
                faults,
            )


def _readable(path: Path | None, at: KeyPath, faults: ConfigFaults) -> None:
    if path is None:
        return
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
