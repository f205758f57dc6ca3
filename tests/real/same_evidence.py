"""Plays the fixed script of statements and gives all that it leaves behind, as one text.

Law: two parts, the evidence and what clients were told; a line is a record, or one answer.
"""

import re
from pathlib import Path
from typing import Final

from tests.real.evidence_script import play
from tests.real.evidence_setting import DATABASE, NAME, configuration, prepare
from tests.real.evidence_stage import set_stage
from tests.real.evidence_text import Names, evidence_lines
from tests.real.running import RunningGateway

from custody.demo.scratch_postgres import ScratchPostgres

FILE: Final = Path(__file__).parents[1] / "golden" / "statements-1.txt"
EVIDENCE: Final = "# The evidence: type, leaf and payload of each record\n"
TOLD: Final = "# What clients were told\n"
_PORT: Final = re.compile(r"(?<=port )\d+")


def statements(server: ScratchPostgres, folder: Path) -> str:
    """``folder`` is the gateway's, and is not there yet."""
    prepare(server)
    gateway = RunningGateway(folder, configuration(server), {"TARGET_PASSWORD": server.password})
    with set_stage(gateway, server, DATABASE) as stage:
        play(stage)
    # Every link, seal and signature that is left out of the text is checked by its own means.
    proved = gateway.verify("--policy", str(folder / "keys" / "verifier.policy"))
    assert proved.returncode == 0, proved.stdout
    names = Names()
    evidence = evidence_lines(folder, NAME, names)
    told = [_PORT.sub("<port>", names.settle(line)) for line in stage.told.lines]
    return "".join(
        (EVIDENCE, *(f"{line}\n" for line in evidence), TOLD, *(f"{line}\n" for line in told))
    )
