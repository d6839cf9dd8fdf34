"""repeat and presets: a job made again, from the journal or under a name."""

from __future__ import annotations

import asyncio
from argparse import Namespace

import msgspec

from core.errors import Code, HaulierError
from core.messages import DropPreset, GetJob, KeepPreset, ListPresets, RenamePreset
from core.model import JobSpec, Preset
from core.presets import again
from core.safe_text import safe_text
from core.units import format_bytes, format_when
from tui.cli import batch, confirm, transfer
from tui.cli.each import for_each
from tui.cli.output import Output, iso
from tui.cli.session import Session, open_session
from tui.draft import summary, targets
from tui.option_words import option_words


def repeat(chosen: Namespace, output: Output) -> int:
    confirm.refuse_other_words(chosen)
    return asyncio.run(_repeat(chosen, output))


async def _repeat(chosen: Namespace, output: Output) -> int:
    async with open_session(chosen) as session:
        job = await session.call(GetJob(job=chosen.job))
        return await _carry_out(session, output, chosen, again(job.spec))


def run(chosen: Namespace, output: Output) -> int:
    confirm.refuse_other_words(chosen)
    return asyncio.run(_run(chosen, output))


async def _run(chosen: Namespace, output: Output) -> int:
    async with open_session(chosen) as session:
        preset = await _preset(session, chosen.name)
        return await _carry_out(session, output, chosen, preset.spec)


async def _carry_out(session: Session, output: Output, chosen: Namespace, spec: JobSpec) -> int:
    places = [place for pair in spec.pairs for place in (pair.source, pair.target)]
    spec = msgspec.structs.replace(spec, adhoc=session.adhoc_for(places))
    if spec.batches is None:
        return await transfer.carry_out(session, output, chosen, spec)
    if chosen.dry_run:
        return await batch.show_packed(session, output, spec)
    return await batch.begin(session, output, chosen, spec)


# ---------------------------------------------------------------- the kept ones


def list_all(chosen: Namespace, output: Output) -> int:
    return asyncio.run(_list(chosen, output))


async def _list(chosen: Namespace, output: Output) -> int:
    async with open_session(chosen) as session:
        presets = (await session.call(ListPresets())).presets
    if output.json:
        for each in presets:
            output.record("preset", **_fields(each))
        return 0
    if not presets:
        output.say("No preset is kept yet. Keep a job under a name: haulier presets save NAME JOB")
        return 0
    output.table(
        ("NAME", "WHAT", "FROM", "TO", "MADE", "DESCRIPTION"),
        [
            (
                safe_text(each.name),
                each.spec.kind.value,
                safe_text(summary(pair.source for pair in each.spec.pairs), 60),
                safe_text(targets(pair.target for pair in each.spec.pairs), 80),
                format_when(each.made, 0),
                safe_text(each.description),
            )
            for each in presets
        ],
    )
    return 0


def save(chosen: Namespace, output: Output) -> int:
    return asyncio.run(_save(chosen, output))


async def _save(chosen: Namespace, output: Output) -> int:
    async with open_session(chosen) as session:
        spec = (await session.call(GetJob(job=chosen.job))).spec
        command = KeepPreset(
            name=chosen.name, spec=spec, description=chosen.description, replace=chosen.replace
        )
        try:
            kept = (await session.call(command)).presets
        except HaulierError as error:
            if error.code is Code.REFUSED:
                raise HaulierError(error.code, error.message, "Another name, or --replace.") from None
            raise
    preset = next(each for each in kept if each.name == chosen.name)
    if output.json:
        output.record("preset", **_fields(preset))
    else:
        output.say(
            f"Kept: {safe_text(preset.name)}. To make it again: haulier presets run {safe_text(preset.name)}"
        )
    return 0


def show(chosen: Namespace, output: Output) -> int:
    return asyncio.run(_show(chosen, output))


async def _show(chosen: Namespace, output: Output) -> int:
    async with open_session(chosen) as session:
        preset = await _preset(session, chosen.name)
    if output.json:
        output.record("preset", **_fields(preset))
        return 0
    spec = preset.spec
    output.line(f"{safe_text(preset.name)}: {spec.kind}{', and delete' if spec.options.delete else ''}")
    if preset.description:
        output.line(f"  {safe_text(preset.description)}")
    for pair in spec.pairs:
        output.line(f"  {safe_text(str(pair.source))} → {safe_text(str(pair.target))}")
    if words := option_words(spec.options):
        output.line(f"  {words}")
    if spec.batches is not None:
        output.line(f"  in batches for disks of {format_bytes(spec.batches.space)}")
    return 0


def rename(chosen: Namespace, output: Output) -> int:
    return asyncio.run(_rename(chosen, output))


async def _rename(chosen: Namespace, output: Output) -> int:
    async with open_session(chosen) as session:
        await session.call(RenamePreset(name=chosen.name, new=chosen.new))
    if output.json:
        output.record("renamed", name=chosen.name, new=chosen.new)
    else:
        output.say(f"{safe_text(chosen.name)} is called {safe_text(chosen.new)} from now on.")
    return 0


def remove(chosen: Namespace, output: Output) -> int:
    return asyncio.run(_remove(chosen, output))


async def _remove(chosen: Namespace, output: Output) -> int:
    async with open_session(chosen) as session:

        async def drop(name: str) -> None:
            await session.call(DropPreset(name=name))
            if output.json:
                output.record("removed", name=name)
            else:
                output.say(f"Kept no longer: {safe_text(name)}.")

        return await for_each(output, chosen.names, drop)


async def _preset(session: Session, name: str) -> Preset:
    """Raises HaulierError (not_found) that names those that there are."""
    presets = (await session.call(ListPresets())).presets
    found = next((each for each in presets if each.name == name), None)
    if found is None:
        known = (
            ", ".join(safe_text(each.name) for each in presets) or "none yet (haulier presets save NAME JOB)"
        )
        raise HaulierError(
            Code.NOT_FOUND, f"There is no preset called {safe_text(name, 60)!r}", f"Known: {known}."
        )
    return found


def _fields(preset: Preset) -> dict[str, object]:
    return {
        "name": preset.name,
        "kind": str(preset.spec.kind),
        "pairs": [{"source": str(pair.source), "target": str(pair.target)} for pair in preset.spec.pairs],
        "delete": preset.spec.options.delete,
        "options": option_words(preset.spec.options),
        "description": preset.description,
        "made": iso(preset.made),
    }
