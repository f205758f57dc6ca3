"""The gateway's own login at a PostgreSQL server ("Start-up" in the protocol's message flow).

Law: the target's password leaves here only in the answer that the server's method asks for, in
clear text only inside TLS (or where it was said to be fine), and never in a text for a person.
"""

import hashlib
from typing import Final

from custody.model.codec import UpstreamLogin
from custody.model.errors import WireError
from custody.model.event import LoginFailed
from custody.model.record import ErrorReport
from custody.model.refusal import Refusal, RefusalCode
from custody.protocols.postgres import frames
from custody.protocols.postgres.login.scram import PLAIN, PLUS, Scram
from custody.protocols.postgres.refusals import LOGIN_REJECTED

_OK: Final = 0
_CLEARTEXT: Final = 3
_MD5: Final = 5
_SASL: Final = 10
_SASL_CONTINUE: Final = 11
_SASL_FINAL: Final = 12
_NAMES: Final = {2: "Kerberos V5", 7: "GSSAPI", 9: "SSPI"}


class ServerAuthentication:
    """The exchange from the start-up packet to AuthenticationOk."""

    def __init__(self, upstream: UpstreamLogin, nonce: bytes, *, clear_is_fine: bool) -> None:
        """``nonce``: 18 random bytes. ``clear_is_fine``: the password may cross without TLS."""
        self._upstream: Final = upstream
        self._nonce: Final = nonce
        self._clear_is_fine: Final = clear_is_fine
        self._tls = False
        self._binding: bytes | None = None
        self._scram: Scram | None = None
        self._proven = True
        self.done = False

    def start(self, *, tls: bool, channel_binding: bytes | None) -> bytes:
        """The start-up packet."""
        self._tls = tls
        self._binding = channel_binding if tls else None
        own = {"user": self._upstream.user, "database": self._upstream.database}
        rest = [(n, v) for n, v in self._upstream.parameters if n not in own]
        try:
            return frames.startup([*own.items(), *rest])
        except UnicodeEncodeError:
            raise WireError("postgres.startup", "A start-up parameter is not text.") from None

    def receive(self, body: bytes) -> bytes | LoginFailed:  # noqa: PLR0911  # one for each method
        """Take an Authentication message's body in; what to send back, often nothing."""
        if len(body) < 4 or self.done:
            raise frames.malformed("Authentication", "server")
        code = frames.UINT32.unpack_from(body)[0]
        rest = body[4:]
        try:
            if code == _OK:
                return self._ok()
            if code == _CLEARTEXT:
                return self._clear_text()
            if code == _MD5 and len(rest) == 4:
                return self._md5(rest)
            if code == _SASL:
                return self._sasl(rest)
            if code == _SASL_CONTINUE and self._scram is not None:
                return frames.frame(b"p", self._scram.answer(rest))
            if code == _SASL_FINAL and self._scram is not None:
                self._scram.verify(rest)
                self._proven = True
                return b""
        except WireError as error:
            return _failed("target.protocol", error.fault)
        return _unsupported(_NAMES.get(code, f"method {code}"))

    def _ok(self) -> bytes | LoginFailed:
        if not self._proven:
            return _failed("target.protocol", "The server did not finish the SCRAM exchange.")
        self.done = True
        return b""

    def _clear_text(self) -> bytes | LoginFailed:
        if not (self._tls or self._clear_is_fine):
            return _failed(
                "target.tls",
                "The target asks for its password in clear text, outside TLS.",
                'Set `tls = "require"` for this target, or let the server use scram-sha-256.',
            )
        return _password(self._upstream.secret.reveal())

    def _md5(self, salt: bytes) -> bytes:
        password, user = self._upstream.secret.reveal(), self._upstream.user
        # AuthenticationMD5Password: what the protocol asks for, on the target's demand.
        inner = hashlib.md5((password + user).encode(), usedforsecurity=False).hexdigest()
        outer = hashlib.md5(inner.encode() + salt, usedforsecurity=False).hexdigest()
        return _password("md5" + outer)

    def _sasl(self, body: bytes) -> bytes | LoginFailed:
        if self._scram is not None:
            raise WireError("postgres.scram", "The server began SCRAM twice.", blame="server")
        offered = [name.decode("ascii", "replace") for name in body.split(b"\0") if name]
        plus = PLUS in offered and self._binding is not None
        if PLAIN not in offered and not plus:
            return _unsupported(" or ".join(offered)[:100] or "an empty list of methods")
        self._scram = Scram(
            self._upstream.secret.reveal(),
            self._nonce,
            # A server outside TLS offers no PLUS; one inside that offers none gets the "y" flag.
            binding=self._binding,
            offered_plus=PLUS in offered,
        )
        self._proven = False
        first = self._scram.first
        mechanism = self._scram.mechanism.encode() + b"\0"
        return frames.frame(b"p", mechanism + frames.INT32.pack(len(first)) + first)


def refused_by_server(report: ErrorReport) -> LoginFailed:
    """What the client is told when the server's answer to the login is an error.

    The server's own sentence may name its users and address rules, which are not the client's to
    know: only its code is shown, and what it means.
    """
    meaning, cure = _MEANINGS.get(report.code, _MEANINGS[""])
    reason = "target.password" if report.code in {"28P01", "28000"} else "target.error"
    code = report.code if report.code in _MEANINGS and report.code else LOGIN_REJECTED
    if reason == "target.password":
        code = (
            LOGIN_REJECTED  # the client's own ticket was fine, so 28P01 would send it the wrong way
        )
    text = f"custody: the target {meaning} (SQLSTATE {report.code or 'missing'})"
    return LoginFailed(
        reason, Refusal(RefusalCode.TARGET, text, hint=cure, fatal=True, native=code)
    )


_MEANINGS: Final = {
    "28P01": (
        "refused the gateway's credential",
        "The operator should check this target's `user` and `password`.",
    ),
    "28000": (
        "does not let the gateway in",
        "The operator should check the target's pg_hba.conf and this target's `user`.",
    ),
    "3D000": ("has no such database", "Give another database: dbname=TARGET/DATABASE."),
    "53300": ("has too many connections", "Try again later."),
    "57P03": ("is starting up or shutting down", "Try again in a moment."),
    "42704": ("does not know a start-up parameter's value", "Check PGOPTIONS."),
    "42501": ("does not permit that", "The operator should check the rights of this `user`."),
    "22023": ("does not accept a start-up parameter's value", "Check PGOPTIONS."),
    "": ("refused the login", "The operator finds the reason in the target's own log."),
}


def _password(text: str) -> bytes:
    return frames.frame(b"p", text.encode() + b"\0")


def _failed(reason: str, fault: str, cure: str = "") -> LoginFailed:
    refusal = Refusal(
        RefusalCode.TARGET, f"custody: {fault}", hint=cure, fatal=True, native=LOGIN_REJECTED
    )
    return LoginFailed(reason, refusal)


def _unsupported(method: str) -> LoginFailed:
    return _failed(
        "target.protocol",
        f"The target asks for {method}, which the gateway does not speak.",
        "Let the server use scram-sha-256 for the gateway's user.",
    )
