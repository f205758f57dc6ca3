"""Searches every byte that a gateway leaves behind, in each form that a secret might take there.

Law: a secret that stands anywhere, plain, in base64 at any alignment, in hexadecimal, in UTF-16,
percent-encoded or inside a compressed stream, is found and named with its file and its path.
"""

import base64
import re
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from urllib.parse import quote

import re2
from tests.real.planting import Planted

_STREAM = re.compile(rb"\x78[\x01\x5e\x9c\xda]|\x1f\x8b\x08")
_LARGEST_STREAM = 16 << 20


def forms(secret: str) -> Iterator[bytes]:
    """The ways in which a program might have written it."""
    raw = secret.encode()
    yield raw
    yield secret.encode("utf-16-le")
    yield raw.hex().encode()
    yield raw.hex().upper().encode()
    if (quoted := quote(secret, safe="").encode()) != raw:
        yield quoted
    for padding in range(3):
        # What stands in the middle of a longer base64 text: the groups that are wholly ours.
        text = base64.b64encode(b"\0" * padding + raw)
        inner = text[4 if padding else 0 : len(text) // 4 * 4 - 4]
        if len(inner) >= 12:
            yield inner
            yield inner.replace(b"+", b"-").replace(b"/", b"_")


def find(planted: Iterable[Planted], places: Iterable[tuple[str, bytes]]) -> list[str]:
    """Each sighting, in words. ``places`` are names and contents."""
    wanted: dict[bytes, Planted] = {}
    for secret in planted:
        for form in forms(secret.least):
            wanted.setdefault(form, secret)
    # One linear pass for all of them, however many.
    options = re2.Options()
    options.max_mem = 1 << 30
    options.encoding = re2.Options.Encoding.LATIN1
    pattern = re2.compile(b"|".join(re2.escape(form) for form in wanted), options)
    return [
        f"{name}: {wanted[hit[0]].path} as {hit[0][:60]!r}"
        for name, content in places
        for piece in (content, *_unpacked(content))
        for hit in pattern.finditer(piece)
    ]


def every_file(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Every regular file below, by name, and the names themselves."""
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        yield f"name of {name}", name.encode()
        if path.is_file() and not path.is_symlink():
            yield name, path.read_bytes()


def _unpacked(content: bytes) -> Iterator[bytes]:
    """Every compressed stream that starts anywhere inside and yields something."""
    for start in _STREAM.finditer(content):
        for bits in (zlib.MAX_WBITS, zlib.MAX_WBITS | 16):
            try:
                found = zlib.decompressobj(bits).decompress(
                    content[start.start() :], _LARGEST_STREAM
                )
            except zlib.error:
                continue
            if len(found) > 8:
                yield found
