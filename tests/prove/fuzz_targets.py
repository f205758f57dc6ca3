"""What is fuzzed: one function of bytes for each parser that reads what someone else wrote.

Law: a target raises for anything but the parser's documented refusals; whatever it raises is a
finding. Beside that it checks what the parser promises: canonical forms come back as they were,
and nothing is read past its end.
"""

from collections.abc import Callable

import msgspec
from tests.prove.fuzz_codec import fuzz_login, fuzz_session

from custody.evidence.record import frame, leaf, payload
from custody.evidence.record.leaf_parse_fast import LeafReader
from custody.evidence.tlog import note, policy, proof, tile
from custody.evidence.tlog.checkpoint import parse_body
from custody.model.errors import CustodyError
from custody.model.gateway_records import Heartbeat


class Target(msgspec.Struct, frozen=True):
    run: Callable[[bytes], None]
    seeds: tuple[bytes, ...]


def fuzz_leaf(data: bytes) -> None:
    found = _leaf(leaf.parse, data)
    assert found is None or len(data) <= frame.LEAF_MAX
    reader = LeafReader()
    for seed in _LEAVES:
        reader.read(seed)
    assert _leaf(reader.read, data) == found, "at first sight"
    assert _leaf(reader.read, data) == found, "at second sight"


def _leaf(read: Callable[[bytes], leaf.Leaf], data: bytes) -> leaf.Leaf | None:
    try:
        return read(data)
    except leaf.LeafError:
        return None


def fuzz_note(data: bytes) -> None:
    try:
        found = note.parse_note(data)
    except note.NoteError:
        return
    assert found.encode() == data, "a note has one form"


def fuzz_verifier_key(data: bytes) -> None:
    try:
        text = data.decode()
        found = note.parse_verifier_key(text)
    except (UnicodeDecodeError, note.NoteError):
        return
    assert found.text == text, "a key has one form"


def fuzz_checkpoint(data: bytes) -> None:
    try:
        text = data.decode()
        found = parse_body(text)
    except (UnicodeDecodeError, CustodyError):
        return
    assert found.body == text, "a checkpoint has one form"


def fuzz_proof(data: bytes) -> None:
    try:
        proof.parse_proof(data)
    except CustodyError:
        return


def fuzz_policy(data: bytes) -> None:
    try:
        policy.parse_policy(data)
    except CustodyError:
        return


def fuzz_payload(data: bytes) -> None:
    try:
        payload.decode(data)
    except CustodyError:
        return


def fuzz_frame(data: bytes) -> None:
    """Total: every offset gives a frame or a fault; a search ends."""
    offset = 0
    while offset < len(data):
        found = frame.read(data, offset)
        if isinstance(found, frame.FrameFault):
            break
        assert offset < found.end <= len(data)
        packed = frame.pack(found.index, found.durable, found.random, found.leaf, found.sealed)
        assert packed == data[offset : found.end], "a frame has one form"
        offset = found.end
    frame.find(data, 0)
    frame.measure(data, 0)


def fuzz_path(data: bytes) -> None:
    try:
        text = data.decode()
        found = tile.parse_path(text)
    except (UnicodeDecodeError, CustodyError):
        return
    assert found.path == text, "a tile's path has one form"


def fuzz_bundle(data: bytes) -> None:
    width = data[0] + 1 if data else 1
    try:
        entries = tile.decode_bundle(data[1:], tile.Bundle(0, width))
    except CustodyError:
        return
    assert tile.encode_bundle(entries) == data[1:]


_BODY = b"gw1.example.com/2026\n2\n" + b"A" * 43 + b"=\n"
_KEY = b"PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
_LEAF = b"""{"ct":"00","loop":null,"n":0,"pc":"00","prev":"","seg":"2026-01-01/000",\
"session":null,"t":1767225600000,"type":"heartbeat","v":"custody-leaf/1"}"""
_HASH = b"0f" * 32
_REST = b'"pc":"%b","prev":"%b","seg":"2026-01-01/000","session":"ses_aaaaaaaaaaaaaaaaaaaa",' % (
    _HASH,
    _HASH,
)
_LEAVES = (
    b'{"command":1,"ct":"%b","mask":"%b","n":2,"outcome":"ok",%b"t":1,"type":"response",'
    b'"v":"custody-leaf/1"}' % (_HASH, _HASH, _REST),
    b'{"ct":"%b","effects":["read"],"n":1,%b"stage":"execute","t":1,"type":"command",'
    b'"v":"custody-leaf/1","verdict":"allow"}' % (_HASH, _REST),
)
"""As the gateway writes them."""
_WHIMS = b"\xff\xff\xff\xfe"
_SELECT = b"SELECT 1\0"
"""For the codec's targets: whims, then pieces (see ``fuzz_codec``)."""


def _piece(side: int, kind: bytes, body: bytes) -> bytes:
    return bytes((side,)) + kind + bytes((len(body),)) + body


_CLIENT, _SERVER = 0x00, 0x80
_ASK = _piece(_CLIENT, b"Q", _SELECT)
_PREPARE = (
    _piece(_CLIENT, b"P", b"\0" + _SELECT + b"\0\0")
    + _piece(_CLIENT, b"B", b"\0\0\0\0\0\0\0\0")
    + _piece(_CLIENT, b"D", b"P\0")
    + _piece(_CLIENT, b"E", b"\0\0\0\0\0")
    + _piece(_CLIENT, b"S", b"")
)
_COLUMN = b"\0\1x\0" + b"\0\0\x40\1\0\2\0\0\0\x19\xff\xff\xff\xff\xff\xff\0\0"
_ROWS = _piece(_SERVER, b"T", _COLUMN) + _piece(_SERVER, b"D", b"\0\1\0\0\0\x03abc")
_DONE = _piece(_SERVER, b"C", _SELECT) + _piece(_SERVER, b"Z", b"I")
_COPY = (
    _piece(_CLIENT, b"Q", b"COPY t FROM STDIN\0")
    + _piece(_SERVER, b"G", b"\0\0\1\0\0")
    + _piece(_CLIENT, b"d", b"1\tabc\n")
    + _piece(_CLIENT, b"c", b"")
    + _DONE
)
_LOGIN = b"\0\x27\0\0\0\x27\0\3\0\0user\0a\0database\0orders\0\0\0\0\0\0\0\0"
TARGETS: dict[str, Target] = {
    "codec-login": Target(fuzz_login, (_WHIMS, _WHIMS + _LOGIN)),
    "codec-session": Target(
        fuzz_session,
        (
            _WHIMS + _ASK + _ROWS + _DONE,
            _WHIMS + _PREPARE + _piece(_SERVER, b"1", b"") + _piece(_SERVER, b"2", b"") + _DONE,
            _WHIMS + _COPY,
            _WHIMS + _ASK + _piece(_SERVER, b"E", b"SERROR\0C42P01\0Mno\0\0") + _DONE,
        ),
    ),
    "leaf": Target(fuzz_leaf, (_LEAF, *_LEAVES)),
    "note": Target(
        fuzz_note, (_BODY + b"\n\xe2\x80\x94 gw1.example.com/2026 " + b"A" * 88 + b"==\n",)
    ),
    "verifier-key": Target(fuzz_verifier_key, (_KEY,)),
    "checkpoint": Target(fuzz_checkpoint, (_BODY,)),
    "proof": Target(
        fuzz_proof, (b"c2sp.org/tlog-proof@v1\nindex 1\n" + b"A" * 43 + b"=\n\n" + _BODY,)
    ),
    "trust-policy": Target(
        fuzz_policy, (b"# trust\nlog " + _KEY + b"\nwitness w " + _KEY + b"\nquorum none\n",)
    ),
    "payload": Target(fuzz_payload, (payload.encode(Heartbeat(open=1, digest="00")),)),
    "frame": Target(fuzz_frame, (frame.pack(0, 0, bytes(32), b"{}", b"sealed") * 2,)),
    "tile-path": Target(fuzz_path, (b"tile/0/x001/x234/067", b"tile/entries/000.p/7")),
    "bundle": Target(fuzz_bundle, (b"\x00\x00\x02hi",)),
}
