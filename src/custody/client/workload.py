"""Tokens that a CI system or a cluster gives to the jobs that run in it.

Law: a token is read where its system puts it and goes to the gateway alone; it is not kept. (GitHub
Actions, "OpenID Connect"; GitLab CI, "ID tokens"; Kubernetes, "Service account token volume
projection".)
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Final
from urllib.parse import quote

from custody.client.https import HttpError, ask
from custody.model.errors import CustodyError
from custody.model.secret import Secret

TOKEN: Final = "CUSTODY_ID_TOKEN"  # noqa: S105 - a variable's name
TOKEN_FILE: Final = "CUSTODY_ID_TOKEN_FILE"  # noqa: S105 - a variable's name
CLUSTER_FILE: Final = Path("/var/run/secrets/custody/token")
"""Where the examples project a service account's token to."""
_GITHUB_URL: Final = "ACTIONS_ID_TOKEN_REQUEST_URL"
_GITHUB_TOKEN: Final = "ACTIONS_ID_TOKEN_REQUEST_TOKEN"  # noqa: S105 - a variable's name
_CIRCLE: Final = "CIRCLE_OIDC_TOKEN_V2"
_LONGEST: Final = 64 * 1024
OURS: Final = (TOKEN, TOKEN_FILE)
"""Variables that are for this command alone, and are not passed on."""


def find_token(environment: Mapping[str, str], audience: str) -> Secret | None:
    """The workload's own token, or ``None`` where there is none. Raises ``workload.github``,
    ``workload.file``.

    In this order: ``CUSTODY_ID_TOKEN`` (GitLab's ``id_tokens:``), the file that
    ``CUSTODY_ID_TOKEN_FILE`` names, GitHub Actions, CircleCI, a token projected into a pod.
    """
    if given := environment.get(TOKEN):
        return Secret(given.strip())
    if path := environment.get(TOKEN_FILE):
        return _read(Path(path))
    if _GITHUB_URL in environment and _GITHUB_TOKEN in environment:
        return _github(environment[_GITHUB_URL], environment[_GITHUB_TOKEN], audience)
    if given := environment.get(_CIRCLE):
        return Secret(given.strip())
    return _read(CLUSTER_FILE) if CLUSTER_FILE.is_file() else None


def _github(url: str, token: str, audience: str) -> Secret:
    try:
        # "Requesting the JWT using environment variables": the URL has a query already.
        joined = "&" if "?" in url else "?"
        answer = ask(
            "GET",
            f"{url}{joined}audience={quote(audience, safe='')}" if audience else url,
            headers={"Authorization": f"Bearer {token}"},
            proxied=True,
        )
        value = answer.document().get("value")
        if answer.status != 200 or not isinstance(value, str):
            raise HttpError(f"status {answer.status}")  # noqa: TRY301 - as ask does
        return Secret(value)
    except HttpError as error:
        raise CustodyError(
            "workload.github",
            f"GitHub gave the job no OIDC token: {error}.",
            "The job needs `permissions: id-token: write`.",
        ) from None


def _read(path: Path) -> Secret:
    try:
        with path.open("rb") as file:
            return Secret(file.read(_LONGEST).decode("ascii").strip())
    except (OSError, UnicodeDecodeError) as error:
        cause = error.strerror if isinstance(error, OSError) else "it is not a token"
        raise CustodyError(
            "workload.file", f"The token file {path} cannot be read: {cause}.", "Check the path."
        ) from None
