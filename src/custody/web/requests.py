"""The API's requests: the same structures read them and describe them in the OpenAPI document.

Law: every field has its meaning here; a secret is a ``Secret`` from its first moment; what a client
may say is bounded in length and number.
"""

from typing import Annotated, Literal

import msgspec

from custody.model.secret import Secret

Text = Annotated[str, msgspec.Meta(max_length=1024)]
FormCount = Annotated[int, msgspec.Meta(ge=0, le=1 << 53)]

EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
DEVICE = "urn:ietf:params:oauth:grant-type:device_code"


class TokenForm(msgspec.Struct, frozen=True, kw_only=True):
    """Each grant type takes its own of these."""

    grant_type: Annotated[
        str,
        msgspec.Meta(
            max_length=255,
            description=f"`{EXCHANGE}` (RFC 8693), `authorization_code` (RFC 6749 §4.1.3 with "
            f"RFC 7636) or `{DEVICE}` (RFC 8628).",
        ),
    ]
    subject_token: Annotated[
        Secret | None,
        msgspec.Meta(description="Exchange: who is behind the loop: a provider's or workload's "
        "token, a login, or a ticket, whose loop then gets a child."),
    ] = None  # fmt: skip
    subject_token_type: Annotated[
        str,
        msgspec.Meta(
            max_length=255,
            description="`urn:ietf:params:oauth:token-type:id_token`, `…:access_token` or `…:jwt`, "
            "`urn:custody:token-type:login` or `urn:custody:token-type:ticket`.",
        ),
    ] = ""
    actor_token: Annotated[
        Secret | None,
        msgspec.Meta(description="Exchange: the agent that acts, where `subject_token` is about "
        "the human that it acts for."),
    ] = None  # fmt: skip
    actor_token_type: Annotated[
        str, msgspec.Meta(max_length=255, description="As `subject_token_type`.")
    ] = ""
    requested_token_type: Annotated[
        Literal["", "urn:custody:token-type:ticket", "urn:custody:token-type:login"],
        msgspec.Meta(description="What is wanted; a ticket, and so a loop, if absent."),
    ] = ""
    purpose: Annotated[Text, msgspec.Meta(description="What the loop is for; recorded.")] = ""
    target: Annotated[
        tuple[Annotated[str, msgspec.Meta(max_length=63)], ...],
        msgspec.Meta(
            max_length=64,
            description="Narrows the loop to these targets; may be given more than once.",
        ),
    ] = ()
    effects: Annotated[
        str,
        msgspec.Meta(
            max_length=255, description="Narrows it to these effects, separated by spaces."
        ),
    ] = ""
    ttl: Annotated[
        int | None,
        msgspec.Meta(description="How long it may live, seconds; the grants' longest if absent."),
    ] = None
    client_host: Annotated[
        str, msgspec.Meta(max_length=255, description="The host that it runs on; a claim.")
    ] = ""
    on_behalf_of: Annotated[
        str, msgspec.Meta(max_length=255, description="For whom it acts; a claim.")
    ] = ""
    budget_commands: Annotated[
        FormCount | None, msgspec.Meta(description="Commands that it may run.")
    ] = None
    budget_rows: Annotated[FormCount | None, msgspec.Meta(description="Rows that it may read.")] = (
        None
    )
    budget_bytes: Annotated[
        FormCount | None, msgspec.Meta(description="Result bytes that it may read.")
    ] = None
    budget_writes: Annotated[
        FormCount | None, msgspec.Meta(description="Commands that may do more than read.")
    ] = None
    budget_denials: Annotated[
        FormCount | None, msgspec.Meta(description="Commands that may be refused.")
    ] = None
    budget_then: Annotated[
        Literal["", "ask", "pause", "end"],
        msgspec.Meta(description="What follows on exceeding one; `end` if absent."),
    ] = ""
    code: Annotated[
        Secret | None, msgspec.Meta(description="authorization_code: the one-time code.")
    ] = None
    code_verifier: Annotated[
        Secret | None, msgspec.Meta(description="authorization_code: the challenge's origin.")
    ] = None
    redirect_uri: Annotated[
        Annotated[str, msgspec.Meta(max_length=512)] | None,
        msgspec.Meta(description="authorization_code: if given, it must be the one asked with."),
    ] = None
    device_code: Annotated[
        Secret | None, msgspec.Meta(description="device_code: what the device was given.")
    ] = None
    resource: Annotated[str, msgspec.Meta(description="Refused: use `target`.")] = ""
    audience: Annotated[str, msgspec.Meta(description="Refused: use `target`.")] = ""
    scope: Annotated[str, msgspec.Meta(description="Refused: use `target` and `effects`.")] = ""


class DeviceForm(msgspec.Struct, frozen=True):
    provider: Annotated[
        str,
        msgspec.Meta(
            max_length=63, description="Its name, as /api/v1/gateway lists it with flow `device`."
        ),
    ]


class RevokeForm(msgspec.Struct, frozen=True):
    token: Annotated[Secret, msgspec.Meta(description="A login or a ticket.")]


class LoginQuery(msgspec.Struct, frozen=True):
    """What a tool asks of a browser's login."""

    redirect_uri: Annotated[
        str,
        msgspec.Meta(
            max_length=512,
            description="`http://127.0.0.1:PORT/…`, `http://[::1]:PORT/…` or "
            "`http://localhost:PORT/…`, without a query.",
        ),
    ] = ""
    state: Annotated[
        str,
        msgspec.Meta(max_length=512, description="8 to 512 visible ASCII characters; comes back."),
    ] = ""
    code_challenge: Annotated[
        str, msgspec.Meta(max_length=128, description="RFC 7636 §4.2, 43 characters.")
    ] = ""
    code_challenge_method: Annotated[str, msgspec.Meta(max_length=16, description="`S256`.")] = ""


class CallbackQuery(msgspec.Struct, frozen=True):
    """What an OpenID provider sends the browser back with."""

    state: Annotated[str, msgspec.Meta(max_length=512, description="The gateway's own.")] = ""
    code: Annotated[Secret | None, msgspec.Meta(description="The provider's.")] = None
    iss: Annotated[
        Annotated[str, msgspec.Meta(max_length=2048)] | None,
        msgspec.Meta(description="RFC 9207."),
    ] = None
    error: Annotated[str, msgspec.Meta(max_length=255, description="RFC 6749 §4.1.2.1.")] = ""


class ConfirmQuery(msgspec.Struct, frozen=True):
    state: Annotated[str, msgspec.Meta(max_length=512, description="Which login.")] = ""


class ConfirmForm(msgspec.Struct, frozen=True):
    state: Annotated[str, msgspec.Meta(max_length=512, description="Which login.")]
    form: Annotated[str, msgspec.Meta(max_length=512, description="The page's own secret.")]
    answer: Annotated[Literal["yes", "no"], msgspec.Meta(description="What its owner chose.")]


class SamlForm(msgspec.Struct, frozen=True):
    """HTTP-POST binding (saml-bindings-2.0-os §3.5)."""

    SAMLResponse: Annotated[Secret, msgspec.Meta(description="The response, base64.")]
    RelayState: Annotated[str, msgspec.Meta(max_length=512, description="The gateway's own.")] = ""


class LogoutForm(msgspec.Struct, frozen=True):
    """OpenID Connect Back-Channel Logout 1.0 §2.5."""

    logout_token: Annotated[Secret, msgspec.Meta(description="The provider's.")]
