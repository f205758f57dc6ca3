"""A gateway whose days are sealed for recipients of escrow, and what these read of it."""

from collections.abc import Callable, Sequence
from pathlib import Path

from tests.evidence.scenes import (
    NAME,
    SESSION,
    Scene,
    command,
    session_end,
    session_start,
)

from custody.evidence.disk.files import DiskFiles
from custody.evidence.keys.escrow import EscrowKey
from custody.evidence.keys.escrow_opener import CautiousFiles, EscrowOpener
from custody.evidence.keys.escrow_recipient import EscrowRecipient
from custody.evidence.keys.keyring import verifier_policy
from custody.evidence.log.log import Log
from custody.evidence.log.reader import EvidenceReader
from custody.evidence.tlog.policy import parse_policy
from custody.evidence.verifier import (
    Report,
    VerifyOptions,
    names,
    read_bytes,
    verify,
)
from custody.model.errors import CustodyError
from custody.model.gateway_records import KeysEscrowed
from custody.model.record import CommandSeen, StoredRecord

DAY, NEXT = "2026-03-01", "2026-03-02"
DPO, COURT, NOBODY = (EscrowKey(bytes([number]) * 32) for number in (1, 2, 3))


def recipient(name: str, key: EscrowKey, *, lasting: bool = False) -> EscrowRecipient:
    return EscrowRecipient(name=name, key=key.public, outlives_retention=lasting)


EXPIRING, LASTING = recipient("dpo", DPO), recipient("court", COURT, lasting=True)


def scene_of(tmp_path: Path, *recipients: EscrowRecipient) -> Scene:
    return Scene(
        files=DiskFiles(),
        evidence=tmp_path / "data" / "evidence",
        anchor=tmp_path / "anchor",
        recipients=recipients,
    )


def said(text: str) -> Callable[[Scene], None]:
    def tell(scene: Scene) -> None:
        async def act(log: Log) -> None:
            scene.append(log, session_start(), SESSION)
            scene.append(log, command(text), SESSION)
            scene.append(log, session_end(), SESSION)

        scene.play(act)

    return tell


def report_of(scene: Scene, **options: object) -> Report:
    keys = scene.keys()
    policy = parse_policy(verifier_policy(NAME, keys.public, 2026).encode())
    given: dict[str, object] = {"policy": policy, "anchor": scene.anchor, **options}
    return verify(scene.evidence, VerifyOptions(**given))  # type: ignore[arg-type]  # a table of named options


def opener(evidence: Path, key: EscrowKey) -> EscrowOpener:
    return EscrowOpener(CautiousFiles(read_bytes, names), evidence, key)


def read(evidence: Path, key: EscrowKey, year: str = "2026") -> list[StoredRecord | CustodyError]:
    """Every record, opened by a recipient of escrow and by nothing else."""
    found: list[StoredRecord | CustodyError] = []
    reader = EvidenceReader(DiskFiles(), evidence, NAME, opener(evidence, key))
    index = 0
    while (batch := reader.follow(f"{NAME}/{year}", index)).records:
        found += [each.record for each in batch.records]
        index = batch.following
    reader.close()
    return found


def texts(records: Sequence[StoredRecord | CustodyError]) -> list[str]:
    return [
        each.body.command.text
        for each in records
        if isinstance(each, StoredRecord) and isinstance(each.body, CommandSeen)
    ]


def recorded(scene: Scene) -> list[tuple[str, list[str]]]:
    return [
        (each.body.day, [copy.recipient for copy in each.body.copies])
        for each in scene.stored()
        if isinstance(each.body, KeysEscrowed)
    ]
