"""What the engine does with presets when it is asked to: one method a command. Blocking; called in threads."""

from __future__ import annotations

from core.messages import DropPreset, KeepPreset, ListPresets, PresetList, RenamePreset
from core.presets import PresetRegistry, preset_of


class PresetDesk:
    """Raises HaulierError as the registry does."""

    def __init__(self, registry: PresetRegistry) -> None:
        self._registry = registry

    def list(self, _command: ListPresets) -> PresetList:
        return PresetList(presets=self._registry.list())

    def keep(self, command: KeepPreset) -> PresetList:
        preset = preset_of(command.name, command.spec, command.description)
        return PresetList(presets=self._registry.keep(preset, replace=command.replace))

    def rename(self, command: RenamePreset) -> PresetList:
        return PresetList(presets=self._registry.rename(command.name, command.new))

    def drop(self, command: DropPreset) -> PresetList:
        return PresetList(presets=self._registry.drop(command.name))
