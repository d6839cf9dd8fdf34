"""Every check with one command: `python -m tests`. Arguments go to pytest.

The tests come last, so that their closing line ends the output. The exit code is that of the first failure.
Without arguments the tests run in two halves side by side, because most of their time they wait, for servers,
engines and screens. The second half is printed when it is done.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).parents[1]
TOOLS = ("ruff", "mypy", "importlinter", "pytest")
CHECKS: tuple[tuple[str, ...], ...] = (
    ("ruff", "format", "--check", "."),
    ("ruff", "check", "."),
    ("mypy",),
)
WHOLE_JOBS = ("tests/paths", "tests/faults", "tests/crash", "tests/engine")
PYTEST = (sys.executable, "-m", "pytest")


def main() -> int:
    missing = [tool for tool in TOOLS if find_spec(tool) is None]
    if missing:
        print(f"Not installed: {', '.join(missing)}. First: pip install -e '.[test]'", file=sys.stderr)
        return 2
    failed: dict[str, int] = {}
    for check in CHECKS:
        _run(failed, " ".join(check), program=[sys.executable, "-m", *check])
    _run(failed, "lint-imports", program=[str(Path(sys.executable).with_name("lint-imports"))])
    static = list(failed)
    if static:
        print(f"--- failed so far: {', '.join(static)}", flush=True)
    if sys.argv[1:]:
        _run(failed, "pytest", program=[*PYTEST, *sys.argv[1:]])
    else:
        _run_halves(failed)
    if static:
        print(f"--- failed: {', '.join(failed)}", flush=True)
    return next(iter(failed.values()), 0)


def _run(failed: dict[str, int], name: str, program: list[str]) -> None:
    print(f"--- {name}", flush=True)
    code = subprocess.run(program, cwd=ROOT, check=False).returncode
    if code:
        failed[name] = code


def _run_halves(failed: dict[str, int]) -> None:
    name = f"pytest {' '.join(WHOLE_JOBS)}"
    with tempfile.TemporaryFile() as kept:
        # No cache: two runs would write over each other's.
        program = [*PYTEST, "-p", "no:cacheprovider", *WHOLE_JOBS]
        other = subprocess.Popen(program, cwd=ROOT, stdout=kept, stderr=subprocess.STDOUT)
        try:
            left_out = [f"--ignore={folder}" for folder in WHOLE_JOBS]
            _run(failed, "pytest, all others", program=[*PYTEST, *left_out])
            code = other.wait()
        except BaseException:
            other.terminate()
            other.wait()
            raise
        print(f"--- {name}", flush=True)
        kept.seek(0)
        sys.stdout.buffer.write(kept.read())
        sys.stdout.flush()
    if code:
        failed[name] = code


if __name__ == "__main__":
    sys.exit(main())
