"""The digests that every verdict and every masked record carry: a release must not change them for
a configuration that stays as it is.
"""

from typing import Final

import pytest
from tests.config.test_load import CONTRACT, MINIMAL, PLACE

from custody.config.load import compile_policy, parse_config
from custody.masking.rules import check_rules

EVERY_KEY: Final = """
[gateway]
name = "gw"
[listen.postgres]
address = "127.0.0.1:0"
[[target]]
name = "orders"
protocol = "postgres"
address = "db.example.com:5432"
database = "orders"
user = "app"
[[grant]]
concurrency = 3
budget = { commands = 1, rows = 2, bytes = "1KiB", writes = 4, denials = 5, then = "pause" }
replication = true
max_loop = "8h"
hours = "22:00-06:30"
effects = ["write", "read", "unknown", "execute", "grant", "define"]
targets = ["*"]
issuer = "https://id.example.com"
identities = ["ada", "\u00e9mile"]
groups = ["b", "a"]
name = "all"
[[grant]]
groups = ["agents"]
targets = ["orders"]
effects = []
objects = ["public.*", "audit.log"]
[[rule]]
timeout = "90s"
approvers = ["dba", "lead"]
reason = "payments are changed by day"
then = "ask"
when = '"write" in command.effects && now.getHours() < 6'
name = "at-night"
[[rule]]
name = "reads"
when = "!command.bounded"
then = "allow"
[[mask]]
columns = ["users.ssn", "*.password"]
[[mask]]
detect = ["card", "secret"]
as = "token"
[[mask]]
pattern = "EMP[0-9]+"
name = "employee"
as = "last4"
"""
CONFIGS: Final = {
    "contract": CONTRACT.decode(),
    "minimal": MINIMAL.decode(),
    "every key": EVERY_KEY,
}
DIGESTS: Final = {
    "contract": (
        "16c0fefd938e8ca8c4040eab19d475e229d18a0b0eba66db42d7752ec3139e56",
        "169b05dafbade0c88ed2c8e7af2121e55c864722e11ef736bb5810a39860cc62",
    ),
    "minimal": (
        "bcb81f1a173e54567bae9f86faace10d05ebc70317f38e8d2ea5d0573c5b27f9",
        "effc2e59da94fea1a7582e16385b43566c21333e57705b32bd4b96ca32406226",
    ),
    "every key": (
        "dfe839f896df020e635626e0c815ba070a1d35007bfcc68cdff53537c13221b5",
        "089da30669bb72e5722cd87f95689a11b7225d37aa3270b81c86673981af014e",
    ),
}
"""Of the policy, and of the masks."""


@pytest.mark.parametrize("name", CONFIGS)
def test_a_configuration_keeps_its_digests(name: str) -> None:
    config = parse_config(CONFIGS[name].encode(), PLACE)
    found = (compile_policy(config).digest.hex(), check_rules(config.masks).digest.hex())
    assert found == DIGESTS[name]
