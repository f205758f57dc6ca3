"""The configuration that `custody init` writes.

Law: it loads without a warning, and every line that is commented out would load too.
"""

from typing import Final

_TEMPLATE: Final = """\
# Custody. All paths are relative to this file; docs/configuration.md lists every key.
# `custody policy check` judges this file, `custody doctor` the machine around it.

[gateway]
name = "{name}"
data = "data"                     # evidence, index, state
keys = "keys"                     # never inside data, never in its backups
anchor = "anchor"                 # the last signed size and root, outside data
durability = "disk"               # each record is on disk before its command moves
responses = "async"               # with the next sync; "strict": before the answer's last byte

[listen.postgres]
address = "127.0.0.1:6432"
# cert = "server.pem"             # without them: a certificate of the local CA, whose own
# key = "server.key"              # certificate clients need: sslrootcert=data/ca.pem
# cleartext = "loopback"          # take tickets without TLS, from this machine only
# notice = "This session is recorded."

# For `custody login`, `custody run` from other machines, and browsers. On this host itself,
# `custody run --group agents -- psql` works without it. Needs: pip install 'custody[console]'
# [listen.console]
# address = "127.0.0.1:8443"
# url = "https://gw1.example.com:8443"

# Who proves identities: [[oidc]], [[saml]], [[workload]] (CI systems); docs/identity.md.
# [login]
# local = false                   # no operator's tickets any more: only proved identities

# A system behind the gateway. Clients name it as their database.
[[target]]
name = "orders"
protocol = "postgres"
address = "127.0.0.1:5432"
# tls = "verify-full"             # the default, but for loopback: "prefer". "require", "off"
database = "orders"
user = "app"
password = "env:ORDERS_PASSWORD"  # or file:, secret:, vault:, aws:, k8s: (docs/vaults.md)

# Who may use it, and what for. No grant, no session.
[[grant]]
groups = ["agents"]
targets = ["orders"]
effects = ["read", "write"]       # also define, grant, execute, unknown; the rest is denied
max_loop = "8h"
max_rows = 10000                  # a statement that writes more ends the loop, and its transaction
budget = {{ writes = 1000, denials = 100, then = "pause" }}

# Rules narrow what the grants allow. The first that matches decides.
[[rule]]
name = "unbounded-write"
when = '"write" in command.effects && !command.bounded'
then = "deny"
reason = "UPDATE and DELETE need a WHERE here"

# What is never stored as it is. Live traffic stays unchanged.
[[mask]]
columns = ["*.password"]
[[mask]]
detect = ["card", "email", "secret"]
as = "token"                      # same value, same token; or "redact", "last4"

[capture]
response_bytes = 65536            # of each response, after masking
text_bytes = 1048576              # kept of each command's text
command_bytes = 16777216          # a longer SQL text is refused
"""


def config_text(name: str) -> str:
    """``name`` must be fit for a gateway: it is set in as it is."""
    return _TEMPLATE.format(name=name)
