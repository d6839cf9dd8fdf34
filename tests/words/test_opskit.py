"""What OpsKit's variables mean for folders, titles and old files."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.opskit import Launcher
from core.settings import load_settings

OPSKIT = {
    "OPSKIT_TOOL_TEMP_DIR": "/opt/opskit/cache/tools/haulier",
    "OPSKIT_BASE_PATH": "/opt/opskit",
    "OPSKIT_WORKING_DIR": "/home/ada/project",
    "TOOL_NAME": "Haulier",
    "TOOL_VERSION": "1.2",
}


def folders(environ: dict[str, str], home: Path, **flags: str) -> dict[str, tuple[str, str]]:
    rows = load_settings(flags, environ, home).rows()
    return {name: (value, origin) for name, value, origin in rows if name.endswith("_dir")}


def test_folders_go_where_opskit_wants_them(tmp_path: Path) -> None:
    """State and logs into the tool's folder, downloads to where the person is, the connections stay; each says
    which variable it comes from."""
    found = folders(OPSKIT, tmp_path)
    temp = OPSKIT["OPSKIT_TOOL_TEMP_DIR"]
    assert found["metadata_dir"] == (f"{temp}/metadata", "environment OPSKIT_TOOL_TEMP_DIR")
    assert found["logs_dir"] == (f"{temp}/logs", "environment OPSKIT_TOOL_TEMP_DIR")
    assert found["downloads_dir"] == ("/home/ada/project", "environment OPSKIT_WORKING_DIR")
    assert found["config_dir"] == (f"{tmp_path}/.config/haulier", "default")


def test_what_is_said_to_us_goes_before_and_config_toml_after(tmp_path: Path) -> None:
    """Flag, our own variable, OpsKit's, config.toml, default: in this order."""
    file = tmp_path / ".config/haulier/config.toml"
    file.parent.mkdir(parents=True)
    file.write_text('logs_dir = "/from/file"\nmetadata_dir = "/from/file"\ndownloads_dir = "/from/file"\n')
    environ = {**OPSKIT, "LOGS_DIR": "/from/variable", "METADATA_DIR": "/from/variable"}
    found = folders(environ, tmp_path, metadata_dir="/from/flag")
    assert found["metadata_dir"] == ("/from/flag", "flag --metadata-dir")
    assert found["logs_dir"] == ("/from/variable", "environment LOGS_DIR")
    assert found["downloads_dir"] == ("/home/ada/project", "environment OPSKIT_WORKING_DIR")
    assert folders({}, tmp_path)["downloads_dir"][0] == "/from/file"


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"TOOL_NAME": "make", "TOOL_VERSION": "4"},
        {"OPSKIT_TOOL_TEMP_DIR": "", "OPSKIT_WORKING_DIR": "", "TOOL_NAME": "x"},
        {"OPSKIT_TOOL_TEMP_DIR": "relative/folder", "OPSKIT_WORKING_DIR": ".", "TOOL_NAME": "x"},
    ],
)
def test_without_opskit_nothing_is_believed(environ: dict[str, str], tmp_path: Path) -> None:
    """TOOL_NAME alone may be anybody's; empty and relative folders say nothing."""
    assert Launcher.of(environ) == Launcher()
    assert folders(environ, tmp_path)["downloads_dir"] == (f"{tmp_path}/Downloads", "default")


def test_name_version_and_old_files() -> None:
    """The title, what is told with its origin, and where OpsKit's own tool kept connections."""
    launcher = Launcher.of(OPSKIT)
    assert launcher.title == "Haulier 1.2"
    assert ("tool_version", "1.2", "environment TOOL_VERSION") in launcher.rows()
    assert ("working_dir", "/home/ada/project", "environment OPSKIT_WORKING_DIR") in launcher.rows()
    assert [str(path) for path in launcher.old_connections(None)] == [
        "/opt/opskit/cache/tools/haulier/connections.json",
        "/opt/opskit/cache/tools/s3-sync/connections.json",
    ]
