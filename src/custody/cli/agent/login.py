"""`custody login` and `custody logout`: who one is, proved once and kept for a while."""

import os
import time
import webbrowser
from typing import TYPE_CHECKING, Annotated

import typer

from custody.cli.agent.gateway_connection import AuthorityOption, GatewayOption, connect
from custody.cli.output import say
from custody.model.errors import CustodyError

if TYPE_CHECKING:
    from pathlib import Path

    from custody.client.gateway import GatewayClient, ProviderDescription, TokenResponse
    from custody.client.login_file import SavedLogin


def login(
    *,
    provider: Annotated[
        str, typer.Option(help="Which of the gateway's providers; needed where it has several.")
    ] = "",
    device: Annotated[
        bool, typer.Option("--device", help="Show a code to enter on another machine's browser.")
    ] = False,
    client_credentials: Annotated[
        bool,
        typer.Option(
            "--client-credentials",
            help="A service's own: $CUSTODY_CLIENT_ID and $CUSTODY_CLIENT_SECRET.",
        ),
    ] = False,
    no_browser: Annotated[
        bool, typer.Option("--no-browser", help="Print the address instead of opening it.")
    ] = False,
    gateway: GatewayOption = None,
    ca: AuthorityOption = None,
) -> None:
    """Prove who you are to a gateway: in the browser, by device code, or as a service.

    What is kept afterwards opens nothing but loops at that gateway, and ends by itself.
    """
    from custody.client import login_file

    path = login_file.place(os.environ)
    kept = _kept(path)
    url = gateway or os.environ.get("CUSTODY_GATEWAY") or (kept.gateway if kept else None)
    if url is None:
        raise CustodyError(
            "client.none", "No gateway is named.", "Give --gateway URL, or set CUSTODY_GATEWAY."
        )
    authority = kept.ca if kept is not None and kept.gateway == url.rstrip("/") else ""
    there = connect(url, ca, authority)
    chosen = _choose(there, provider)
    if client_credentials:
        granted = _as_service(there, chosen)
    elif device:
        granted = _by_device(there, chosen)
    else:
        granted = _by_browser(there, chosen, opened=not no_browser)
    login_file.save(
        path,
        login_file.SavedLogin(
            gateway=there.url,
            ca=there.authority,
            provider=chosen.name,
            login=granted.secret.reveal(),
            expires=int(time.time()) + granted.expires_in,
        ),
    )
    hours, minutes = divmod(granted.expires_in // 60, 60)
    say(f"logged in at {url} through {chosen.name}, for {hours} h {minutes:02} min")


def logout(*, ca: AuthorityOption = None) -> None:
    """End the login, and every loop that it started."""
    from custody.client import login_file

    path = login_file.place(os.environ)
    kept = _kept(path)
    if kept is None:
        login_file.remove(path)
        say("nobody is logged in here")
        return
    try:
        connect(kept.gateway, ca, kept.ca).revoke(kept.secret)
    except CustodyError as error:
        login_file.remove(path)
        raise CustodyError(
            "login.not-ended",
            f"The login is forgotten here, but the gateway was not told: {error.fault}",
            "It ends there by itself; an operator can end it at once.",
        ) from None
    login_file.remove(path)
    say(f"logged out of {kept.gateway}")


def _kept(path: "Path") -> "SavedLogin | None":
    from custody.client import login_file

    try:
        return login_file.load(path)
    except CustodyError:
        return None  # a file that cannot be read is written anew


def _choose(there: "GatewayClient", wanted: str) -> "ProviderDescription":
    offered = [each for each in there.describe().providers if each.kind != "workload"]
    named = [each for each in offered if not wanted or each.name == wanted]
    if len(named) == 1:
        return named[0]
    names = ", ".join(each.name for each in offered)
    if not offered:
        raise CustodyError(
            "login.no-provider",
            "This gateway has no provider to log in with.",
            "Its operator adds [[oidc]] or [[saml]], or gives you a ticket.",
        )
    raise CustodyError(
        "login.provider",
        f"There is no provider {wanted!r}." if wanted else "The gateway has several providers.",
        f"Choose one with --provider: {names}.",
    )


def _by_browser(
    there: "GatewayClient", provider: "ProviderDescription", *, opened: bool
) -> "TokenResponse":
    from custody.client.browser import BrowserLogin

    waiting = BrowserLogin()
    try:
        url = waiting.url(there.url, provider.name)
        say(f"the page that asks you in the end shows {waiting.check}")
        if not opened or not webbrowser.open(url):
            say("open this address in a browser on this machine:")
            typer.echo(url)
        else:
            say("the browser was opened; go on there")
        back = waiting.wait()
    finally:
        waiting.close()
    form = {"grant_type": "authorization_code"}
    return there.exchange(form, secrets={"code": back.code, "code_verifier": back.verifier})


def _by_device(there: "GatewayClient", provider: "ProviderDescription") -> "TokenResponse":
    from custody.client.device import log_in

    return log_in(there, provider.name, say, time.sleep)


def _as_service(there: "GatewayClient", provider: "ProviderDescription") -> "TokenResponse":
    from custody.client.service import log_in

    return log_in(there, provider, os.environ)
