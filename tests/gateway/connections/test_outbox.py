"""What stands in line leaves in order, and what arrived together leaves together."""

from collections.abc import Iterable
from typing import cast

from custody.gateway.connections.connection import Connection
from custody.gateway.connections.outbox import Outbox, OutboxEntry


class Wire:
    """A connection that remembers each write."""

    def __init__(self) -> None:
        self.writes: list[bytes] = []

    def write_all(self, wire: Iterable[bytes | memoryview]) -> None:
        if whole := b"".join(wire):
            self.writes.append(whole)


def outbox() -> tuple[Outbox, list[bytes]]:
    wire = Wire()
    return Outbox(cast("Connection", wire)), wire.writes


def test_bind_waits_for_its_execute_and_takes_the_sync_along() -> None:
    box, writes = outbox()
    box.gather((b"bind",))
    execute = OutboxEntry((b"execute",))
    box.hold(execute)
    box.gather((b"sync",))
    assert (writes, box.waiting) == ([], 15)
    execute.release()
    assert (writes, box.waiting, box.sent) == ([b"bindexecutesync"], 0, 15)


def test_what_was_gathered_waits_for_nothing_but_the_flush() -> None:
    box, writes = outbox()
    box.gather((b"parse",))
    box.gather((b"flush",))
    assert writes == []
    box.flush()
    assert writes == [b"parseflush"]
    box.gather((b"one",))
    box.put((b"two",))
    assert writes == [b"parseflush", b"one", b"two"]


def test_nothing_overtakes_an_entry_that_waits_however_much_comes() -> None:
    box, writes = outbox()
    first, second = OutboxEntry((b"1",)), OutboxEntry((b"2",))
    box.hold(first)
    for _ in range(20):
        box.put((b".",))
    box.hold(second)
    second.release()
    assert writes == []
    first.release()
    assert b"".join(writes) == b"1" + b"." * 20 + b"2"
    assert box.sent == 22


def test_an_act_takes_its_turn_and_what_comes_behind_it_stays_behind() -> None:
    box, writes = outbox()
    seen: list[list[bytes]] = []
    box.gather((b"0",))
    box.call_after(lambda: seen.append(list(writes)))
    assert seen == [[b"0"]]
    held = OutboxEntry((b"1",))
    box.hold(held)
    box.call_after(lambda: seen.append(list(writes)))
    box.put((b"2",))
    held.release()
    assert seen == [[b"0"], [b"0", b"1"]]
    assert writes == [b"0", b"1", b"2"]


def test_an_entry_that_was_released_before_it_stood_in_line_leaves_at_once() -> None:
    box, writes = outbox()
    early = OutboxEntry((b"early",))
    early.release()
    box.hold(early)
    assert writes == [b"early"]


def test_what_is_dropped_never_leaves() -> None:
    box, writes = outbox()
    held = OutboxEntry((b"1",))
    box.hold(held)
    box.put((b"2",))
    box.clear()
    box.gather((b"3",))
    box.clear()
    held.release()
    box.flush()
    assert (writes, box.waiting) == ([], 0)
