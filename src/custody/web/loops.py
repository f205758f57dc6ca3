"""`/api/v1`: the gateway's public description, and a loop as its own ticket sees it.

Law: a ticket speaks for its own loop only. What is shown here opens nothing.
"""

from litestar import Controller, Response, delete, get

from custody.app.console_faces import ConsoleParts, GatewayInfo
from custody.model.identity import Admission
from custody.web import responses
from custody.web.errors import RequestRefusedError, document
from custody.web.openapi import says
from custody.web.request_parser import AnyRequest, address, bearer, console_parts, no_query


class LoopController(Controller):
    path = "/api/v1"

    @get(
        "/gateway",
        opt=says(
            "Who this gateway is: its CA, its listeners, and the providers to log in with.",
            gives=(GatewayInfo,),
        ),
    )
    async def gateway(self, request: AnyRequest) -> Response[bytes]:
        parts = console_parts(request)
        no_query(request)
        return document(parts.gateway_info())

    @get(
        "/loops/self",
        opt=says(
            "The loop of the ticket in `Authorization: Bearer`.",
            gives=(responses.SelfResponse,),
            faults=(400, 401, 503),
            ticket=True,
        ),
    )
    async def show(self, request: AnyRequest) -> Response[bytes]:
        parts = console_parts(request)
        admission = await _admitted(request, parts)
        return document(responses.self_response(admission, await parts.use(admission)))

    @delete(
        "/loops/self",
        status_code=200,
        opt=says(
            "End that loop, its children and all their sessions.",
            gives=(responses.EndedResponse,),
            faults=(400, 401, 503),
            ticket=True,
        ),
    )
    async def end(self, request: AnyRequest) -> Response[bytes]:
        parts = console_parts(request)
        admission = await _admitted(request, parts)
        actor = admission.loop.identity.subject
        ended = await parts.loops.end(admission.loop.id, "ended", actor)
        return document(responses.EndedResponse(ended))


async def _admitted(request: AnyRequest, parts: ConsoleParts) -> Admission:
    """As a listener does it: the same authenticator, the same answer to every stranger."""
    secret = bearer(request)
    admission = parts.ticket_authenticator.authenticate(secret, parts.clock())
    if isinstance(admission, Admission):
        return admission
    await parts.exchange.record_refusal(admission, client=address(request))
    raise RequestRefusedError(
        "web.ticket",
        "The ticket is not known, or does not hold any more.",
        "Start a new loop.",
        status=401,
        error="invalid_token",
    )
