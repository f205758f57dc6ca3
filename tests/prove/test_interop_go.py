"""Other people's code checks our log: Go's sumdb packages and transparency-dev's formats."""

import base64
import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from tests.evidence.signing import log_key, private, witness_key

from custody.evidence.tlog import merkle
from custody.evidence.tlog.checkpoint import Checkpoint, sign_checkpoint
from custody.evidence.tlog.cosignature import cosign
from custody.evidence.tlog.note import Note, parse_note
from custody.evidence.tlog.proof import TlogProof
from custody.evidence.tlog.tile import EntryBundles, TiledTree, tile_subtree

PROGRAM = Path(__file__).parent / "interop_go"
ORIGIN = "gw1.example.com/2026"
WITNESS = "witness.example.com/w1"
GO = shutil.which("go", path=os.environ.get("PATH", "") + os.pathsep + "/usr/local/go/bin")

pytestmark = [pytest.mark.prove, pytest.mark.timeout(600)]


def text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def write_log(folder: Path, size: int) -> None:
    """A log of ``size`` entries as static files, and what we claim of it."""
    tree, bundles = TiledTree(), EntryBundles()
    entries = [b'{"n":%d}' % number for number in range(size)]
    roots = [tree.root()]
    for entry in entries:
        tree.append(merkle.leaf_hash(entry))
        bundles.append(entry)
        roots.append(tree.root())
    files = {each.path: each.data for each in [*tree.take(), *bundles.take()]}
    for path, data in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)

    key, witness = log_key(ORIGIN), witness_key(WITNESS)
    checkpoint = Checkpoint(ORIGIN, size, tree.root())
    note = parse_note(sign_checkpoint(checkpoint, key, private(ORIGIN).sign))
    line = cosign(note.text, witness, 1_772_000_000, private(WITNESS).sign)
    signed = Note(note.text, (*note.signatures, line)).encode()
    (folder / "checkpoint").write_bytes(signed)
    (folder / "log.vkey").write_text(key.text + "\n")
    (folder / "witness.vkey").write_text(witness.text + "\n")
    policy = f"log {key.text}\nwitness w {witness.text} https://witness.example.com/\nquorum w\n"
    (folder / "policy").write_text(policy)

    subtree = tile_subtree(size, lambda tile: files[tile.path])
    indexes = sorted({0, size // 3, size // 2, size - 1})
    olds = sorted({1, size // 3 or 1, size // 2 or 1, size})
    claims = {
        "Inclusion": [
            {
                "Index": index,
                "Entry": text(entries[index]),
                "Proof": [text(each) for each in merkle.inclusion_proof(index, size, subtree)],
            }
            for index in indexes
        ],
        "Consistency": [
            {
                "Old": old,
                "Root": text(roots[old]),
                "Proof": [text(each) for each in merkle.consistency_proof(old, size, subtree)],
            }
            for old in olds
        ],
    }
    (folder / "claims.json").write_text(json.dumps(claims))
    index = size // 2
    proof = TlogProof(index, merkle.inclusion_proof(index, size, subtree), signed)
    (folder / "record.tlog-proof").write_bytes(proof.encode())
    (folder / "record.base64").write_text(text(entries[index]))


@pytest.fixture(scope="module")
def checker(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if GO is None:
        pytest.skip("no Go toolchain on this machine (PATH, /usr/local/go/bin)")
    binary = tmp_path_factory.mktemp("interop") / "checker"
    built = subprocess.run(
        [GO, "build", "-o", binary, "."],
        cwd=PROGRAM,
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
    )
    if "dial tcp" in built.stderr or "no such host" in built.stderr:
        pytest.skip("the Go modules of this check cannot be downloaded from here")
    assert built.returncode == 0, built.stderr
    return binary


def run(checker: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [checker, folder], capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.parametrize("size", [1, 2, 3, 255, 256, 257, 1000, 65_536, 70_001])
def test_other_implementations_agree(checker: Path, tmp_path: Path, size: int) -> None:
    write_log(tmp_path, size)
    checked = run(checker, tmp_path)
    assert checked.returncode == 0, checked.stderr
    assert checked.stdout.count("good") == 4
    assert "the policy is read and satisfied" in checked.stdout


def test_other_implementations_see_a_flipped_byte(checker: Path, tmp_path: Path) -> None:
    """Or the check above would prove nothing."""
    write_log(tmp_path, 1000)
    for name, at in (("checkpoint", 30), ("tile/0/001", 77), ("tile/entries/002", 500)):
        path = tmp_path / name
        data = path.read_bytes()
        path.write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
        assert run(checker, tmp_path).returncode == 1
        path.write_bytes(data)
    assert run(checker, tmp_path).returncode == 0
