"""The evidence log as the configuration has it, and what the operator hears of it.

Law: the log is opened with the same options whether listeners stand around it or not.
"""

import asyncio
import logging
from typing import Final

from custody import __version__
from custody.config.tables import Config
from custody.evidence import DiskFiles, Log, LogOptions, load_token_key
from custody.masking import CaptureBounds, RecordMasker

LOOK_INTERVAL_S: Final = 1.0

_log: Final = logging.getLogger("custody.serve")


def make_masker(config: Config) -> RecordMasker:
    """The masker of a configuration. Raises ``CustodyError`` as masking and the key file do."""
    key = load_token_key(DiskFiles(), config.gateway.keys)
    bounds = CaptureBounds(
        command_bytes=config.capture.text_bytes, response_bytes=config.capture.response_bytes
    )
    return RecordMasker(config.masks, key, bounds)


def log_options(config: Config, *, accept_new_anchor: bool) -> LogOptions:
    gateway = config.gateway
    return LogOptions(
        evidence=gateway.data / "evidence",
        anchor=gateway.anchor,
        version=__version__,
        durability=gateway.durability.value,
        responses=gateway.responses.value,
        accept_new_anchor=accept_new_anchor,
        recipients=config.escrow,
    )


async def watch_log(log: Log) -> None:
    """Say when the evidence log stops taking commands, cannot sign, and when it is well again."""
    accepting, fault = True, ""
    while True:
        if log.accepting is not accepting:
            accepting = log.accepting
            if accepting:
                _log.warning("the evidence log takes commands again")
            else:
                _log.error("the evidence log has no room: new commands are refused until it has")
        now = type(log.publish_fault).__name__ if log.publish_fault is not None else ""
        if now != fault:
            fault = now
            if fault:
                _log.error("the evidence log cannot be signed now: %s", log.publish_fault)
            else:
                _log.warning("the evidence log is signed again")
        await asyncio.sleep(LOOK_INTERVAL_S)
