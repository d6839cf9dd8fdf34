"""Keys that a person changed: every fault is told with its line, and what is changed is what is shown."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from core.errors import Code, HaulierError
from core.model import JobKind, JobOptions
from tests.app.driving import until
from tests.app.recorded import BUILD, RecordedClient, RecordedEngine
from tui import hub_form, option_fields
from tui.actions import ACTIONS
from tui.app import HaulierApp
from tui.keys import USUAL_KEYS, faultless_keys, key_name, key_of, read_keys, shown, use_keys, written
from tui.preferences import Preferences
from tui.screens.help import HelpScreen, help_text
from tui.screens.log import LogScreen
from tui.screens.urls import UrlsScreen
from tui.state import Link
from tui.widgets.keyline import KeyLine


@pytest.fixture
def keys_file(tmp_path: Path) -> Callable[[str], Path]:
    def write(text: str) -> Path:
        file = tmp_path / "keys.toml"
        file.write_text(text)
        return file

    return write


def test_no_file_no_change(tmp_path: Path) -> None:
    """Without a file, and with an empty one, the registry is in force."""
    assert read_keys(tmp_path / "keys.toml").keymap() == {}
    (tmp_path / "keys.toml").touch()
    assert read_keys(tmp_path / "keys.toml").keymap() == {}


def test_what_a_file_says(keys_file: Callable[[str], Path]) -> None:
    """Characters, names and several keys; two actions that swap; Esc and Ctrl+C stay where they are."""
    table = read_keys(
        keys_file(
            "# mine\ntoggle_pause = 'c'\ntune_bandwidth = 'p'\n"
            "show_log = ['%', 'F4', 'ctrl+space']\nback = 'f3'\nleave = 'Q'\n"
        )
    )
    assert table.keymap() == {
        "toggle_pause": "c",
        "tune_bandwidth": "p",
        "show_log": "percent_sign,f4,ctrl+@",
        "back": "f3,escape",
        "leave": "Q,ctrl+q,ctrl+c",
    }


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("\ntoggle_paus = 'x'\n", 2, "toggle_paus: no action has this name"),
        ("switch_theme = 'x'\n", 1, "this action has no key; the palette has it"),
        ("toggle_pause = 'hyper+x'\n", 1, "'hyper+x' is no key"),
        ("toggle_pause = '\\u001b'\n".replace("'", '"'), 1, "a character that does not print is no key"),
        ("toggle_pause = 7\n", 1, "a key is a text"),
        ("toggle_pause = []\n", 1, "a key is a text"),
        ("toggle_pause = ''\n", 1, "'' is no key"),
        ("toggle_pause = 'n'\n", 1, "'n' is both new_job and toggle_pause on the screen jobs"),
        ("a = 1\n", 1, "a: no action has this name"),
        ("show_board = 'x'\n# here\nshow_items = 'x'\n", 3, "'x' is both"),
        ("toggle_pause = '?'\n", 1, "'?' is both toggle_pause and show_help"),
        ("toggle_pause = 'escape'\n", 1, "cannot be given away: it leaves every screen and dialog"),
        ("toggle_pause = 'ctrl+c'\n", 1, "cannot be given away: it leaves the program"),
        ("toggle_pause = 'ctrl+z'\n", 1, "cannot be given away: the terminal needs it"),
        ("toggle_pause = 'j'\n", 1, "cannot be given away: it moves the cursor in lists"),
        ("toggle_pause = 'enter'\n", 1, "cannot be given away: it takes what the cursor is on"),
        ("save_connection = 's'\n", 1, "characters are typed"),
        ("back = 'h'\n", 1, "characters are typed"),
        ("[jobs]\nnew_job = 'x'\n", "?", "jobs: no action has this name"),
    ],
)  # fmt: skip
def test_faults(keys_file: Callable[[str], Path], text: str, line: int | str, says: str) -> None:
    """Each fault names file, line and reason, and the way out; and then no key is changed at all."""
    file = keys_file(text)
    table, fault = faultless_keys(file)
    assert table.keymap() == {}
    assert fault is not None
    assert fault.code is Code.USAGE
    assert f"{file}, line {line}: " in fault.message
    assert says in fault.message
    assert "haulier config --keys" in fault.hint


def test_a_damaged_file(keys_file: Callable[[str], Path]) -> None:
    """What is no TOML, or no text, is told with its place."""
    with pytest.raises(HaulierError, match=r"is damaged: .*line 2"):
        read_keys(keys_file("new_job = 'x'\ntoggle_pause ="))
    file = keys_file("")
    file.write_bytes(b"\xff")
    with pytest.raises(HaulierError, match="is damaged"):
        read_keys(file)


def test_many_faults_are_counted(keys_file: Callable[[str], Path]) -> None:
    """Three are told, the rest is counted."""
    _, fault = faultless_keys(keys_file("".join(f"nothing_{number} = 'x'\n" for number in range(9))))
    assert fault is not None
    assert fault.message.count("no action has this name") == 3
    assert "and 6 more" in fault.message


def test_every_usual_key_can_be_written() -> None:
    """What the reference prints for an action is what keys.toml takes, and what the footer shows fits it."""
    for action in ACTIONS:
        for key in filter(None, action.keys.split(",")):
            assert key_name(written(key)) == key
            assert shown(key).isprintable()


async def test_the_app_obeys_and_shows_them(keys_file: Callable[[str], Path]) -> None:
    """The new key works, the old one does not; footer, help, palette and hints name the new one."""
    keys = read_keys(keys_file("show_log = 'w'\nnew_job = 'f4'\nback = 'f3'\n"))
    app = HaulierApp(
        RecordedEngine(RecordedClient()), build=BUILD, environ={}, preferences=Preferences(keys=keys)
    )
    async with app.run_test(size=(200, 40)) as pilot:
        await until(pilot, lambda: app.view.link is Link.UP)
        footer = "".join(text for text, _ in app.screen.query_one(KeyLine).lines(200, 1)[0])
        assert "F4 new" in footer
        assert "w log" in footer
        assert footer.index("F4 new") < footer.index("w log")
        assert "w    Read the engine's log." in help_text("jobs").plain
        assert key_of("new_job") == "F4"
        await pilot.press("l")
        assert not isinstance(app.screen, LogScreen)
        await pilot.press("w")
        await until(pilot, lambda: isinstance(app.screen, LogScreen))
        await pilot.press("f3")
        await until(pilot, lambda: not isinstance(app.screen, LogScreen))
        await pilot.press("question_mark")
        await until(pilot, lambda: isinstance(app.screen, HelpScreen))
        await pilot.press("escape")
        await until(pilot, lambda: not isinstance(app.screen, HelpScreen))
    use_keys(Preferences().keys)


async def test_a_fault_is_told_at_the_start(keys_file: Callable[[str], Path]) -> None:
    """The screen opens with the usual keys and says what is wrong with the file."""
    keys, fault = faultless_keys(keys_file("show_log = 'n'\n"))
    preferences = Preferences(keys=keys, key_fault=fault)
    app = HaulierApp(RecordedEngine(RecordedClient()), build=BUILD, environ={}, preferences=preferences)
    async with app.run_test(size=(200, 40)) as pilot:
        await until(pilot, lambda: app.view.link is Link.UP)
        assert any("'n' is both new_job and show_log" in notice.message for notice in app._notifications)
        await pilot.press("l")
        await until(pilot, lambda: isinstance(app.screen, LogScreen))


def test_what_forms_say_names_the_keys_in_force(tmp_path: Path) -> None:
    """Words beside fields are made when they are shown: a key of one's own stands there, not the usual one."""
    file = tmp_path / "keys.toml"
    file.write_text('browse_file = "f6"\nuse_mirror = "f7"\ntune_bandwidth = "f8"\nmore_workers = "f9"\n')
    screen = UrlsScreen("x", False, lambda _place, _options: None)
    try:
        use_keys(read_keys(file))
        assert screen._asks()[0].meaning == "F6 looks for it"
        assert f"{hub_form.MIRROR}: F7" in hub_form.more("endpoint", "")
        told = {ask.name: ask.more for ask in option_fields.asks(JobKind.COPY, JobOptions())}
        assert told["bandwidth"].endswith("with F8.")
        assert "with F9 and −" in told["workers"]
    finally:
        use_keys(USUAL_KEYS)
    assert screen._asks()[0].meaning == "^o looks for it"
