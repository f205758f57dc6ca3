"""The proof of one record, as a text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.evidence.signing import log_key, private

from custody.evidence.tlog import merkle
from custody.evidence.tlog.checkpoint import Checkpoint, CheckpointError, sign_checkpoint
from custody.evidence.tlog.merkle import MerkleError
from custody.evidence.tlog.note import NoteError, encode_base64
from custody.evidence.tlog.proof import ProofError, TlogProof, check_proof, parse_proof
from custody.evidence.tlog.tile import TiledTree, tile_subtree

ORIGIN = "gw1.example.com/2026"
KEY = log_key(ORIGIN)
SIZE, INDEX = 1000, 300
LEAVES = [merkle.leaf_hash(b"%d" % number) for number in range(SIZE)]


def made() -> TlogProof:
    tree = TiledTree()
    for leaf in LEAVES:
        tree.append(leaf)
    tiles = {each.path: each.data for each in tree.take()}
    subtree = tile_subtree(SIZE, lambda tile: tiles[tile.path])
    served = sign_checkpoint(Checkpoint(ORIGIN, SIZE, tree.root()), KEY, private(ORIGIN).sign)
    return TlogProof(INDEX, merkle.inclusion_proof(INDEX, SIZE, subtree), served)


PROOF = made()
TEXT = PROOF.encode()
HASH = encode_base64(bytes(32)).encode()


def test_a_proof_reads_as_the_spec_shows() -> None:
    lines = TlogProof(73894, (bytes(32),), b"CHECKPOINT", b"age").encode().decode()
    assert lines == (
        "c2sp.org/tlog-proof@v1\n"
        "extra YWdl\n"
        "index 73894\n"
        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n"
        "\n"
        "CHECKPOINT"
    )


def test_a_proof_proves_its_record_and_no_other() -> None:
    proof = parse_proof(TEXT)
    assert proof == PROOF
    assert check_proof(proof, LEAVES[INDEX], [KEY]).checkpoint.size == SIZE
    with pytest.raises(MerkleError):
        check_proof(proof, LEAVES[INDEX + 1], [KEY])
    with pytest.raises(NoteError):
        check_proof(proof, LEAVES[INDEX], [log_key("other.example")])


def test_extra_is_carried_and_proves_nothing() -> None:
    proof = TlogProof(PROOF.index, PROOF.hashes, PROOF.checkpoint, b"anything")
    assert parse_proof(proof.encode()) == proof
    empty = TlogProof(PROOF.index, PROOF.hashes, PROOF.checkpoint, b"")
    assert parse_proof(empty.encode()) == empty


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "proof.blank-line"),
        (b"c2sp.org/tlog-proof@v2\nindex 1\n\n", "proof.first-line"),
        (b"c2sp.org/tlog-proof@v1\r\nindex 1\r\n\r\n\n\n", "proof.first-line"),
        (b"c2sp.org/tlog-proof@v1\n\n", "proof.index"),
        (b"c2sp.org/tlog-proof@v1\nindex 01\n\n", "proof.index"),
        (b"c2sp.org/tlog-proof@v1\nindex -1\n\n", "proof.index"),
        (b"c2sp.org/tlog-proof@v1\nindex  1\n\n", "proof.index"),
        (b"c2sp.org/tlog-proof@v1\nindex\n\n", "proof.index"),
        (b"c2sp.org/tlog-proof@v1\nextra AA=\nindex 1\n\n", "proof.extra"),
        (b"c2sp.org/tlog-proof@v1\nindex 1\nextra AAAA\n\n", "proof.hashes"),
        (b"c2sp.org/tlog-proof@v1\nextra AAAA\nextra AAAA\nindex 1\n\n", "proof.index"),
        (b"c2sp.org/tlog-proof@v1\nindex 1\nAAAA\n\n", "proof.hashes"),
        (b"c2sp.org/tlog-proof@v1\nindex 1\n" + HASH[:-2] + b"B=\n\n", "proof.hashes"),
        (b"c2sp.org/tlog-proof@v1\nindex 1\n" + HASH[:-1] + b"A\n\n", "proof.hashes"),
        (b"c2sp.org/tlog-proof@v1\nindex 1\n" + (HASH + b"\n") * 64 + b"\n", "proof.hashes"),
        (b"c2sp.org/tlog-proof@v1\nindex \xc3\xa9\n\n", "proof.ascii"),
        (b"c" * 2_000_001, "proof.size"),
    ],
)
def test_malformed_proofs(data: bytes, code: str) -> None:
    with pytest.raises(ProofError) as caught:
        parse_proof(data)
    assert caught.value.code == code


@given(st.binary(max_size=300) | st.binary(max_size=200).map(lambda tail: TEXT[:60] + tail))
def test_garbage_is_refused_as_documented(data: bytes) -> None:
    try:
        proof = parse_proof(data)
    except ProofError:
        return
    assert proof.encode() == data


@given(st.data())
def test_a_damaged_proof_never_proves(data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(TEXT) - 1))
    value = data.draw(st.integers(0, 255).filter(lambda value: value != TEXT[at]))
    with pytest.raises((ProofError, NoteError, CheckpointError, MerkleError)):
        check_proof(parse_proof(TEXT[:at] + bytes([value]) + TEXT[at + 1 :]), LEAVES[INDEX], [KEY])
