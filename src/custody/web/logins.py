"""`/login`, `/saml`, `/confirm`: the browser's way to a login, and providers' logouts.

Law: the browser that began is the one that ends (a cookie of each login's own says so), its owner
has agreed on a page that names the tool, and the only address that it is sent to besides the
provider's is a loopback one that was checked at the start.
"""

import hashlib
from typing import Final
from urllib.parse import quote, urlencode

from litestar import Controller, MediaType, Response, get, post

from custody.access import LOGIN_MS, AuthorizationRequest, FailedStep, parse_authorization_request
from custody.app.console_faces import ConsoleParts
from custody.model.errors import CustodyError
from custody.web.errors import RequestRefusedError, fault_of
from custody.web.openapi import says
from custody.web.render import error_page, form_action_to, page
from custody.web.request_parser import (
    AnyRequest,
    address,
    console_parts,
    cookie,
    form,
    header,
    no_query,
    provider_of,
    query,
)
from custody.web.requests import (
    CallbackQuery,
    ConfirmForm,
    ConfirmQuery,
    LoginQuery,
    LogoutForm,
    SamlForm,
)

GROUPS_SHOWN: Final = 12
Page = Response[str]


class LoginController(Controller):
    path = "/"

    @get("/login", opt=says("Choose a provider.", query=LoginQuery, page="The choice."))
    async def choose(self, request: AnyRequest) -> Page:
        parts = console_parts(request)
        asked = query(request, LoginQuery)
        names = parts.sign_in.browser_providers
        links = []
        if asked != LoginQuery():
            _asked(asked)
            # Made anew from what was read: nothing else of the address goes on.
            rest = urlencode({name: getattr(asked, name) for name in LoginQuery.__struct_fields__})
            links = [(name, f"/login/{quote(name)}?{rest}") for name in names]
        return page("choose", gateway=parts.gateway_info().name, links=links, providers=names)

    @get(
        "/login/{provider:str}",
        opt=says(
            "Begin a browser's login.",
            query=LoginQuery,
            goes="To the provider.",
            faults=(400, 404, 503),
        ),
    )
    async def begin(self, request: AnyRequest) -> Page:
        parts = console_parts(request)
        provider = provider_of(request)
        _must_be_visit(request)
        asked = _asked(query(request, LoginQuery))
        step = await parts.sign_in.begin(provider, asked, address(request))
        secure = parts.url.startswith("https:")
        answer = _go(step.url)
        answer.headers["Set-Cookie"] = _set_cookie(step.state, step.cookie, secure=secure)
        return answer

    @get(
        "/login/{provider:str}/callback",
        opt=says(
            "Where an OpenID provider sends the browser back.",
            query=CallbackQuery,
            goes="To /confirm, or to the tool with an error.",
            faults=(400, 403, 404, 503),
        ),
    )
    async def callback(self, request: AnyRequest) -> Page:
        parts = console_parts(request)
        provider = provider_of(request)
        back = query(request, CallbackQuery)
        failed = await parts.sign_in.finish_oidc(
            provider,
            state=back.state,
            cookie=_cookie_of(request, parts, back.state),
            code=None if back.error else back.code,
            issuer=back.iss,
            error=back.error,
            client=address(request),
        )
        return _tell(failed) if failed is not None else _to_confirm(back.state)

    @post(
        "/saml/{provider:str}/acs",
        status_code=200,
        opt=says(
            "Where a SAML provider has the browser post its response.",
            form=SamlForm,
            goes="To /confirm, or to the tool with an error.",
            faults=(400, 404, 415, 503),
        ),
    )
    async def assertion(self, request: AnyRequest) -> Page:
        parts = console_parts(request)
        provider = provider_of(request)
        posted = await form(request, SamlForm)
        failed = await parts.sign_in.finish_saml(
            provider,
            state=posted.RelayState,
            response=posted.SAMLResponse.reveal().encode("utf-8"),
            client=address(request),
        )
        return _tell(failed) if failed is not None else _to_confirm(posted.RelayState)

    @get(
        "/saml/{provider:str}/metadata",
        opt=says(
            "The gateway as a SAML service provider.",
            faults=(404,),
            media="application/samlmetadata+xml",
        ),
    )
    async def metadata(self, request: AnyRequest) -> Response[bytes]:
        parts = console_parts(request)
        provider = provider_of(request)
        no_query(request)
        return Response(parts.sign_in.metadata(provider), media_type="application/samlmetadata+xml")

    @get(
        "/confirm",
        opt=says(
            "Ask the browser's owner whether the tool may have the login.",
            query=ConfirmQuery,
            page="The question.",
            faults=(400, 403, 503),
        ),
    )
    async def confirm(self, request: AnyRequest) -> Page:
        parts = console_parts(request)
        state = query(request, ConfirmQuery).state
        client = address(request)
        found = await parts.sign_in.awaiting_confirmation(
            state, _cookie_of(request, parts, state), client
        )
        identity = found.proof.identity
        return page(
            "confirm",
            form_action=form_action_to(found.authorization.redirect_uri),
            gateway=parts.gateway_info().name,
            place=found.authorization.place,
            subject=identity.subject,
            provider=found.provider,
            issuer=identity.issuer,
            groups=identity.groups[:GROUPS_SHOWN],
            more=max(len(identity.groups) - GROUPS_SHOWN, 0),
            client=found.client,
            check=found.authorization.check,
            state=state,
            form=found.form,
        )

    @post(
        "/confirm",
        status_code=200,
        opt=says(
            "The owner's answer.",
            form=ConfirmForm,
            goes="To the tool, with a one-time code or an error.",
            faults=(400, 403, 415, 503),
        ),
    )
    async def answer(self, request: AnyRequest) -> Page:
        parts = console_parts(request)
        _must_be_own_page(request)
        said = await form(request, ConfirmForm)
        kept = _cookie_of(request, parts, said.state)
        client = address(request)
        if said.answer == "no":
            answer = _tell(await parts.sign_in.decline(said.state, kept, said.form, client))
        else:
            code, asked = await parts.sign_in.confirm(said.state, kept, said.form, client)
            answer = _back(asked, {"code": code.reveal()})
        secure = parts.url.startswith("https:")
        answer.headers["Set-Cookie"] = _set_cookie(said.state, "", secure=secure)
        return answer

    @get("/done", opt=says("Where a tool may send the browser in the end.", page="Good-bye."))
    async def done(self, request: AnyRequest) -> Page:
        parts = console_parts(request)
        no_query(request)
        return page("done", gateway=parts.gateway_info().name)

    @post(
        "/login/{provider:str}/backchannel-logout",
        status_code=200,
        opt=says(
            "A provider says that somebody logged out there: their logins and loops end.",
            form=LogoutForm,
            faults=(400, 404, 415, 503),
        ),
    )
    async def logout(self, request: AnyRequest) -> Response[bytes]:
        parts = console_parts(request)
        provider = provider_of(request)
        told = await form(request, LogoutForm)
        await parts.sign_in.provider_logout(provider, told.logout_token, address(request))
        return Response(b"", media_type=MediaType.TEXT)


def browser_error(error: CustodyError, parts: ConsoleParts) -> Page:
    return error_page(error, parts.gateway_info().name)


def _asked(said: LoginQuery) -> AuthorizationRequest:
    return parse_authorization_request(
        said.redirect_uri, said.state, said.code_challenge, said.code_challenge_method
    )


def _must_be_visit(request: AnyRequest) -> None:
    """A login begins where a person goes to, not in a frame or an image of somebody's page (Fetch
    Metadata; tools and older browsers send none).
    """
    if header(request, b"sec-fetch-dest") not in {None, b"document"}:
        raise RequestRefusedError(
            "web.visit",
            "A login cannot begin inside another page.",
            "Open its address in a tab of its own.",
            status=403,
        )


def _must_be_own_page(request: AnyRequest) -> None:
    if header(request, b"sec-fetch-site") not in {None, b"same-origin"}:
        raise RequestRefusedError(
            "web.visit",
            "This answer came from another site's page.",
            "Begin again with `custody login`.",
            status=403,
        )


def _cookie_name(state: str, *, secure: bool) -> str:
    """Of its own for each login, so that two at once do not disturb each other. `__Host-`: set by
    this host over TLS and by nobody else (RFC 6265bis §4.1.3.2).
    """
    own = hashlib.sha256(b"cookie\n" + state.encode("utf-8", "surrogatepass")).hexdigest()[:16]
    return f"__Host-custody-{own}" if secure else f"custody-{own}"


def _cookie_of(request: AnyRequest, parts: ConsoleParts, state: str) -> str:
    return cookie(request, _cookie_name(state, secure=parts.url.startswith("https:")))


def _set_cookie(state: str, value: str, *, secure: bool) -> str:
    """Lax: it comes along when the provider sends the browser back, and with no other site's POST.
    An empty value takes it away.
    """
    age = LOGIN_MS // 1000 if value else 0
    name = _cookie_name(state, secure=secure)
    flags = "; Secure" if secure else ""
    return f"{name}={value}; Path=/; Max-Age={age}; HttpOnly; SameSite=Lax{flags}"


def _to_confirm(state: str) -> Page:
    """An address without the provider's code in it."""
    return _go("/confirm?" + urlencode({"state": state}))


def _tell(failed: FailedStep) -> Page:
    """The tool waits: it gets the error (RFC 6749 §4.1.2.1), and shows it."""
    fault = fault_of(failed.error)
    error = "access_denied" if fault.error == "access_denied" else "server_error"
    if fault.error == "temporarily_unavailable":
        error = fault.error
    return _back(
        failed.authorization,
        {"error": error, "error_description": fault.error_description, "error_code": fault.code},
    )


def _back(asked: AuthorizationRequest, answer: dict[str, str]) -> Page:
    return _go(f"{asked.redirect_uri}?{urlencode({**answer, 'state': asked.state})}")


def _go(url: str) -> Page:
    return Response("", status_code=303, headers={"Location": url}, media_type=MediaType.TEXT)
