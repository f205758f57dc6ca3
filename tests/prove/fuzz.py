"""Coverage-guided fuzzing of one target, with atheris.

    python -m tests.prove.fuzz NAME SECONDS [CORPUS]

Law: atheris is optional and is installed by whoever wants it; without it this says so and exits 77.
A finding stops the run with a traceback and leaves the input in a file that it names.
"""

import sys
import tempfile
from pathlib import Path

NOT_HERE = 77


def main() -> int:
    name, seconds = sys.argv[1], int(sys.argv[2])
    try:
        import atheris  # noqa: PLC0415  # optional
    except ImportError:
        print("atheris is not installed (pip install atheris); hypothesis alone was used")
        return NOT_HERE
    with atheris.instrument_imports(include=["custody.protocols", "custody.evidence"]):
        from tests.prove.fuzz_targets import TARGETS  # noqa: PLC0415  # after instrumentation

    target = TARGETS[name]
    corpus = Path(sys.argv[3] if len(sys.argv) > 3 else tempfile.mkdtemp(prefix="custody-fuzz-"))
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(target.seeds):
        (corpus / f"seed-{number}").write_bytes(seed)
    words = [f"-max_total_time={seconds}", "-max_len=4096", "-timeout=20", "-rss_limit_mb=2048"]
    atheris.Setup(
        [sys.argv[0], *words, f"-artifact_prefix={corpus}/finding-", str(corpus)], target.run
    )
    atheris.Fuzz()
    return 0


if __name__ == "__main__":
    sys.exit(main())
