"""Payloads: the masked body of a record, as it is sealed.

Law: only masked bodies are encoded. A body that still marks where secrets may stand was not masked,
and is refused; the log never tries to mask anything itself.
"""

import hmac
from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from custody.evidence.record.frame import PAYLOAD_MAX
from custody.evidence.record.seal import SealError
from custody.model.command import Argument
from custody.model.errors import LogFailureError
from custody.model.record import Body, CommandSeen, Response, Stream

VERSION: Final = "custody-payload/1"


class Payload(msgspec.Struct, frozen=True):
    v: str
    body: Body


_encoder: Final = msgspec.json.Encoder()
_decoder: Final = msgspec.json.Decoder(Payload)


def encode(body: Body) -> bytes:
    """Raises ``LogFailureError`` for a body of more than ``PAYLOAD_MAX`` bytes."""
    data = _encoder.encode(Payload(VERSION, body))
    if len(data) > PAYLOAD_MAX:
        raise LogFailureError(
            "log.record-too-large",
            f"A record's content has {len(data)} bytes; at most {PAYLOAD_MAX} can be kept.",
            "Lower the capture bounds in the configuration.",
        )
    return data


def encode_keyed(body: Body, content_key: bytes) -> bytes:
    """As ``encode``; a digest of unmasked content is keyed before, so that it dies with the day."""
    if isinstance(body, DIGESTED) and body.digest:
        return encode(with_digest(body, content_key))
    return encode(body)


def decode(data: bytes) -> Body:
    """The body again. Raises ``SealError``."""
    try:
        payload = _decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise SealError("evidence.payload", "The payload is not a record that is known.") from None
    if payload.v != VERSION:
        raise SealError("evidence.payload-version", "The payload is of another format version.")
    return payload.body


def refuse_unmasked(body: Body) -> None:
    """Raises ``LogFailureError`` where marks of masking remain."""
    marked = _MARKED.get(type(body))
    if marked is not None and marked(body):
        raise LogFailureError(
            "log.unmasked",
            "A record reached the log without having been masked, and was refused.",
            "This is a fault in the gateway; report it.",
        )


DIGESTED: Final = (Response, Stream)
"""What may carry a digest of unmasked content."""


def with_digest(body: Response | Stream, content_key: bytes) -> Body:
    """The body with its digest of unmasked content keyed, so that it dies with the key's day."""
    try:
        content = bytes.fromhex(body.digest)
    except ValueError:
        raise LogFailureError("log.digest", "A record's digest is not hexadecimal.") from None
    keyed = hmac.digest(content_key, content, "sha256")
    return msgspec.structs.replace(body, digest=keyed.hex())


def _command_marked(body: CommandSeen) -> bool:
    command = body.command
    return bool(command.marks or command.relations) or _arguments_marked(command.arguments)


def _response_marked(body: Response) -> bool:
    return bool(body.relations) or _arguments_marked(body.arguments)


def _stream_marked(body: Stream) -> bool:
    return bool(body.relations)


def _arguments_marked(arguments: tuple[Argument, ...]) -> bool:
    for each in arguments:  # noqa: SIM110  # a generator costs more than the loop
        if each.columns or each.secret:
            return True
    return False


_MARKED: Final[Mapping[type, Callable[..., bool]]] = {
    CommandSeen: _command_marked,
    Response: _response_marked,
    Stream: _stream_marked,
}
