"""The pages: made here, from templates that escape everything.

Law: no script, nothing from elsewhere, one style sheet inside the page that its policy names by
hash. What somebody else chose (a subject, a group) is shown without signs that steer or hide text.
"""

import base64
import hashlib
import unicodedata
from typing import Final
from urllib.parse import urlsplit

import jinja2
from litestar import MediaType, Response

from custody.model.errors import CustodyError
from custody.web.errors import public_sentences, status_of

LONGEST_SHOWN: Final = 200
_HIDDEN: Final = frozenset({"Cc", "Cf", "Co", "Cn", "Cs", "Zl", "Zp"})
"""Unicode categories of signs that are not seen, or change how others are seen."""

_TEMPLATES: Final = jinja2.Environment(
    loader=jinja2.PackageLoader("custody.web", "pages"),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def shown(text: str) -> str:
    """A text of somebody else's, as a person may safely read it."""
    plain = "".join("\ufffd" if unicodedata.category(c) in _HIDDEN else c for c in text)
    return plain if len(plain) <= LONGEST_SHOWN else plain[: LONGEST_SHOWN - 1] + "…"


_TEMPLATES.filters["shown"] = shown
_STYLE: Final = _TEMPLATES.get_template("style.css").render()
_STYLE_HASH: Final = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()


def page(
    name: str,
    *,
    status: int = 200,
    form_action: str = "'none'",
    **values: object,
) -> Response[str]:
    """``form_action``: where the page's form may lead, redirects included (CSP Level 3 §6.4.2)."""
    policy = (
        f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; base-uri 'none'; "
        f"frame-ancestors 'none'; form-action {form_action}"
    )
    return Response(
        _TEMPLATES.get_template(f"{name}.html").render(style=_STYLE, **values),
        status_code=status,
        media_type=MediaType.HTML,
        headers={"Content-Security-Policy": policy},
    )


def error_page(error: CustodyError, gateway: str) -> Response[str]:
    fault, cure = public_sentences(error)
    status = 403 if error.code == "login.browser" else status_of(error)
    return page("error", status=status, gateway=gateway, fault=fault, cure=cure, code=error.code)


def form_action_to(redirect_uri: str) -> str:
    """The page's own address, and the loopback address that its form's answer redirects to.

    A CSP source cannot hold an IPv6 address (CSP Level 3 §2.3.1): there, any http address stands
    for it; the page's one form goes to the gateway all the same.
    """
    place = urlsplit(redirect_uri).netloc
    return "'self' http:" if place.startswith("[") else f"'self' http://{place}"
