"""Every check with one command: `python -m tests`. Arguments go to pytest.

The tests come last, so that their closing line ends the output. The exit code is that of the first failure.
Without arguments small objects are raced against s5cmd before them, while nothing else runs, and the tests run
in three parts side by side, because most of their time they wait, for servers, engines and screens. Two of them
are printed when all are done. A few tests that failed so, beside others that took the machine's time, are run
once more by themselves: those that pass then are named as unsteady, and fail nothing.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
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
FAILED_TESTS = 1  # pytest's exit code for tests that failed, and nothing worse
MOST_UNSTEADY = 5  # more failures than so many are no matter of a busy machine


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
        parts = [_Part(f"pytest {' '.join(part)}", part, kept) for part in PARTS]
        left_out = [f"--ignore={folder}" for part in PARTS for folder in part]
        rest = _Part("pytest, all others", left_out, kept)
        try:
            for part in parts:
                part.begin()
            print(f"--- {rest.name}", flush=True)
            rest.code = subprocess.run(rest.program, cwd=ROOT, check=False).returncode
            for part in parts:
                part.end()
        finally:
            for part in parts:
                part.stop()
        for part in parts:
            part.show()
        for part in (rest, *parts):
            if part.code and not part.passes_alone():
                failed[part.name] = part.code


class _Part:
    """Some of the tests. `words` go to pytest."""

    def __init__(self, name: str, words: Sequence[str], kept: ExitStack) -> None:
        self.name = name
        self.code = 0
        self._cache = Path(kept.enter_context(tempfile.TemporaryDirectory(prefix="haulier-tests-")))
        self.program = [*PYTEST, "-o", f"cache_dir={self._cache}", *words]
        output = tempfile.TemporaryFile()  # noqa: SIM115 - closed with what is kept
        self._output: IO[bytes] = kept.enter_context(output)
        self._process: subprocess.Popen[bytes] | None = None

    def begin(self) -> None:
        self._process = subprocess.Popen(self.program, cwd=ROOT, stdout=self._output, stderr=subprocess.STDOUT)

    def end(self) -> None:
        if self._process is not None:
            self.code = self._process.wait()

    def stop(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            self._process.wait()

    def show(self) -> None:
        print(f"--- {self.name}", flush=True)
        self._output.seek(0)
        sys.stdout.buffer.write(self._output.read())
        sys.stdout.flush()

    def passes_alone(self) -> bool:
        """Whether the tests that failed pass with nothing beside them; they are named."""
        unsteady = self._failed_tests()
        if self.code != FAILED_TESTS or not 0 < len(unsteady) <= MOST_UNSTEADY:
            return False
        print(f"--- once more, by themselves: {', '.join(unsteady)}", flush=True)
        if subprocess.run([*self.program, "--last-failed"], cwd=ROOT, check=False).returncode:
            return False
        print(f"--- unsteady, passed by themselves: {', '.join(unsteady)}", flush=True)
        return True

    def _failed_tests(self) -> list[str]:
        """As pytest keeps them in its cache ("How to re-run failed tests", pytest documentation)."""
        try:
            return sorted(json.loads((self._cache / "v" / "cache" / "lastfailed").read_text()))
        except FileNotFoundError:
            return []


if __name__ == "__main__":
    sys.exit(main())
