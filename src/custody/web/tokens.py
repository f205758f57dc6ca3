"""`/oauth`: exchange, one-time codes, devices, revocation.

Law: an answer is the app's, in OAuth's form. A parameter that would have narrowed what is given is
never ignored.
"""

from typing import Final

from litestar import Controller, Response, post

from custody.access import TICKET, ExchangeRequest, LoopRequest, StartedLogin, StartedLoop
from custody.app.console_faces import ConsoleParts
from custody.identity.oidc import DevicePending
from custody.model.identity import Budget
from custody.model.secret import Secret
from custody.model.words import Effect, Exceeded, TargetName
from custody.web import responses
from custody.web.errors import RequestRefusedError, document
from custody.web.openapi import says
from custody.web.request_parser import AnyRequest, address, console_parts, form
from custody.web.requests import DEVICE, EXCHANGE, DeviceForm, RevokeForm, TokenForm

EFFECTS: Final = frozenset(effect.value for effect in Effect) - {Effect.UNKNOWN.value}


class TokenController(Controller):
    path = "/oauth"

    @post(
        "/token",
        status_code=200,
        opt=says(
            "Exchange a token, a one-time code or a device code for a loop's ticket or a login.",
            form=TokenForm,
            gives=(responses.TicketResponse, responses.LoginResponse),
            faults=(400, 415, 503),
        ),
    )
    async def token(self, request: AnyRequest) -> Response[bytes]:
        parts = console_parts(request)
        asked = await form(request, TokenForm)
        client = address(request)
        match asked.grant_type:
            case "authorization_code":
                code, verifier = _needed(asked.code, "code"), asked.code_verifier
                logged_in = await parts.sign_in.redeem(
                    code, _needed(verifier, "code_verifier"), asked.redirect_uri, client
                )
                return document(responses.login_response(logged_in, parts.clock()))
            case grant if grant == DEVICE:
                return await _device(parts, _needed(asked.device_code, "device_code"), client)
            case grant if grant == EXCHANGE:
                answer = await parts.exchange.exchange(exchange_request(asked), client)
                match answer:
                    case StartedLoop():
                        return document(responses.ticket_response(answer, parts.clock()))
                    case StartedLogin():
                        return document(responses.login_response(answer, parts.clock()))
            case _:
                raise RequestRefusedError(
                    "web.grant-type",
                    "This grant_type is not taken.",
                    "The schema at /schema lists those that are.",
                    error="unsupported_grant_type",
                )

    @post(
        "/device_authorization",
        status_code=200,
        opt=says(
            "Begin a device's login (RFC 8628); the gateway asks the provider.",
            form=DeviceForm,
            gives=(responses.DeviceResponse,),
            faults=(400, 404, 415, 503),
        ),
    )
    async def device(self, request: AnyRequest) -> Response[bytes]:
        parts = console_parts(request)
        asked = await form(request, DeviceForm)
        step = await parts.sign_in.begin_device(asked.provider, address(request))
        return document(responses.device_response(step))

    @post(
        "/revoke",
        status_code=200,
        opt=says(
            "Log out, or end a loop (RFC 7009). 200 for a token that stands for nothing, too.",
            form=RevokeForm,
            faults=(400, 415, 503),
        ),
    )
    async def revoke(self, request: AnyRequest) -> Response[bytes]:
        parts = console_parts(request)
        asked = await form(request, RevokeForm)
        await parts.exchange.revoke(asked.token, address(request))
        return document({})


async def _device(parts: ConsoleParts, code: Secret, client: str) -> Response[bytes]:
    answer = await parts.sign_in.poll_device(code, client)
    match answer:
        case StartedLogin():
            return document(responses.login_response(answer, parts.clock()))
        case DevicePending(reason=reason):
            raise _pending(reason)


def _pending(reason: str) -> RequestRefusedError:
    """RFC 8628 §3.5."""
    match reason:
        case "authorization_pending":
            return RequestRefusedError(
                "login.authorization-pending",
                "The login is not finished at the provider yet.",
                "Ask again after the interval.",
                error=reason,
            )
        case "slow_down":
            return RequestRefusedError(
                "login.slow-down",
                "The device asks too often.",
                "Wait five seconds longer between two questions.",
                error=reason,
            )
        case "access_denied":
            return RequestRefusedError(
                "login.access-denied",
                "The login was declined at the provider.",
                "Begin the device login again, if it was yours.",
                error=reason,
            )
        case _:
            return RequestRefusedError(
                "login.expired-token",
                "The login was not finished in time.",
                "Begin the device login again.",
                error="expired_token",
            )


def exchange_request(asked: TokenForm) -> ExchangeRequest:
    """Raises where a parameter is missing, or means something that is not done here."""
    if asked.resource or asked.audience or asked.scope:
        raise RequestRefusedError(
            "web.narrowing",
            "resource, audience and scope mean nothing here.",
            "Narrow a loop by target and effects.",
            error="invalid_target",
        )
    if not asked.subject_token_type:
        raise _missing("subject_token_type")
    if (asked.actor_token is None) is not (not asked.actor_token_type):
        raise _missing("actor_token, or its type,")
    return ExchangeRequest(
        subject=_needed(asked.subject_token, "subject_token"),
        subject_type=asked.subject_token_type,
        actor=asked.actor_token,
        actor_type=asked.actor_token_type,
        requested_type=asked.requested_token_type or TICKET,
        loop_request=_wish(asked),
    )


def _wish(asked: TokenForm) -> LoopRequest:
    if asked.ttl is not None and not 1 <= asked.ttl <= 366 * 86_400:
        raise RequestRefusedError(
            "web.ttl",
            "The ttl is not between a second and 366 days.",
            "Leave it out for the grants' longest.",
        )
    return LoopRequest(
        purpose=asked.purpose,
        targets=tuple(map(TargetName, asked.target)) or None,
        effects=_effects(asked.effects),
        ttl_ms=None if asked.ttl is None else asked.ttl * 1000,
        client_host=asked.client_host,
        budget=_budget(asked),
        on_behalf_of=asked.on_behalf_of,
    )


def _effects(text: str) -> frozenset[Effect] | None:
    words = text.split()
    if any(word not in EFFECTS for word in words) or (text and not words):
        raise RequestRefusedError(
            "web.effects",
            "An effect is not known.",
            "Choose from read, write, define, grant and execute, separated by spaces.",
            error="invalid_scope",
        )
    return frozenset(map(Effect, words)) if words else None


def _budget(asked: TokenForm) -> Budget | None:
    budget = Budget(
        commands=asked.budget_commands,
        rows=asked.budget_rows,
        bytes=asked.budget_bytes,
        writes=asked.budget_writes,
        denials=asked.budget_denials,
        then=Exceeded(asked.budget_then) if asked.budget_then else Exceeded.END,
    )
    return None if budget == Budget(then=budget.then) else budget


def _needed(secret: Secret | None, name: str) -> Secret:
    if secret is None:
        raise _missing(name)
    return secret


def _missing(name: str) -> RequestRefusedError:
    return RequestRefusedError(
        "web.parameter",
        f"The parameter {name} is missing.",
        "The schema at /schema lists what each grant type takes.",
    )
