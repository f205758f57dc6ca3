"""Runs the long proofs within a time: `make prove`.

Law: every proof is run; only how long each goes on depends on PROVE_SECONDS. The first failure of
any makes the whole fail, after all have run. A target that was fuzzed with no input has failed.
"""

import os
import re
import subprocess
import sys
import time

FUZZ_SHARE = 0.25
WHOLE_FROM_SECONDS = 1800
SECONDS_PER_KILL = 6
_DONE = re.compile("^Done ([0-9]+) runs", re.MULTILINE)
"""What libFuzzer says at the end."""


def main() -> int:
    seconds = int(os.environ.get("PROVE_SECONDS", "900"))
    failed = _proofs(seconds)
    failed |= _fuzz(int(seconds * FUZZ_SHARE))
    print("== proofs: " + ("a proof FAILED" if failed else "all hold"))
    return 1 if failed else 0


def _proofs(seconds: int) -> bool:
    """The pytest proofs. The kill loop takes what time there is, up to its 200 kills."""
    kills = os.environ.get("PROVE_KILLS") or str(
        min(200, max(10, seconds // 2 // SECONDS_PER_KILL))
    )
    print(f"== proofs, with {kills} kills", flush=True)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-m", "prove", "--durations=10", "-ra"],
        env={
            **os.environ,
            "PROVE_KILLS": kills,
            # Every byte, every fate, every kill take an hour; a bounded run samples them.
            "PROVE_WHOLE": str(int(seconds >= WHOLE_FROM_SECONDS)),
        },
        check=False,
    )
    return done.returncode != 0


def _fuzz(seconds: int) -> bool:
    """Coverage-guided, each target its share; without atheris hypothesis has to do."""
    if not _atheris():
        print("== atheris cannot be installed here: the fuzzing was hypothesis' alone")
        return False
    listed = subprocess.run(
        [sys.executable, "-c", "from tests.prove.fuzz_targets import TARGETS; print(*TARGETS)"],
        capture_output=True,
        text=True,
        check=True,
    )
    names = listed.stdout.split()
    each = max(3, seconds // len(names))
    failed = False
    for name in names:
        started = time.monotonic()
        done = subprocess.run(
            [sys.executable, "-m", "tests.prove.fuzz", name, str(each)],
            capture_output=True,
            text=True,
            check=False,
            timeout=each + 120,
        )
        runs = fuzzed(done.stderr)
        said = f"{runs} runs" if runs else done.stderr[-2000:]
        print(f"== fuzz {name}: {said} ({time.monotonic() - started:.0f} s)", flush=True)
        failed |= done.returncode != 0 or not runs
    return failed


def fuzzed(said: str) -> int:
    """How many inputs a run of libFuzzer tried; 0 where it does not say."""
    found = _DONE.findall(said)
    return int(found[-1]) if found else 0


def _atheris() -> bool:
    pip = [sys.executable, "-m", "pip", "install", "-q", "--disable-pip-version-check"]
    pip += ["--root-user-action=ignore", "--only-binary=:all:", "atheris"]
    here = subprocess.run(
        [sys.executable, "-c", "import atheris"], capture_output=True, check=False
    )
    return here.returncode == 0 or (
        subprocess.run(pip, capture_output=True, check=False).returncode == 0
    )


if __name__ == "__main__":
    sys.exit(main())
