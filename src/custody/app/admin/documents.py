"""What a call takes and what it answers with.

Law: arguments are typed before anything is done; every answer is a document of items.
"""

from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec

from custody.model.errors import CustodyError

Document = dict[str, Any]
Arguments = TypeVar("Arguments", bound=msgspec.Struct)


class NoArguments(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    pass


def typed(arguments: Mapping[str, object], wanted: type[Arguments]) -> Arguments:
    """Raises ``admin.arguments``."""
    try:
        return msgspec.convert(dict(arguments), wanted)
    except msgspec.ValidationError as error:
        raise CustodyError(
            "admin.arguments",
            f"The arguments do not fit: {error}.",
            "`--help` says what the command takes.",
        ) from None


def document(*items: dict[str, Any]) -> Document:
    return {"items": list(items), "next": None}
