"""CEL conditions: compiled once, refused early, evaluated totally.

Law: a condition that evaluates to anything but true or false is a denial. What can be known to be
wrong with a condition is an error at load, with its position and a cure, not a denial at run time.
"""

from collections.abc import Collection
from difflib import get_close_matches
from typing import TYPE_CHECKING, Final

import msgspec

from custody.model.errors import CustodyError
from custody.policy.cel_scan import ConditionScan, read
from custody.policy.variables import CONDITION_FIELDS

if TYPE_CHECKING:
    import cel

TYPES: Final = frozenset(
    {
        "bool", "bytes", "double", "int", "list", "map", "null_type", "string", "type", "uint",
    }
)  # fmt: skip
CONDITION_FUNCTIONS: Final = frozenset(
    {
        "bytes", "contains", "double", "duration", "dyn", "endsWith", "getDate", "getDayOfMonth",
        "getDayOfWeek", "getDayOfYear", "getFullYear", "getHours", "getMilliseconds", "getMinutes",
        "getMonth", "getSeconds", "int", "matches", "size", "startsWith", "string", "timestamp",
        "type", "uint",
    }
)  # fmt: skip
"""CEL's own functions; an unknown one would otherwise be noticed only when it is reached."""

LONGEST: Final = 16_384
"""Characters in a condition."""


class ConditionFailure(msgspec.Struct, frozen=True):
    """The condition gave no answer. ``why`` is one of a closed set of phrases: it never repeats
    what was evaluated, which may hold a secret.
    """

    why: str


class Condition:
    """A compiled condition. ``mentioned`` says which facts it needs."""

    def __init__(self, reading: ConditionScan, program: "cel.Program") -> None:
        self.mentioned: Final = reading.mentioned
        self._execute: Final = program.execute

    def evaluate(self, facts: "cel.Context") -> bool | ConditionFailure:
        try:
            value = self._execute(facts)
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:  # noqa: BLE001  # a panic of the Rust library is no Exception
            return ConditionFailure(_phrase(error))
        if value is False or value is True:
            return value
        return ConditionFailure(f"its condition gave {_kind(value)}, not true or false")


def _phrase(error: BaseException) -> str:
    match error:
        case KeyError():
            return "its condition reads a key that is not there"
        case IndexError():
            return "its condition reads past the end of a list"
        case ArithmeticError():
            return "its condition divides by zero or overflows"
        case TypeError():
            return "its condition mixes types that do not fit"
        case _:
            return "its condition could not be evaluated"


def _kind(value: object) -> str:
    return {
        "str": "a string",
        "int": "a number",
        "float": "a number",
        "list": "a list",
        "dict": "a map",
        "NoneType": "null",
        "datetime": "a timestamp",
    }.get(type(value).__name__, "another type")


def compile_condition(source: str, owner: str) -> Condition:
    """Raises ``CustodyError`` that names ``owner`` (``rule "x"``), the fault and a cure."""
    if len(source) > LONGEST:
        raise CustodyError(
            "policy.condition-too-long",
            f"The condition of {owner} has {len(source)} characters; {LONGEST} are allowed.",
            "Split it into several rules.",
        )
    reading = read(source)
    _check_names(reading, owner)
    program = _compile(reading.source, owner)
    spoken = {"Loop" if name == "loop" else name for name in reading.names}
    if not set(program.variables()) <= spoken | reading.bound:
        raise CustodyError(
            "policy.condition-unreadable",
            f"The condition of {owner} cannot be read with certainty.",
            "Write it with plain names and string literals.",
        )
    for name in program.functions():
        if name[0].isalpha() and name not in CONDITION_FUNCTIONS:
            raise CustodyError(
                "policy.unknown-function",
                f"The condition of {owner} calls {name}(), which CEL does not have.",
                _nearest(name, CONDITION_FUNCTIONS, "Functions"),
            )
    _check_patterns(reading, owner)
    return Condition(reading, program)


def _compile(source: str, owner: str) -> "cel.Program":
    import cel  # noqa: PLC0415 - its import costs 0.1 s, which only those pay who judge

    try:
        return cel.compile(source)
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # noqa: BLE001  # a panic of the Rust library is no Exception
        raise CustodyError(
            "policy.condition-syntax",
            f"The condition of {owner} is not valid CEL: {_message(str(error))}.",
            'A condition looks like: "write" in command.effects && !command.bounded',
        ) from None


def _message(raw: str) -> str:
    """The first of the library's messages, without its copy of the source."""
    at = raw.find("ERROR: <input>:")
    line = (raw if at < 0 else raw[at + len("ERROR: <input>:") :]).split("\n", 1)[0]
    place, _, text = line.partition(": ")
    text = text.partition(" expecting {")[0].replace("Loop", "loop") or line
    if at < 0 or ":" not in place:
        return text[:200]
    row, _, column = place.partition(":")
    return f"{text[:200]} (line {row}, column {column})"


def _check_names(reading: ConditionScan, owner: str) -> None:
    if shadowed := sorted(
        name for name in reading.bound if name in CONDITION_FIELDS or name == "Loop"
    ):
        raise CustodyError(
            "policy.shadowed-variable",
            f"The condition of {owner} binds the name {shadowed[0]}, which is a variable.",
            "Choose another name inside the macro.",
        )
    literals = {"true", "false", "null", "in"}
    if strange := sorted(
        reading.names - CONDITION_FIELDS.keys() - reading.bound - TYPES - literals
    ):
        raise CustodyError(
            "policy.unknown-variable",
            f"The condition of {owner} mentions {strange[0]}, which is not a variable.",
            _nearest(strange[0], CONDITION_FIELDS.keys(), "Variables"),
        )
    if reading.unknown:
        variable, _, field = reading.unknown[0].partition(".")
        cure = (
            "It is a timestamp: compare it, or call now.getHours() and the like."
            if variable == "now"
            else _nearest(field, CONDITION_FIELDS[variable], f"Fields of {variable}")
        )
        raise CustodyError(
            "policy.unknown-field",
            f"The condition of {owner} mentions {reading.unknown[0]}, which does not exist.",
            cure,
        )


def _nearest(name: str, known: Collection[str], what: str) -> str:
    near = get_close_matches(name, known, 1)
    return f"Did you mean {near[0]}?" if near else f"{what}: {', '.join(sorted(known))}."


def _check_patterns(reading: ConditionScan, owner: str) -> None:
    import cel  # noqa: PLC0415 - as in ``_compile``

    for literal in reading.patterns:
        try:
            cel.compile(f'"".matches({literal})').execute()
        except RuntimeError:
            raise CustodyError(
                "policy.bad-pattern",
                f"The condition of {owner} has a regular expression that does not compile: "
                f"{literal[:100]}.",
                "The syntax is RE2's, without look-around and back-references.",
            ) from None
