"""The one registry of actions: bindings, help and the key table cannot say different things."""

from __future__ import annotations

from collections import Counter

import pytest

from tui.actions import ACTIONS, BY_ID, EVERYWHERE, GROUPS, bindings, grouped, key_table, of_screen
from tui.app import HaulierApp
from tui.screens.board import BoardScreen
from tui.screens.help import help_text
from tui.screens.job import JobScreen
from tui.screens.jobs import JobsScreen
from tui.screens.log import LogScreen

SCREENS = (JobsScreen, BoardScreen, JobScreen, LogScreen)
NAMES = sorted({name for action in ACTIONS for name in action.screens} - {EVERYWHERE})


def test_every_action_is_named_once() -> None:
    """Ids are unique, groups are known, help sentences end with a full stop."""
    assert len(BY_ID) == len(ACTIONS)
    for action in ACTIONS:
        assert action.group in GROUPS
        assert action.help.endswith("."), action.id


@pytest.mark.parametrize("name", NAMES)
def test_no_key_means_two_things_on_one_screen(name: str) -> None:
    """On every screen each key has one meaning, together with the keys that work everywhere."""
    own = [action for action in ACTIONS if name in action.screens or EVERYWHERE in action.screens]
    keys = Counter(key for action in own for key in action.keys.split(",") if key)
    twice = {key for key, count in keys.items() if count > 1}
    assert not twice, f"{name}: {twice}"


@pytest.mark.parametrize("screen", SCREENS, ids=lambda screen: screen.NAME)
def test_every_action_of_a_screen_is_carried_out_by_it(screen: type[JobsScreen]) -> None:
    """What the footer offers exists: each action has its method on the screen, the rest on the app."""
    for action in of_screen(screen.NAME):
        assert hasattr(screen, f"action_{action.id}"), f"{screen.NAME}.{action.id}"
    for action in of_screen(EVERYWHERE):
        assert hasattr(HaulierApp, f"action_{action.id}"), action.id


@pytest.mark.parametrize("name", NAMES)
def test_the_help_names_every_key(name: str) -> None:
    """The help of a screen holds the sentence of each of its actions."""
    text = help_text(name).plain
    for action in of_screen(name):
        assert action.help in text


def test_the_key_table_has_every_action() -> None:
    """The table for the documentation is made from the same registry."""
    table = key_table()
    for _, actions in grouped(ACTIONS):
        for action in actions:
            if action.keys:
                assert action.help in table
    assert bindings("jobs")
