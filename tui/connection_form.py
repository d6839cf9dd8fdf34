"""A connection as fields of a form, and back: what each means, and what is wrong with a typed one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, cast

from core.connection_rules import check_endpoint, check_name, check_proxy
from core.errors import HaulierError
from core.messages import ConnectionList
from core.model import (
    AnonymousCredentials,
    ChainCredentials,
    Connection,
    Credentials,
    FileCredentials,
    KeyringCredentials,
    ProfileCredentials,
    SecretKeys,
    SessionCredentials,
)
from core.safe_text import safe_text
from tui import hub_form, store_form
from tui.widgets.form import Ask

PROFILE, CHAIN, ANONYMOUS, TYPED = "profile", "chain", "anonymous", "typed"
KEY_FIELDS = ("key_id", "secret", "token")
TLS = "the certificate is checked"
NO_TLS = "others could read and change it"


def asks(connection: Connection, known: ConnectionList) -> list[Ask]:
    """All fields, filled with this connection. Stored keys are never shown."""
    credentials = connection.credentials
    stored = kind_of(credentials) == TYPED and connection.name not in known.locked
    keys_mean = "empty: the stored ones stay" if stored else f"kept in: {store_form.kept_words(known)}"
    found = ", ".join(safe_text(name, 20) for name in known.profiles[:3])
    return [
        Ask(
            "service",
            "service",
            hub_form.SERVICE_MEANS[connection.kind],
            connection.kind,
            ((hub_form.S3, "S3"), (hub_form.HUB, "Hugging Face Hub")),
            more="What is at the other end: an S3 service, or a Hub of models and datasets.",
        ),
        Ask(
            "name",
            "name",
            "as in NAME:bucket/prefix",
            connection.name,
            placeholder="prod",
            more="Up to 64 letters, digits, “.”, “_”, “-”. Places are written NAME:bucket/path.",
        ),
        Ask(
            "endpoint",
            "endpoint",
            "empty: AWS itself",
            connection.endpoint,
            placeholder="https://minio.example:9000",
            more="The address of the S3 service, with http:// or https://. Plain http is not encrypted.",
        ),
        Ask(
            "region",
            "region",
            "empty: found by the test",
            connection.region,
            placeholder="eu-central-1",
            more="AWS needs the right one; most other services take any.",
        ),
        Ask(
            "addressing",
            "addressing",
            "auto is right nearly always",
            connection.addressing,
            (("auto", "auto"), ("path", "path"), ("virtual", "virtual host")),
            more="path: https://host/bucket/key. virtual host: https://bucket.host/key, as AWS wants it.",
        ),
        Ask(
            "verify_tls",
            "TLS checks",
            TLS if connection.verify_tls else NO_TLS,
            "yes" if connection.verify_tls else "no",
            (("yes", "on"), ("no", "OFF")),
            more="Leave it on. For a certificate of your own, name its CA file below instead.",
        ),
        Ask(
            "ca_file",
            "CA file",
            "PEM; empty: the system's",
            connection.ca_file,
            placeholder="/etc/ssl/our-ca.pem",
            more="For services whose certificate is signed by a CA that this machine does not know.",
        ),
        Ask(
            "kind",
            "credentials",
            KIND_MEANS[kind_of(credentials)],
            kind_of(credentials),
            (
                (PROFILE, "AWS profile"),
                (CHAIN, "default AWS chain"),
                (TYPED, "typed keys"),
                (ANONYMOUS, "anonymous"),
            ),
            more="A profile or the chain is only referred to; nothing of it is stored.",
        ),
        Ask(
            "profile",
            "profile",
            f"found here: {found}" if found else "of ~/.aws/config or credentials",
            credentials.profile if isinstance(credentials, ProfileCredentials) else "",
            placeholder=safe_text(known.profiles[0], 24) if known.profiles else "default",
            more="Read from the AWS files whenever it is needed, also when it was changed there.",
        ),
        *hub_form.asks(connection, known),
        Ask(
            "key_id",
            "access key id",
            keys_mean,
            more=f"Typed keys are kept in: {store_form.kept_words(known)}.",
        ),
        Ask(
            "secret",
            "secret key",
            "not shown while typed",
            hidden=True,
            more=f"Goes to: {store_form.kept_words(known)}. Never in plain text to a file or a log.",
        ),
        Ask(
            "token",
            "session token",
            "only temporary keys have one",
            hidden=True,
            more="Temporary keys end; the job then stops, says so, and goes on once new ones are typed.",
        ),
        store_form.ask(known, credentials),
        Ask(
            "proxy",
            "proxy",
            "empty: as HTTPS_PROXY says",
            connection.proxy,
            placeholder="http://proxy:3128",
            more="For this connection alone: http://host:port. none: no proxy, whatever the environment says.",
        ),
        Ask(
            "bucket",
            "test also",
            "a bucket; empty: list only",
            placeholder="bucket",
            more="Needed where the credentials may not list buckets. Reading in it is tried.",
        ),
        Ask(
            "write",
            "test writing",
            "one small object, removed again",
            "no",
            (("no", "no"), ("yes", "in that bucket")),
            more="Writes and removes one object named haulier-test-… in the bucket above.",
        ),
    ]


KIND_MEANS = {
    PROFILE: "a reference; nothing is stored",
    CHAIN: "SSO, role, AWS_PROFILE; nothing is stored",
    TYPED: "an access key of your own",
    ANONYMOUS: "requests are not signed",
}


def kind_of(credentials: Credentials) -> str:
    match credentials:
        case ProfileCredentials():
            return PROFILE
        case AnonymousCredentials():
            return ANONYMOUS
        case KeyringCredentials() | FileCredentials() | SessionCredentials():
            return TYPED
        case _:
            return CHAIN


def fields_for(values: Mapping[str, str], known: ConnectionList) -> list[str]:
    """The fields that mean something for what is chosen."""
    if values.get("service") == hub_form.HUB:
        return hub_form.fields_for(values, known)
    names = ["service", "name", "endpoint", "region", "addressing"]
    if not values["endpoint"].strip().lower().startswith("http://"):
        names += ["verify_tls", "ca_file"]
    names.append("kind")
    if values["kind"] == PROFILE:
        names.append("profile")
    elif values["kind"] == TYPED:
        names += KEY_FIELDS
        names += store_form.fields(known)
    return [*names, "proxy", "bucket", *(["write"] if values["bucket"].strip() else [])]


def meaning(name: str, value: str) -> tuple[str, str]:
    """Words and look beside a choice at its present value; empty when its standing words do."""
    if name == "verify_tls" and value == "no":
        return NO_TLS, "bad"
    if name == "kind":
        return KIND_MEANS[value], "quiet"
    if name == "service":
        return hub_form.SERVICE_MEANS[value], "quiet"
    if name == "token_kind":
        return hub_form.TOKEN_MEANS[value], "quiet"
    return "", "quiet"


def problems(
    values: Mapping[str, str], known: ConnectionList, old: Connection, replaces: str
) -> dict[str, str]:
    """What is wrong, by field name, in words that are safe to show."""
    wrong: dict[str, str] = {}
    name = values["name"].strip()
    for field, check in (("name", check_name), ("endpoint", check_endpoint), ("proxy", check_proxy)):
        try:
            check(values.get(field, "").strip())
        except HaulierError as error:
            wrong[field] = safe_text(error.message)
    if name != replaces and any(one.name == name for one in known.connections):
        wrong["name"] = "this name is taken"
    if values.get("service") == hub_form.HUB:
        return wrong | hub_form.problems(values, known, old)
    if values["kind"] == PROFILE and not values["profile"].strip():
        wrong["profile"] = "which profile?"
    if values["kind"] == TYPED:
        wrong |= _problems_of_keys(values, known, old)
    if values["write"] == "yes" and not values["bucket"].strip():
        wrong["bucket"] = "writing needs a bucket to write in"
    return wrong


def _problems_of_keys(values: Mapping[str, str], known: ConnectionList, old: Connection) -> dict[str, str]:
    key_id, hidden = values["key_id"].strip(), values["secret"].strip()
    if not key_id and not hidden and kind_of(old.credentials) == TYPED and old.name not in known.locked:
        return {}
    wrong: dict[str, str] = {}
    if not key_id:
        wrong["key_id"] = "a key id belongs to the secret" if hidden else "type the key id"
    if not hidden:
        wrong |= {"secret": "type the secret of this key id"}
    if key_id and hidden:
        wrong |= store_form.problem(values, known, "keys")
    return wrong


def connection_of(values: Mapping[str, str], old: Connection) -> Connection:
    """The connection as typed. Credentials of typed keys are those of `old`; the engine puts its own there."""
    if values.get("service") == hub_form.HUB:
        return _hub_of(values, old)
    kind = values["kind"]
    credentials: Credentials = ChainCredentials()
    if kind == PROFILE:
        credentials = ProfileCredentials(profile=values["profile"].strip())
    elif kind == ANONYMOUS:
        credentials = AnonymousCredentials()
    elif kind == TYPED and kind_of(old.credentials) == TYPED:
        credentials = old.credentials
    plain = values["endpoint"].strip().lower().startswith("http://")
    return Connection(
        name=values["name"].strip(),
        endpoint=values["endpoint"].strip().rstrip("/"),
        region=values["region"].strip(),
        addressing=cast(Literal["auto", "path", "virtual"], values["addressing"]),
        ca_file="" if plain else values["ca_file"].strip(),
        verify_tls=plain or values["verify_tls"] == "yes",
        credentials=credentials,
        proxy=values.get("proxy", "").strip(),
    )


def _hub_of(values: Mapping[str, str], old: Connection) -> Connection:
    plain = values["endpoint"].strip().lower().startswith("http://")
    return Connection(
        name=values["name"].strip(),
        kind="hub",
        endpoint=values["endpoint"].strip().rstrip("/"),
        ca_file="" if plain else values["ca_file"].strip(),
        verify_tls=plain or values["verify_tls"] == "yes",
        credentials=hub_form.credentials_of(values, old),
        proxy=values["proxy"].strip(),
    )


def keys_of(values: Mapping[str, str]) -> SecretKeys | None:
    """The keys as typed; None when none were."""
    if values.get("service") == hub_form.HUB:
        return hub_form.keys_of(values)
    if values["kind"] != TYPED or not values["secret"].strip():
        return None
    return SecretKeys(
        access_key_id=values["key_id"].strip(),
        secret_access_key=values["secret"].strip(),
        session_token=values["token"].strip(),
    )
