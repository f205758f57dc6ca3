"""Test suites that others wrote, and how each is run against one place.

Law: the suites stand outside this repository; a run gives each test's outcome by name and changes
nothing here. The same function runs direct and through the gateway, so that only the place differs.
"""

import os
import re
import shutil
import subprocess
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from pathlib import Path

import msgspec

LONGEST_SECONDS = 1500
FEWEST = {"asyncpg": 311, "psycopg": 5000, "regress": 217}
"""Tests of each suite that pass direct. Fewer means that a part of the suite never ran."""
PASSED = frozenset({"passed", "ok"})
RAN_TO_ITS_END = frozenset({0, 1})
"""pytest's exit codes after a whole run; the others say that it could not collect or broke off."""


class Place(msgspec.Struct, frozen=True):
    """Where a suite connects to."""

    name: str
    host: str
    port: int
    user: str
    password: str
    database: str

    def environment(self) -> dict[str, str]:
        return {
            "PGHOST": self.host,
            "PGPORT": str(self.port),
            "PGUSER": self.user,
            "PGPASSWORD": self.password,
            "PGDATABASE": self.database,
            "PGSSLMODE": "disable",
        }


class Ask(msgspec.Struct, frozen=True):
    """One run: where, with which Python for drivers' tests, in which folder, and which tests."""

    place: Place
    python: Path
    room: Path
    only: str = ""
    """For pytest, its ``-k`` words; for the regression suite, names by comma; empty: all."""


Outcomes = dict[str, str]


class SuiteError(Exception):
    """A suite did not run, so that its outcomes say nothing."""


def require_baseline(suite: str, direct: Outcomes, *, whole: bool) -> None:
    """Raise ``SuiteError`` where fewer tests passed direct than a sound run has; one is enough
    where tests were chosen (not ``whole``). Without this two empty runs would look the same.
    """
    passed = sum(outcome in PASSED for outcome in direct.values())
    fewest = FEWEST[suite] if whole else 1
    if passed < fewest:
        raise SuiteError(
            f"{suite}: {passed} tests passed direct, a sound run has at least {fewest}. "
            "Install what its tests need (docs/development.md) and look into its log."
        )


def run_psycopg(checkout: Path, ask: Ask) -> Outcomes:
    """The tests of psycopg itself: ``checkout`` is its repository."""
    place = ask.place
    dsn = " ".join(
        f"{key}={value}"
        for key, value in {
            "host": place.host,
            "port": place.port,
            "user": place.user,
            "password": place.password,
            "dbname": place.database,
            "sslmode": "disable",
        }.items()
    )
    # Type checking, another library and tests of other servers say nothing about a gateway.
    narrowed = ["--ignore=tests/test_typing.py", "--ignore=tests/crdb", "--ignore=tests/pool"]
    narrowed += ["-m", "not slow"]
    return _pytest(ask, checkout, {}, ["tests", *narrowed, f"--test-dsn={dsn}"])


def run_asyncpg(tests: Path, ask: Ask) -> Outcomes:
    """The tests of asyncpg itself: ``tests`` is the folder from its source distribution."""
    # A folder of their own: the source tree's asyncpg has no compiled parts.
    copy = ask.room / "asyncpg-tests"
    if not copy.exists():
        shutil.copytree(tests, copy / "tests")
    narrowed = ["--ignore=tests/test__sourcecode.py", "--ignore=tests/test__environment.py"]
    return _pytest(ask, copy, ask.place.environment(), ["tests", *narrowed])


def run_regress(source: Path, pg_regress: Path, programs: Path, ask: Ask) -> Outcomes:
    """PostgreSQL's regression suite. ``source`` is ``src/test/regress`` with ``regress.so`` built
    in it; the server must be able to read it and to write into ``room``.
    """
    place = ask.place
    results = ask.room / f"regress-{place.name}"
    shutil.rmtree(results, ignore_errors=True)
    results.mkdir()
    results.chmod(0o777)
    # Text files of one run would be found by the next.
    previous = os.umask(0)
    try:
        done = subprocess.run(
            [
                *(str(pg_regress), f"--inputdir={source}", f"--outputdir={results}"),
                *(f"--dlpath={source}", f"--bindir={programs}", "--max-concurrent-tests=20"),
                *(f"--host={place.host}", f"--port={place.port}", f"--user={place.user}"),
                *("--dbname=regression", *_schedule(source, ask.only)),
            ],
            env={**_environment(), "PGPASSWORD": place.password, "PGSSLMODE": "disable"},
            capture_output=True,
            text=True,
            check=False,
            timeout=LONGEST_SECONDS,
            cwd=results,
        )
    finally:
        os.umask(previous)
    (ask.room / f"regress-{place.name}.log").write_text(done.stdout + done.stderr)
    pattern = re.compile(r"^(?:test|)\s+(\S+)\s+\.\.\. (ok|FAILED|failed)", re.MULTILINE)
    return {name: result.lower() for name, result in pattern.findall(done.stdout)}


def _schedule(source: Path, only: str) -> list[str]:
    if only:
        return ["test_setup", *only.split(",")]
    return [f"--schedule={source / 'parallel_schedule'}"]


def _pytest(ask: Ask, folder: Path, environment: Mapping[str, str], words: list[str]) -> Outcomes:
    chosen = ["-k", ask.only] if ask.only else []
    report = ask.room / "report.xml"
    report.unlink(missing_ok=True)
    done = subprocess.run(
        [
            *(
                str(ask.python),
                "-m",
                "pytest",
                "-q",
                "-p",
                "no:randomly",
                f"-ocache_dir={ask.room / 'cache'}",
            ),
            *(f"--junitxml={report}", "--timeout=60", *words, *chosen),
        ],
        cwd=folder,
        # Some tests start programs that were installed beside that Python.
        env={**_environment(), "PATH": f"{ask.python.parent}:{os.environ['PATH']}", **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=LONGEST_SECONDS,
    )
    (ask.room / "pytest.log").write_text(done.stdout + done.stderr)
    if done.returncode not in RAN_TO_ITS_END or not report.exists():
        raise SuiteError(
            f"pytest ended with {done.returncode} before its tests did: "
            f"{done.stdout[-2000:]}{done.stderr[-2000:]}"
        )
    return dict(_outcome(case) for case in ET.parse(report).iter("testcase"))


def _outcome(case: ET.Element) -> tuple[str, str]:
    name = f"{case.get('classname')}::{case.get('name')}"
    for kind in ("failure", "error", "skipped"):
        if case.find(kind) is not None:
            return name, kind
    return name, "passed"


def _environment() -> dict[str, str]:
    return {key: value for key, value in os.environ.items() if not key.startswith("PG")}
