"""Reading claims (RFC 7519 §4), each as what it must be.

Law: a claim that is there and is not what it must be is a refusal, never taken for one that is
missing; what a claim is compared with, it is compared with character by character.
"""

from collections.abc import Collection, Mapping
from typing import Final

from custody.model.errors import CustodyError

SKEW_MS: Final = 30_000
"""How far an issuer's clock may be from ours."""

MAX_TEXT: Final = 1024
MAX_GROUPS: Final = 1000
_LATEST: Final = 253_402_300_800
"""The year 10000, in seconds."""
# U+2028 and U+2029 end lines; the rest turn the order of what follows around on a screen.
_UNFIT: Final = frozenset("\u2028\u2029\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")

Claims = Mapping[str, object]


def find(claims: Claims, path: str) -> object:
    """The claim of that name; or, where dots go into objects, the one inside. ``None``: absent.

    A name that itself holds dots (``kubernetes.io``) is found as it stands, and first.
    """
    if path in claims:
        return claims[path]
    for index, character in enumerate(path):
        inner = claims.get(path[:index]) if character == "." else None
        if isinstance(inner, dict) and (found := find(inner, path[index + 1 :])) is not None:
            return found
    return None


def fit(text: str) -> bool:
    """Whether a name can be written into a record and onto a screen as it stands. Look-alikes
    are left as they are: names are compared by their characters, not by their looks.
    """
    return 0 < len(text) <= MAX_TEXT and not any(
        character in _UNFIT or character < " " or "\x7f" <= character <= "\x9f"
        for character in text
    )


def scalar(value: object) -> str | None:
    """A claim of one value as text, as JSON writes it; ``None`` for anything else."""
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            return value
        case int():
            return str(value)
        case _:
            return None


def subject(claims: Claims, path: str) -> str:
    found = scalar(find(claims, path))
    if found is None or not fit(found):
        raise CustodyError(
            "identity.subject",
            f"The token's {path} cannot be a name: missing, empty, too long or unprintable.",
            "Configure subject as a claim that every token has.",
        )
    return found


def text(claims: Claims, name: str) -> str:
    """A claim of text, empty where it is absent."""
    found = claims.get(name, "")
    if found != "" and not (isinstance(found, str) and fit(found)):
        raise _malformed(name)
    return str(found)


def seconds(claims: Claims, name: str) -> str:
    """A moment as text, in whole seconds, as the claim has it; empty where it is absent."""
    return str(_moment(claims, name) // 1000) if name in claims else ""


def check_audience(claims: Claims, ours: Collection[str]) -> tuple[str, ...]:
    """All that the token is meant for; one of them is ours (RFC 7519 §4.1.3)."""
    found = claims.get("aud")
    audiences = found if isinstance(found, list) else [found]
    if not audiences or not all(isinstance(each, str) for each in audiences):
        raise CustodyError("identity.audience", "The token does not say whom it is meant for.")
    if not any(each in ours for each in audiences):
        raise CustodyError(
            "identity.audience",
            "The token is meant for others, not for this gateway.",
            "Ask the provider for a token with the audience in the configuration.",
        )
    return tuple(str(each) for each in audiences)


def check_times(claims: Claims, now: int) -> tuple[int, int]:
    """When it was issued and when it lapses, in ms. ``exp`` and ``iat`` must be there."""
    issued, expires = _moment(claims, "iat"), _moment(claims, "exp")
    not_before = _moment(claims, "nbf") if "nbf" in claims else issued
    if now >= expires + SKEW_MS:
        raise CustodyError("identity.expired", "The token has expired.", "Get a new one.")
    if issued > now + SKEW_MS or not_before > now + SKEW_MS:
        raise CustodyError(
            "identity.not-yet",
            "The token is not valid yet.",
            "Compare the gateway's clock with the issuer's: 30 seconds apart are forgiven.",
        )
    return issued, expires


def once(claims: Claims, *, needed: bool) -> str:
    """The token's own name, where it must not come twice."""
    found = text(claims, "jti") if needed else ""
    if needed and not found:
        raise _missing("jti")
    return found


def groups(claims: Claims, path: str) -> tuple[str, ...]:
    """The groups that a claim lists; none where there is no such claim.

    A list that was too long for the token is somewhere else (Microsoft Entra: ``_claim_names``,
    ``hasgroups``; OpenID Connect Core §5.6.2): who has it has groups that nobody can see here.
    """
    if not path:
        return ()
    elsewhere = claims.get("_claim_names", {})
    if not isinstance(elsewhere, dict):
        raise _malformed("_claim_names")
    head = path.partition(".")[0]
    if path in elsewhere or head in elsewhere or (head == "groups" and claims.get("hasgroups")):
        raise CustodyError(
            "identity.groups-overage",
            "The identity has more groups than its token can hold, so none of them is known.",
            "Let the provider send only the groups that are assigned to this application.",
        )
    found = find(claims, path)
    if found is None and not _present(claims, path):
        return ()
    if (
        not isinstance(found, list)
        or len(found) > MAX_GROUPS
        or not all(isinstance(each, str) and fit(each) for each in found)
    ):
        raise CustodyError(
            "identity.groups",
            f"The token's {path} is not a list of group names.",
            "Let the provider send a list of strings.",
        )
    return tuple(dict.fromkeys(str(each) for each in found))


def _present(claims: Claims, path: str) -> bool:
    """Whether something stands at the path, or in its way: ``null``, or no object to go into."""
    if path in claims:
        return True
    for index, character in enumerate(path):
        head = path[:index]
        if character == "." and head in claims:
            inner = claims[head]
            return not isinstance(inner, dict) or _present(inner, path[index + 1 :])
    return False


def _moment(claims: Claims, name: str) -> int:
    found = claims.get(name)
    if found is None:
        raise _missing(name)
    if isinstance(found, bool) or not isinstance(found, int | float) or not 0 <= found < _LATEST:
        raise _malformed(name)
    return int(found * 1000)


def _missing(name: str) -> CustodyError:
    return CustodyError("identity.claim-missing", f"The token has no {name}.")


def _malformed(name: str) -> CustodyError:
    return CustodyError("identity.malformed", f"The token's {name} is not what it must be.")
