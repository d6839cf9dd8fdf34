"""The rclone program, which shares no code with us: what it reads, writes and says of a server."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.servers import S3Server

PROGRAM = Path(sys.executable).with_name("rclone")


def rclone(server: S3Server, *words: str) -> subprocess.CompletedProcess[str]:
    """Run it to its end, which must be a good one, with `s3:` as a remote for the server."""
    settings = {
        "RCLONE_CONFIG": "/dev/null",
        "RCLONE_CONFIG_S3_TYPE": "s3",
        "RCLONE_CONFIG_S3_PROVIDER": "Other",
        "RCLONE_CONFIG_S3_ENDPOINT": server.endpoint,
        "RCLONE_CONFIG_S3_ACCESS_KEY_ID": server.access_key,
        "RCLONE_CONFIG_S3_SECRET_ACCESS_KEY": server.secret_key,
        "RCLONE_CONFIG_S3_FORCE_PATH_STYLE": "true",
        "TZ": "UTC",
    }
    done = subprocess.run(
        [PROGRAM, *words],
        env={**os.environ, **settings},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done
