"""Keys that a person changed: `keys.toml` in the config folder, laid over the registry of actions.

    # action = "key", or several: ["key", "key"]; the first is shown
    toggle_pause = "ctrl+space"
    show_log = ["w", "f4"]

A file with any fault changes nothing: the keys that the help and the documentation name stay in force, and
every fault is told with its line. `haulier config --keys` prints all actions with the keys in force.
"""

from __future__ import annotations

import tomllib
import unicodedata
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType

from textual.keys import KEY_NAME_REPLACEMENTS, KEY_TO_UNICODE_NAME, REPLACED_KEYS, Keys, key_to_character

from core.config_file import line_of
from core.errors import Code, HaulierError
from core.safe_text import safe_text
from core.settings import with_place
from tui.actions import ACTIONS, BY_ID, EVERYWHERE, Action

# Keys that always mean the same, with the reason to give; an action that has one by default keeps it.
_ALWAYS = {
    "escape": "it leaves every screen and dialog",
    "ctrl+c": "it leaves the program and cancels a dialog",
    "ctrl+q": "it leaves the program and cancels a dialog",
    "ctrl+z": "the terminal needs it to suspend programs",
    "enter": "it takes what the cursor is on",
    "tab": "it goes to the next field",
    "shift+tab": "it goes to the field before",
    "ctrl+i": "terminals send the same for Tab",
    "ctrl+m": "terminals send the same for Enter",
    "ctrl+h": "terminals send the same for Backspace",
}
_IN_LISTS = ("up", "k", "down", "j", "pageup", "ctrl+b", "pagedown", "ctrl+f", "home", "g", "end", "G")
RESERVED: Mapping[str, str] = MappingProxyType(
    _ALWAYS | dict.fromkeys(_IN_LISTS, "it moves the cursor in lists")
)
_KEPT = frozenset({"escape", "ctrl+c", "ctrl+q", "enter"})  # stay with the action that has them
_SIGNS = {"enter": "⏎", "escape": "esc", "backspace": "⌫", "delete": "del", "space": "space", "tab": "tab"}
_ARROWS = {"up": "↑", "down": "↓", "left": "←", "right": "→"}
_MODIFIERS = {"ctrl": "^", "shift": "⇧", "alt": "alt+"}
_SAME = {"ctrl+space": "ctrl+@", "return": "enter", "esc": "escape", "del": "delete"}
_NAMED = frozenset(key.value for key in Keys) - {"<any>", "<ignore>"}
# Screens of fields to type in: a character would be typed there, not obeyed.
TYPED_ON = frozenset({"connection_edit", "folder", "options", "repo_edit", "repo_search", "urls"})
_MOST_FAULTS = 3  # told in one sentence


@dataclass(frozen=True)
class KeyTable:
    """The registry with changed keys. Immutable; empty, it is the registry as it is."""

    changed: Mapping[str, Action] = field(default_factory=lambda: MappingProxyType({}))

    def action(self, name: str) -> Action | None:
        return self.changed.get(name) or BY_ID.get(name)

    def of(self, action: Action) -> Action:
        """The action with the keys in force."""
        return self.changed.get(action.id, action)

    def keymap(self) -> dict[str, str]:
        """As Textual takes it."""
        return {name: action.keys for name, action in self.changed.items()}


USUAL_KEYS = KeyTable()
_IN_FORCE: ContextVar[KeyTable | None] = ContextVar("keys", default=None)


def use_keys(table: KeyTable) -> None:
    """Have this table in force for the app that is being made."""
    _IN_FORCE.set(table)


def keys_in_force() -> KeyTable:
    return _IN_FORCE.get() or USUAL_KEYS


def key_of(action: str) -> str:
    """The key of an action as a text names it: what stands in a hint is what works."""
    found = keys_in_force().action(action)
    return found.shown if found is not None else ""


def read_keys(file: Path) -> KeyTable:
    """The keys of a file; those of the registry where there is none.

    Raises HaulierError (usage) that names file, line and way out of every fault, up to a few.
    """
    try:
        raw = file.read_bytes()
    except FileNotFoundError:
        return USUAL_KEYS
    except OSError as error:
        raise _refused([f"{file} cannot be read: {error.strerror}"]) from None
    try:
        text = raw.decode()
        table = tomllib.loads(text)
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise _refused([f"{file} is damaged: {safe_text(with_place(error, raw))}"]) from None
    faults: list[str] = []
    changed: dict[str, Action] = {}
    for name, value in table.items():
        try:
            changed[name] = _changed(name, value)
        except ValueError as error:
            faults.append(f"{file}, line {line_of(text, name) or '?'}: {safe_text(name, 40)}: {error}")
    if not faults:
        faults = [
            f"{file}, line {max(line_of(text, name) for name in names)}: {said}"
            for names, said in _doubled(changed)
        ]
    if faults:
        raise _refused(faults)
    return KeyTable(MappingProxyType(changed))


def faultless_keys(file: Path) -> tuple[KeyTable, HaulierError | None]:
    """The keys of a file, or those of the registry together with what is wrong with the file."""
    try:
        return read_keys(file), None
    except HaulierError as error:
        return USUAL_KEYS, error


def _refused(faults: list[str]) -> HaulierError:
    more = f"; and {len(faults) - _MOST_FAULTS} more" if len(faults) > _MOST_FAULTS else ""
    return HaulierError(
        Code.USAGE,
        "; ".join(faults[:_MOST_FAULTS]) + more,
        "All keys are the usual ones until it is mended. `haulier config --keys` lists actions and keys.",
    )


def _changed(name: str, value: object) -> Action:
    """The action with these keys. Raises ValueError with what is wrong."""
    action = BY_ID.get(name)
    if action is None:
        raise ValueError("no action has this name")
    if not action.keys:
        raise ValueError("this action has no key; the palette has it")
    wanted = [value] if isinstance(value, str) else value
    if not isinstance(wanted, list) or not wanted or not all(isinstance(key, str) for key in wanted):
        raise ValueError('a key is a text such as "p" or "ctrl+p", or a list of such texts')
    old = action.keys.split(",")
    keys = [_allowed(action, key_name(key), key) for key in wanted]
    kept = [key for key in old if key in _KEPT and key not in keys]
    return replace(action, keys=",".join(dict.fromkeys([*keys, *kept])), shown=shown(keys[0]))


def _allowed(action: Action, key: str, written: str) -> str:
    old = action.keys.split(",")
    if key in RESERVED and key not in old:
        raise ValueError(f"{safe_text(written, 20)!r} cannot be given away: {RESERVED[key]}")
    typed_on = TYPED_ON.intersection(action.screens)
    if typed_on and _character(key) and not any(_character(each) for each in old):
        raise ValueError(
            f"{safe_text(written, 20)!r} is a character, and where this action is done, characters are typed: "
            "take a key with ctrl or a function key"
        )
    return key


def _doubled(changed: Mapping[str, Action]) -> Iterator[tuple[tuple[str, ...], str]]:
    """Keys that mean two things on one screen: the changed actions, and the sentence. Each pair once."""
    told: set[frozenset[str]] = set()
    for screen in sorted({screen for action in ACTIONS for screen in action.screens} - {EVERYWHERE}):
        meanings: dict[str, str] = {}
        for each in ACTIONS:
            if screen not in each.screens and EVERYWHERE not in each.screens:
                continue
            for key in changed.get(each.id, each).keys.split(","):
                other = meanings.setdefault(key, each.id)
                pair = frozenset({each.id, other})
                names = tuple(name for name in (other, each.id) if name in changed)
                if key and other != each.id and names and pair not in told:
                    told.add(pair)
                    yield names, f"{shown(key)!r} is both {other} and {each.id} on the screen {screen}"


def key_name(written: str) -> str:
    """A key as Textual names it, from a character or a name. Raises ValueError."""
    key = written if written == " " else written.strip()
    key = _SAME.get(key.lower(), key)
    if len(key) == 1:
        return _character_name(key)
    if key != " " and key.lower() in _NAMED:
        return key.lower()
    if key in KEY_TO_UNICODE_NAME or key in KEY_NAME_REPLACEMENTS.values():
        return key
    modifier, plus, rest = key.rpartition("+")
    if plus and modifier in ("ctrl", "alt") and len(rest) == 1 and rest.isascii() and rest.isprintable():
        return f"{modifier}+{_character_name(rest)}"
    raise ValueError(
        f"{safe_text(written, 20)!r} is no key; write a character, f5, ctrl+x, alt+x, space, delete"
    )


def _character_name(character: str) -> str:
    if character == " ":
        return "space"
    if not character.isprintable():
        raise ValueError("a character that does not print is no key")
    if character.isalnum():
        return character
    name = unicodedata.name(character, "").lower().replace("-", "_").replace(" ", "_")
    return KEY_NAME_REPLACEMENTS.get(name, name)


def _character(key: str) -> str:
    """What a key types; empty for one that types nothing."""
    character = key_to_character(REPLACED_KEYS.get(key, key)) or ""
    return character if character.isprintable() else ""


def written(key: str) -> str:
    """A key as keys.toml writes it: `key_name` reads it back."""
    return _character(key).strip() or key


def shown(key: str) -> str:
    """A key as the footer writes it."""
    if key == "ctrl+@":
        return "^space"
    *modifiers, last = key.split("+")
    named = _SIGNS.get(last) or _ARROWS.get(last) or _character(last)
    base = named or last.upper()
    return "".join(_MODIFIERS.get(each, f"{each}+") for each in modifiers) + base
