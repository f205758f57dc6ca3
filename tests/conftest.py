"""Fixtures that several rooms' tests share: a real server, and a real gateway in front of it.

Law: what is started here ends here, and no test sees another's database.
"""

import contextlib
import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from tests.real.running import RunningGateway

from custody.demo.scratch_postgres import ScratchPostgres, scratch_postgres

StartGateway = Callable[[str], RunningGateway]
"""Start a gateway with this ``custody.toml``; it ends with the test."""

# How long an example takes says how busy the machine is; pytest's own time-out ends what hangs.
settings.register_profile("any machine", deadline=None)
settings.load_profile("any machine")

_numbers = itertools.count()


class FailuresAsTheyHappen:
    """Names each failure at once: the reports themselves come at the end, perhaps minutes later."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        terminal = self._config.pluginmanager.get_plugin("terminalreporter")
        if report.failed and terminal is not None:
            took = f"{report.when}, {report.duration:.1f} s"
            terminal.write_line(f"\nFAILED {report.nodeid} ({took})")


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):  # of the process that prints, not of xdist's workers
        config.pluginmanager.register(FailuresAsTheyHappen(config), "failures-as-they-happen")


@pytest.fixture(scope="session")
def postgres() -> Iterator[ScratchPostgres]:
    """A real server of the session's own."""
    with scratch_postgres(settings={"max_prepared_transactions": "10"}) as server:
        yield server


@pytest.fixture
def database(postgres: ScratchPostgres) -> str:
    """The name of a fresh, empty database on it."""
    name = f"test_{next(_numbers)}"
    postgres.create_database(name)
    return name


@pytest.fixture
def start_gateway(postgres: ScratchPostgres, tmp_path: Path) -> Iterator[StartGateway]:
    with contextlib.ExitStack() as ending:

        def start(config: str) -> RunningGateway:
            folder = tmp_path / f"gateway{next(_numbers)}"
            environment = {"TARGET_PASSWORD": postgres.password}
            gateway = RunningGateway(folder, config, environment)
            ending.callback(gateway.end)
            gateway.start()
            return gateway

        yield start
