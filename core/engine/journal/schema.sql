-- The engine's durable memory. Only the engine's process opens it; one writer, many readers (WAL).
CREATE TABLE IF NOT EXISTS jobs (
    id             INTEGER PRIMARY KEY AUTOINCREMENT,
    key            TEXT NOT NULL UNIQUE,          -- chosen by the client: submitting twice makes one job
    spec           BLOB NOT NULL,                 -- JobSpec as JSON
    title          TEXT NOT NULL,
    state          TEXT NOT NULL,
    moving         INTEGER NOT NULL DEFAULT 0,    -- 1: started (items may move), also while it still lists
    reason         TEXT NOT NULL DEFAULT '',
    hint           TEXT NOT NULL DEFAULT '',
    blocker        TEXT NOT NULL DEFAULT '',      -- of a blocked job: credentials, permission, disk, target, other
    created        REAL NOT NULL,
    started        REAL NOT NULL DEFAULT 0,
    finished       REAL NOT NULL DEFAULT 0,
    active_seconds REAL NOT NULL DEFAULT 0,
    plan           BLOB,                          -- PlanSummary as JSON, once frozen
    routes         BLOB,                          -- the resolved pairs, once planning began
    counts         BLOB NOT NULL                  -- Counts as JSON
);
CREATE TABLE IF NOT EXISTS items (
    job         INTEGER NOT NULL,
    id          INTEGER NOT NULL,                 -- 1, 2, … in the order of the plan
    route       INTEGER NOT NULL,                 -- position in jobs.routes
    action      TEXT NOT NULL,
    name        TEXT NOT NULL,                    -- relative to the route's source prefix
    size        INTEGER NOT NULL,
    etag        TEXT NOT NULL DEFAULT '',
    modified    REAL NOT NULL DEFAULT 0,
    class       TEXT NOT NULL DEFAULT '',         -- storage class at the source
    state       TEXT NOT NULL DEFAULT 'pending',  -- pending, completed, failed
    attempts    INTEGER NOT NULL DEFAULT 0,
    actual_size INTEGER NOT NULL DEFAULT 0,
    proof       TEXT NOT NULL DEFAULT '',
    error       TEXT NOT NULL DEFAULT '',
    created     REAL NOT NULL,
    completed   REAL NOT NULL DEFAULT 0,
    path        TEXT NOT NULL DEFAULT '',         -- at the local side, where it is not the name
    early       INTEGER NOT NULL DEFAULT 0,       -- 1: a deletion before anything is copied, or a copy to where it was
    url         TEXT NOT NULL DEFAULT '',         -- the complete key at the source, where it does not follow from name
    learnt      INTEGER NOT NULL DEFAULT 0,       -- 1: the plan did not know its size (-1 there), by now it is known
    fetched     TEXT NOT NULL DEFAULT '',         -- an archive is there and is to be extracted (rows.Fetched as JSON)
    batch       INTEGER NOT NULL DEFAULT 0,       -- of a job in batches: the one it is in; -1: too large for any
    digest      TEXT NOT NULL DEFAULT '',         -- SHA-256 in hex, as it was read back from the target's disk
    PRIMARY KEY (job, id)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS items_failed ON items (job, id) WHERE state = 'failed';
CREATE INDEX IF NOT EXISTS items_by_content ON items (etag) WHERE etag >= 'sha256:' AND etag < 'sha256;';
CREATE INDEX IF NOT EXISTS items_unusual ON items (job, action, id) WHERE action IN ('delete', 'cannot');
CREATE TABLE IF NOT EXISTS transfers (            -- large items that have begun
    job       INTEGER NOT NULL,
    item      INTEGER NOT NULL,
    token     TEXT NOT NULL,                      -- upload id, or the partial file
    part_size INTEGER NOT NULL,
    etag      TEXT NOT NULL,                      -- of the source when it began
    identity  TEXT NOT NULL,                      -- likewise, for sources without ETag
    version   TEXT NOT NULL DEFAULT '',           -- likewise, the object's version where the bucket keeps them
    PRIMARY KEY (job, item)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS parts (                -- parts of those that are at the target
    job    INTEGER NOT NULL,
    item   INTEGER NOT NULL,
    number INTEGER NOT NULL,
    offset INTEGER NOT NULL,
    size   INTEGER NOT NULL,
    etag   TEXT NOT NULL,
    md5    TEXT NOT NULL,
    crc64  TEXT NOT NULL,                         -- decimal: unsigned 64 bits do not fit SQLite's integers
    PRIMARY KEY (job, item, number)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS disks (                -- under the local targets of a job, when it began
    job      INTEGER NOT NULL,
    folder   TEXT NOT NULL,
    identity TEXT NOT NULL,                       -- see mounts.py
    PRIMARY KEY (job, folder)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS campaigns (            -- jobs that were packed into batches
    job       INTEGER PRIMARY KEY,
    token     TEXT NOT NULL,                      -- on the disks it stands for the campaign, in every journal
    largest   INTEGER NOT NULL DEFAULT 0          -- bytes of the largest file that no such disk holds
);
CREATE TABLE IF NOT EXISTS batches (
    job       INTEGER NOT NULL,                   -- the campaign
    number    INTEGER NOT NULL,                   -- from 1
    files     INTEGER NOT NULL,
    bytes     INTEGER NOT NULL,
    space     INTEGER NOT NULL,                   -- bytes of a disk, as it was packed
    folders   INTEGER NOT NULL,                   -- inodes besides those of the files, as it was packed
    first     TEXT NOT NULL,
    last      TEXT NOT NULL,
    state     TEXT NOT NULL DEFAULT 'waiting',    -- BatchState
    mover     INTEGER NOT NULL DEFAULT 0,         -- the job that moves it
    checker   INTEGER NOT NULL DEFAULT 0,         -- the verify job that reads it back
    tries     INTEGER NOT NULL DEFAULT 0,         -- jobs made for it so far
    broken    INTEGER NOT NULL DEFAULT 0,         -- 1: what `checker` found is to be mended
    disk      TEXT NOT NULL DEFAULT '',
    target    TEXT NOT NULL DEFAULT '',           -- the disk's folder
    mount     TEXT NOT NULL DEFAULT '',           -- where a file system was mounted above that folder
    done      REAL NOT NULL DEFAULT 0,
    left_out  INTEGER NOT NULL DEFAULT 0,         -- files that could not be fetched
    trouble   TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (job, number)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS known_disks (          -- the catalogue; outlives the campaigns
    id        TEXT PRIMARY KEY,
    label     TEXT NOT NULL,
    seen      REAL NOT NULL,
    path      TEXT NOT NULL,
    total     INTEGER NOT NULL,
    verified  REAL NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS disk_batches (
    disk      TEXT NOT NULL,
    job       INTEGER NOT NULL,
    batch     INTEGER NOT NULL,
    files     INTEGER NOT NULL,
    bytes     INTEGER NOT NULL,
    PRIMARY KEY (disk, job, batch)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS disk_files (
    disk      TEXT NOT NULL,
    job       INTEGER NOT NULL,
    batch     INTEGER NOT NULL,
    name      TEXT NOT NULL,                      -- below the folder with the disk's marker
    size      INTEGER NOT NULL,
    digest    TEXT NOT NULL,                      -- SHA-256 in hex
    etag      TEXT NOT NULL,
    proof     TEXT NOT NULL,
    source    INTEGER NOT NULL,                   -- position in the campaign's pairs
    url       TEXT NOT NULL,
    modified  REAL NOT NULL,
    PRIMARY KEY (disk, job, batch, name)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS attempts (             -- tries that failed
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    job      INTEGER NOT NULL,
    item     INTEGER NOT NULL,
    name     TEXT NOT NULL,
    at       REAL NOT NULL,
    class    TEXT NOT NULL,
    message  TEXT NOT NULL,
    retry_in REAL NOT NULL
);
CREATE INDEX IF NOT EXISTS attempts_of ON attempts (job, id);
CREATE TABLE IF NOT EXISTS notices (              -- the log that faces show
    id    INTEGER PRIMARY KEY AUTOINCREMENT,
    at    REAL NOT NULL,
    level TEXT NOT NULL,
    job   INTEGER NOT NULL,
    text  TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS ended (                -- ends of items that their job's download log does not show yet
    seq   INTEGER PRIMARY KEY AUTOINCREMENT,
    job   INTEGER NOT NULL,
    item  INTEGER NOT NULL,
    state TEXT NOT NULL,
    at    REAL NOT NULL,
    etag  TEXT NOT NULL                           -- the target's word for it, where the source has none
);
CREATE INDEX IF NOT EXISTS ended_of ON ended (job, seq);
CREATE TABLE IF NOT EXISTS records (              -- files that jobs keep beside what they move
    job        INTEGER NOT NULL,
    kind       TEXT NOT NULL,                     -- csv, progress_csv, failed_log
    dirty      INTEGER NOT NULL DEFAULT 0,        -- 1: not as it should be at the end
    opened     INTEGER NOT NULL DEFAULT 0,        -- 1: what stands under its name is this job's
    offset     INTEGER NOT NULL DEFAULT 0,        -- csv: where lines up to `upto` were about to be written
    upto       INTEGER NOT NULL DEFAULT 0,        -- ended.seq; 0: nothing is half done
    impossible INTEGER NOT NULL DEFAULT 0,        -- csv: 1: what the plan found impossible is among `ended`
    PRIMARY KEY (job, kind)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS results (              -- sums over the items of a finished job, counted once
    job      INTEGER PRIMARY KEY,
    finished REAL NOT NULL,                       -- of the end that was counted
    proofs   BLOB NOT NULL,                       -- as in JobView, JSON
    pairs    BLOB NOT NULL
);
CREATE TABLE IF NOT EXISTS kept (                 -- what the engine remembers besides jobs
    name  TEXT PRIMARY KEY,
    value BLOB NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS leftovers (            -- unfinished uploads that could not be removed yet
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    connection TEXT NOT NULL,
    adhoc      BLOB NOT NULL,                     -- Connection as JSON where the job described it; else empty
    bucket     TEXT NOT NULL,
    key        TEXT NOT NULL,
    token      TEXT NOT NULL UNIQUE,
    since      REAL NOT NULL,
    tries      INTEGER NOT NULL,
    next       REAL NOT NULL,                     -- when it is tried again
    why        TEXT NOT NULL                      -- it could not be removed
);
