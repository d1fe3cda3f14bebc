-- Amounts are in a meter's smallest unit, instants in milliseconds since 1970 (UTC), ids are the
-- sixteen bytes of a UUID. Accounts have numbers, so that the rows that name them stay small.

CREATE TABLE accounts (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    parent INTEGER,
    -- NULL: it is one.
    root INTEGER,
    height INTEGER NOT NULL,
    version INTEGER NOT NULL,
    opened_at INTEGER NOT NULL,
    terms TEXT NOT NULL,
    applied TEXT NOT NULL
) STRICT;

CREATE TABLE counters (
    account INTEGER NOT NULL,
    meter TEXT NOT NULL,
    period TEXT NOT NULL,
    start INTEGER NOT NULL,
    -- NULL: for ever.
    keep_until INTEGER,
    spent INTEGER NOT NULL,
    held INTEGER NOT NULL,
    carried INTEGER NOT NULL,
    uncovered INTEGER NOT NULL,
    PRIMARY KEY (account, meter, period, start)
) STRICT, WITHOUT ROWID;

CREATE INDEX counters_by_age ON counters (keep_until)
    WHERE held = 0 AND keep_until IS NOT NULL;

CREATE TABLE holds (
    root INTEGER NOT NULL,
    id BLOB NOT NULL,
    owner BLOB NOT NULL,
    expires_at INTEGER NOT NULL,
    -- From when retention counts. NULL: it is open.
    kept_from INTEGER,
    body BLOB NOT NULL,
    PRIMARY KEY (root, id)
) STRICT, WITHOUT ROWID;

CREATE INDEX holds_open_by_expiry ON holds (expires_at) WHERE kept_from IS NULL;
CREATE INDEX holds_open_by_owner ON holds (owner) WHERE kept_from IS NULL;
CREATE INDEX holds_ended ON holds (kept_from) WHERE kept_from IS NOT NULL;

CREATE TABLE charges (
    root INTEGER NOT NULL,
    id BLOB NOT NULL,
    account INTEGER NOT NULL,
    -- From when retention counts.
    kept_from INTEGER NOT NULL,
    body BLOB NOT NULL,
    PRIMARY KEY (root, id)
) STRICT, WITHOUT ROWID;

CREATE INDEX charges_by_account ON charges (account, id);
CREATE INDEX charges_by_age ON charges (kept_from);

CREATE TABLE refunds (
    root INTEGER NOT NULL,
    id BLOB NOT NULL,
    charge BLOB NOT NULL,
    body BLOB NOT NULL,
    PRIMARY KEY (root, id)
) STRICT, WITHOUT ROWID;

CREATE INDEX refunds_by_charge ON refunds (root, charge);

-- One row: when rows were last forgotten, and the instant before which ids may have been.
CREATE TABLE horizon (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    pruned_at INTEGER NOT NULL,
    ids INTEGER NOT NULL
) STRICT;

INSERT INTO horizon (one, pruned_at, ids) VALUES (1, 0, 0);

-- Issued keys: digests, never secrets. A key names the account that pays for it.
CREATE TABLE keys (
    id TEXT PRIMARY KEY,
    digest BLOB NOT NULL UNIQUE,
    display_prefix TEXT,
    owner TEXT NOT NULL,
    account TEXT NOT NULL,
    scopes TEXT NOT NULL,
    labels TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER,
    revoked_at INTEGER,
    last_used_at INTEGER
) STRICT, WITHOUT ROWID;

CREATE INDEX keys_by_owner ON keys (owner, id);
