"""Trust policies: the spec's example, quorums, and one table of faults."""

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.evidence.signing import log_key, witness_key

from custody.evidence.tlog.note import COSIGNATURE_ML_DSA_44, VerifierKey, verifier_key
from custody.evidence.tlog.policy import PolicyError, TlogPolicy, parse_policy, policy_text

LOG = log_key("gw1.example.com/2026")
NAMES = ["X1", "X2", "X3", "Y1", "Y2", "Y3"]
WITNESSES = {name: witness_key(f"{name.lower()}.example") for name in NAMES}
EXAMPLE = f"""\
log {LOG.text}

witness X1 {WITNESSES["X1"].text}
witness X2 {WITNESSES["X2"].text}
witness X3 {WITNESSES["X3"].text}
group X-witnesses 2 X1 X2 X3

witness Y1 {WITNESSES["Y1"].text}
witness Y2 {WITNESSES["Y2"].text}
witness Y3 {WITNESSES["Y3"].text}
group Y-witnesses any Y1 Y2 Y3

group X-and-Y all X-witnesses Y-witnesses
quorum X-and-Y
"""
W = WITNESSES["X1"].text


def read(text: str) -> TlogPolicy:
    return parse_policy(text.encode())


def test_the_example_of_the_spec() -> None:
    policy = read(EXAMPLE)
    assert policy.log_keys == (LOG,)
    assert policy.witness_keys == tuple(WITNESSES.values())
    for count in range(len(NAMES) + 1):
        for chosen in combinations(NAMES, count):
            enough = sum(name[0] == "X" for name in chosen) >= 2 and any(
                name[0] == "Y" for name in chosen
            )
            assert policy.satisfied_by({WITNESSES[name] for name in chosen}) == enough


def test_what_init_writes_is_a_policy() -> None:
    policy = read(policy_text(LOG))
    assert policy.log_keys == (LOG,)
    assert policy.satisfied_by(set())


def test_one_witness_may_be_the_quorum() -> None:
    policy = read(f"witness a {W} https://a.example/\nquorum a\n")
    assert policy.witnesses[0].url == "https://a.example/"
    assert policy.satisfied_by({WITNESSES["X1"]})
    assert not policy.satisfied_by({WITNESSES["X2"]})
    # A log's key of the same name is not a witness's.
    assert not policy.satisfied_by({LOG})


def test_white_space_comments_and_any_octets() -> None:
    data = (
        b"\t # \xff\xfe comment\n\n \t\n witness \xe9\xff \t"
        + W.encode()
        + b" \nquorum\t\xe9\xff\n"
    )
    policy = parse_policy(data)
    assert policy.satisfied_by({WITNESSES["X1"]})
    with pytest.raises(PolicyError):
        parse_policy(data.replace(b"quorum\t\xe9\xff", b"quorum\t\xe9"))


def test_a_post_quantum_witness_is_read() -> None:
    key = verifier_key("pq.example", bytes(1312), COSIGNATURE_ML_DSA_44)
    policy = read(f"witness a {key.text}\nquorum a\n")
    assert policy.witness_keys == (key,)


def test_thirty_two_of_each() -> None:
    lines = [f"log {log_key(f'log{n}').text}" for n in range(32)]
    lines += [f"witness w{n} {witness_key(f'w{n}').text}" for n in range(32)]
    lines += [f"group g{n} 1 w{n}" for n in range(32)]
    policy = read("\n".join([*lines, "quorum g31", ""]))
    assert (len(policy.logs), len(policy.witnesses), len(policy.groups)) == (32, 32, 32)


def same_key(name: str) -> VerifierKey:
    return verifier_key(name, WITNESSES["X1"].public, 4)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "trust-policy.quorum"),
        ("quorum none", "trust-policy.line-end"),
        ("quorum none\nquorum none\n", "trust-policy.quorum"),
        ("quorum a\n", "trust-policy.undefined"),
        (f"quorum a\nwitness a {W}\n", "trust-policy.undefined"),
        ("quorum\n", "trust-policy.line"),
        ("quorum none none\n", "trust-policy.line"),
        ("nonsense\n", "trust-policy.line"),
        ("log\n", "trust-policy.line"),
        ("log a b c\n", "trust-policy.line"),
        ("group a 1\n", "trust-policy.line"),
        ("log nonsense\n", "trust-policy.key"),
        (f"log {W}\n", "trust-policy.key-type"),
        (f"witness a {LOG.text}\n", "trust-policy.key-type"),
        (f"log {LOG.text}\nlog {LOG.text}\n", "trust-policy.duplicate"),
        (
            f"log {LOG.text}\nlog {verifier_key('other', LOG.public).text}\n",
            "trust-policy.duplicate",
        ),
        (f"witness a {W}\nwitness b {same_key('other').text}\n", "trust-policy.duplicate"),
        (f"witness none {W}\n", "trust-policy.name"),
        (f"witness a {W}\nwitness a {WITNESSES['X2'].text}\n", "trust-policy.name"),
        (f"witness a {W}\ngroup a any a\n", "trust-policy.name"),
        (f"witness a {W}\ngroup none any a\n", "trust-policy.name"),
        (f"witness a {W}\ngroup g any none\n", "trust-policy.undefined"),
        (f"witness a {W}\ngroup g any g\n", "trust-policy.undefined"),
        (f"witness a {W}\ngroup g 2 a a\n", "trust-policy.twice"),
        (f"witness a {W}\ngroup g any a\ngroup h any a\n", "trust-policy.twice"),
        *(
            (f"witness a {W}\ngroup g {threshold} a\n", "trust-policy.threshold")
            for threshold in ("0", "2", "-1", "01", "most", "\u0661", "9" * 5000)
        ),
        ("quorum none\r\n", "trust-policy.control"),
        ("quorum none\x0b\n", "trust-policy.control"),
        ("# \x7f\nquorum none\n", "trust-policy.control"),
        ("#" * 1_000_001, "trust-policy.size"),
    ],
)
def test_malformed_policies(text: str, code: str) -> None:
    with pytest.raises(PolicyError) as caught:
        read(text)
    assert caught.value.code == code


def test_the_fault_names_the_line() -> None:
    with pytest.raises(PolicyError, match="Line 3 "):
        read("# one\n\nwhat\n")


def test_there_is_an_end_to_what_is_defined() -> None:
    lines = [f"witness w {W}"] + [
        f"group g{n} any {f'g{n - 1}' if n else 'w'}" for n in range(1001)
    ]
    with pytest.raises(PolicyError) as caught:
        read("\n".join([*lines, "quorum w", ""]))
    assert caught.value.code == "trust-policy.size"


WORDS = st.sampled_from(
    ["log", "witness", "group", "quorum", "none", "a", "b", "1", "any", "all", "#", W, LOG.text]
)


@given(
    st.binary(max_size=200)
    | st.lists(st.lists(WORDS, max_size=5).map(" ".join), max_size=6).map(
        lambda lines: "\n".join([*lines, ""]).encode()
    )
)
def test_garbage_is_refused_as_documented(data: bytes) -> None:
    try:
        policy = parse_policy(data)
    except PolicyError:
        return
    assert policy.satisfied_by(set()) == (policy.quorum == "none")
