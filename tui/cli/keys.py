"""config --keys: every action of the full screen with its name, its keys now, and where they work."""

from __future__ import annotations

from core.safe_text import safe_text
from core.settings import Settings
from tui.actions import ACTIONS, EVERYWHERE, Action, grouped
from tui.cli.output import Output
from tui.keys import faultless_keys, written
from tui.preferences import KEYS_FILE


def print_keys(settings: Settings, output: Output) -> int:
    """The reference for keys.toml. A fault in that file is told last; then the usual keys were listed."""
    file = settings.config_dir / KEYS_FILE
    table, fault = faultless_keys(file)
    actions = [table.of(action) for _, members in grouped(ACTIONS) for action in members]
    if output.json:
        for action in actions:
            output.record(
                "key",
                action=action.id,
                keys=_keys(action),
                changed=action.id in table.changed,
                screens=action.screens,
                help=action.help,
            )
    else:
        output.table(
            ("ACTION", "KEYS", "FROM", "DOES", "WHERE"),
            [
                (
                    action.id,
                    "  ".join(_keys(action)) or "palette",
                    KEYS_FILE if action.id in table.changed else "",
                    action.help,
                    "everywhere" if EVERYWHERE in action.screens else " ".join(action.screens),
                )
                for action in actions
            ],
        )
        output.say(
            f'Change them in {safe_text(str(file))}: a line is  action = "key"  or  action = ["key", "f5"]'
        )
    if fault is None:
        return 0
    output.error(fault)
    return fault.exit_code


def _keys(action: Action) -> list[str]:
    return [written(key) for key in action.keys.split(",") if key]
