"""Where the configuration's secrets lie, and who could read them there.

Law: places are looked at, never what stands in them.
"""

import stat
from collections.abc import Iterator

from custody.config.tables import Config
from custody.doctor.findings import Finding, Level
from custody.model.secret import SecretReference


def examine_secrets(config: Config) -> Iterator[Finding]:
    for what, reference in _references(config):
        if reference.scheme == "plain":
            yield Finding(
                Level.WARN,
                f"the secret of {what} stands in {config.path} itself",
                "Put it into a file of mode 0600 (`file:PATH`), or use `custody secret set`.",
            )
            yield from _open_to_others(config, "")
        elif reference.scheme == "file":
            yield from _open_to_others(config, reference.place.reveal())


def _references(config: Config) -> Iterator[tuple[str, SecretReference]]:
    for target in config.targets:
        for _, reference in target.credentials():
            yield f"[[target]] {target.name}", reference
    for provider in config.oidc:
        if provider.client_secret is not None:
            yield f"[[oidc]] {provider.name}", provider.client_secret
    if config.metrics is not None and config.metrics.token is not None:
        yield "[listen.metrics]", config.metrics.token


def _open_to_others(config: Config, place: str) -> Iterator[Finding]:
    """``place``: relative to the configuration file; empty: that file."""
    path = config.folder / place if place else config.path
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
    except OSError:
        return  # whether it is there, the configuration's own check says
    if mode & 0o077:
        yield Finding(
            Level.FAULT, f"{path} holds a secret and has mode {mode:04o}", f"chmod 0600 {path}"
        )
