"""Every fuzz target with hypothesis: mutations of its seeds and bytes out of nothing.

The coverage-guided form is ``python -m tests.prove.fuzz``; both share ``fuzz_targets``.
"""

import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.prove.fuzz_targets import TARGETS

pytestmark = [pytest.mark.prove, pytest.mark.timeout(1200)]


@pytest.mark.parametrize("name", TARGETS)
def test_seeds_are_understood_in_some_way(name: str) -> None:
    for seed in TARGETS[name].seeds:
        TARGETS[name].run(seed)


@pytest.mark.parametrize("name", TARGETS)
def test_mutations(name: str) -> None:
    target = TARGETS[name]

    @given(st.randoms(use_true_random=False), st.sampled_from(target.seeds), st.integers(0, 12))
    @settings(max_examples=2000, deadline=None, suppress_health_check=list(HealthCheck))
    def check(chance: random.Random, seed: bytes, times: int) -> None:
        target.run(mutated(seed, times, chance))

    check()


@pytest.mark.parametrize("name", TARGETS)
def test_any_bytes(name: str) -> None:
    target = TARGETS[name]

    @given(st.binary(max_size=400))
    @settings(max_examples=2000, deadline=None, suppress_health_check=list(HealthCheck))
    def check(data: bytes) -> None:
        target.run(data)

    check()


def mutated(seed: bytes, times: int, chance: random.Random) -> bytes:
    """Bits flipped, pieces cut, doubled, moved; lengths and signs that parsers trip over."""
    data = bytearray(seed)
    for _ in range(times):
        place = chance.randrange(len(data) + 1)
        match chance.randrange(5):
            case 0 if data:
                data[place % len(data)] ^= 1 << chance.randrange(8)
            case 1:
                del data[place : place + chance.randrange(1, 8)]
            case 2:
                data[place:place] = data[place : place + chance.randrange(1, 40)]
            case 3:
                data[place:place] = chance.choice((b"\0", b"\xff\xff\xff\xff", b"\x7f\xff", b"\n"))
            case _:
                data[place:place] = chance.randbytes(chance.randrange(1, 6))
    return bytes(data)
