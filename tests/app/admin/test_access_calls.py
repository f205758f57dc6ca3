"""What the operator does to logins over the admin socket is recorded where it did something."""

from pathlib import Path

from tests.access.scene import House, grant, proof

from custody.access.tickets import TicketService
from custody.app.access_services import AccessServices
from custody.app.admin.access_calls import AccessCalls
from custody.model.record import AdminAct
from custody.recording.refused_logins import RefusedLogins
from custody.state import StateThread


def test_a_login_is_ended_once_and_no_record_tells_of_what_was_not_there(tmp_path: Path) -> None:
    house = House(tmp_path, grant("read"))
    tickets = TicketService(
        house.state,
        StateThread().run,
        house,
        house.loops,
        clock=house.clock,
        longest_loop=lambda _: None,
    )
    refused = RefusedLogins(house, house.clock)
    authority = AccessServices(house.terms, house.loops, house.logins, tickets, refused)
    calls = AccessCalls(authority, house.meter, house, house.clock)
    _, login = house.run(house.logins.accept(proof(), client="127.0.0.1:9"))
    answers = [
        house.run(calls.dispatch("login.end", {"id": each, "actor": "root"}))["items"][0]["ended"]
        for each in (login.id, login.id, "login_nobody")
    ]
    assert answers == [True, False, False]
    assert [body.subject for body in house.bodies(AdminAct)] == [login.id]
    house.state.close()
