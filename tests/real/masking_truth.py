"""Masking against the truth: planted values cross a real gateway, then every byte is searched.

Law: what was planted is counted by kind and by way, what the client saw is searched with the same
eyes as the disk, and a run that found nothing because it looked at nothing fails.
"""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec
from tests.real.configs import HEAD, target
from tests.real.evidence_text import records
from tests.real.running import RunningGateway, running_gateway
from tests.real.searching import every_file, find
from tests.real.truth_values import ALWAYS, TruthPlanter, ValueKind
from tests.real.truth_ways import MASKS, SCHEMA, WAYS, TruthClient

from custody.demo.scratch_postgres import ScratchPostgres

_NAME: Final = "gw1.example.com"
_SESSION: Final = 25
"""Ways that one session goes."""


class TruthReport(msgspec.Struct, frozen=True):
    planted: int
    kinds: dict[ValueKind, int]
    ways: int
    records: int
    crossed: frozenset[str]
    """Planted values that a client saw come back."""
    sightings: tuple[str, ...]


def masking_truth(
    server: ScratchPostgres,
    folder: Path,
    *,
    seed: int,
    count: int,
    seconds: float = 600.0,
    masks: str = MASKS,
) -> TruthReport:
    """``count`` ways, or as many as ``seconds`` allow, each with values of its own."""
    database = f"truth_{seed % 100_000}_{len(masks)}"
    server.create_database(database)
    server.execute(SCHEMA, database=database)
    config = HEAD + target(server, database) + masks
    plant = TruthPlanter(seed)
    until = time.monotonic() + seconds
    seen: list[bytes] = []
    with running_gateway(folder, config, {"TARGET_PASSWORD": server.password}) as gateway:
        number = 1000
        while number < 1000 + count and time.monotonic() < until:
            # An identity may have a thousand loops open, and a long run needs more.
            ticket = gateway.ticket(subject=f"ada-{number // 10_000}")
            client = TruthClient(gateway.dsn(ticket, "orders"))
            for _ in range(_SESSION):
                number += 1
                plant.chance.choice(WAYS)(client, plant, number)
            client.close()
            seen += client.seen
        gateway.commands()  # the index has caught up
        gateway.stop()
        opened = list(_opened(gateway))
        places = [*every_file(gateway.folder), *opened]
        sightings = find(plant.planted, places)
    crossed = find(plant.planted, [("client", b"\x1f".join(seen))])
    return TruthReport(
        len(plant.planted),
        dict(plant.kinds),
        len(plant.ways),
        len(opened),
        frozenset(found.partition(" as ")[0] for found in crossed),
        tuple(sorted(set(sightings))),
    )


def _opened(gateway: RunningGateway) -> Iterator[tuple[str, bytes]]:
    """What the evidence says once it is opened with its keys, escapes read as well."""
    evidence, keys = gateway.data / "evidence", gateway.folder / "keys"
    for leaf, text, payload in records(evidence, keys, _NAME):
        yield f"leaf of {leaf.type}", text.encode()
        yield f"payload of {leaf.type}", payload.encode()
        yield f"payload of {leaf.type}", "\x1f".join(_texts(msgspec.json.decode(payload))).encode()


def _texts(value: object) -> Iterator[str]:
    match value:
        case str():
            yield value
        case list():
            for item in value:
                yield from _texts(item)
        case dict():
            for item in value.values():
                yield from _texts(item)
        case _:
            pass


def must_hold(report: TruthReport, count: int) -> None:
    """What every run with masking must show."""
    assert report.planted > 3 * count
    assert set(report.kinds) == set(ValueKind)
    assert report.ways > min(count // 3, 60)
    assert report.records > 4 * count
    assert len(report.crossed) > count // 4, "clients saw next to nothing"
    assert not report.sightings, "\n".join(report.sightings[:40])


def must_be_found(report: TruthReport) -> None:
    """What a run without any mask must show: the search sees each kind that a rule masks."""
    missed = [
        kind.value
        for kind in ValueKind
        if kind not in ALWAYS
        and not any(f" {kind.value}:" in sighting for sighting in report.sightings)
    ]
    assert not missed, f"the search would not see: {missed}"
