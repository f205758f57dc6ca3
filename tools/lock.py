"""The lock of what development and CI install: exact versions, with every file's hash.

Law: nothing is installed in development that the lock does not name, on the interpreters and the
platform that it is for. It needs Python and pip alone, so that `tools/environment` can ask it.

    python tools/lock.py fits     whether it is for this interpreter; says why not
    python tools/lock.py check    whether it has all that pyproject.toml asks for
    python tools/lock.py write    writes it anew (`make lock`)

Each exits 1 where the answer is no.
"""

import json
import os
import platform
import re
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parent.parent
LOCK = "requirements-dev.lock"
PYTHONS = ("3.11", "3.12", "3.13")
OLDEST_GLIBC = (2, 28)
PLATFORMS = (
    *("manylinux1_x86_64", "manylinux2010_x86_64", "manylinux2014_x86_64"),
    *(f"manylinux_2_{minor}_x86_64" for minor in range(5, OLDEST_GLIBC[1] + 1)),
)
IN_PLACE = "editables"
"""What the build backend needs beside itself to install a source tree in place."""
HEADER = f"""\
# What development and CI install: CPython {PYTHONS[0]} to {PYTHONS[-1]} on Linux x86_64 with
# glibc {OLDEST_GLIBC[0]}.{OLDEST_GLIBC[1]} or later. `make lock` writes it from pyproject.toml.
"""
PIN = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)==(\S+) \\$", re.MULTILINE)


class LockError(Exception):
    """A lock cannot be written, with the reason."""


class Machine(NamedTuple):
    """What a lock may be for, or not."""

    implementation: str
    python: tuple[int, int]
    system: str
    processor: str
    libc: str
    """Name and version, such as ``glibc 2.36``."""


def this_machine() -> Machine:
    return Machine(
        sys.implementation.name,
        (sys.version_info[0], sys.version_info[1]),
        sys.platform,
        platform.machine(),
        " ".join(platform.libc_ver()),
    )


def unfit(machine: Machine) -> str:
    """Why the lock is not for this machine; empty where it is."""
    python = f"{machine.python[0]}.{machine.python[1]}"
    if machine.implementation != "cpython" or python not in PYTHONS:
        return f"it is for CPython {PYTHONS[0]} to {PYTHONS[-1]}, and this is {python}"
    if (machine.system, machine.processor) != ("linux", "x86_64"):
        return f"it is for Linux x86_64, and this is {machine.system} {machine.processor}"
    name, _, version = machine.libc.partition(" ")
    numbers = tuple(int(part) for part in version.split(".")[:2] if part.isdigit())
    if name != "glibc" or numbers < OLDEST_GLIBC:
        oldest, other = ".".join(map(str, OLDEST_GLIBC)), machine.libc.strip() or "another libc"
        return f"it is for glibc {oldest} or later, and this is {other}"
    return ""


def asked(project: Mapping[str, Any]) -> list[str]:
    """What pyproject.toml asks for: the gateway, its console, its demo, the tools and its build."""
    return [
        *project["project"]["dependencies"],
        *project["project"]["optional-dependencies"]["console"],
        *project["project"]["optional-dependencies"]["demo"],
        *project["dependency-groups"]["dev"],
        *project["build-system"]["requires"],
        IN_PLACE,
    ]


def same(name: str) -> str:
    """A name as PEP 503 compares names."""
    return re.sub(r"[-_.]+", "-", name).lower()


def pins(lock: str) -> dict[str, str]:
    """The versions that a lock names."""
    return {same(name): version for name, version in PIN.findall(lock)}


def faults(requirements: Iterable[str], lock: str) -> list[str]:
    """What is asked for and not locked, or locked in a version that is not asked for."""
    from packaging.requirements import Requirement  # noqa: PLC0415 - not there before it is installed

    locked, found = pins(lock), list[str]()
    for text in dict.fromkeys(requirements):
        wanted = Requirement(text)
        version = locked.get(same(wanted.name))
        if version is None:
            found.append(f"pyproject.toml asks for {text}, which {LOCK} does not have")
        elif not wanted.specifier.contains(version, prereleases=True):
            found.append(f"pyproject.toml asks for {text}, and {LOCK} has {version}")
    return found


def unlocked(report: Sequence[Mapping[str, Any]]) -> list[str]:
    """What a locked package needs on one of the Pythons and the lock does not have. pip reads the
    conditions of requirements by the interpreter that it runs in, so only one of them is tried.
    """
    from packaging.requirements import Requirement  # noqa: PLC0415 - as in ``faults``

    there = {same(each["metadata"]["name"]) for each in report}
    found = list[str]()
    for each in report:
        needs = each["metadata"].get("requires_dist", ())
        extras = ("", *each.get("requested_extras", ()))
        for wanted in map(Requirement, needs):
            marker = wanted.marker
            found += [
                f"{each['metadata']['name']} needs {wanted} on Python {python}"
                for python in PYTHONS
                if same(wanted.name) not in there
                and (marker is None or any(marker.evaluate(on(python, extra)) for extra in extras))
            ]
    return found


def on(python: str, extra: str) -> dict[str, str]:
    """The words of a condition that are another Python's (PEP 508)."""
    return {"python_version": python, "python_full_version": f"{python}.0", "extra": extra}


def written(reports: Iterable[Sequence[Mapping[str, Any]]]) -> str:
    """The lock: each package once, with the hashes of the files that any of the Pythons takes."""
    hashes: dict[tuple[str, str], set[str]] = {}
    for report in reports:
        for each in report:
            pin = same(each["metadata"]["name"]), each["metadata"]["version"]
            taken = each["download_info"]["archive_info"]["hashes"]["sha256"]
            hashes.setdefault(pin, set()).add(taken)
    lines = [HEADER.rstrip()]
    for (name, version), files in sorted(hashes.items()):
        lines.append(f"{name}=={version} \\")
        lines.append(" \\\n".join(f"    --hash=sha256:{each}" for each in sorted(files)))
    return "\n".join([*lines, ""])


def write() -> str:
    """The lock of now. Raises ``LockError``."""
    if why := unfit(this_machine()):
        raise LockError(f"{LOCK} cannot be written here: {why}")
    with (ROOT / "pyproject.toml").open("rb") as file:
        wanted = asked(tomllib.load(file))
    oldest = resolve(PYTHONS[0], wanted)
    if missing := unlocked(oldest):
        cure = "Add it to the dependency group `dev`, with its condition."
        raise LockError("\n".join([*missing, cure]))
    exact = [f"{each['metadata']['name']}=={each['metadata']['version']}" for each in oldest]
    return written([oldest, *(resolve(python, exact, "--no-deps") for python in PYTHONS[1:])])


def resolve(python: str, wanted: Sequence[str], *more: str) -> Sequence[Mapping[str, Any]]:
    """What pip would install for that Python, from wheels of the platform alone."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        (place / "wanted.txt").write_text("\n".join(wanted), encoding="utf-8")
        for_python = ("--python-version", python, "--implementation", "cp", "--only-binary=:all:")
        done = subprocess.run(
            [
                *(sys.executable, "-m", "pip", "install", "--dry-run", "--ignore-installed"),
                *("--quiet", "--disable-pip-version-check", "--no-input"),
                *("--report", str(place / "report.json"), "--target", str(place / "nowhere")),
                *for_python,
                *(part for each in PLATFORMS for part in ("--platform", each)),
                *(*more, "-r", str(place / "wanted.txt")),
            ],
            # What lies on one machine beside the index must not stand in the lock.
            env={**os.environ, "PIP_FIND_LINKS": ""},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise LockError(f"pip could not resolve for Python {python}:\n{done.stderr.strip()}")
        report = json.loads((place / "report.json").read_text(encoding="utf-8"))
    return list(report["install"])


def answers(call: str) -> Iterator[str]:
    """Why the answer is no; nothing where it is yes."""
    lock = ROOT / LOCK
    if call == "fits":
        why = unfit(this_machine()) if lock.exists() else "it is not there"
        yield from [f"{LOCK} is not used: {why}"] if why else []
    elif call == "check":
        with (ROOT / "pyproject.toml").open("rb") as file:
            found = faults(asked(tomllib.load(file)), lock.read_text(encoding="utf-8"))
        yield from [*found, "cure: make lock"] if found else []
    elif call == "write":
        text = write()
        lock.write_text(text, encoding="utf-8")
        print(f"{LOCK}: {len(pins(text))} packages")
    else:
        yield __doc__ or ""


if __name__ == "__main__":
    no = 0
    try:
        for line in answers(" ".join(sys.argv[1:])):
            print(line)
            no = 1
    except LockError as error:
        sys.exit(str(error))
    sys.exit(no)
