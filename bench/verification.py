"""What verification costs: hashes and proofs alone, the whole without keys, the whole with them.

Law: each figure says what was done for it. The whole is measured by the command that an auditor
uses, its start included; hashes and proofs alone by the same code that the command runs first.
"""

import json
import time
from pathlib import Path
from typing import Literal

import msgspec
from tests.real.running import RunningGateway

from custody.evidence.tlog.checkpoint import Checkpoint
from custody.evidence.tlog.merkle import check_consistency, consistency_proof, tree_root
from custody.evidence.tlog.tile import Tile, tile_subtree
from custody.evidence.verifier import find_evidence, usable_processors
from custody.evidence.verifier.published_tree import PublishedTree
from custody.evidence.verifier.report import Findings
from custody.evidence.verifier.tree import TreeCheck
from custody.evidence.verifier.trust import bundled_keys, trust

Kind = Literal["proofs", "sealed", "opened"]


class Verification(msgspec.Struct, frozen=True):
    kind: Kind
    """``proofs``: checkpoint signatures, each entry hashed, each tile of each level compared, the
    signed root, consistency with half the tree. ``sealed``: all that can be checked without keys:
    also each frame, link and heartbeat, and each sealed content's hash. ``opened``: also each
    content opened and compared with its leaf.
    """
    processes: int
    records: int
    seconds: float

    @property
    def speed(self) -> float:
        return self.records / self.seconds


def measure(gateway: RunningGateway) -> list[Verification]:
    """The whole log that this run made. The gateway has stopped."""
    everyone = usable_processors()
    return [
        *(prove(gateway.data, count) for count in sorted({1, everyone})),
        verify(gateway, opened=False),
        verify(gateway, opened=True),
    ]


def prove(data: Path, processes: int) -> Verification:
    """Hashes and proofs of every year's log."""
    evidence, findings, records = find_evidence(data), Findings(), 0
    started = time.perf_counter()
    keys = bundled_keys(evidence, findings)
    for folder in sorted((evidence / "log").iterdir()):
        published = PublishedTree(folder)
        signed = published.checkpoint() or b""
        origin = signed.partition(b"\n")[0].decode()
        checkpoint = trust(signed, origin, keys, None, findings).checkpoint
        TreeCheck(published, checkpoint, findings, processes).run(_ignore)
        _prove_consistency(published, checkpoint)
        records += checkpoint.size
    taken = time.perf_counter() - started
    if findings.faults or not records:
        raise RuntimeError(f"verify: {findings.faults[:1]}")
    return Verification("proofs", processes, records, taken)


def _prove_consistency(published: PublishedTree, checkpoint: Checkpoint) -> None:
    """The tree begins with the one of half its size."""

    def read(tile: Tile) -> bytes:
        return published.read(tile) or b""

    size, half = checkpoint.size, checkpoint.size // 2
    subtree = tile_subtree(size, read)
    proof = consistency_proof(half, size, subtree)
    check_consistency(half, tree_root(half, subtree), size, checkpoint.root, proof)


def verify(gateway: RunningGateway, *, opened: bool) -> Verification:
    """By the command. Without a configuration it finds no keys, and opens no contents."""
    policy = gateway.config.parent / "keys" / "verifier.policy"
    words = ("verify", str(gateway.data), "--json", "--policy", str(policy))
    started = time.perf_counter()
    done = gateway.custody(*words, expect=None, configured=opened)
    taken = time.perf_counter() - started
    if done.returncode != 0:
        raise RuntimeError(f"verify: {done.stdout}{done.stderr}")
    records = sum(log["records"] for log in json.loads(done.stdout)["logs"])
    return Verification("opened" if opened else "sealed", usable_processors(), records, taken)


def _ignore(_done: int) -> None:
    pass
