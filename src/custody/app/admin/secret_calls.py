"""Keeping secrets in the local vault, on the record.

Law: the record of a change names the secret and never holds it; it is durable before the change
works. A value is taken in once and never given back: only a lease reads it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated, Any, Final

import msgspec

from custody.model.durations import moment
from custody.model.errors import CustodyError
from custody.model.gateway_records import AdminAct
from custody.model.record import Milliseconds, Record
from custody.model.secret import Secret
from custody.recording.recorder import RecordWriter
from custody.vault import SealedStore, check_name

Items = list[dict[str, Any]]
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=255)]


class SecretSet(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: Name
    value: str
    actor: Name

    def __repr__(self) -> str:
        return f"SecretSet({self.name!r}, …)"


class SecretDelete(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: Name
    actor: Name


class SecretList(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    pass


class SecretCalls:
    """``clock`` gives Unix milliseconds; ``recorder`` returns once a record is durable."""

    def __init__(
        self,
        store: SealedStore,
        recorder: RecordWriter,
        clock: Callable[[], int],
    ) -> None:
        self._store: Final = store
        self._recorder: Final = recorder
        self._clock: Final = clock

        self._calls: Final[Mapping[str, tuple[type[Any], Callable[[Any], Awaitable[Items]]]]] = {
            "secret.set": (SecretSet, self.set),
            "secret.delete": (SecretDelete, self.delete),
            "secret.list": (SecretList, self.list),
        }

    def handles(self, call: str) -> bool:
        return call in self._calls

    async def dispatch(self, call: str, arguments: Mapping[str, object]) -> dict[str, Any]:
        """Raises ``admin.arguments``, and whatever the call raises."""
        wanted, act = self._calls[call]
        try:
            asked = msgspec.convert(dict(arguments), wanted)
        except msgspec.ValidationError:  # whose text is not told: an argument is a secret
            raise CustodyError(
                "admin.arguments",
                "The arguments of a secret's call do not fit.",
                "`custody secret --help` says what the command takes.",
            ) from None
        return {"items": await act(asked), "next": None}

    async def set(self, asked: SecretSet) -> Items:
        """Raises as ``SealedStore.set``, and as the log does."""
        check_name(asked.name)
        await self._record("secret.set", asked.actor, asked.name)
        await asyncio.to_thread(self._store.set, asked.name, Secret(asked.value))
        return [each for each in await self.list(SecretList()) if each["name"] == asked.name]

    async def delete(self, asked: SecretDelete) -> Items:
        """Raises as ``SealedStore.delete``, and as the log does."""
        check_name(asked.name)
        await self._record("secret.delete", asked.actor, asked.name)
        await asyncio.to_thread(self._store.delete, asked.name)
        return []

    async def list(self, asked: SecretList) -> Items:
        """Names, and when each was changed."""
        del asked
        kept = await asyncio.to_thread(self._store.names)
        return [{"name": each.name, "changed": moment(each.changed)} for each in kept]

    async def _record(self, act: str, actor: str, name: str) -> None:
        await self._recorder.write(Record(Milliseconds(self._clock()), AdminAct(act, actor, name)))
