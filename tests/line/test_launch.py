"""Coming to an engine: attach or start, alone or in a crowd, and clear words when it cannot be."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from core.errors import Code, HaulierError
from core.launch import attach, connect, engine_command, engine_environment, outliving_prefix
from core.line_server import LineServer
from core.messages import Hello, Ping, Shutdown
from core.paths import Paths
from core.socket_client import SocketClient
from tests.line.serving import until
from tests.line.toy import ToyEngine

TOY = "tests.line.toy_daemon"


@pytest_asyncio.fixture
async def cleaned(paths: Paths) -> AsyncIterator[None]:
    """Stops whatever engine a test has started."""
    yield
    client = await attach(paths)
    if client is not None:
        pid = client.hello.pid
        await client.call(Shutdown(drain=False))
        await client.close()
        if pid != os.getpid():
            await until(lambda: not alive(pid))


def alive(pid: int) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


@pytest.mark.usefixtures("cleaned")
async def test_start_then_attach(paths: Paths) -> None:
    """The first connect starts the engine, the second finds the same one."""
    first = await connect(paths, module=TOY)
    second = await connect(paths, module=TOY)
    assert first.hello == second.hello
    assert first.hello.pid != os.getpid()
    await first.close()
    await second.close()


async def test_no_engine_and_none_wanted(paths: Paths) -> None:
    """Without `start` nothing is started and nothing is made on disk."""
    with pytest.raises(HaulierError, match="No engine is running") as caught:
        await connect(paths, start=False)
    assert caught.value.code is Code.UNAVAILABLE
    assert not paths.metadata_dir.exists()


@pytest.mark.usefixtures("cleaned")
async def test_a_crowd_gets_one_engine(paths: Paths) -> None:
    """Eight faces at once, in this process and in others, end up attached to one engine."""
    code = (
        "import asyncio, sys\nfrom pathlib import Path\n"
        "from core.launch import connect\nfrom core.paths import Paths\n"
        "async def main():\n"
        "    client = await connect(Paths.at(*map(Path, sys.argv[1:])), module='tests.line.toy_daemon')\n"
        "    print(client.hello.boot_id)\n    await client.close()\n"
        "asyncio.run(main())\n"
    )
    folders = [str(folder) for folder in (paths.metadata_dir, paths.logs_dir, paths.config_dir)]
    others = [
        subprocess.Popen(
            [sys.executable, "-c", code, *folders],
            stdout=subprocess.PIPE,
            text=True,
            env=engine_environment(os.environ),
        )
        for _ in range(4)
    ]
    clients = await asyncio.gather(*(connect(paths, module=TOY) for _ in range(4)))
    said = [(await asyncio.to_thread(process.communicate))[0].strip() for process in others]
    assert {client.hello.boot_id for client in clients} == set(said)
    assert len(set(said)) == 1
    for client in clients:
        await client.close()


@pytest.mark.usefixtures("cleaned")
async def test_engine_outlives_the_face_and_its_terminal(paths: Paths) -> None:
    """The engine is the leader of a session of its own, with nothing of the face's terminal open, and goes on
    when the face is killed together with its process group."""
    code = (
        "import asyncio, os, signal, sys\nfrom pathlib import Path\n"
        "from core.launch import connect\nfrom core.paths import Paths\n"
        "async def main():\n"
        "    await connect(Paths.at(*map(Path, sys.argv[1:])), module='tests.line.toy_daemon')\n"
        "    os.killpg(0, signal.SIGKILL)\n"
        "asyncio.run(main())\n"
    )
    folders = [str(folder) for folder in (paths.metadata_dir, paths.logs_dir, paths.config_dir)]
    face = subprocess.Popen(
        [sys.executable, "-c", code, *folders], start_new_session=True, env=engine_environment(os.environ)
    )
    assert await asyncio.to_thread(face.wait, 20) == -signal.SIGKILL
    client = await connect(paths, start=False)
    pid = client.hello.pid
    assert os.getsid(pid) == pid
    if os.geteuid() == 0:  # its files in /proc belong to root
        targets = [os.readlink(f"/proc/{pid}/fd/{number}") for number in (0, 1, 2)]
        assert targets == ["/dev/null", str(paths.engine_log), str(paths.engine_log)]
        assert os.readlink(f"/proc/{pid}/cwd") == "/"
    await client.close()


@pytest.mark.usefixtures("cleaned")
async def test_connect_after_kill_9(paths: Paths) -> None:
    """An engine that was killed is replaced by the next connect."""
    client = await connect(paths, module=TOY)
    boot = client.hello.boot_id
    os.kill(client.hello.pid, signal.SIGKILL)
    await asyncio.wait_for(client.wait_closed(), 5)
    await client.close()
    again = await connect(paths, module=TOY)
    assert again.hello.boot_id != boot
    await again.close()


@pytest.mark.usefixtures("cleaned")
async def test_connect_right_after_a_stop(paths: Paths) -> None:
    """An engine on its way out is waited for, and a new one is started; nobody is attached to the old one."""
    client = await connect(paths, module=TOY)
    boot = client.hello.boot_id
    await client.call(Shutdown())
    again = await connect(paths, module=TOY)
    assert again.hello.boot_id != boot
    assert not again.hello.draining
    await client.close()
    await again.close()


async def test_the_engines_own_words_when_it_dies_at_start(paths: Paths) -> None:
    """What kept the engine from starting is in the error, and it comes at once, not after a timeout."""
    (paths.config_dir / "trouble").write_text("damaged")
    begin = time.monotonic()
    with pytest.raises(HaulierError, match="did not start: The journal is damaged at page 7") as caught:
        await connect(paths, module=TOY)
    assert caught.value.code is Code.UNAVAILABLE
    assert str(paths.engine_log) in caught.value.hint
    assert time.monotonic() - begin < 10


async def test_a_program_that_cannot_even_start(paths: Paths) -> None:
    """The interpreter's last line is shown when there is no engine to speak."""
    with pytest.raises(HaulierError, match=r"No module named core\.nothing"):
        await connect(paths, module="core.nothing")


async def test_no_answer_in_time(paths: Paths) -> None:
    """When the lock is held by somebody who never listens, the wait has an end."""
    from core.daemon import EngineLock

    paths.create()
    lock = EngineLock(paths.lock)
    lock.take()
    with pytest.raises(HaulierError, match="did not become ready in time"):
        await connect(paths, module=TOY, timeout=0.5)


class FutureServer(LineServer):
    def greeting(self) -> Hello:
        return Hello(protocol=99, build="9.0.0+feed", pid=os.getpid(), boot_id="future")


async def test_engine_of_another_protocol(paths: Paths) -> None:
    """`connect` refuses, naming both and the way out; `attach` gives a line on which Ping and Shutdown work."""
    paths.create()
    stops: list[bool] = []
    server = FutureServer(engine := ToyEngine(), stops.append)
    bound = socket.socket(socket.AF_UNIX)
    bound.bind(str(paths.socket))
    await server.listen(bound)
    with pytest.raises(
        HaulierError, match=r"9\.0\.0\+feed.* protocol 99, this program .* protocol 2"
    ) as caught:
        await connect(paths, module=TOY)
    assert "haulier engine stop" in caught.value.hint
    client = await attach(paths)
    assert isinstance(client, SocketClient)
    await client.call(Ping())
    await client.call(Shutdown())
    assert stops == [True]
    engine.hub.close()
    await server.close()
    await client.close()


async def test_unsafe_run_folder_is_refused_by_the_face_too(paths: Paths) -> None:
    """Before anything is sent into a folder that others can write to."""
    paths.create()
    paths.run_dir.chmod(0o777)
    with pytest.raises(HaulierError) as caught:
        await connect(paths, module=TOY)
    assert caught.value.code is Code.REFUSED


def test_no_secret_in_arguments_or_environment(paths: Paths) -> None:
    """The engine's arguments are folders only; the face's keys and endpoint are not inherited."""
    environ = {
        "AWS_ACCESS_KEY_ID": "AKIA",
        "AWS_SECRET_ACCESS_KEY": "s",
        "AWS_SESSION_TOKEN": "t",
        "AWS_ENDPOINT_URL": "http://x",
        "AWS_PROFILE": "work",
        "PATH": "/bin",
    }
    kept = engine_environment(environ)
    assert {name for name in kept if name.startswith("AWS_")} == {"AWS_PROFILE"}
    assert kept["PATH"] == "/bin"
    assert engine_command(paths)[:4] == [sys.executable, "-P", "-m", "core.daemon"]
    assert all(argument.split("=")[0].endswith("-dir") for argument in engine_command(paths)[4:])


def test_found_from_anywhere() -> None:
    """With that environment the module is importable whatever the working folder."""
    command = [sys.executable, "-P", "-c", "import core.launch"]
    subprocess.run(command, cwd="/", env=engine_environment({}), check=True)


def test_outliving_a_logout(tmp_path: Path) -> None:
    """A scope is used only where logind kills at logout, a service manager runs and systemd-run exists; the
    last setting counts."""
    program = tmp_path / "bin" / "systemd-run"
    program.parent.mkdir()
    program.write_text("")
    program.chmod(0o755)
    private = tmp_path / "runtime" / "systemd" / "private"
    private.parent.mkdir(parents=True)
    environ = {"PATH": str(program.parent), "XDG_RUNTIME_DIR": str(tmp_path / "runtime")}
    drop_ins = tmp_path / "etc" / "logind.conf.d"
    drop_ins.mkdir(parents=True)
    (tmp_path / "etc" / "logind.conf").write_text("[Login]\n#KillUserProcesses=yes\n")
    private.touch()
    assert outliving_prefix(environ, tmp_path / "etc") == []
    (drop_ins / "10-kill.conf").write_text("[Login]\nKillUserProcesses = yes\n")
    assert outliving_prefix(environ, tmp_path / "etc")[0] == str(program)
    assert outliving_prefix({**environ, "PATH": ""}, tmp_path / "etc") == []
    private.unlink()
    assert outliving_prefix(environ, tmp_path / "etc") == []
    private.touch()
    (drop_ins / "20-keep.conf").write_text("[Login]\nKillUserProcesses=no\n")
    assert outliving_prefix(environ, tmp_path / "etc") == []


def test_imports_of_a_face_are_light() -> None:
    """What a face loads to reach an engine holds no HTTP, no S3, no database and no screen."""
    code = "import sys, core.launch; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-P", "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env=engine_environment({}),
    ).stdout.split()
    heavy = {"httpx", "pyreqwest", "boto3", "botocore", "awscrt", "sqlite3", "textual", "keyring", "psutil"}
    assert not heavy & set(loaded)
    assert not {"core.daemon", "core.line_server", "core.log", "core.engine"} & set(loaded)
