"""What PostgreSQL's standard clients read: libpq's environment, its password and service files.

Law: the ticket is in a file of mode 0600 that ``PGPASSFILE`` names, never in an argument. (libpq,
"Environment Variables", "The Password File", "The Connection Service File".) psql, psycopg,
psycopg2 and asyncpg read all of it; JDBC and pg8000 read none, for them a URL is rewritten.
"""

import re
from collections.abc import Sequence
from typing import Final
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit, urlunsplit

from custody.model.client_environment import ClientEnvironment, ClientSetup, Route
from custody.model.secret import Secret

PASSWORDS: Final = "pgpass"
SERVICES: Final = "pg_service.conf"
_IN_THE_WAY: Final = (
    # Each would win over what is set here, or lead elsewhere.
    "PGPASSWORD", "PGSERVICE", "PGHOSTADDR", "PGSSLCERT", "PGSSLKEY", "PGSSLNEGOTIATION",
    "PGREQUIREAUTH", "PGCHANNELBINDING", "PGREQUIRESSL", "PGGSSENCMODE", "PGTARGETSESSIONATTRS",
    "PGSSLCRL", "PGSSLCRLDIR", "PGREQUIREPEER",
)  # fmt: skip
_OF_TRANSPORT: Final = frozenset(
    ("sslmode", "sslrootcert", "sslcert", "sslkey", "sslnegotiation", "channel_binding", "password",
     "user", "host", "hostaddr", "port", "dbname", "gssencmode", "passfile", "service", "ssl",
     "require_auth")
)  # fmt: skip
_PLACE: Final = re.compile(r"(?:[^:\[\]]*|\[[0-9A-Fa-f:.%]*\])(?::[0-9]*)?")
_CLEAR: Final = {
    # How SQLAlchemy's dialects are told not to ask for TLS; the others know libpq's word.
    "asyncpg": (("ssl", "disable"),),
    "pg8000": (),
}


class PostgresClient:
    schemes: Final = frozenset(("postgres", "postgresql"))
    default_port: Final = 5432
    application_protocol: Final = "postgresql"
    declined_openings: Final = {
        bytes.fromhex("0000000804d2162f"): b"N",  # SSLRequest
        bytes.fromhex("0000000804d21630"): b"N",  # GSSENCRequest
    }

    def environment_for(
        self, routes: Sequence[Route], secret: Secret, *, folder: str, authority: str
    ) -> ClientEnvironment:
        first = routes[0]
        places = dict.fromkeys((_escaped(route.host), route.port) for route in routes)
        passwords = "".join(f"{host}:{port}:*:*:{secret.reveal()}\n" for host, port in places)
        services = "\n".join(_service(route, authority) for route in routes)
        return ClientEnvironment(
            environment={
                "PGHOST": first.host,
                "PGPORT": str(first.port),
                "PGDATABASE": first.database,
                "PGUSER": first.subject,
                "PGPASSFILE": f"{folder}/{PASSWORDS}",
                "PGSERVICEFILE": f"{folder}/{SERVICES}",
                "PGSSLMODE": "verify-full",
                "PGSSLROOTCERT": authority,
            },
            files={PASSWORDS: passwords, SERVICES: services},
            unset=_IN_THE_WAY,
        )

    def rewrite(self, url: str, route: Route, secret: Secret) -> str:
        parts = urlsplit(url)
        jdbc = parts.scheme == "jdbc"
        inner = urlsplit(parts.path) if jdbc else parts
        if "@" in url and "@" not in inner.netloc and not _is_place(inner.netloc):
            # A password with a `/`, `?` or `#` in it, as it stands: its rest would pass for a path.
            raise ValueError("it cannot be told where its password ends")
        query = parse_qsl(parts.query if jdbc else inner.query, keep_blank_values=True)
        kept = [(key, value) for key, value in query if not _of_transport(key.lower())]
        place = f"{_bracketed(route.host)}:{route.port}"
        path = "/" + quote(_database(inner.path, query, route), safe="/")
        if jdbc:  # jdbc:postgresql://HOST:PORT/DATABASE?user=…&password=…
            kept += [("user", route.subject), ("password", secret.reveal()), ("sslmode", "disable")]
            return f"jdbc:{urlunsplit((inner.scheme, place, path, urlencode(kept), ''))}"
        kept += _CLEAR.get(inner.scheme.partition("+")[2], (("sslmode", "disable"),))
        user = f"{quote(route.subject, safe='')}:{secret.reveal()}@"
        return urlunsplit((inner.scheme, user + place, path, urlencode(kept), ""))


def _is_place(netloc: str) -> bool:
    """Whether it is hosts and ports, or nothing."""
    return all(_PLACE.fullmatch(each) for each in netloc.split(","))


def _of_transport(key: str) -> bool:
    return key in _OF_TRANSPORT or "password" in key


def _database(path: str, query: Sequence[tuple[str, str]], route: Route) -> str:
    """What to name to get the database that the URL names."""
    asked = unquote(path.removeprefix("/")) or dict(query).get("dbname", "")
    if asked in ("", route.target, route.own, route.database):
        return route.database
    named = route.within and asked.startswith(route.within)
    return asked if named else route.within + asked


def _service(route: Route, authority: str) -> str:
    return (
        f"[{route.target}]\nhost={route.host}\nport={route.port}\ndbname={route.database}\n"
        f"user={route.subject}\nsslmode=verify-full\nsslrootcert={authority}\n"
    )


def _escaped(host: str) -> str:
    # "The Password File": a colon or a backslash in a field is written behind a backslash.
    return host.replace("\\", "\\\\").replace(":", "\\:")


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


CLIENT: Final[ClientSetup] = PostgresClient()
