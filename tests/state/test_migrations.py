"""A database that an earlier version made goes on, with all that was in it."""

import sqlite3
from contextlib import closing
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine

from custody.model.identity import Identity, Loop
from custody.model.words import LoopId
from custody.state import State
from custody.state.database import MIGRATIONS


def made_at(revision: str, path: Path) -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    engine = create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
    engine.dispose()


def test_loops_and_tickets_of_the_first_revision_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    made_at("0001", path)
    with closing(sqlite3.connect(path)) as old:
        for name, ended in (("open", None), ("over", 50)):
            old.execute(
                "INSERT INTO loops VALUES (?, 'ada', 'local', '[\"agents\"]', 'agent', 1, 100, "
                "'mend it', '', NULL, ?)",
                (name, ended),
            )
            old.execute(
                "INSERT INTO tickets VALUES (?, ?, ?, 1, 100, NULL, 1)",
                (f"tkt_{name}", name.encode().ljust(32, b"."), name),
            )
        old.commit()
    with State.open(path) as state:
        kept = {each.loop.id: each for each in state.tickets()}
        assert kept[LoopId("open")].loop == Loop(
            LoopId("open"), Identity("ada", "local", ("agents",)), 1, 100, purpose="mend it"
        )
        assert kept[LoopId("over")].ended == 50
        assert state.loops.unrecorded() == []  # the end of what was over is on the record already
        assert [each.loop for each in state.loops.end(LoopId("open"), 60, "killed")] == ["open"]
        assert [each.loop for each in state.loops.unrecorded()] == ["open"]
