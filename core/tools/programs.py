"""Finding the tools' programs, and running them so that they end with the engine.

On Linux a child asks the kernel to be killed when the thread that started it ends (PR_SET_PDEATHSIG, prctl(2)),
which `kill -9` of the engine brings about as well; it looks afterwards whether that has happened already. It
does so between fork and exec of its own small process, because running Python code in a fork of a threaded
engine may hang (subprocess, "preexec_fn"). Elsewhere tools end when they next write to a closed pipe.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from typing import Any
from urllib.request import getproxies_environment

from core.errors import Code, HaulierError

TOOLS = ("aria2c", "wget")
_VERSION = re.compile(r"\b(\d+(?:\.\d+)+)")
_SHIM = """
import ctypes, os, sys
ctypes.CDLL(None).prctl(1, 9)
if os.getppid() != int(sys.argv[1]): sys.exit(1)
os.execv(sys.argv[2], sys.argv[2:])
"""


def find_program(tool: str) -> str:
    """The path of a tool's program. Raises HaulierError (usage)."""
    path = shutil.which(tool)
    if path is None:
        raise HaulierError(
            Code.USAGE, f"{tool} is not installed on the engine's machine", "install it, or use --tool native"
        )
    return path


def version_of(tool: str) -> str:
    """What the program calls its version. Raises HaulierError (usage) when it is no such program."""
    path = find_program(tool)
    try:
        told = subprocess.run(
            [path, "--version"], stdin=subprocess.DEVNULL, capture_output=True, timeout=10, env=environment()
        ).stdout.decode(errors="replace")
    except (OSError, subprocess.TimeoutExpired):
        told = ""
    first = told.partition("\n")[0]
    name = "GNU Wget " if tool == "wget" else "aria2 "
    found = _VERSION.search(first)
    if name not in first or found is None:
        raise HaulierError(
            Code.USAGE, f"{path} does not say that it is {name.strip()}", "use --tool native, or another PATH"
        )
    return found[1]


def environment() -> dict[str, str]:
    """What a tool gets of the engine's environment: the proxies and trusted certificates, no token."""
    kept = {name: os.environ[name] for name in ("PATH", "SSL_CERT_FILE", "SSL_CERT_DIR") if name in os.environ}
    proxies = {f"{name}_proxy": url for name, url in getproxies_environment().items()}
    return {**kept, **proxies, "LC_ALL": "C", "HOME": "/nonexistent"}


def launch(program: str, arguments: Sequence[str], **pipes: Any) -> subprocess.Popen[bytes]:
    """Start a program that ends with the thread that calls this. Raises OSError."""
    command = [program, *arguments]
    if sys.platform == "linux":
        command = [sys.executable, "-I", "-S", "-c", _SHIM, str(os.getpid()), *command]
    return subprocess.Popen(command, env=environment(), cwd="/", **pipes)
