"""Connections and where their secrets are: connections, secrets."""

from __future__ import annotations

from argparse import SUPPRESS, ArgumentParser

from tui.cli.grammar.pieces import Commands, command, json


def connections(commands: Commands[ArgumentParser]) -> None:
    top = command(commands, "connections", "connections:list_all", "list, add, test, edit, remove connections")
    json(top)
    below = top.add_subparsers(title="commands", metavar="COMMAND")
    listing = command(below, "list", "connections:list_all", "list connections and where secrets are kept")
    json(listing)
    listing.add_argument(
        "-v", "--verbose", action="count", default=SUPPRESS, help="with what each service can do"
    )
    add = command(
        below,
        "add",
        "connections:add",
        "test a connection and save it",
        """\
A secret is never an argument: it is asked for without showing it, or read from the first line of stdin with
--secret-stdin (a session token may follow on the second line).

examples:
  haulier connections add aws --profile prod
  haulier connections add minio --endpoint http://10.0.0.5:9000 --access-key-id AKIA…
  pass s3/minio | haulier connections add minio --endpoint … --access-key-id AKIA… --secret-stdin
  haulier connections add open --endpoint https://data.example.org --anonymous
  haulier connections add hub --hub --token-file ~/.cache/huggingface/token
  haulier connections add mirror --hub --endpoint https://hf-mirror.com --anonymous
""",
    )
    add.add_argument("name", metavar="NAME", help="what you will write before the colon")
    connection_options(add)
    edit = command(
        below, "edit", "connections:edit", "change a connection; what is not given stays", "tested like `add`."
    )
    edit.add_argument("name", metavar="NAME", help="as `haulier connections` lists it")
    edit.add_argument("--rename", metavar="NEW", help="another name")
    connection_options(edit)
    test = command(below, "test", "connections:test", "try a connection and say what works")
    test.add_argument("name", metavar="NAME", help="as `haulier connections` lists it")
    test.add_argument(
        "--bucket",
        "--repo",
        dest="bucket",
        default="",
        metavar="BUCKET",
        help="list and read in this bucket, or in this repository of a Hub (datasets/org/name)",
    )
    test.add_argument("--write", action="store_true", help="write and delete one small object in --bucket too")
    json(test)
    show = command(below, "show", "connections:show", "show one connection and what its service can do")
    show.add_argument("name", metavar="NAME", help="as `haulier connections` lists it")
    json(show)
    remove = command(below, "remove", "connections:remove", "remove connections and their stored secrets")
    remove.add_argument("names", nargs="+", metavar="NAME", help="as `haulier connections` lists them")
    json(remove)
    bring = command(
        below,
        "import",
        "connections:bring",
        "make connections of AWS profiles, the Hub's own token file, or OpsKit's old connections",
        """\
opskit: each secret of its connections.json moves to where typed keys are kept, and is then taken out of the
old file (--scrub; asked for at a terminal), which stays as it is otherwise. Without FILE it is looked for where
OpsKit keeps it. Nothing is tested: haulier connections test NAME.

examples:
  haulier connections import aws
  haulier connections import opskit ~/.opskit/cache/tools/s3-sync/connections.json --dry-run
  haulier connections import opskit --store file --scrub
""",
    )
    bring.add_argument(
        "what",
        choices=("aws", "hub", "opskit"),
        metavar="aws|hub|opskit",
        help="~/.aws/config and ~/.aws/credentials; where the Hub's own tools keep their token; or FILE",
    )
    bring.add_argument(
        "names",
        nargs="*",
        metavar="NAME | FILE",
        help="of aws: only these profiles; of hub: the name to give; of opskit: the file",
    )
    bring.add_argument("--dry-run", action="store_true", help="of opskit: only say what the file holds")
    bring.add_argument(
        "--scrub", action="store_true", help="of opskit: take the secrets that were moved out of the file"
    )
    bring.add_argument(
        "--store", choices=("keyring", "file", "memory"), help="of opskit: where the keys are kept, as of `add`"
    )
    json(bring)


def secrets(commands: Commands[ArgumentParser]) -> None:
    top = command(
        commands,
        "secrets",
        "secrets:status",
        "where typed keys are kept; open and close the encrypted file",
        """\
Keys are best only referred to: a profile, a role, a token file. Typed ones go into the OS keyring, or where
there is none (a server without a session) into a file that a passphrase opens, or stay in the engine's memory.
The passphrase is asked for without showing it, or read from stdin with --passphrase-stdin; it is kept nowhere.

examples:
  haulier secrets
  haulier secrets unlock                       makes the file the first time
  pass haulier | haulier secrets unlock --passphrase-stdin
  haulier connections edit minio --store file  moves its keys there
""",
    )
    json(top)
    below = top.add_subparsers(title="commands", metavar="COMMAND")
    json(command(below, "status", "secrets:status", "say where keys can be kept, and which are locked"))
    unlock = command(
        below, "unlock", "secrets:unlock", "open the file until the engine stops; jobs that waited go on"
    )
    unlock.add_argument("--passphrase-stdin", action="store_true", help="read the passphrase from stdin")
    json(unlock)
    json(command(below, "lock", "secrets:lock", "close the file; jobs that need its keys stop and wait"))
    change = command(below, "passphrase", "secrets:passphrase", "change the passphrase")
    change.add_argument("--passphrase-stdin", action="store_true", help="the old and the new one, a line each")
    json(change)


def connection_options(parser: ArgumentParser) -> None:
    reach = parser.add_argument_group("how it is reached")
    reach.add_argument(
        "--hub", action="store_true", help="a Hugging Face Hub: no region, no addressing, a token for keys"
    )
    reach.add_argument(
        "--endpoint", metavar="URL", help="http:// or https:// (default: AWS; of a Hub: the official one)"
    )
    reach.add_argument(
        "--proxy", metavar="URL", help="http://HOST:PORT for this connection alone; none: without any proxy"
    )
    reach.add_argument("--region", metavar="REGION", help="such as eu-central-1 (default: found by the test)")
    style = reach.add_mutually_exclusive_group()
    style.add_argument(
        "--path-style", dest="addressing", action="store_const", const="path", help="https://host/bucket/key"
    )
    style.add_argument(
        "--virtual-host",
        dest="addressing",
        action="store_const",
        const="virtual",
        help="https://bucket.host/key",
    )
    style.add_argument(
        "--auto-addressing",
        dest="addressing",
        action="store_const",
        const="auto",
        help="whichever works (the default)",
    )
    reach.add_argument("--ca-file", metavar="FILE", help="PEM file of an extra certificate authority")
    checked = reach.add_mutually_exclusive_group()
    checked.add_argument(
        "--no-verify-tls", dest="verify_tls", action="store_false", help="trust any certificate"
    )
    checked.add_argument("--verify-tls", dest="verify_tls", action="store_true", help="check it (the default)")
    parser.set_defaults(verify_tls=None)
    secret = parser.add_argument_group("where the keys come from")
    source = secret.add_mutually_exclusive_group()
    source.add_argument("--profile", metavar="P", help="a profile of the AWS config files")
    source.add_argument(
        "--chain", action="store_true", help="the default AWS chain: AWS_PROFILE, SSO, role, … (the default)"
    )
    source.add_argument("--anonymous", action="store_true", help="requests are not signed")
    source.add_argument("--access-key-id", metavar="ID", help="keys of your own; the secret is asked for")
    source.add_argument("--token-file", metavar="FILE", help="of a Hub: the file that holds its token")
    source.add_argument("--token", action="store_true", help="of a Hub: it is asked for (the default)")
    secret.add_argument("--secret-stdin", action="store_true", help="read the secret from stdin instead")
    kept = secret.add_mutually_exclusive_group()
    kept.add_argument(
        "--store",
        choices=("keyring", "file", "memory"),
        help="where typed keys are kept: the OS keyring, the encrypted file (`haulier secrets`), or memory "
        "until the engine stops (default: the first that is ready of keyring and file)",
    )
    kept.add_argument(
        "--memory", dest="store", action="store_const", const="memory", help="the same as --store memory"
    )
    saving = parser.add_argument_group("test")
    saving.add_argument(
        "--bucket",
        "--repo",
        dest="bucket",
        default="",
        metavar="NAME",
        help="a bucket, or of a Hub a repository (org/name): list and read there",
    )
    saving.add_argument("--untested", action="store_true", help="save it although its test fails")
    json(parser)
