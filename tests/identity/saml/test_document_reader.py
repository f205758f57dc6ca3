"""The worker process: what it is given, what it may do, and what becomes of it when it fails."""

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from custody.identity.saml import worker
from custody.identity.saml.document import CanonicalDocument, Reading, UnreadableDocument
from custody.identity.saml.document_reader import SamlDocumentReader
from custody.model.errors import CustodyError

PLAIN = b"<a/>"


def read(reader_arguments: dict[str, float], document: bytes = PLAIN) -> str:
    async def go() -> str:
        reader = SamlDocumentReader(**reader_arguments)  # type: ignore[arg-type]  # numbers of its own
        try:
            return (await reader.read(document)).document.decode()
        except CustodyError as error:
            return error.code

    return asyncio.run(go())


def test_a_document_comes_back_in_canonical_form() -> None:
    assert read({}, b"<a  c='1' b='2' ><d/></a>") == '<a b="2" c="1"><d></d></a>'


def test_what_is_not_well_formed_is_malformed() -> None:
    assert read({}, b"<a>") == "identity.malformed"


@pytest.fixture
def impostor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Another program in the worker's place."""

    def put(program: str) -> None:
        path = tmp_path / "impostor"
        path.write_text(f"#!{sys.executable}\nimport os, sys, time\n{program}\n", encoding="utf-8")
        path.chmod(0o755)
        monkeypatch.setattr(sys, "executable", str(path))

    return put


READY = "os.write(1, b'\\n'); os.read(0, 4)"


@pytest.mark.parametrize(
    ("program", "code"),
    [
        ("sys.exit(1)", "identity.unreadable"),
        ("os.abort()", "identity.unreadable"),
        ("os.write(1, b'x'); time.sleep(60)", "identity.unreadable"),
        (f"{READY}; os.abort()", "identity.unreadable"),
        (f"{READY}; time.sleep(60)", "identity.unreadable"),
        (f"{READY}; os.write(1, b'\\xff' * 4); time.sleep(60)", "identity.unreadable"),
        (f"{READY}; os.write(1, b'\\0\\0\\0\\x09abc')", "identity.unreadable"),
        (f"{READY}; os.write(1, b'\\0\\0\\0\\x01\\xc1')", "identity.malformed"),
        (f"{READY}; os.write(1, b'\\0\\0\\0\\x00')", "identity.malformed"),
    ],
)
def test_a_worker_that_fails_refuses_its_document(
    program: str, code: str, impostor: Callable[[str], None]
) -> None:
    impostor(program)
    assert read({"timeout": 0.2}) == code


def test_no_process_can_be_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    assert read({}) == "identity.unreadable"


def test_nothing_of_the_environment_goes_along(
    impostor: Callable[[str], None], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("ORDERS_PASSWORD", "planted")
    told = tmp_path / "told"
    impostor(f"open({str(told)!r}, 'w').write(str(os.environ) + str(os.listdir('/proc/self/fd')))")
    read({})
    text = told.read_text(encoding="utf-8")
    assert "planted" not in text
    # Its three, the file that it writes to, and the folder that it lists.
    assert "'5'" not in text


def test_those_who_wait_are_bounded(impostor: Callable[[str], None]) -> None:
    impostor(f"{READY}; time.sleep(60)")

    async def go() -> list[str]:
        reader = SamlDocumentReader(timeout=0.3, at_once=1, waiting=1)

        async def one() -> str:
            with pytest.raises(CustodyError) as refused:
                await reader.read(PLAIN)
            return refused.value.code

        return list(await asyncio.gather(one(), one(), one(), one()))

    codes = asyncio.run(go())
    assert sorted(codes) == ["identity.busy"] * 2 + ["identity.unreadable"] * 2


def test_a_cancelled_caller_leaves_no_process(
    impostor: Callable[[str], None], tmp_path: Path
) -> None:
    told = tmp_path / "pid"
    impostor(f"open({str(told)!r}, 'w').write(str(os.getpid())); {READY}; time.sleep(60)")

    async def go() -> None:
        reader = SamlDocumentReader(timeout=30.0)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.7):
                await reader.read(PLAIN)

    asyncio.run(go())
    with pytest.raises(ProcessLookupError):
        os.kill(int(told.read_text(encoding="utf-8")), 0)


def confined(act: Callable[[], object]) -> int:
    """The wait status of a child that confined itself as a worker does, and then acted."""
    child = os.fork()
    if child == 0:
        try:
            os.closerange(3, 64)
            worker.confine()
            act()
            os._exit(0)
        except BaseException:  # noqa: BLE001 - it must not return into pytest
            os._exit(9)
    return os.waitpid(child, 0)[1]


def _open_socket() -> None:
    import socket  # noqa: PLC0415 - in the child

    socket.socket()


def _spin() -> None:
    while True:
        pass


def test_a_confined_worker_opens_and_keeps_nothing() -> None:
    assert confined(lambda: None) == 0
    assert os.waitstatus_to_exitcode(confined(lambda: os.open("/etc/passwd", os.O_RDONLY))) == 9
    assert os.waitstatus_to_exitcode(confined(_open_socket)) == 9
    assert os.waitstatus_to_exitcode(confined(lambda: bytearray(1 << 30))) == 9
    assert os.waitstatus_to_exitcode(confined(lambda: worker.read(PLAIN))) == 0


def test_a_confined_worker_does_not_compute_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "_SECONDS", 1)
    assert os.waitstatus_to_exitcode(confined(_spin)) in {-signal.SIGXCPU, -signal.SIGKILL}


SHAPES: dict[str, str] = {
    "three signatures": "<a>" + "<s:Signature/>" * 3 + "</a>",
    "a signature as root": "<s:Signature/>",
    "an empty signature": "<a><s:Signature/></a>",
    "two of SignedInfo": "<a><s:Signature><s:SignedInfo/><s:SignedInfo/></s:Signature></a>",
    "an entity": "<a>&x;</a>",
    "not UTF-8": "<a>\udcff</a>",
    "nothing": "",
}


@pytest.mark.parametrize("name", SHAPES)
def test_odd_shapes_are_unreadable(name: str) -> None:
    text = (
        SHAPES[name]
        .replace("<a>", '<a xmlns:s="http://www.w3.org/2000/09/xmldsig#">', 1)
        .replace("<s:Signature/>", '<s:Signature xmlns:s="http://www.w3.org/2000/09/xmldsig#"/>')
    )
    found: Reading = worker.read(text.encode("utf-8", "surrogateescape"))
    assert found == UnreadableDocument()


def test_the_text_behind_a_signature_stays() -> None:
    document = (
        b'<a xmlns:s="http://www.w3.org/2000/09/xmldsig#">x<s:Signature><s:SignedInfo>'
        b"<s:CanonicalizationMethod/><s:Reference><s:Transforms/></s:Reference></s:SignedInfo>"
        b"<s:SignatureValue> v </s:SignatureValue></s:Signature>y</a>"
    )
    found = worker.read(document)
    assert isinstance(found, CanonicalDocument)
    (seal,) = found.seals
    assert (seal.covered, seal.value) == (b"<a>xy</a>", b" v ")
