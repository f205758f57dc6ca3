"""Any damage to a configuration is refused with a path, or is no damage; never a traceback."""

import tomllib
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from custody.config.faults import ConfigError, dotted_path
from custody.config.line_numbers import places
from custody.config.load import parse_config

CONTRACT = (Path(__file__).parent / "contract.toml").read_bytes()
PLACE = Path("/etc/custody.toml")


def quoted(value: object) -> str:
    """TOML for the values that the contract holds."""
    match value:
        case dict():
            return "{" + ", ".join(f'"{key}" = {quoted(one)}' for key, one in value.items()) + "}"
        case list():
            return "[" + ", ".join(map(quoted, value)) + "]"
        case bool():
            return str(value).lower()
        case str():
            return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
        case _:
            return str(value)


def written(document: dict[str, Any]) -> bytes:
    return "\n".join(f'"{key}" = {quoted(value)}' for key, value in document.items()).encode()


def tables(document: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    found = [("gateway", document["gateway"]), ("capture", document["capture"])]
    found += [("listen.postgres", document["listen"]["postgres"])]
    for name in ("target", "grant", "rule"):
        found += [(f"{name}[{number}]", table) for number, table in enumerate(document[name])]
    return found


def outcome(data: bytes) -> ConfigError | None:
    try:
        parse_config(data, PLACE)
    except ConfigError as error:
        return error
    return None


def test_the_mutations_start_from_a_sound_file() -> None:
    assert outcome(written(tomllib.loads(CONTRACT.decode()))) is None


WORDS = st.text("abcdefghijklmnopqrstuvwxyz_-", min_size=1, max_size=12)
VALUES = st.one_of(
    st.integers(-5, 10**12), st.booleans(), st.just([]), st.just({}), st.just([{}]), st.just(""),
    st.just(["\u00e9 \u0001".replace("\u0001", " ")]), st.just("plain:hunter2"), st.floats(0, 1),
    WORDS,
)  # fmt: skip


@given(st.data())
def test_a_renamed_key_is_refused_with_its_path(data: st.DataObject) -> None:
    document = tomllib.loads(CONTRACT.decode())
    path, table = data.draw(st.sampled_from(tables(document)))
    key = data.draw(st.sampled_from(sorted(table)))
    new = data.draw(WORDS.filter(lambda word: word not in KEYS))
    table[new] = table.pop(key)
    error = outcome(written(document))
    assert error is not None
    assert any(dotted_path(fault.at) == f"{path}.{new}" for fault in error.faults)
    assert all(fault.code.startswith(("config.", "policy.")) for fault in error.faults)


KEYS = {
    "address", "anchor", "approvers", "ca", "cert", "cleartext", "command_bytes", "data",
    "database", "durability", "effects", "groups", "hours", "identities", "idle_timeout", "issuer",
    "key", "keys", "listen", "max_connections", "max_loop", "name", "notice", "password",
    "protocol", "reason", "replication", "response_bytes", "responses", "sandbox", "target",
    "targets", "then", "timeout", "tls", "user", "when",
}  # fmt: skip


@given(st.data(), VALUES)
def test_a_wrong_value_is_refused_or_read_but_never_a_traceback(
    data: st.DataObject, value: object
) -> None:
    document = tomllib.loads(CONTRACT.decode())
    path, table = data.draw(st.sampled_from(tables(document)))
    key = data.draw(st.sampled_from(sorted(table)))
    table[key] = value
    error = outcome(written(document))
    if error is None:
        return
    assert all(fault.at for fault in error.faults)
    assert key == "when" or "hunter2" not in str(error)  # a rule's words are shown
    if key not in {"name", "address"}:  # others refer to names; addresses may meet
        assert any(dotted_path(fault.at).startswith(path) for fault in error.faults)


@given(st.integers(0, len(CONTRACT)), st.integers(0, 40), st.binary(max_size=8))
def test_any_cut_or_insertion_is_refused_or_read(start: int, length: int, added: bytes) -> None:
    outcome(CONTRACT[:start] + added + CONTRACT[start + length :])


@given(st.text(max_size=200))
def test_places_never_fail(text: str) -> None:
    places(text)


def test_places() -> None:
    found = places(CONTRACT.decode())
    lines = CONTRACT.decode().splitlines()
    for at, line in found.items():
        last = at[-1] if isinstance(at[-1], str) else str(at[-2])
        assert last in lines[line - 1]
    assert found["target", 0, "tls"] == 20
    assert found["rule", 1, "then"] == 40
    assert len(found) == len(list(filter(None, lines)))
    tricky = '''
a = """
[x]
b = 1
"""
"c d".e = [ # [y]
  "]", { f = 1 },
]
[[t]]
[t.u]
k = 1
[[t]]
u.k = 1
'''
    assert places(tricky) == {
        ("a",): 2,
        ("c d", "e"): 6,
        ("t", 0): 9,
        ("t", 0, "u"): 10,
        ("t", 0, "u", "k"): 11,
        ("t", 1): 12,
        ("t", 1, "u", "k"): 13,
    }
