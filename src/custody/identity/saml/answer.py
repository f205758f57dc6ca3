"""The two results of a SAML login: the request, and the proof.

Law: a request id is minted here and belongs into a store where it is consumed once; an answer
exists only after every check.
"""

import msgspec

from custody.model.identity import Proof


class SamlRequest(msgspec.Struct, frozen=True):
    """Where the browser is sent, and the id that the response has to answer."""

    url: str
    id: str


class SamlAnswer(msgspec.Struct, frozen=True):
    """A checked response. The caller consumes ``in_response_to`` and ``proof.use``."""

    proof: Proof
    """``session`` is the SessionIndex, ``use`` the assertion's id."""
    in_response_to: str
    until: int
    """Until when the assertion's id has to be remembered as used (Unix milliseconds)."""
    session_ends: int | None
    """SessionNotOnOrAfter; ``None``: not said. ``proof.expires`` is this, or else a day: what is
    made from the proof must not live longer."""
