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
    blocker        TEXT NOT NULL DEFAULT '',      -- of a blocked job: credentials, disk, target, other
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
    PRIMARY KEY (job, id)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS items_failed ON items (job, id) WHERE state = 'failed';
CREATE INDEX IF NOT EXISTS items_unusual ON items (job, action, id) WHERE action IN ('delete', 'cannot');
CREATE TABLE IF NOT EXISTS transfers (            -- large items that have begun
    job       INTEGER NOT NULL,
    item      INTEGER NOT NULL,
    token     TEXT NOT NULL,                      -- upload id, or the partial file
    part_size INTEGER NOT NULL,
    etag      TEXT NOT NULL,                      -- of the source when it began
    identity  TEXT NOT NULL,                      -- likewise, for sources without ETag
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
