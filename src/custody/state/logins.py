"""Logins, revoked identities and what was used once, kept.

Law: of a login's secret only the digest is here, of a used id too, and a refresh token only sealed.
A login's end takes its loops with it in one transaction.
"""

import hashlib
from collections.abc import Sequence
from typing import Final

import msgspec
from sqlalchemy import ColumnElement, Connection, Engine, delete, select, true, update
from sqlalchemy.dialects.sqlite import insert

from custody.model.identity import Proof, RememberedLogin
from custody.model.words import LoginId
from custody.state import rows
from custody.state.database_errors import DatabaseErrors
from custody.state.loops import EndedLoop, end_identity, end_loops, is_revoked, revoked_identity
from custody.state.schema import logins, loops, revoked, used


class EndedLogin(msgspec.Struct, frozen=True):
    """A login that has ended by this call, and the loops that ended with it."""

    login: LoginId
    reason: str
    loops: Sequence[EndedLoop] = ()


class DueLogin(msgspec.Struct, frozen=True):
    """A login that is to be asked for again at its provider."""

    login: RememberedLogin
    refresh: bytes
    """The refresh token, sealed."""


class RevokedIdentity(msgspec.Struct, frozen=True):
    issuer: str
    subject: str
    time: int
    actor: str


class LoginBook:
    """Every method raises ``CustodyError`` ``state.failed`` where the disk or a lock fails."""

    def __init__(self, engine: Engine, reader: Engine) -> None:
        self._engine: Final = engine
        self._reader: Final = reader

    def add(self, login: RememberedLogin, refresh: bytes | None) -> None:
        """Keep a new login. Raises ``identity.revoked``."""
        with DatabaseErrors(), self._engine.begin() as connection:
            if is_revoked(connection, login.proof.identity):
                raise revoked_identity()
            row = rows.login_row(login)
            row |= {"refresh": refresh, "reason": "", "told": 0, "checked": login.started}
            connection.execute(insert(logins), [row])

    def drop(self, login: LoginId) -> None:
        """Forget a login that is not on the record; nobody has its secret."""
        with DatabaseErrors(), self._engine.begin() as connection:
            connection.execute(delete(logins).where(logins.c.id == login))

    def find(self, digest: bytes) -> RememberedLogin | None:
        with DatabaseErrors(), self._reader.begin() as connection:
            row = connection.execute(select(logins).where(logins.c.digest == digest)).first()
        return None if row is None else rows.login(row)

    def all_open(self, *, limit: int = 1000) -> Sequence[RememberedLogin]:
        """Those that hold, the newest first."""
        query = (
            select(logins)
            .where(logins.c.ended.is_(None))
            .order_by(logins.c.started.desc(), logins.c.id)
            .limit(limit)
        )
        with DatabaseErrors(), self._reader.begin() as connection:
            return [rows.login(row) for row in connection.execute(query)]

    def due(self, provider: str, before: int, *, limit: int = 100) -> Sequence[DueLogin]:
        """A provider's logins with a refresh token that were last checked at ``before`` or
        earlier.
        """
        query = (
            select(logins)
            .where(
                logins.c.provider == provider,
                logins.c.ended.is_(None),
                logins.c.refresh.is_not(None),
                logins.c.checked <= before,
            )
            .order_by(logins.c.checked)
            .limit(limit)
        )
        with DatabaseErrors(), self._reader.begin() as connection:
            return [DueLogin(rows.login(row), row.refresh) for row in connection.execute(query)]

    def checked(self, login: LoginId, now: int) -> None:
        """It was asked for, whatever came of it."""
        with DatabaseErrors(), self._engine.begin() as connection:
            connection.execute(update(logins).where(logins.c.id == login).values(checked=now))

    def renew(self, login: LoginId, proof: Proof, refresh: bytes | None) -> bool:
        """What the provider says now. Without a new refresh token the old one stays."""
        values: dict[str, object] = {"proof": rows.text(proof)}
        if refresh is not None:
            values["refresh"] = refresh
        with DatabaseErrors(), self._engine.begin() as connection:
            open_one = (logins.c.id == login) & logins.c.ended.is_(None)
            return connection.execute(update(logins).where(open_one).values(values)).rowcount > 0

    def end(self, login: LoginId, now: int, reason: str) -> Sequence[EndedLogin]:
        return self._end(logins.c.id == login, now, reason)

    def end_all(self, now: int, reason: str) -> Sequence[EndedLogin]:
        """Every open login, and the loops that it began."""
        return self._end(true(), now, reason)

    def end_of_session(
        self, provider: str, subject: str, session: str, now: int, reason: str
    ) -> Sequence[EndedLogin]:
        """By what a provider's logout names; what is empty is not compared, both empty is none."""
        if not subject and not session:
            return []
        which = logins.c.provider == provider
        if session:
            which &= logins.c.session == session
        if subject:
            which &= logins.c.subject == subject
        return self._end(which, now, reason)

    def end_of_other_providers(
        self, providers: Sequence[str], now: int, reason: str
    ) -> Sequence[EndedLogin]:
        """Those of providers that are not among these any more."""
        return self._end(logins.c.provider.not_in(providers), now, reason)

    def lapse(self, now: int) -> Sequence[EndedLogin]:
        return self._end(logins.c.expires <= now, now, "expired")

    def _end(self, which: ColumnElement[bool], now: int, reason: str) -> Sequence[EndedLogin]:
        with DatabaseErrors(), self._engine.begin() as connection:
            return _end_logins(connection, which, now, reason)

    def unrecorded(self, *, limit: int = 1000) -> Sequence[EndedLogin]:
        """Ends that are not on the record yet."""
        query = (
            select(logins.c.id, logins.c.reason)
            .where(logins.c.ended.is_not(None), logins.c.told == 0)
            .order_by(logins.c.ended, logins.c.id)
            .limit(limit)
        )
        with DatabaseErrors(), self._reader.begin() as connection:
            return [EndedLogin(LoginId(row.id), row.reason) for row in connection.execute(query)]

    def mark_recorded(self, login: LoginId) -> None:
        with DatabaseErrors(), self._engine.begin() as connection:
            connection.execute(update(logins).where(logins.c.id == login).values(told=1))

    def revoke(
        self, issuer: str, subject: str, now: int, actor: str
    ) -> tuple[Sequence[EndedLogin], Sequence[EndedLoop]]:
        """Remember the identity as revoked, and end all that is its own or acts for it."""
        mine = (logins.c.issuer == issuer) & (logins.c.subject == subject)
        with DatabaseErrors(), self._engine.begin() as connection:
            row = {"issuer": issuer, "subject": subject, "time": now, "actor": actor}
            connection.execute(insert(revoked).on_conflict_do_nothing(), [row])
            ended = _end_logins(connection, mine, now, "revoked")
            return ended, end_identity(connection, issuer, subject, now, "identity.revoked")

    def restore(self, issuer: str, subject: str) -> bool:
        """False where it was not revoked."""
        which = (revoked.c.issuer == issuer) & (revoked.c.subject == subject)
        with DatabaseErrors(), self._engine.begin() as connection:
            return connection.execute(delete(revoked).where(which)).rowcount > 0

    def revoked_identities(self, *, limit: int = 1000) -> Sequence[RevokedIdentity]:
        """The newest first."""
        query = select(revoked).order_by(revoked.c.time.desc(), revoked.c.subject).limit(limit)
        with DatabaseErrors(), self._reader.begin() as connection:
            return [
                RevokedIdentity(row.issuer, row.subject, row.time, row.actor)
                for row in connection.execute(query)
            ]

    def use(self, kind: str, value: str, until: int) -> bool:
        """True the first time only, for as long as ``until`` is ahead; survives a restart."""
        digest = hashlib.sha256(f"{kind}\0{value}".encode()).digest()
        with DatabaseErrors(), self._engine.begin() as connection:
            row = {"digest": digest, "until": until}
            return connection.execute(insert(used).on_conflict_do_nothing(), [row]).rowcount > 0

    def forget(self, before: int, now: int) -> None:
        """Delete logins that ended long ago, and used ids that could not be used any more."""
        with DatabaseErrors(), self._engine.begin() as connection:
            connection.execute(delete(logins).where(logins.c.ended <= before))
            connection.execute(delete(used).where(used.c.until <= now))


def _end_logins(
    connection: Connection, which: ColumnElement[bool], now: int, reason: str
) -> Sequence[EndedLogin]:
    found = list(
        connection.execute(select(logins.c.id).where(logins.c.ended.is_(None), which)).scalars()
    )
    ended = []
    for one in found:
        connection.execute(
            update(logins).where(logins.c.id == one).values(ended=now, reason=reason, refresh=None)
        )
        gone = end_loops(connection, loops.c.login == one, now, f"login.{reason}")
        ended.append(EndedLogin(LoginId(one), reason, gone))
    return ended
