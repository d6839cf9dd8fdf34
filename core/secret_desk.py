"""What the engine does with the stores of secrets when it is asked to: one method a command. They block."""

from __future__ import annotations

from contextlib import suppress

from core.connections import ConnectionRegistry
from core.errors import Code, HaulierError
from core.messages import ChangePassphrase, LockSecrets, SecretsState, SecretsView, UnlockSecrets
from core.model import FileCredentials
from core.secret_file import SecretFile
from core.secrets import SecretVault


class SecretDesk:
    """The stores of `vault`, for the connections of `registry`."""

    def __init__(self, registry: ConnectionRegistry, vault: SecretVault) -> None:
        self._registry, self._vault = registry, vault

    def state(self, _command: SecretsState) -> SecretsView:
        """All places, and the connections that wait for the file."""
        waiting: tuple[str, ...] = ()
        with suppress(HaulierError):  # a damaged file of connections is told where those are listed
            waiting = tuple(
                each.name
                for each in self._registry.list()
                if isinstance(each.credentials, FileCredentials) and not self._vault.knows(each.credentials)
            )
        file = self._vault.file
        return SecretsView(
            places=self._vault.places(), waiting=waiting, file=str(file.path) if file is not None else ""
        )

    def unlock(self, command: UnlockSecrets) -> SecretsView:
        """Raises HaulierError as SecretFile's `create` and `unlock` do."""
        if command.create:
            self._file.create(command.passphrase.text)
        else:
            self._file.unlock(command.passphrase.text)
        return self.state(SecretsState())

    def lock(self, _command: LockSecrets) -> SecretsView:
        if self._vault.file is not None:
            self._vault.file.lock()
        return self.state(SecretsState())

    def change(self, command: ChangePassphrase) -> SecretsView:
        """Raises HaulierError as SecretFile's `change_passphrase` does."""
        self._file.change_passphrase(command.old.text, command.new.text)
        return self.state(SecretsState())

    @property
    def _file(self) -> SecretFile:
        if self._vault.file is None:
            raise HaulierError(Code.UNAVAILABLE, "This engine keeps no secret file.")
        return self._vault.file
