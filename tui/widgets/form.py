"""A form of one-line fields: a label, what is chosen or typed, and beside it what it means or what is wrong.

Up and down (and tab) go from field to field; left, right and space change a choice.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.message import Message
from textual.reactive import reactive
from textual.widgets import Input

from tui.widgets.heading import Words
from tui.widgets.spans import LineWidget, Span, fitted
from tui.widgets.text_field import TextField


@dataclass(frozen=True)
class Ask:
    """One field. With `choices` (value, words) it is a choice, else text. `meaning` stands beside it,
    `more` is said below the form while the field has the focus."""

    name: str
    label: str
    meaning: str
    value: str = ""
    choices: tuple[tuple[str, str], ...] = ()
    placeholder: str = ""
    hidden: bool = False  # typed without being shown
    more: str = ""


class Choice(LineWidget, can_focus=True):
    """One of a few values."""

    DEFAULT_CSS = """
    Choice { height: 1; }
    Choice:focus { background: $row; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("right,space", "turn(1)", "change", key_display="←→"),
        Binding("left", "turn(-1)", "value before", show=False),
    ]

    value: reactive[str] = reactive("", init=False, repaint=False)

    class Changed(Message):
        def __init__(self, choice: Choice, value: str) -> None:
            super().__init__()
            self.choice = choice
            self.value = value

        @property
        def control(self) -> Choice:
            return self.choice

    def __init__(self, choices: Sequence[tuple[str, str]], value: str, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.choices = tuple(choices)
        self.set_reactive(Choice.value, value if value in dict(choices) else choices[0][0])

    def watch_value(self, value: str) -> None:
        self.redraw()
        self.post_message(self.Changed(self, value))

    def action_turn(self, by: int) -> None:
        values = [value for value, _ in self.choices]
        self.value = values[(values.index(self.value) + by) % len(values)]

    def on_focus(self) -> None:
        self.redraw()

    def on_blur(self) -> None:
        self.redraw()

    def on_click(self, event: events.Click) -> None:
        event.stop()
        self.focus()
        self.action_turn(1)

    def lines(self, width: int, height: int) -> Sequence[Sequence[Span]]:
        words = dict(self.choices)[self.value]
        arrows = "key" if self.has_focus else "rule"
        return (fitted([("‹ ", arrows), (words, "lead" if self.has_focus else ""), (" ›", arrows)], width),)


class FormInput(TextField):
    """A text field; what Enter does is the screen's business and is shown among the keys."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter", "submit", "next", key_display="⏎")]

    def label_of(self, action: str) -> str:
        """The screen's word for going on."""
        say = getattr(self.screen, "label_of", None)
        return str(say("next_step")) if action == "submit" and say is not None else ""


class Field(Horizontal):
    """One line of the form."""

    DEFAULT_CSS = """
    Field { height: 1; padding: 0 1; }
    Field > .label { width: 16; }
    Field > FormInput, Field > Choice { width: 26; }
    Field > .note { width: 1fr; margin-left: 2; }
    """

    def __init__(self, ask: Ask) -> None:
        super().__init__(id=f"field-{ask.name}")
        self.ask = ask
        self._control: Choice | FormInput = (
            Choice(ask.choices, ask.value)
            if ask.choices
            else FormInput(
                ask.value, placeholder=ask.placeholder, password=ask.hidden, compact=True, select_on_focus=False
            )
        )
        self.error = ""

    def compose(self) -> ComposeResult:
        yield Words(((self.ask.label, "quiet"),), classes="label")
        yield self._control
        yield Words(((self.ask.meaning, "quiet"),), classes="note")

    @property
    def value(self) -> str:
        return self._control.value

    @value.setter
    def value(self, value: str) -> None:
        self._control.value = value

    @property
    def control(self) -> Choice | FormInput:
        return self._control

    def say(self, text: str, look: str = "quiet") -> None:
        """Words beside the field; an empty text brings the meaning back. Safe text."""
        self.error = ""
        self.query_one(".note", Words).say(((text or self.ask.meaning, look if text else "quiet"),))

    def complain(self, text: str) -> None:
        """Say what is wrong with the value. Safe text."""
        self.say(text, "bad")
        self.error = text


class Form(VerticalScroll, can_focus=False):
    """Fields in a column."""

    DEFAULT_CSS = """
    Form { height: 1fr; scrollbar-size-vertical: 1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "step(-1)", "field above", show=False),
        Binding("down", "step(1)", "field below", show=False),
    ]

    class Changed(Message):
        """A field has another value."""

        def __init__(self, form: Form, name: str) -> None:
            super().__init__()
            self.form = form
            self.name = name

    class Entered(Message):
        """The focus is on another field."""

        def __init__(self, field: Field) -> None:
            super().__init__()
            self.field = field

    class Submitted(Message):
        """Enter in a field."""

    def __init__(self, asks: Iterable[Ask], *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._fields = {ask.name: Field(ask) for ask in asks}

    def compose(self) -> ComposeResult:
        yield from self._fields.values()

    def __getitem__(self, name: str) -> str:
        return self._fields[name].value

    def field(self, name: str) -> Field:
        return self._fields[name]

    @property
    def fields(self) -> Iterable[Field]:
        return self._fields.values()

    def show_only(self, names: Iterable[str]) -> None:
        """Show these fields and hide the others."""
        wanted = set(names)
        for name, field in self._fields.items():
            field.display = name in wanted

    def focus_first(self) -> None:
        self._in_sight()[0].control.focus()

    def focus_error(self) -> bool:
        """Go to the first field with an error; whether there is one."""
        wrong = next((field for field in self._in_sight() if field.error), None)
        if wrong is not None:
            wrong.control.focus()
        return wrong is not None

    def _in_sight(self) -> list[Field]:
        return [field for field in self._fields.values() if field.display]

    def action_step(self, by: int) -> None:
        fields = self._in_sight()
        here = next((at for at, field in enumerate(fields) if field.control.has_focus), 0)
        if here + by >= len(fields):
            self.screen.focus_next()  # what follows the form, or its first field again
        else:
            fields[max(0, here + by)].control.focus()

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        parent = event.widget.parent
        if isinstance(parent, Field):
            self.post_message(self.Entered(parent))

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        self._changed(event.input.parent)

    def on_choice_changed(self, event: Choice.Changed) -> None:
        event.stop()
        self._changed(event.choice.parent)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.post_message(self.Submitted())

    def _changed(self, field: object) -> None:
        if isinstance(field, Field):
            self.post_message(self.Changed(self, field.ask.name))
