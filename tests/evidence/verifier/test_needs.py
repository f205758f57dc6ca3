"""The verifier needs the standard library, ``cryptography``, and nothing else."""

import subprocess
import sys

LISTING = """
import sys
before = set(sys.modules)
import custody.evidence.verifier
print(*sorted({name.partition(".")[0] for name in set(sys.modules) - before}))
"""

# What ``cryptography`` brings along by itself.
PROVIDER = {"cryptography", "_cffi_backend", "_openssl", "typing_extensions"}


def test_only_the_standard_library_and_one_provider() -> None:
    ran = subprocess.run(
        [sys.executable, "-c", LISTING], capture_output=True, text=True, timeout=60, check=True
    )
    foreign = {
        name
        for name in ran.stdout.split()
        if name not in sys.stdlib_module_names and name not in PROVIDER
    }
    assert foreign == {"custody"}


def test_it_never_loads_the_writing_half() -> None:
    listing = LISTING.replace('.partition(".")[0]', "")
    ran = subprocess.run(
        [sys.executable, "-c", listing], capture_output=True, text=True, timeout=60, check=True
    )
    loaded = {name for name in ran.stdout.split() if name.startswith("custody.evidence.")}
    assert "custody.evidence.verifier.verify" in loaded
    assert not {name for name in loaded if name.startswith("custody.evidence.log")}
    assert "custody.evidence.disk.segment" not in loaded
