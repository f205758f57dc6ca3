"""The lock of development: it has all that is asked for, and says where it fits."""

import re
import tomllib
from typing import Any

import pytest
from tools.lock import LOCK, ROOT, Machine, asked, faults, pins, unfit, unlocked, written

FITS = Machine("cpython", (3, 11), "linux", "x86_64", "glibc 2.36")
TEXT = (ROOT / LOCK).read_text(encoding="utf-8")
HASH = "--hash=sha256:"


def project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def taken(name: str, version: str, digest: str, *needs: str, **more: object) -> dict[str, Any]:
    """One package of pip's report."""
    return {
        "metadata": {"name": name, "version": version, "requires_dist": list(needs)},
        "download_info": {"archive_info": {"hashes": {"sha256": digest}}},
        **more,
    }


def test_the_lock_has_all_that_pyproject_asks_for() -> None:
    assert not faults(asked(project()), TEXT), "run `make lock`"


def test_the_lock_has_a_hash_of_each_package_and_names_no_host() -> None:
    packages = re.split(r"^(?=[a-z0-9])", TEXT, flags=re.MULTILINE)[1:]
    assert len(packages) == len(pins(TEXT)) > len(asked(project()))
    assert all(re.search(rf"{HASH}[0-9a-f]{{64}}$", each.strip()) for each in packages)
    assert "://" not in TEXT


@pytest.mark.parametrize(
    ("requirement", "fault"),
    [
        ("h11>=0.16", ""),
        ("H11", ""),
        ("google_re2>=1.1", ""),
        ("h11[extra]>=0.17", "pyproject.toml asks for h11[extra]>=0.17, and {} has 0.16.0"),
        ("h12", "pyproject.toml asks for h12, which {} does not have"),
    ],
)
def test_what_is_asked_for_and_not_locked(requirement: str, fault: str) -> None:
    lock = written([[taken("h11", "0.16.0", "00"), taken("google-re2", "1.1.2", "01")]])
    assert faults([requirement], lock) == ([fault.format(LOCK)] if fault else [])


@pytest.mark.parametrize(
    ("machine", "why"),
    [
        (FITS, ""),
        (FITS._replace(python=(3, 13)), ""),
        (FITS._replace(python=(3, 14)), "it is for CPython 3.11 to 3.13, and this is 3.14"),
        (FITS._replace(implementation="pypy"), "it is for CPython 3.11 to 3.13, and this is 3.11"),
        (FITS._replace(processor="aarch64"), "it is for Linux x86_64, and this is linux aarch64"),
        (FITS._replace(system="darwin"), "it is for Linux x86_64, and this is darwin x86_64"),
        (FITS._replace(libc="glibc 2.17"), "it is for glibc 2.28 or later, and this is glibc 2.17"),
        (FITS._replace(libc=" "), "it is for glibc 2.28 or later, and this is another libc"),
    ],
)
def test_where_the_lock_fits(machine: Machine, why: str) -> None:
    assert unfit(machine) == why


def test_a_package_stands_once_with_the_files_of_every_python() -> None:
    common = taken("Common_Words", "2.0", "aa")
    lock = written(
        [
            [taken("lxml", "6.0", "c1"), common],
            [taken("lxml", "6.0", "c2"), common],
        ]
    )
    assert pins(lock) == {"common-words": "2.0", "lxml": "6.0"}
    assert lock.endswith(
        f"common-words==2.0 \\\n    {HASH}aa\nlxml==6.0 \\\n    {HASH}c1 \\\n    {HASH}c2\n"
    )


@pytest.mark.parametrize(
    ("needs", "missing"),
    [
        ("h11>=0.16", []),
        ("tomli; python_version < '3.11'", []),
        ("cgi; python_version >= '3.13'", ["3.13"]),
        ("cgi; python_full_version >= '3.12.0'", ["3.12", "3.13"]),
        ("cgi; extra == 'server'", []),
        ("cgi; extra == 'client' and python_version > '3.12'", ["3.13"]),
        ("cgi", ["3.11", "3.12", "3.13"]),
    ],
)
def test_what_another_python_needs_is_named(needs: str, missing: list[str]) -> None:
    asking = taken("asks", "1", "aa", needs, requested_extras=["client"])
    found = unlocked([asking, taken("h11", "0.16", "bb")])
    assert [each.rpartition(" ")[2] for each in found] == missing
