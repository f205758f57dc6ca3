"""Rows to values of the model, and back.

Law: a value that was stored is read back equal. A value without columns of its own is stored as
JSON.
"""

from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec
from sqlalchemy import Row, select

from custody.model.identity import Budget, Identity, Loop, Proof, RememberedLogin, Scope, Ticket
from custody.model.words import IdentityKind, LoginId, LoopId, TicketId
from custody.state.schema import loops, tickets

T = TypeVar("T")


def text(value: object) -> str:
    return msgspec.json.encode(value, order="deterministic").decode()


def optional_text(value: object | None) -> str | None:
    return None if value is None else text(value)


def value(stored: str, kind: type[T]) -> T:
    return msgspec.json.decode(stored, type=kind)


def _optional(stored: str | None, kind: type[T]) -> T | None:
    return None if stored is None else value(stored, kind)


def loop_row(loop: Loop) -> dict[str, object]:
    return {
        "id": loop.id,
        "subject": loop.identity.subject,
        "issuer": loop.identity.issuer,
        "groups": text(loop.identity.groups),
        "kind": loop.identity.kind.value,
        "started": loop.started,
        "expires": loop.expires,
        "purpose": loop.purpose,
        "on_behalf_of": loop.on_behalf_of,
        "parent": loop.parent,
        "principal": optional_text(loop.principal),
        "facts": text(loop.facts),
        "client": loop.client,
        "scope": optional_text(loop.scope),
        "budget": optional_text(loop.budget),
        "login": loop.login,
    }


def loop(row: Mapping[Any, Any]) -> Loop:
    return Loop(
        id=LoopId(row["id"]),
        identity=Identity(
            subject=row["subject"],
            issuer=row["issuer"],
            groups=value(row["groups"], tuple[str, ...]),
            kind=IdentityKind(row["kind"]),
        ),
        started=row["started"],
        expires=row["expires"],
        purpose=row["purpose"],
        on_behalf_of=row["on_behalf_of"],
        parent=None if row["parent"] is None else LoopId(row["parent"]),
        principal=_optional(row["principal"], Identity),
        facts=value(row["facts"], tuple[tuple[str, str], ...]),
        client=row["client"],
        scope=_optional(row["scope"], Scope),
        budget=_optional(row["budget"], Budget),
        login=None if row["login"] is None else LoginId(row["login"]),
    )


def joined() -> Any:  # noqa: ANN401 - a select over this many columns has no type that says more
    return select(
        *tickets.c,
        *(column.label(f"loop_{column.name}") for column in loops.c),
    ).join_from(tickets, loops, tickets.c.loop == loops.c.id)


def ticket(row: Row[Any]) -> Ticket:
    found = row._mapping  # noqa: SLF001 - SQLAlchemy's public name of it
    return Ticket(
        id=TicketId(row.id),
        loop=loop({column.name: found[f"loop_{column.name}"] for column in loops.c}),
        digest=row.digest,
        created=row.created,
        expires=row.expires,
        revoked=row.revoked,
        ended=row.loop_ended,
    )


def login_row(login: RememberedLogin) -> dict[str, object]:
    proof = login.proof
    return {
        "id": login.id,
        "digest": login.digest,
        "proof": text(proof),
        "issuer": proof.identity.issuer,
        "subject": proof.identity.subject,
        "provider": proof.provider,
        "session": proof.session,
        "client": login.client,
        "started": login.started,
        "expires": login.expires,
        "ended": login.ended,
    }


def login(row: Row[Any]) -> RememberedLogin:
    return RememberedLogin(
        id=LoginId(row.id),
        proof=value(row.proof, Proof),
        digest=row.digest,
        started=row.started,
        expires=row.expires,
        client=row.client,
        ended=row.ended,
    )
