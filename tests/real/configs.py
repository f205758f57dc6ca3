"""The configurations that tests, proofs and benchmarks give a gateway.

Law: each is a text that an operator could have written, by the contract for ``custody.toml``.
"""

from custody.demo.scratch_postgres import ScratchPostgres

HEAD = """
[gateway]
name = "gw1.example.com"
data = "data"

[listen.postgres]
address = "127.0.0.1:0"
cleartext = "loopback"
"""

ALL_EFFECTS = '["read", "write", "define", "grant", "execute", "unknown"]'


def target(
    server: ScratchPostgres,
    database: str,
    *,
    name: str = "orders",
    user: str | None = None,
    tls: str = "off",
    listen: bool = False,
) -> str:
    """A target whose password stands in the variable ``TARGET_PASSWORD``."""
    own = 'listen = "127.0.0.1:0"\n' if listen else ""
    return f"""
[[target]]
name = "{name}"
protocol = "postgres"
address = "{server.host}:{server.port}"
tls = "{tls}"
database = "{database}"
user = "{user or server.superuser}"
password = "env:TARGET_PASSWORD"
{own}
[[grant]]
groups = ["agents"]
targets = ["{name}"]
effects = {ALL_EFFECTS}
max_loop = "8h"
"""


RULES = """
[[rule]]
name = "unbounded-write"
when = '"write" in command.effects && !command.bounded'
then = "deny"
reason = "UPDATE and DELETE need a WHERE here"
"""

MASKS = """
[[mask]]
columns = ["users.ssn", "*.password"]
[[mask]]
detect = ["card", "email", "secret"]
as = "token"
"""


def allow_all(server: ScratchPostgres, database: str, *, listen: bool = False) -> str:
    """Every effect granted, no rule, no mask: what a transparent gateway is compared with."""
    return HEAD + target(server, database, listen=listen)


def guarded(server: ScratchPostgres, database: str, *, user: str | None = None) -> str:
    """As the contract shows it: a rule, masked columns, detectors."""
    return HEAD + target(server, database, user=user) + RULES + MASKS
