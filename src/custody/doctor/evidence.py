"""What `custody doctor` looks at in the evidence's keeping: anchor, owners, the index's lag.

Law: it reads a few small files and the names of others; whether the evidence is whole is for
`custody verify` to say.
"""

import contextlib
import os
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from custody.config.tables import Config
from custody.doctor.findings import Finding, Level
from custody.evidence import (
    MAX_ESCROW_BYTES,
    DiskFiles,
    is_escrow_key,
    parse_escrow,
    read_anchor,
    read_signed_sizes,
)
from custody.index import OwnDayFiles, PrivateDayFiles, SqliteIndex, Watermark
from custody.model.errors import CustodyError

LAG_SECONDS: Final = 5.0
"""So long a running gateway's index may take to reach what was signed a moment ago."""
_LOOK_SECONDS: Final = 0.5
_NAMED: Final = 3
_PLACES: Final = ("evidence", "index", "state.db", "run")


def examine_evidence(config: Config, *, serving: bool) -> Iterator[Finding]:
    gateway = config.gateway
    yield from _owners(gateway.data)
    yield from _escrow(config)
    signed = read_signed_sizes(DiskFiles(), gateway.data / "evidence")
    if signed:
        yield from _anchor(gateway.anchor, gateway.name, signed, serving=serving)
        yield from _index(gateway.data, gateway.name, signed, serving=serving)


def _owners(data: Path) -> Iterator[Finding]:
    """One who is not the gateway's account (root, say) may have made files that it cannot open."""
    try:
        owner = data.stat().st_uid
        places = [data / name for name in _PLACES if (data / name).exists()]
        inside = [path for place in places if place.is_dir() for path in place.iterdir()]
        others = [path for path in [*places, *inside] if path.lstat().st_uid != owner]
    except OSError as error:
        yield Finding(
            Level.FAULT,
            f"{data} cannot be looked through: {error.strerror}",
            "Run doctor as the gateway's own account.",
        )
        return
    if others:
        named = ", ".join(str(path) for path in others[:_NAMED])
        more = f" and {len(others) - _NAMED} more" if len(others) > _NAMED else ""
        yield Finding(
            Level.FAULT,
            f"not of the account that {data} belongs to, which may not open them: {named}{more}",
            f"chown -R --reference={data} {data}",
        )


def _escrow(config: Config) -> Iterator[Finding]:
    """Who can open contents without this gateway, now and by what was sealed before."""
    gateway = config.gateway
    for each in config.escrow:
        term = "also when" if each.outlives_retention else "until"
        said = f"{each.name} may open contents by escrow, {term} retention is over"
        yield Finding(Level.OK, said)
    former = _former_recipients(gateway.data / "evidence", {each.key for each in config.escrow})
    for name, days in sorted(former.items()):
        many = "1 day" if days == 1 else f"{days} days"
        said = f"{name}, who is no recipient of escrow any more, may open those of {many}"
        yield Finding(Level.OK, said)
    for folder in (gateway.keys, gateway.data, config.folder):
        for path in sorted(folder.iterdir()) if os.access(folder, os.R_OK) else ():
            if path.is_file() and is_escrow_key(path):
                yield Finding(
                    Level.FAULT,
                    f"{path} is the private key of a recipient of escrow",
                    "Take it to its owner's machine and delete it here: beside the evidence it "
                    "opens everything for whoever copies this disk.",
                )


def _former_recipients(evidence: Path, keys: set[str]) -> Mapping[str, int]:
    """By name: for how many days a line stands here that is for none of these keys."""
    found: Counter[str] = Counter()
    folder = evidence / "escrow"
    for path in filter(Path.is_file, folder.iterdir() if folder.is_dir() else ()):
        with contextlib.suppress(OSError), path.open("rb") as file:
            lines = parse_escrow(file.read(MAX_ESCROW_BYTES), path.name).lines
            found.update({line.recipient for line in lines if line.sealed and line.key not in keys})
    return found


def _anchor(anchor: Path, name: str, signed: dict[str, int], *, serving: bool) -> Iterator[Finding]:
    try:
        known = read_anchor(DiskFiles(), anchor)
    except (CustodyError, OSError) as error:
        fault = error.fault if isinstance(error, CustodyError) else f"{anchor}: {error.strerror}"
        yield Finding(Level.FAULT, fault, "Bring it back from where it was.")
        return
    for year, size in signed.items():
        origin = f"{name}/{year}"
        if origin not in known:
            yield Finding(
                Level.FAULT,
                f"the anchor {anchor} knows nothing of {origin}, which was signed before",
                "Bring the anchor back: without it an older copy of the log is not noticed, and "
                "`custody serve` does not start.",
            )
        elif known[origin].size > size and not serving:
            yield Finding(
                Level.FAULT,
                f"{origin} shows {size} records, {known[origin].size} were signed",
                "Bring back the newest copy of the data; after a crash `custody serve` signs anew.",
            )


def _index(data: Path, name: str, signed: dict[str, int], *, serving: bool) -> Iterator[Finding]:
    year = max(signed)
    origin, wanted = f"{name}/{year}", signed[year]
    until = time.monotonic() + (LAG_SECONDS if serving else 0)
    while True:
        try:
            through = _watermark(data / "index", serving=serving)
        except CustodyError as error:
            yield Finding(Level.FAULT, error.fault, error.cure)
            return
        reached = through.index if through is not None and through.log == origin else 0
        if reached >= wanted:
            yield Finding(Level.OK, "the search index has all that was signed")
            return
        if time.monotonic() > until:
            break
        time.sleep(_LOOK_SECONDS)
    behind = f"the search index lacks {wanted - reached} of {wanted} signed records"
    if serving:
        yield Finding(
            Level.FAULT,
            f"{behind} and does not catch up",
            "See the gateway's log for `custody.index`; look at data/index's owner and its disk.",
        )
    else:
        yield Finding(Level.OK, f"{behind}; it goes on when `custody serve` runs")


def _watermark(folder: Path, *, serving: bool) -> Watermark | None:
    if serving:  # the gateway's own files, beside which its writer has put what a reader needs
        return SqliteIndex(OwnDayFiles(folder)).watermark() if folder.is_dir() else None
    with TemporaryDirectory(prefix="custody-index-") as private:
        return SqliteIndex(PrivateDayFiles(folder, Path(private))).watermark()
