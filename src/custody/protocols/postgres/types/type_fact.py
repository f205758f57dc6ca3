"""What a catalogue says of a type: the question, and its answer.

Law: values; who asks, and how, the catalogue of statements knows.
"""

import msgspec


class TypeQuestion(msgspec.Struct, frozen=True):
    """A type of the database's own, by its OID."""

    oid: int


class TypeFact(msgspec.Struct, frozen=True):
    """How a type's values are written in binary (``pg_type``)."""

    name: str
    kind: str
    """``typtype``: ``b`` base, ``c`` composite, ``d`` domain, ``e`` enum, ``r`` range, …"""
    send: str
    """The function that writes them."""
    base: int
    """What a domain is over."""
    subtype: int
    """What a range, or a multirange, is of."""
    element: int = 0
    """What an array is of."""
