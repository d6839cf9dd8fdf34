"""Every check with one command: `python -m tests`. Arguments go to pytest.

The tests come last, so that their closing line ends the output. The exit code is that of the first failure.
Without arguments small objects are raced against s5cmd before them, while nothing else runs, and the tests run
in three parts side by side, because most of their time they wait, for servers, engines and screens. Two of them
are printed when all are done.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path
from typing import IO

ROOT = Path(__file__).parents[1]
TOOLS = ("ruff", "mypy", "importlinter", "pytest")
CHECKS: tuple[tuple[str, ...], ...] = (
    ("ruff", "format", "--check", "."),
    ("ruff", "check", "."),
    ("mypy",),
)
PARTS = (("tests/paths", "tests/faults", "tests/crash", "tests/engine"), ("tests/app",))
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
    if not sys.argv[1:]:
        _run(failed, "benchmarks --quick", program=[sys.executable, "-m", "tests.benchmarks", "--quick"])
    early = list(failed)
    if early:
        print(f"--- failed so far: {', '.join(early)}", flush=True)
    if sys.argv[1:]:
        _run(failed, "pytest", program=[*PYTEST, *sys.argv[1:]])
    else:
        _run_parts(failed)
    if early:
        print(f"--- failed: {', '.join(failed)}", flush=True)
    return next(iter(failed.values()), 0)


def _run(failed: dict[str, int], name: str, program: list[str]) -> None:
    print(f"--- {name}", flush=True)
    code = subprocess.run(program, cwd=ROOT, check=False).returncode
    if code:
        failed[name] = code


def _run_parts(failed: dict[str, int]) -> None:
    with ExitStack() as kept:
        others: list[tuple[str, subprocess.Popen[bytes], IO[bytes]]] = []
        try:
            for part in PARTS:
                output: IO[bytes] = kept.enter_context(tempfile.TemporaryFile())
                # No cache: several runs would write over each other's.
                program = [*PYTEST, "-p", "no:cacheprovider", *part]
                process = subprocess.Popen(program, cwd=ROOT, stdout=output, stderr=subprocess.STDOUT)
                others.append((f"pytest {' '.join(part)}", process, output))
            left_out = [f"--ignore={folder}" for part in PARTS for folder in part]
            _run(failed, "pytest, all others", program=[*PYTEST, *left_out])
            codes = [process.wait() for _, process, _ in others]
        except BaseException:
            for _, process, _ in others:
                process.terminate()
                process.wait()
            raise
        for (name, _, output), code in zip(others, codes, strict=True):
            print(f"--- {name}", flush=True)
            output.seek(0)
            sys.stdout.buffer.write(output.read())
            sys.stdout.flush()
            if code:
                failed[name] = code


if __name__ == "__main__":
    sys.exit(main())
