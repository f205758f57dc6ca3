"""Records of every type with a text in every place, and secrets to put there."""

import random
import types
from collections.abc import Iterator
from enum import Enum
from typing import Any, Union, get_args, get_origin, get_type_hints

import msgspec
from hypothesis import strategies as st

from custody.model.record import Body

BODIES: tuple[type[msgspec.Struct], ...] = get_args(Body)
IDENTIFYING = frozenset({"subject", "issuer", "groups", "actor", "on_behalf_of", "client"})
IDENTIFYING_TOO = frozenset({"previous", "tls", "reader", "login_account"})


def filled(kind: Any, text: str, spare: frozenset[str] = frozenset()) -> Any:
    """A value of this type with ``text`` in each text, but for fields named in ``spare``."""
    while hasattr(kind, "__supertype__"):
        kind = kind.__supertype__
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        return filled(next(a for a in arguments if a is not type(None)), text, spare)
    if origin is tuple:
        if arguments[-1] is Ellipsis:
            return (filled(arguments[0], text, spare),) * 2
        return tuple(filled(argument, text, spare) for argument in arguments)
    if origin is frozenset:
        return frozenset(arguments[0])
    if kind is str:
        return text
    if issubclass(kind, msgspec.Struct):
        hints = get_type_hints(kind)
        return kind(
            **{
                name: filled(hints[name], "" if name in spare else text, spare)
                for name in kind.__struct_fields__
            }
        )
    if issubclass(kind, Enum):
        return next(iter(kind))
    return kind(1)


def values(  # noqa: C901 - one branch for each kind of type
    kind: Any, text: st.SearchStrategy[str]
) -> st.SearchStrategy[Any]:
    """Any value of this type, its texts drawn from ``text``."""
    while hasattr(kind, "__supertype__"):
        kind = kind.__supertype__
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        given = [argument for argument in arguments if argument is not msgspec.UnsetType]
        return st.one_of([values(argument, text) for argument in given])
    if origin is tuple:
        if arguments[-1] is Ellipsis:
            return st.lists(values(arguments[0], text), max_size=3).map(tuple)
        return st.tuples(*[values(argument, text) for argument in arguments])
    if origin is frozenset:
        return st.frozensets(st.sampled_from(list(arguments[0])))
    if kind is str:
        return text
    if kind is type(None):
        return st.none()
    if kind is msgspec.UnsetType:
        return st.just(msgspec.UNSET)
    if kind is bool:
        return st.booleans()
    if kind is int:
        return st.integers(-3, 40)
    if issubclass(kind, Enum):
        return st.sampled_from(list(kind))
    hints = get_type_hints(kind)
    return st.builds(kind, **{name: values(hints[name], text) for name in kind.__struct_fields__})


def _luhn(digits: str) -> str:
    total = 0
    for at, digit in enumerate(reversed(digits)):
        value = int(digit) * (2 if at % 2 == 0 else 1)
        total += value - 9 if value > 9 else value
    return digits + str(-total % 10)


def _iban(country: str, rest: str) -> str:
    number = "".join(str(int(char, 36)) for char in rest + country + "00")
    return f"{country}{98 - int(number) % 97:02d}{rest}"


class Planted(msgspec.Struct, frozen=True):
    """A secret as it is written, and the parts of it that must not be found anywhere."""

    written: str
    core: str
    personal: bool


def planted(  # noqa: C901, PLR0912 - one branch for each kind of secret
    count: int, seed: int = 7
) -> Iterator[Planted]:
    """Secrets of every kind, always the same ones."""
    chance = random.Random(seed)

    def some(alphabet: str, length: int) -> str:
        return "".join(chance.choice(alphabet) for _ in range(length))

    digits, hexadecimal = "0123456789", "0123456789abcdef"
    letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
    for at in range(count):
        match at % 12:
            case 0:
                card = _luhn("4" + some(digits, 14))
                yield Planted(card, card, personal=True)
            case 1:
                card = _luhn("5" + chance.choice("12345") + some(digits, 13))
                sign = chance.choice(" -.\u00a0\u2013\u200b")
                groups = [card[i : i + 4] for i in range(0, 16, 4)]
                yield Planted(sign.join(groups), card, personal=True)
            case 2:
                name = some("abcdefghijklmnop", 9)
                yield Planted(f"{name}@{some('qrstuv', 6)}.example.com", name, personal=True)
            case 3:
                number = some("23456789", 7)
                yield Planted(f"+49 170 {number}", number, personal=True)
            case 4:
                iban = _iban("DE", some(digits, 18))
                groups = [iban[i : i + 4] for i in range(0, 22, 4)]
                yield Planted(chance.choice(["", " "]).join(groups), iban[4:], personal=True)
            case 5:
                area, group, serial = some("12345", 3), some("12", 2), some("3456", 4)
                yield Planted(f"{area}-{group}-{serial}", area + group + serial, personal=True)
            case 6:
                key = "AKIA" + some("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 16)
                yield Planted(key, key, personal=False)
            case 7:
                key = "ghp_" + some(letters, 36)
                yield Planted(key, key[4:], personal=False)
            case 8:
                key = "sk-proj-" + some(letters, 40)
                yield Planted(key, key[8:], personal=False)
            case 9:
                word = some(letters, 14)
                yield Planted(f"postgres://app:{word}@db/x", word, personal=False)
            case 10:
                word = some(letters, 12)
                yield Planted(f"password={word} ", word, personal=False)
            case _:
                body = some(letters, 30)
                yield Planted(
                    f"eyJhbGciOiJIUzI1NiJ9.eyJ{body}.{some(hexadecimal, 20)}", body, False
                )


_SEPARATORS = str.maketrans("", "", " -.\u00a0\u2013\u200b")


def survives(secret: Planted, written: str) -> bool:
    """Whether the secret's core can still be read, separators or not."""
    return secret.core in written or secret.core in written.translate(_SEPARATORS)
