"""Every check with one command: `python -m tests`. Arguments go to pytest.

The tests come last, so that their closing line ends the output. The exit code is that of the first failure.
"""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).parents[1]
TOOLS = ("ruff", "mypy", "importlinter", "pytest")
CHECKS: tuple[tuple[str, ...], ...] = (
    ("ruff", "format", "--check", "."),
    ("ruff", "check", "."),
    ("mypy",),
)


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
    _run(failed, "pytest", program=[sys.executable, "-m", "pytest", *sys.argv[1:]])
    if static:
        print(f"--- failed: {', '.join(failed)}", flush=True)
    return next(iter(failed.values()), 0)


def _run(failed: dict[str, int], name: str, program: list[str]) -> None:
    print(f"--- {name}", flush=True)
    code = subprocess.run(program, cwd=ROOT, check=False).returncode
    if code:
        failed[name] = code


if __name__ == "__main__":
    sys.exit(main())
