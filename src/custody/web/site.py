"""The site: its routes, and the answers to errors.

Law: no answer shows an internal error; people get a page, programs JSON.
"""

import logging
from collections.abc import Callable
from typing import Any, Final

from litestar import Litestar, Response, get
from litestar.exceptions import HTTPException
from litestar.handlers import HTTPRouteHandler

from custody.app.console_faces import ConsoleParts
from custody.model.errors import CustodyError
from custody.web.errors import RequestRefusedError, document, refusal
from custody.web.logins import LoginController, browser_error
from custody.web.loops import LoopController
from custody.web.openapi import openapi_document, says
from custody.web.request_parser import AnyRequest, no_query
from custody.web.tokens import TokenController

_Answers = Callable[[AnyRequest, Exception], Response[Any]]

_PAGES: Final = ("/login", "/confirm", "/done")

_log: Final = logging.getLogger("custody.web")


def make_site(parts: ConsoleParts) -> Litestar:
    """The ASGI application behind the guard."""
    site = routes(_answers(parts))
    site.state.parts = parts
    # Made once: every handler is known now, and none comes later.
    site.state.description = openapi_document(
        site, version=parts.gateway_info().version, url=parts.url
    )
    return site


def routes(answers: _Answers | None = None) -> Litestar:
    """Every route, without the services behind them; for the OpenAPI document."""
    return Litestar(
        route_handlers=[TokenController, LoopController, LoginController, _schema()],
        exception_handlers={} if answers is None else {Exception: answers},
        openapi_config=None,
        logging_config=None,
        debug=False,
    )


def _schema() -> HTTPRouteHandler:
    @get("/schema", opt=says("This document."))
    async def schema(request: AnyRequest) -> Response[bytes]:
        no_query(request)
        return document(request.app.state.description)

    return schema


def _answers(parts: ConsoleParts) -> _Answers:
    def answer(request: AnyRequest, error: Exception) -> Response[Any]:
        fault = _fault(error)
        path = request.scope["path"]
        person = path.startswith(_PAGES) and not path.endswith("/backchannel-logout")
        if (person or path.endswith("/acs")) and fault.code != "web.path":
            return browser_error(fault, parts)
        return refusal(fault)

    return answer


def _fault(error: Exception) -> CustodyError:
    match error:
        case CustodyError():
            return error
        case HTTPException(status_code=405):
            return RequestRefusedError("web.method", "This method is not taken here.", status=405)
        case HTTPException(status_code=status) if status < 500:
            return RequestRefusedError("web.path", "There is nothing here.", status=404)
        case _:
            _log.error("a request failed with %s", type(error).__name__)
            return RequestRefusedError(
                "web.failed", "The request failed inside the gateway.", status=500
            )
