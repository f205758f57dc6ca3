"""Finds, reads and checks the configuration file.

Law: a configuration is taken whole or refused with every fault that can be found, each with its
line and its cure. Reading it changes nothing and shows no secret.
"""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from custody.config.checks import check_conditions, check_config
from custody.config.document_reader import read_sections
from custody.config.faults import ConfigError, ConfigFault, ConfigFaults
from custody.config.files import check_files
from custody.config.line_numbers import line_of, places
from custody.config.tables import Config
from custody.policy import CompiledPolicy, TargetFacts

FILE_NAME: Final = "custody.toml"
VARIABLE: Final = "CUSTODY_CONFIG"
LONGEST: Final = 4 << 20
"""Bytes of a configuration file."""


def find_config(option: Path | None, environment: Mapping[str, str], folder: Path) -> Path:
    """``-c FILE``, else ``$CUSTODY_CONFIG``, else ``custody.toml`` in ``folder``; absolute."""
    if option is not None:
        return folder / option
    return folder / (environment.get(VARIABLE) or FILE_NAME)


def load_config(path: Path, *, conditions: bool = True) -> Config:
    """Raises ``ConfigError``, whose codes begin with ``config.``, ``policy.`` or ``identity.``.

    Without ``conditions`` those of the rules stay unread, and whether masks can work unseen, for
    whoever judges and masks nothing with them: both cost 0.1 s.
    """
    try:
        with path.open("rb") as file:
            data = file.read(LONGEST + 1)
    except OSError as error:
        raise ConfigError(
            path,
            [
                ConfigFault(
                    "config.unreadable",
                    (),
                    f"The file cannot be read: {error.strerror}.",
                    "Name it with -c FILE or $CUSTODY_CONFIG; `custody init DIR` writes one.",
                )
            ],
        ) from None
    if len(data) > LONGEST:
        raise ConfigError(
            path, [ConfigFault("config.too-long", (), f"It is longer than {LONGEST} bytes.")]
        )
    config = parse_config(data, path, conditions=conditions)
    faults = ConfigFaults()
    check_files(config, faults)
    _refuse(path, faults, data)
    return config


def parse_config(data: bytes, path: Path, *, conditions: bool = True) -> Config:
    """The checked configuration; looks at no other file. ``path`` is for messages and paths."""
    document = _parse_toml(data, path)
    faults = ConfigFaults()
    config = read_sections(document, path, faults, masks_checked=conditions)
    if config is not None:
        check_config(config, faults)
        if conditions:
            check_conditions(config, faults)
    _refuse(path, faults, data)
    if config is None:
        raise AssertionError("a configuration was refused without a fault")
    return config


def compile_policy(config: Config) -> CompiledPolicy:
    """The policy of a checked configuration."""
    return CompiledPolicy(
        config.grants,
        config.rules,
        {
            target.name: TargetFacts(target.name, target.protocol, target.database)
            for target in config.targets
        },
    )


def _parse_toml(data: bytes, path: Path) -> dict[str, object]:
    try:
        return tomllib.loads(data.decode("utf-8"))
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        fault = ConfigFault(
            "config.not-utf8", (), "It is not UTF-8 text.", "Save it as UTF-8.", line
        )
    except RecursionError:
        fault = ConfigFault("config.toml", (), "Its lists or tables are nested too deeply.")
    except ValueError as error:  # TOMLDecodeError, and numbers of thousands of digits
        fault = ConfigFault(
            "config.toml", (), f"It is not valid TOML: {error}.", "See https://toml.io."
        )
    raise ConfigError(path, [fault])


def _refuse(path: Path, faults: ConfigFaults, data: bytes) -> None:
    if not faults.found:
        return
    found = places(data.decode("utf-8"))
    placed = [
        ConfigFault(fault.code, fault.at, fault.fault, fault.cure, line_of(fault.at, found))
        for fault in faults.found
    ]
    # As the operator reads the file; what has no line comes last.
    raise ConfigError(path, sorted(placed, key=lambda fault: (not fault.line, fault.line)))
