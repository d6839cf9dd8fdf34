"""Every action of the full-screen program, once. Key bindings, the footer, the help screen, the command
palette and the key table of the documentation are all made from `ACTIONS`.

An action called `pause_job` is carried out by the method `action_pause_job` of the screen it belongs to, or
of the app when it belongs to every screen. A screen says what is possible now in `check_action`: `True` it
can be done, `None` it is shown greyed, `False` it is not there at all.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from textual.binding import Binding, BindingType

EVERYWHERE = "*"

MOVING = "Jobs"
LOOKING = "Looking around"
CHOOSING = "Choosing"
PROGRAM = "Program"

GROUPS = (MOVING, LOOKING, CHOOSING, PROGRAM)


@dataclass(frozen=True)
class Action:
    """One thing a person can do. `keys` as Textual names them, separated by commas; the first is shown."""

    id: str
    keys: str
    shown: str  # the key as the footer and the help write it
    label: str  # one or two words for the footer
    help: str  # one sentence
    group: str
    screens: tuple[str, ...]
    in_footer: bool = True
    in_palette: bool = True
    said_on: tuple[
        str, ...
    ] = ()  # screens whose footer leaves it out: it is written elsewhere there, or in the help

    def binding(self, screen: str = "") -> Binding:
        in_footer = self.in_footer and screen not in self.said_on
        return Binding(self.keys, self.id, self.label, in_footer, self.shown, id=self.id, tooltip=self.help)


_JOB_SCREENS = ("jobs", "board", "job")

ACTIONS: tuple[Action, ...] = (
    # -- jobs
    Action("new_job", "n", "n", "new", "Start a new copy, sync or verify, step by step.", MOVING, ("jobs",)),
    Action("open_job", "enter", "⏎", "open", "Open the job: its plan, its board, or its results.", MOVING,
           ("jobs",), in_palette=False),
    Action("toggle_pause", "p", "p", "pause", "Pause the job, or go on with a paused or blocked one.", MOVING,
           _JOB_SCREENS),
    Action("retry_failed", "R", "R", "retry", "Try all failed files of the job again.", MOVING, _JOB_SCREENS),
    Action("verify_job", "v", "v", "verify", "Compare what the job moved with its source once more; moves nothing.",
           MOVING, ("jobs", "job"), in_footer=False),
    Action("repeat_job", "N", "N", "repeat", "Make the job again: its sources, target and options, planned anew.",
           MOVING, ("jobs", "job"), in_footer=False),
    Action("show_presets", "t", "t", "presets", "Jobs that are kept under a name: make one of them again.", MOVING,
           ("jobs", "places"), said_on=("jobs",)),
    Action("keep_preset", "K", "K", "keep as preset", "Keep the job under a name, to be made again.", MOVING,
           ("jobs", "job", "plan"), in_footer=False),
    Action("use_preset", "enter", "⏎", "use", "Begin a job as the preset says; its options and plan come first.",
           MOVING, ("presets",), in_palette=False),
    Action("rename_preset", "r", "r", "rename", "Give the preset another name.", CHOOSING, ("presets",)),
    Action("remove_preset", "delete,x", "del", "remove", "Keep the preset no longer; asks first.", CHOOSING,
           ("presets",)),
    Action("repair_job", "m", "m", "repair", "Copy again what a verify job found broken or missing, and verify that.",
           MOVING, _JOB_SCREENS),
    Action("retry_item", "r", "r", "retry this", "Try this one file again.", MOVING, ("job",)),
    Action("more_workers", "plus,equals_sign", "+", "more workers", "Move one more file at once.", MOVING,
           ("board",), in_footer=False),
    Action("fewer_workers", "minus", "−", "fewer workers", "Move one file fewer at once.", MOVING, ("board",),
           in_footer=False),
    Action("more_connections", "greater_than_sign,full_stop", ">", "more per file",
           "Use one more connection per file.", MOVING, ("board",), in_footer=False),
    Action("fewer_connections", "less_than_sign,comma", "<", "fewer per file",
           "Use one connection fewer per file.", MOVING, ("board",), in_footer=False),
    Action("show_connections", "C", "C", "connections", "Connections: add, test, change, import.", LOOKING,
           ("jobs",)),
    Action("tune_bandwidth", "c", "c", "limit", "Limit the job's bandwidth, or lift the limit.", MOVING,
           _JOB_SCREENS, said_on=("board", "job")),
    Action("tune_everything", "L", "L", "limit all", "Limit the bandwidth of all jobs together, or lift the limit.",
           MOVING, _JOB_SCREENS, in_footer=False),
    Action("next_priority", "P", "P", "priority", "Let the job go first, last, or along with the others.", MOVING,
           _JOB_SCREENS, in_footer=False),
    Action("cancel_job", "x", "x", "cancel", "Cancel the job for good; asks first. What is complete stays.", MOVING,
           _JOB_SCREENS),
    Action("forget_job", "X,delete", "X", "forget", "Remove a finished job from the list; moved data stays.",
           MOVING, ("jobs", "job"), in_footer=False),
    # -- looking around
    Action("show_summary", "s", "s", "summary", "Show what was asked for, the plan and how it was verified.",
           LOOKING, ("job",), said_on=("job",)),
    Action("show_items", "i", "i", "items", "List the job's files, with a filter.", LOOKING, _JOB_SCREENS,
           said_on=("job",)),
    Action("show_errors", "e", "e", "errors", "Look at the job's failed tries.", LOOKING, _JOB_SCREENS,
           said_on=("job",)),
    Action("show_details", "d", "d", "details", "Show the job's options, plan, files and proofs.", LOOKING,
           ("jobs", "board"), in_footer=False),
    Action("show_folders", "o", "o", "folders", "See how far the job is, folder by folder.", LOOKING,
           ("board", "job"), in_footer=False),
    Action("open_folder", "enter,right", "⏎", "look inside", "Look at the folders below this one.", LOOKING,
           ("folders",), in_palette=False),
    Action("leave_folder", "backspace,left", "⌫", "up", "Go back to the folder above.", LOOKING, ("folders",),
           in_palette=False),
    Action("show_board", "b", "b", "board", "Watch the job's workers live.", LOOKING, ("job",)),
    Action("next_status", "f", "f", "status", "Show all files, only failed, waiting, moving or done ones.", LOOKING,
           ("job",), said_on=("job",)),
    Action("next_order", "t", "t", "sort", "Sort by the next: name, size, time, and what else there is.", LOOKING,
           ("job", "browse", "pair"), said_on=("job", "browse", "pair")),
    Action("reverse_order", "T", "T", "other way round", "Sort the other way round.", LOOKING,
           ("job", "browse", "pair"),
           in_footer=False),
    Action("next_level", "v", "v", "level", "Show warnings only, or more: info, debug.", LOOKING, ("log",)),
    Action("toggle_job_only", "o", "o", "this job", "Show one job's lines, or all.", LOOKING, ("log",)),
    Action("follow", "f,end", "f", "follow", "Jump to the newest line and stay there.", LOOKING, ("log",)),
    Action("check_system", "S", "S", "check", "See whether this machine and its places are fit for a job.", LOOKING,
           ("jobs", "plan", "campaign")),
    Action("show_disks", "D", "D", "disks", "Look at the catalogue of disks: which disk holds what.", LOOKING,
           ("jobs", "campaign"), in_footer=False),
    Action("check_again", "r", "r", "run again", "Check once more.", LOOKING, ("check",)),
    Action("change_check", "e", "e", "place and size", "Change the place and the size that are checked.", LOOKING,
           ("check",)),
    # -- several disks
    Action("open_batch", "enter", "⏎", "files", "Look at the batch's files, and the disk that has each.", LOOKING,
           ("campaign",), in_palette=False),
    Action("continue_batch", "c", "c", "continue", "Move this batch: asks for the disk's folder first.", MOVING,
           ("campaign",)),
    Action("watch_batch", "b", "b", "board", "Watch the batch's job live.", LOOKING, ("campaign",)),
    Action("show_too_large", "o", "o", "too large", "Look at the files that no such disk holds.", LOOKING, ("campaign",)),
    Action("all_batch_files", "i", "i", "all files", "List all files with batch and disk.", LOOKING, ("campaign",)),
    Action("show_plan", "d", "d", "details", "Show what was asked for and the plan.", LOOKING, ("campaign",),
           in_footer=False),
    Action("open_disk", "enter", "⏎", "open", "Look at what the disk holds.", LOOKING, ("disks",), in_palette=False),
    Action("find_file", "f", "f", "find a file", "Find which disk holds a file, by a piece of its name.", LOOKING,
           ("disks",)),
    Action("drop_disk", "delete,x", "del", "drop", "Take the disk out of the catalogue; asks first, and touches no disk.",
           CHOOSING, ("disks",)),
    Action("verify_disk", "v", "v", "verify", "Read the disk and compare it with the manifest that it carries.", MOVING,
           ("disks",)),
    # -- the engine
    Action("restart_engine", "f5", "F5", "start engine", "Start the engine again when it is gone.", PROGRAM,
           (EVERYWHERE,)),
    # -- connections
    Action("open_connection", "enter", "⏎", "look inside", "Look at the connection's buckets; a job can start there.",
           LOOKING, ("connections",), in_palette=False),
    Action("unlock_secrets", "u", "u", "unlock", "Open the encrypted file of typed keys with its passphrase, or make it.",
           CHOOSING, ("connections",)),
    Action("add_connection", "a", "a", "add", "Add a connection by hand.", CHOOSING, ("jobs", "connections", "places")),
    Action("edit_connection", "e", "e", "edit", "Change or rename the connection.", CHOOSING, ("connections",)),
    Action("test_connection", "t", "t", "test", "Try the connection: reach, sign, list, read.", CHOOSING,
           ("connections",)),
    Action("remove_connection", "x", "x", "remove", "Remove the connection and its stored secret; asks first.",
           CHOOSING, ("connections",)),
    Action("show_found", "i", "i", "found here", "Test and keep what was found here: AWS profiles, a Hub token, OpsKit.",
           CHOOSING, ("connections",)),
    Action("test_found", "enter,t", "⏎", "test", "Test what is marked: reach, sign, list, read; nothing is written.",
           CHOOSING, ("found",)),
    Action("take_over", "s", "s", "keep", "Keep what is marked as connections; what is referred to is not copied.",
           CHOOSING, ("found",)),
    Action("show_demo", "d", "d", "demo", "Leave for the demo: two S3 servers of its own with sample data.", LOOKING,
           ("connections",), in_footer=False),
    Action("duplicate_connection", "D", "D", "duplicate", "Make a new connection that starts as this one.", CHOOSING,
           ("connections",), in_footer=False),
    Action("use_mirror", "ctrl+n", "^n", "mirror", "Use a mirror of the Hub where the official one is out of reach.",
           CHOOSING, ("connection_edit",)),
    Action("test_draft", "ctrl+t", "^t", "test", "Try the connection as it stands in the form.", CHOOSING,
           ("connection_edit",)),
    Action("save_connection", "ctrl+s", "^s", "save", "Test the connection, then save it.", CHOOSING,
           ("connection_edit",)),
    Action("next_step", "enter", "⏎", "next", "Go on with what is chosen.", CHOOSING,
           ("places", "buckets", "browse", "pair", "repos", "folder", "urls", "target", "options", "analysis"), in_palette=False),
    # -- repositories and files over HTTP
    Action("add_repo", "a", "a", "add", "Keep a repository: its id, type, revision, description.", CHOOSING, ("repos",)),
    Action("search_hub", "s", "s", "search", "Search the Hub for repositories.", LOOKING, ("repos",)),
    Action("keep_repo", "ctrl+s", "^s", "keep", "Look whether the repository is there, then keep it.", CHOOSING,
           ("repo_edit",)),
    Action("keep_found", "enter", "⏎", "keep", "Keep the repository in the list.", CHOOSING, ("repo_search",),
           in_palette=False),
    Action("set_patterns", "f", "f", "patterns", "Say which files are meant: only *.json, leave out *.bin.", CHOOSING,
           ("browse",)),
    Action("browse_folder", "ctrl+o", "^o", "look inside", "Look at the folder's files, and mark some of them.",
           LOOKING, ("folder",)),
    Action("browse_file", "ctrl+o", "^o", "look for it", "Look for the file on this machine.", CHOOSING, ("urls",)),
    # -- settings
    Action("change_setting", "enter", "⏎", "change", "Change the setting in config.toml.", CHOOSING, ("settings",),
           in_palette=False),
    Action("reset_setting", "delete,x", "del", "default", "Take the setting out of config.toml: the default counts.",
           CHOOSING, ("settings",)),
    # -- the way to a job
    Action("toggle_mark", "space", "space", "mark", "Mark or unmark the row.", CHOOSING,
           ("buckets", "browse", "pair", "repos", "found")),
    Action("mark_up", "shift+up,K", "⇧↑↓", "range", "Mark a range of rows while moving.", CHOOSING,
           ("buckets", "browse", "pair", "repos"), in_palette=False),
    Action("mark_down", "shift+down,J", "⇧↓", "range down", "Mark a range of rows while moving down.", CHOOSING,
           ("buckets", "browse", "pair", "repos"), in_footer=False, in_palette=False),
    Action("sticky_range", "v", "v", "range", "Begin a range here; it follows the cursor until v or Esc.", CHOOSING,
           ("buckets", "browse", "pair", "repos"), in_footer=False),
    Action("edit_repo", "e", "e", "edit", "Change what is kept of the repository.", CHOOSING, ("repos",)),
    Action("remove_repo", "delete,x", "del", "remove", "Take the repository off the list; asks first.", CHOOSING,
           ("repos",)),
    Action("count_repo", "c", "c", "count", "Count the repository's files and bytes.", LOOKING, ("repos",)),
    Action("type_words", "t", "t", "type", "Type the selection: 3  1-5  all ^4  org/*  invert.", CHOOSING, ("repos",)),
    Action("analyse_place", "z", "z", "analyse", "Count sizes, largest files and folders; plan several disks.", LOOKING,
           ("browse", "pair", "repos")),
    Action("mark_all", "a", "a", "all", "Mark all rows in the list, or none when all are marked.", CHOOSING,
           ("buckets", "browse", "pair", "found")),
    Action("invert_marks", "i", "i", "invert", "Mark what is not marked, and the other way round.", CHOOSING,
           ("buckets", "browse", "pair", "repos")),
    Action("look_inside", "right", "→", "look inside", "Look at what is inside, without choosing it.", LOOKING,
           ("buckets", "browse", "pair", "repos", "repo_search")),
    Action("look_outside", "left", "←", "up", "Go up one folder.", LOOKING, ("browse", "pair"), in_palette=False),
    Action("show_object", "d", "d", "details", "Look at the file's headers, metadata, checksums and versions.",
           LOOKING, ("browse", "pair"), in_footer=False),
    Action("compare_with", "w", "w", "with a target", "See this folder beside a target, with what differs.", LOOKING,
           ("browse",)),
    Action("toggle_difference", "f", "f", "differences", "Show only what differs, or everything.", LOOKING, ("pair",)),
    Action("swap_sides", "w", "w", "swap", "Exchange source and target.", CHOOSING, ("pair",)),
    Action("type_selection", "s", "s", "type", "Type the selection: 3  1-5  all ^4  logs-*  invert.", CHOOSING,
           ("buckets", "browse", "pair")),
    Action("type_bucket", "b", "b", "type a name", "Type the name of a bucket that is not listed.", CHOOSING,
           ("buckets", "target")),
    Action("reload", "ctrl+r", "^r", "reload", "Read the list again; marks stay with their names.", LOOKING,
           ("buckets", "browse", "pair", "object", "repos", "target", "folder", "check", "campaign", "disks", "analysis",
            "settings", "presets"), in_footer=False),
    Action("filter", "slash", "/", "filter", "Type to narrow the list down; Esc clears it.", LOOKING,
           ("jobs", "job", "log", "connections", "buckets", "browse", "pair", "repos", "target", "plan_items", "batch_files",
            "disks", "settings", "presets")),
    Action("show_tries", "enter", "⏎", "tries", "Look at the failed tries of this one file.", LOOKING, ("job",),
           in_palette=False),
    # -- the plan
    Action("start_job", "s", "s", "start", "Start the job; asks for YES when it writes to S3 or deletes.", CHOOSING,
           ("plan",)),
    Action("look_at_row", "enter", "⏎", "examples", "Look at what stands behind the row.", LOOKING, ("plan",),
           in_palette=False),
    Action("look_at_deletions", "d", "d", "deletions", "Look at every object that would be deleted.", LOOKING,
           ("plan",)),
    Action("plan_again", "r", "r", "plan again", "List and compare once more.", CHOOSING, ("plan",)),
    Action("keep_plan", "w", "w", "keep for later", "Leave the plan in the list of jobs, unstarted.", CHOOSING,
           ("plan",)),
    # -- every screen
    Action("show_log", "l", "l", "log", "Read the engine's log.", LOOKING, ("jobs", "board", "job")),
    Action("back", "escape", "esc", "back", "Go back to where you came from.", PROGRAM,
           ("board", "job", "log", "connections", "connection_edit", "places", "buckets", "browse", "pair", "object", "folder", "target",
            "options", "plan", "plan_items", "folders", "repos", "repo_edit", "repo_search", "urls", "check", "analysis",
            "campaign", "batch_files", "disks", "settings", "found", "presets"), in_palette=False),
    Action("command_palette", "colon,ctrl+p", ":", "commands", "Find any command or job by name.", PROGRAM,
           (EVERYWHERE,), in_footer=False, in_palette=False),
    Action("show_settings", "O,f2", "O", "settings", "Look at the settings, where each comes from, and change them.",
           PROGRAM, (EVERYWHERE,), in_footer=False),
    Action("switch_theme", "", "", "theme", "Switch to the next theme: dark, light, the terminal's 16 colours.",
           PROGRAM, (EVERYWHERE,), in_footer=False),
    Action("show_help", "question_mark,f1", "?", "help", "Show the keys of this screen.", PROGRAM, (EVERYWHERE,)),
    Action("leave", "q,ctrl+q,ctrl+c", "q", "leave", "Leave the screen; the engine keeps working.", PROGRAM,
           (EVERYWHERE,)),
)  # fmt: skip

BY_ID = {action.id: action for action in ACTIONS}


def of_screen(screen: str) -> Iterator[Action]:
    """The actions that belong to the screen called `screen` itself, in the order of the footer."""
    return (action for action in ACTIONS if screen in action.screens)


def bindings(screen: str) -> list[BindingType]:
    """The `BINDINGS` of a screen; `bindings(EVERYWHERE)` are the app's."""
    return [action.binding(screen) for action in of_screen(screen) if action.keys]


def grouped(actions: Iterable[Action]) -> Iterator[tuple[str, list[Action]]]:
    """Actions by their group, in the fixed order of groups, empty groups left out."""
    waiting = list(actions)
    for group in GROUPS:
        if members := [action for action in waiting if action.group == group]:
            yield group, members


def key_table() -> str:
    """The table of all keys in Markdown, for the documentation."""
    lines = ["| key | does | where |", "|---|---|---|"]
    for _, actions in grouped(ACTIONS):
        for action in actions:
            if action.keys:
                where = "everywhere" if EVERYWHERE in action.screens else ", ".join(action.screens)
                lines.append(f"| `{action.shown}` | {action.help} | {where} |")
    return "\n".join(lines) + "\n"
