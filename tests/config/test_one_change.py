"""What is declared once is added in one place: a key, a preset, a store of secrets."""

from pathlib import Path

from tests.config.one_change import said_with

PRESET = """\
    BUILDKITE = (
        "buildkite",
        {"repository": "pipeline_slug", "commit": "build_commit", "job": "job_id"},
    )
    NONE = ("""
USES_PRESET = """
from pathlib import Path
from tests.config.test_load import MINIMAL, PLACE, refused
from tests.config.test_logins import WORKLOAD
from tools.docs_configuration import with_keys
from custody.config.load import parse_config
from custody.identity.oidc.presets import claim_of, facts

text = MINIMAL.decode() + WORKLOAD.replace('preset = "github"', 'preset = "buildkite"')
(workload,) = parse_config(text.encode(), PLACE).workload
print(facts(workload.preset, {"pipeline_slug": "shop", "build_commit": "1f", "job_id": "7"}))
print(claim_of(workload.preset, "repository"))
print(refused(text.replace('"buildkite"', '"buildkit"')))
page = with_keys(Path("docs/configuration.md").read_text(encoding="utf-8"))
print(next(line for line in page.splitlines() if line.startswith("| `preset`")))
"""


def test_a_preset_is_one_change_in_one_file(tmp_path: Path) -> None:
    changes = {"identity/oidc/presets.py": ("    NONE = (", PRESET)}
    facts, claim, refusal, row = said_with(tmp_path, changes, USES_PRESET).splitlines()
    assert facts == "(('repository', 'shop'), ('commit', '1f'), ('job', '7'))"
    assert claim == "pipeline_slug"
    assert 'one of "github", "gitlab", "kubernetes", "buildkite", "none".' in refusal
    assert refusal.endswith('Did you mean "buildkite"?')
    assert '| "github", "gitlab", "kubernetes", "buildkite" or "none" |' in row


KEY = '''"""Patterns, as ``fits`` reads them."""
    quorum: Annotated[int, ConfigKey(read.integer(1, 9), "How many must agree.")] = 1
'''
USES_KEY = """
from pathlib import Path
from tests.config.test_load import MINIMAL, PLACE, refused
from tools.docs_configuration import with_keys
from custody.config.load import compile_policy, parse_config

(two,), (one,) = (
    compile_policy(parse_config(text, PLACE)).grants for text in (MINIMAL + b"quorum = 2", MINIMAL)
)
print(two.quorum, one.quorum)
print(refused(MINIMAL + b"quorum = 12"))
page = with_keys(Path("docs/configuration.md").read_text(encoding="utf-8"))
print(next(line for line in page.splitlines() if "quorum" in line))
"""


def test_a_key_is_one_field(tmp_path: Path) -> None:
    changes = {"policy/grant.py": ('"""Patterns, as ``fits`` reads them."""\n', KEY)}
    read, refusal, row = said_with(tmp_path, changes, USES_KEY).splitlines()
    assert read == "2 1"
    assert refusal.endswith(":15: grant[0].quorum: It must be between 1 and 9.")
    assert row == "| `quorum` | number | `1` | How many must agree. |"


TABLE = '''
class ShiftConfig(msgspec.Struct, frozen=True, kw_only=True):
    name: Annotated[str, ConfigKey(read.name, "What it is called.")]
    hours: Annotated[int, ConfigKey(read.integer(1, 24), "How long it lasts.")] = 8


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """A whole configuration that has passed every check."""

    shifts: Annotated[tuple[ShiftConfig, ...], ConfigTable("shift", numbered=True)]
'''
USES_TABLE = """
from pathlib import Path
from tests.config.test_load import MINIMAL, PLACE, refused
from tools.docs_configuration import with_keys
from custody.config.load import parse_config

config = parse_config(MINIMAL + b"[[shift]]\\n[[shift]]\\nhours = 12\\n", PLACE)
print([(each.name, each.hours) for each in config.shifts])
print(refused(MINIMAL + b"[[shift]]\\nhours = 25\\n"))
page = with_keys(Path("docs/configuration.md").read_text(encoding="utf-8"))
print("### `[[shift]]`" in page, "| `hours` | number | `8` | How long it lasts. |" in page)
"""


def test_a_table_is_one_field_and_what_reads_it(tmp_path: Path) -> None:
    config = """class Config(msgspec.Struct, frozen=True, kw_only=True):
    \"\"\"A whole configuration that has passed every check.\"\"\"
"""
    changes = {"config/tables.py": (config, TABLE)}
    read, refusal, page = said_with(tmp_path, changes, USES_TABLE).splitlines()
    assert read == "[('shift 1', 8), ('shift 2', 12)]"
    assert "shift[0].hours: It must be between 1 and 24." in refusal
    assert page == "True True"


STORE = '''"""A drawer: ``drawer:LABEL``."""

from typing import Annotated, Final

from custody.model.config import value_readers as read
from custody.model.identity import Credential
from custody.model.secret import Secret
from custody.model.config.config_key import ConfigKey
from custody.vault.plain_stores import EnvironmentStore
from custody.vault.store import ReferenceForm, StoreHost, StoreKind, StoreSettings


class DrawerSettings(StoreSettings, frozen=True, kw_only=True):
    """``[drawer]``."""

    label: Annotated[str, ConfigKey(read.some_text, "What stands before each place.")]

    def open(self, host: StoreHost) -> "DrawerStore":
        return DrawerStore(self, host)


class DrawerStore(EnvironmentStore):
    def __init__(self, settings: DrawerSettings, host: StoreHost) -> None:
        super().__init__(host.environment)
        self.settings: Final = settings

    async def read(self, place: str) -> Credential:
        return Credential(Secret(f"{self.settings.label} {place}"), source=self.settings.name)


KIND: Final = StoreKind(
    scheme="drawer",
    place="LABEL",
    place_words="the label of a drawer",
    forms=(ReferenceForm(("LABEL",), "a drawer", "at the next session"),),
    table="drawers",
    settings=DrawerSettings,
)
'''
USES_STORE = """
import asyncio
import tempfile
from pathlib import Path
from tests.config.test_load import MINIMAL, PLACE, refused
from tools.docs_configuration import with_keys, with_references
from custody.app.stores import make_vault
from custody.config.load import parse_config
from custody.model.identity import GATEWAY

user = 'user = "app"'
text = MINIMAL.decode().replace(user, user + '\\npassword = "drawer+left:top"')
config = parse_config((text + '[drawers.left]\\nlabel = "sock"\\n').encode(), PLACE)
with tempfile.TemporaryDirectory() as folder:
    book = Path(folder) / "leases.json"
    vault = make_vault(config, lambda: 0, environment={}, leases=book)
    print(asyncio.run(vault.lease(GATEWAY, config.targets[0].name)).secret.reveal())
print(refused(text))
print(refused(text.replace("drawer+left:top", "draw:top")))
print(refused(text.replace("drawer+left:top", "drawer:")))

keys = with_keys(Path("docs/configuration.md").read_text(encoding="utf-8"))
print("### `[drawers]`" in keys)
references = with_references(Path("docs/vaults.md").read_text(encoding="utf-8"))
print(next(line for line in references.splitlines() if "drawer" in line))
"""


def test_a_store_is_one_file_and_its_place_in_a_list(tmp_path: Path) -> None:
    imports = "from custody.vault import aws, "
    kinds = Path(__file__).resolve().parents[2] / "src" / "custody" / "vault" / "kinds.py"
    listed = (
        kinds.read_text(encoding="utf-8")
        .replace(imports, f"{imports}drawer, ")
        .replace("    aws.KIND,\n", "    aws.KIND,\n    drawer.KIND,\n")
    )
    changes = {"vault/drawer.py": ("", STORE), "vault/kinds.py": ("", listed)}
    secret, missing, unknown, empty, *rest = said_with(tmp_path, changes, USES_STORE).splitlines()
    assert secret == "sock top"
    assert (
        "It refers to `drawer+left:`, and there is no such store here. Add [drawers.left]."
        in missing
    )
    assert "secret:NAME, vault:…, aws:…, drawer:LABEL or k8s:…; plain:…" in unknown
    assert "After drawer: comes the label of a drawer." in empty
    assert rest[-2:] == ["True", "| `drawer:LABEL` | a drawer | at the next session |"]
