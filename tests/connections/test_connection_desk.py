"""Listing, saving, testing, importing and removing connections as the engine does when asked."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from core import messages
from core.connection_desk import ConnectionDesk
from core.connections import ConnectionRegistry
from core.errors import Code, HaulierError
from core.messages import ImportProfiles, ListConnections, ProvideKeys, RemoveConnection, SaveConnection
from core.model import Connection, ProfileCredentials, SecretKeys, SessionCredentials
from core.secrets import SecretVault
from tests.servers import S3Server

KEYS = SecretKeys(access_key_id="AKEY", secret_access_key="a-very-secret-key")


@pytest.fixture(autouse=True)
def no_session_bus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent/bus")


@pytest.fixture
def registry(tmp_path: Path) -> ConnectionRegistry:
    return ConnectionRegistry(tmp_path / "connections.json")


@pytest.fixture
def vault() -> SecretVault:
    return SecretVault()


@pytest.fixture
def desk(registry: ConnectionRegistry, vault: SecretVault, isolated_home: Path) -> ConnectionDesk:
    return ConnectionDesk(registry, vault, {}, isolated_home)


def saving(connection: Connection, replaces: str = "", keys: SecretKeys | None = None) -> SaveConnection:
    return SaveConnection(
        connection=connection, keys=keys, replaces=replaces, untested_ok=True, keys_in_memory=True
    )


def code_of(refused: pytest.ExceptionInfo[HaulierError]) -> Code:
    return refused.value.code


def test_the_list_says_where_secrets_go(desk: ConnectionDesk, isolated_home: Path) -> None:
    """Connections, the profiles that have none, the place of secrets, and which keys are not at hand."""
    (isolated_home / ".aws").mkdir()
    (isolated_home / ".aws/config").write_text("[profile used]\n[profile free]\n")
    desk.save(saving(Connection(name="a", credentials=ProfileCredentials(profile="used"))))
    desk.save(saving(Connection(name="typed"), keys=KEYS))
    seen = desk.list(ListConnections())
    assert [each.name for each in seen.connections] == ["a", "typed"]
    assert seen.profiles == ("free",)
    assert seen.keeps_secrets_in.startswith("memory only")
    assert not seen.can_keep_secrets
    assert seen.locked == ()


def test_damaged_aws_files_do_not_hide_the_connections(desk: ConnectionDesk, isolated_home: Path) -> None:
    """The list stands, and says why it has no profiles; importing is refused with the same words."""
    desk.save(saving(Connection(name="a")))
    (isolated_home / ".aws").mkdir()
    (isolated_home / ".aws/config").write_text("damaged\n")
    seen = desk.list(ListConnections())
    assert len(seen.connections) == 1
    assert "config, line 1" in seen.profiles_trouble
    with pytest.raises(HaulierError, match="config, line 1"):
        desk.import_profiles(ImportProfiles())


def test_an_untested_connection_needs_a_second_word(desk: ConnectionDesk) -> None:
    """Whatever the face claims: only a test that this engine made counts."""
    claimed = Connection(name="a", tested_at=1e9)
    with pytest.raises(HaulierError) as refused:
        desk.save(SaveConnection(connection=claimed))
    assert code_of(refused) is Code.REFUSED
    saved = desk.save(SaveConnection(connection=claimed, untested_ok=True))
    assert saved.tested_at == 0


def test_a_tested_connection_is_saved_as_tested(
    desk: ConnectionDesk, registry: ConnectionRegistry, moto_server: S3Server
) -> None:
    """The same settings and keys as in the test need no second word; other keys or settings do."""
    connection = msgspec.structs.replace(moto_server.connection("prod"))
    report = desk.test(messages.TestConnection(connection=connection, keys=moto_server.keys))
    assert report.ok, report
    other_keys = msgspec.structs.replace(moto_server.keys, secret_access_key="something-else")
    for wrong in (
        SaveConnection(connection=connection, keys=other_keys, keys_in_memory=True),
        SaveConnection(
            connection=msgspec.structs.replace(connection, region="eu-west-1"),
            keys=moto_server.keys,
            keys_in_memory=True,
        ),
    ):
        with pytest.raises(HaulierError) as refused:
            desk.save(wrong)
        assert code_of(refused) is Code.REFUSED
    saved = desk.save(SaveConnection(connection=connection, keys=moto_server.keys, keys_in_memory=True))
    assert saved.tested_at > 0

    renamed = desk.save(SaveConnection(connection=msgspec.structs.replace(saved, name="main"), replaces="prod"))
    assert renamed.tested_at == saved.tested_at
    assert [each.name for each in registry.list()] == ["main"]

    with pytest.raises(HaulierError):
        desk.save(
            SaveConnection(connection=msgspec.structs.replace(renamed, region="eu-west-1"), replaces="main")
        )


def test_testing_a_saved_connection_notes_the_time(
    desk: ConnectionDesk, registry: ConnectionRegistry, moto_server: S3Server
) -> None:
    """Saved untested, then tested with its own stored keys: the file says so."""
    saved = desk.save(saving(moto_server.connection("prod"), keys=moto_server.keys))
    assert saved.tested_at == 0
    assert desk.test(messages.TestConnection(connection=saved)).ok
    assert registry.get("prod").tested_at > 0


def test_keys_of_a_test_are_not_kept(desk: ConnectionDesk, vault: SecretVault, moto_server: S3Server) -> None:
    """A test with typed keys leaves nothing in the vault, and works before there is a name."""
    nameless = msgspec.structs.replace(moto_server.connection(), name="")
    assert desk.test(messages.TestConnection(connection=nameless, keys=moto_server.keys)).ok
    assert not vault.knows(SessionCredentials(ref="test"))


def test_keys_need_a_place_or_a_word(desk: ConnectionDesk, registry: ConnectionRegistry) -> None:
    """No keyring and no word about memory: refused, and nothing is saved."""
    with pytest.raises(HaulierError) as refused:
        desk.save(SaveConnection(connection=Connection(name="a"), keys=KEYS, untested_ok=True))
    assert code_of(refused) is Code.REFUSED
    assert "no keyring service" in refused.value.message
    assert registry.list() == ()


def test_keys_follow_their_connection(desk: ConnectionDesk, vault: SecretVault) -> None:
    """New keys replace the old ones, a copy gets its own, another kind of credentials and removal drop them."""

    def ref(connection: Connection) -> SessionCredentials:
        assert isinstance(connection.credentials, SessionCredentials)
        return connection.credentials

    first = desk.save(saving(Connection(name="a"), keys=KEYS))
    assert vault.keys(ref(first).ref) == KEYS
    edited = desk.save(saving(msgspec.structs.replace(first, region="x"), "a"))
    assert ref(edited) == ref(first)
    newer = SecretKeys(access_key_id="B", secret_access_key="another-secret")
    second = desk.save(saving(edited, "a", newer))
    assert not vault.knows(ref(first))
    assert vault.keys(ref(second).ref) == newer

    copied = desk.save(saving(msgspec.structs.replace(second, name="b")))
    assert ref(copied) != ref(second)
    assert vault.keys(ref(copied).ref) == newer
    desk.save(saving(Connection(name="a", credentials=ProfileCredentials(profile="p")), "a"))
    assert not vault.knows(ref(second))
    assert vault.knows(ref(copied))
    desk.remove(RemoveConnection(name="b"))
    assert not vault.knows(ref(copied))


def test_a_refused_save_changes_nothing(
    desk: ConnectionDesk, registry: ConnectionRegistry, vault: SecretVault
) -> None:
    """A name that is taken, a name that cannot be, and one to replace that is gone: no keys are left behind."""
    desk.save(saving(Connection(name="a"), keys=KEYS))
    desk.save(saving(Connection(name="b")))
    before, stored = registry.list(), dict(vars(vault)["_memory"])
    other = SecretKeys(access_key_id="B", secret_access_key="another-secret")
    for command, code in (
        (saving(Connection(name="b", region="x"), keys=other), Code.REFUSED),
        (saving(Connection(name="b"), "a", other), Code.REFUSED),
        (saving(Connection(name="a b"), "a", other), Code.USAGE),
        (saving(Connection(name="c"), "gone", other), Code.NOT_FOUND),
        (saving(Connection(name="c", credentials=SessionCredentials(ref="invented"))), Code.USAGE),
    ):
        with pytest.raises(HaulierError) as refused:
            desk.save(command)
        assert code_of(refused) is code
    assert registry.list() == before
    assert vars(vault)["_memory"] == stored


def test_adding_twice_is_adding_once(desk: ConnectionDesk, registry: ConnectionRegistry) -> None:
    """A client whose reply was lost asks again with the same words and gets the same connection."""
    command = saving(Connection(name="a", region="x"), keys=KEYS)
    assert desk.save(command) == desk.save(command)
    plain = saving(Connection(name="b"))
    assert desk.save(plain) == desk.save(plain)
    assert len(registry.list()) == 2


def test_unfinished_jobs_hold_their_connection(desk: ConnectionDesk) -> None:
    """No removal, no other name, no other endpoint; new keys are welcome."""
    saved = desk.save(saving(Connection(name="a", endpoint="http://h:1")))
    for change in ({"name": "b"}, {"endpoint": "http://h:2"}):
        with pytest.raises(HaulierError) as refused:
            desk.save(saving(msgspec.structs.replace(saved, **change), "a"), jobs=[7, 9])
        assert code_of(refused) is Code.REFUSED
        assert "7, 9" in refused.value.message
    with pytest.raises(HaulierError, match="7"):
        desk.remove(RemoveConnection(name="a"), jobs=[7])
    desk.save(saving(saved, "a", KEYS), jobs=[7])


def test_importing_profiles(desk: ConnectionDesk, isolated_home: Path) -> None:
    """Each profile becomes one connection that refers to it, with a name that can be written; twice is once;
    nothing secret is in the file."""
    (isolated_home / ".aws").mkdir()
    (isolated_home / ".aws/credentials").write_text(
        "[default]\naws_secret_access_key = very-secret\n[s3]\n[two words]\n[-]\n"
    )
    (isolated_home / ".aws/config").write_text("[profile local]\nendpoint_url = http://localhost:9000/\n")
    desk.save(saving(Connection(name="default")))
    offered = desk.list(ListConnections()).offered
    one = desk.import_profiles(ImportProfiles(names=("local",)))
    assert [each.name for each in one.connections] == ["aws-local", "default"]
    assert one.connections[0].endpoint == "http://localhost:9000"
    assert one.connections[0].tested_at == 0
    everything = desk.import_profiles(ImportProfiles())
    profiles = {
        each.name: each.credentials.profile
        for each in everything.connections
        if isinstance(each.credentials, ProfileCredentials)
    }
    assert profiles == {
        "aws-local": "local",
        "aws-s3": "s3",
        "default-aws": "default",
        "profile": "-",
        "two-words": "two words",
    }
    assert [each.name for each in offered] == ["default-aws", "profile", "aws-local", "aws-s3", "two-words"]
    assert {each.name: each.credentials.profile for each in offered} == profiles  # type: ignore[union-attr]
    assert everything.profiles == ()
    assert everything.offered == ()
    assert desk.import_profiles(ImportProfiles()) == everything
    with pytest.raises(HaulierError) as missing:
        desk.import_profiles(ImportProfiles(names=("nobody",)))
    assert code_of(missing) is Code.NOT_FOUND


def test_keys_are_provided_again_after_a_restart(
    desk: ConnectionDesk, registry: ConnectionRegistry, isolated_home: Path
) -> None:
    """A new vault over the same file stands for the restart: the connection is locked until keys are given."""
    saved = desk.save(saving(Connection(name="a"), keys=KEYS))
    assert isinstance(saved.credentials, SessionCredentials)
    restarted = ConnectionDesk(registry, SecretVault(), {}, isolated_home)
    assert restarted.list(ListConnections()).locked == ("a",)
    with pytest.raises(HaulierError) as blocked:
        restarted.save(saving(msgspec.structs.replace(saved, name="copy")))
    assert code_of(blocked) is Code.BLOCKED
    restarted.provide(ProvideKeys(ref=saved.credentials.ref, keys=KEYS))
    assert restarted.list(ListConnections()).locked == ()
