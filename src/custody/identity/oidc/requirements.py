"""The claims that a workload's token must have to be accepted.

Law: every key must be met; a claim that is missing, or is no single value, meets nothing.
Patterns match the whole value, character by character. ``*`` stands for any run of characters
(none, too) within one segment: it never crosses ``/`` or ``:``, so that ``refs/heads/*`` is not
``refs/heads/a/b`` and ``repo:acme/*:ref:…`` cannot be met from inside a name; ``**`` crosses them.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Final

import re2

from custody.identity.oidc.presets import Preset, claim_of
from custody.identity.oidc.tokens.claims import MAX_TEXT, Claims, find, scalar
from custody.model.errors import CustodyError

_STARS: Final[Mapping[str, str]] = {"**": "(?s:.)*", "*": "[^/:]*"}


class Requirements:
    def __init__(self, preset: Preset, required: Mapping[str, Sequence[str]]) -> None:
        # RE2: a pattern with many stars costs time in proportion to the text, not more.
        self._required: Final = tuple(
            (key, claim_of(preset, key), tuple(re2.compile(_expression(each)) for each in patterns))
            for key, patterns in required.items()
        )

    def check(self, claims: Claims) -> None:
        """Raises ``identity.requirement``, which names the operator's key and no value."""
        for key, path, patterns in self._required:
            value = scalar(find(claims, path))
            met = (
                value is not None
                and len(value) <= MAX_TEXT
                and any(each.fullmatch(value) is not None for each in patterns)
            )
            if not met:
                raise CustodyError(
                    "identity.requirement",
                    f"The token does not meet what is required of its {key}.",
                    "Run the job where it may run, or change require in the configuration.",
                )


def _expression(pattern: str) -> str:
    parts = re.split(r"(\*\*|\*)", pattern)
    return "".join(_STARS[part] if part in _STARS else re2.escape(part) for part in parts)
