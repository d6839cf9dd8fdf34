"""`python -m tests.list_acceptance`: 1 000 classes of a CSV from a server with faults, extracted; then what
failed once more from a mended one. Prints what there was; exit code 1 when anything is not exactly right."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

from tests.cli.program import Program
from tests.list_acceptance.acceptance import accept


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.list_acceptance", description=__doc__)
    parser.add_argument("--classes", type=int, default=1000)
    count = parser.parse_args().classes
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        del os.environ[name]
    with tempfile.TemporaryDirectory(prefix="list-acceptance-") as name:
        folder = Path(name)
        os.environ |= {"HOME": name, "XDG_RUNTIME_DIR": name}
        program = Program(folder)
        try:
            report = accept(count, folder, program)
        except AssertionError as error:
            print(f"NOT as it has to be: {error}", file=sys.stderr)
            return 1
        finally:
            program("engine", "stop")
    for kind, found in report.kinds.most_common():
        print(f"{found:>6}  {kind}")
    print(report.summary)
    print(f"{report.requests} requests, {report.with_faults:.1f} s with faults; {report.mended:.1f} s mended")
    return 0


if __name__ == "__main__":
    sys.exit(main())
