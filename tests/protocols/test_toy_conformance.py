"""The toy codec passes what every codec must."""

from tests.protocols.conformance import Conformance, Subject, Transcript
from tests.protocols.toys.line_codec import LineCodec, faces

from custody.model.codec import UpstreamLogin
from custody.model.secret import Secret
from custody.model.words import Side

LOGIN = ((Side.CLIENT, b"LOGIN orders ct_good\n"), (Side.SERVER, b"hello\n"))
SUBJECT = Subject(
    faces=lambda: faces(LineCodec()),
    upstream=UpstreamLogin("app", "orders", Secret("s3cret")),
    answer=lambda question: None,
    transcripts=(
        Transcript(
            "one after the other",
            LOGIN,
            (
                (Side.CLIENT, b"SELECT 1\n"),
                (Side.SERVER, b"ok 1\n"),
                (Side.CLIENT, b"SELECT 2\n"),
                (Side.SERVER, b"ok 2\n"),
                (Side.SERVER, b"by the way\n"),
            ),
        ),
        Transcript(
            "a pipeline",
            LOGIN,
            (
                (Side.CLIENT, b"SELECT 1\nSELECT 2\nSELECT 3\n"),
                (Side.SERVER, b"ok 1\nok 2\nok 3\n"),
            ),
        ),
    ),
    held_at_most=200,
)


class TestLineCodec(Conformance):
    subject = SUBJECT
