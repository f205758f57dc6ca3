"""Every byte of a small log flipped: each flip is noticed, or its byte means nothing."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.evidence.small_log import DIALOGUE, SmallLog, dialogue, open_day

from custody.evidence.tlog.policy import parse_policy, policy_text
from custody.evidence.verifier import Exit, VerifyOptions, verify

SAMPLED_EVERY = 53
PROVED_EVERY = 1 if os.environ.get("PROVE_WHOLE", "1") == "1" else 11
"""A bounded proof looks at one byte in so many, a whole one at each."""
MASKS = (0x01, 0x80)


def irrelevant(log: SmallLog, file: Path, offset: int) -> str:
    """Why a byte means nothing; empty for a byte that does.

    A segment is made ahead of need and filled with zeros. What stands behind its last frame is
    no part of any record: the log goes on in the next segment, whose first frame has the next
    index, or a signature says that it ends there. Nobody reads these bytes, so an intruder gains
    nothing by them. (Bytes there that a recovery accounted for as a torn tail do count.)
    """
    if file.suffix != ".seg":
        return ""
    name = f"{file.parent.name}/{file.stem}"
    used = max(start + length for segment, start, length in log.places if segment == name)
    return "unused preallocated space" if offset >= used else ""


def flips(root: Path, every: int) -> Iterator[tuple[Path, int]]:
    """Each byte of each file, or one in ``every``; the beginnings and ends always."""
    for file in sorted(path for path in root.rglob("*") if path.is_file()):
        size = file.stat().st_size
        for offset in range(size):
            if offset % every == 0 or offset == size - 1:
                yield file, offset


def check(tmp_path: Path, every: int, masks: tuple[int, ...], options: VerifyOptions) -> None:
    log = dialogue(tmp_path, escrow="x25519+somebody")
    good = Exit.PROVED if options.policy else Exit.CONSISTENT
    assert verify(log.evidence, options).exit is good
    unnoticed: list[tuple[str, int]] = []
    for file, offset in flips(log.evidence, every):
        data = file.read_bytes()
        for mask in masks:
            file.write_bytes(data[:offset] + bytes([data[offset] ^ mask]) + data[offset + 1 :])
            noticed = verify(log.evidence, options).exit in {Exit.TAMPERED, Exit.INCOMPLETE}
            if noticed == bool(irrelevant(log, file, offset)):
                unnoticed.append((str(file), offset))
        file.write_bytes(data)
    assert unnoticed == []
    assert verify(log.evidence, options).exit is good


def options_of(tmp_path: Path, *, all_of_them: bool) -> VerifyOptions:
    if not all_of_them:
        return VerifyOptions(pause=lambda: None)
    log = SmallLog(tmp_path / "data" / "evidence")
    policy = parse_policy(policy_text(log.key).encode())
    return VerifyOptions(policy, log.anchor, open_day, pause=lambda: None)


@pytest.mark.parametrize("all_of_them", [True, False], ids=["policy-anchor-keys", "nothing"])
def test_a_sample_of_bytes(tmp_path: Path, *, all_of_them: bool) -> None:
    check(tmp_path, SAMPLED_EVERY, MASKS[:1], options_of(tmp_path, all_of_them=all_of_them))


@pytest.mark.prove
@pytest.mark.timeout(900)
@pytest.mark.parametrize("all_of_them", [True, False], ids=["policy-anchor-keys", "nothing"])
def test_every_byte(tmp_path: Path, *, all_of_them: bool) -> None:
    check(tmp_path, PROVED_EVERY, MASKS, options_of(tmp_path, all_of_them=all_of_them))


def test_the_log_under_test_has_frames_in_several_segments(tmp_path: Path) -> None:
    log = dialogue(tmp_path)
    assert len({segment for segment, _, _ in log.places}) >= 3
    assert len(log.places) == len(DIALOGUE)
