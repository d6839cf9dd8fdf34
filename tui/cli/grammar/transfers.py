"""copy, sync, plan, verify."""

from __future__ import annotations

from argparse import ArgumentParser

from tui.cli.grammar.pieces import (
    Commands,
    attached_options,
    choosing_options,
    command,
    json,
    moving_options,
    record_options,
    talk,
)


def transfers(commands: Commands[ArgumentParser]) -> None:
    copy = command(
        commands,
        "copy",
        "transfer:copy",
        "copy new and changed files; never deletes",
        """\
One source that is a folder: its contents go into DST. Several sources: each goes into DST under its own name.
NAME: as DST makes one bucket for each source bucket, of the same name.

examples:
  haulier copy prod:logs ./logs                        a whole bucket
  haulier copy prod:logs/a.bin prod:logs/b/ out/       out/a.bin and out/b/…
  haulier copy prod:models dr: --include "*.json" "*.txt"
  haulier copy ./photos s3://bucket/photos/ --storage-class STANDARD_IA --detach
  haulier copy hf://gpt2 ./gpt2 --revision main
  haulier copy hf://datasets/org/corpus prod:corpus/   through memory, no disk in between
  haulier copy list:urls.txt ./files
  haulier copy list:classes.csv ./images --url https://host/sets --extract    ID.tar of each id, into ID/
""",
    )
    copy.add_argument("sources", nargs="+", metavar="SRC", help="what to copy")
    copy.add_argument("target", metavar="DST", help="where it goes")
    moving_options(copy)
    attached_options(copy)
    copy.add_argument("--dry-run", action="store_true", help="only say what would be done, as `haulier plan`")

    sync = command(
        commands,
        "sync",
        "transfer:sync",
        "make DST like SRC; asks for YES when it writes to S3 or deletes",
        """\
First the plan is made and shown; nothing changes before it is confirmed. In a script: --confirm YES.
A plan that deletes much asks for a second word, DELETE and the number of objects: more than 1000 objects, or
more than 25 % of the target's objects or bytes (from 100 objects or 1 GiB on), or because the source is empty.
delete_word_count and delete_word_share in config.toml change that. In a script: --confirm-delete and a number,
which must be that of the plan.

examples:
  haulier sync prod:logs ./logs
  haulier sync prod:logs dr:logs --delete
  haulier sync prod:logs dr:logs --delete --confirm YES
  haulier sync prod:logs dr:logs --delete --confirm YES --confirm-delete 1234
""",
    )
    sync.add_argument("sources", nargs=1, metavar="SRC", help="what DST is to be like")
    sync.add_argument("target", metavar="DST", help="what is changed")
    sync.add_argument("--delete", action="store_true", help="delete what only DST has")
    sync.add_argument("--confirm", metavar="YES", help="confirm the plan without being asked; only YES does")
    sync.add_argument(
        "--confirm-delete", type=int, metavar="N", help="confirm that the plan deletes exactly N objects"
    )
    moving_options(sync)
    attached_options(sync)
    sync.add_argument("--dry-run", action="store_true", help="only say what would be done, as `haulier plan`")

    plan = command(
        commands,
        "plan",
        "transfer:plan",
        "say what copy (or, with --delete, sync) would do; moves nothing",
        'With --json the last line is {"type":"plan","copy":{"count":…,"bytes":…},"overwrite":…,"hash":…}.',
    )
    plan.add_argument("sources", nargs="+", metavar="SRC", help="what would be copied")
    plan.add_argument("target", metavar="DST", help="where it would go")
    plan.add_argument("--delete", action="store_true", help="plan a sync that deletes what only DST has")
    moving_options(plan)
    json(plan)
    talk(plan)

    verify = command(
        commands,
        "verify",
        "transfer:verify",
        "compare content and move nothing: a job's places, or two places",
        """\
Exit code 0: equal. 1: something differs or is missing; what, is listed.
With --repair, what is broken or missing at DST is copied again from SRC, and then verified again: the exit code
is that of the last look. Nothing is deleted. Where DST is in S3, it asks for YES first (--confirm YES).

examples:
  haulier verify 7                    what job 7 moved
  haulier verify prod:logs ./logs
  haulier verify 7 --repair
""",
    )
    verify.add_argument("what", nargs="+", metavar="JOB | SRC DST", help="a job's number, or two places")
    verify.add_argument(
        "--repair", action="store_true", help="copy again what is broken or missing at DST, and verify that"
    )
    verify.add_argument("--confirm", metavar="YES", help="confirm a repair that writes to S3; only YES does")
    choosing_options(verify)
    record_options(verify)
    attached_options(verify)
