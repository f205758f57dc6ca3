"""When what was learnt from the catalogue is forgotten, and when new answers may be kept again."""

from tests.protocols.postgres import messages as m
from tests.protocols.postgres.playbook import Dialogue, denying, playbook

from custody.model.event import CatalogueStale, CommandsReceived


def run(text: str) -> bytes:
    return m.parse(text) + m.bind() + m.execute()


def stale(p: Dialogue) -> list[bool]:
    """Whether each was settled."""
    return [event.settled for event in p.events if isinstance(event, CatalogueStale)]


def unsettling(p: Dialogue) -> list[bool]:
    return [event.unsettles for event in p.events if isinstance(event, CommandsReceived)]


def test_a_change_alone_is_settled_with_its_answer() -> None:
    with playbook() as p:
        p.client(m.query("CREATE TABLE t (a int)"))
        assert unsettling(p) == [True]
        p.server(m.complete("CREATE TABLE") + m.ready())
        assert stale(p)[-1] is True


def test_in_a_transaction_it_is_settled_by_the_commit() -> None:
    with playbook() as p:
        p.client(m.query("BEGIN")).server(m.complete("BEGIN") + m.ready("T"))
        p.client(m.query("ALTER TABLE t ADD b int"))
        p.server(m.complete("ALTER TABLE") + m.ready("T"))
        assert True not in stale(p)
        p.client(m.query("SELECT 1")).server(m.complete("SELECT 1") + m.ready("T"))
        assert True not in stale(p)
        p.client(m.query("COMMIT")).server(m.complete("COMMIT") + m.ready())
        assert stale(p)[-1] is True


def test_a_rollback_settles_it_too() -> None:
    with playbook() as p:
        p.client(m.query("BEGIN; DROP TABLE t"))
        p.server(m.complete("BEGIN") + m.complete("DROP TABLE") + m.ready("T"))
        p.client(m.query("ROLLBACK")).server(m.complete("ROLLBACK") + m.ready())
        assert stale(p)[-1] is True


def test_a_commit_that_begins_the_next_transaction_makes_others_forget() -> None:
    with playbook() as p:
        p.client(m.query("BEGIN; DROP TABLE t"))
        p.server(m.complete("BEGIN") + m.complete("DROP TABLE") + m.ready("T"))
        before = len(stale(p))
        p.client(m.query("COMMIT AND CHAIN")).server(m.complete("COMMIT") + m.ready("T"))
        assert stale(p)[before:] == [False]


def test_what_a_later_pipeline_changes_stays_open_behind_the_first() -> None:
    with playbook() as p:
        p.client(run("DROP TABLE a") + m.SYNC + run("DROP TABLE b") + m.SYNC)
        p.server(m.PARSED + m.BOUND + m.complete("DROP TABLE") + m.ready())
        assert True not in stale(p)
        p.server(m.PARSED + m.BOUND + m.complete("DROP TABLE") + m.ready())
        assert stale(p)[-1] is True


def test_what_only_reads_or_is_refused_settles_nothing() -> None:
    with playbook(denying("DROP TABLE")) as p:
        p.client(m.query("SELECT 1")).server(m.complete("SELECT 1") + m.ready())
        p.client(m.query("DROP TABLE t"))
        assert not stale(p)
