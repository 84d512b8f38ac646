-- One text for SQLite and PostgreSQL: TEXT and BIGINT only, times in Unix seconds, lists and objects as JSON text.

-- What was asked, once for every yes that it needs.
CREATE TABLE approvals (
    id TEXT PRIMARY KEY,
    digest TEXT NOT NULL,
    subject TEXT NOT NULL,
    actor TEXT NOT NULL,
    service TEXT NOT NULL,
    audience TEXT NOT NULL,
    state TEXT NOT NULL
        CHECK (state IN ('pending', 'approved', 'denied', 'expired', 'consumed', 'revoked')),
    envelope TEXT NOT NULL,
    approver_groups TEXT NOT NULL,
    policies TEXT NOT NULL,
    chain TEXT NOT NULL,
    context TEXT NOT NULL,
    action_id TEXT NOT NULL,
    token_expires BIGINT NOT NULL,
    created BIGINT NOT NULL,
    expires BIGINT NOT NULL,
    asks BIGINT NOT NULL,
    last_asked BIGINT NOT NULL,
    comment TEXT,
    claim TEXT UNIQUE,
    consumed BIGINT,
    outcome TEXT CHECK (outcome IN ('forwarded', 'not_forwarded', 'unknown')),
    outcome_status BIGINT,
    outcome_by TEXT,
    CHECK ((state = 'consumed') = (claim IS NOT NULL))
);

-- INVARIANT: of one call there is one open approval, however many ask at once.
CREATE UNIQUE INDEX approvals_open ON approvals (digest, subject, actor, service, audience)
    WHERE state IN ('pending', 'approved');
CREATE INDEX approvals_by_state ON approvals (state, id);
CREATE INDEX approvals_by_actor ON approvals (actor, state);

-- Who said yes, and for which group.
CREATE TABLE votes (
    approval TEXT NOT NULL REFERENCES approvals (id),
    approver_group TEXT NOT NULL,
    approver TEXT NOT NULL,
    at BIGINT NOT NULL,
    PRIMARY KEY (approval, approver_group, approver)
);

-- Every change, in order, with who and when. Rows are only ever added.
CREATE TABLE events (
    approval TEXT NOT NULL REFERENCES approvals (id),
    number BIGINT NOT NULL,
    at BIGINT NOT NULL,
    who TEXT NOT NULL,
    what TEXT NOT NULL,
    comment TEXT,
    PRIMARY KEY (approval, number)
);

-- Agents that have asked; the row is also what makes one agent's new requests take turns.
CREATE TABLE actors (
    actor TEXT PRIMARY KEY,
    asked BIGINT NOT NULL
);

-- People who are signed in, by the hash of what they hold.
CREATE TABLE sessions (
    secret_hash TEXT PRIMARY KEY,
    kind TEXT NOT NULL CHECK (kind IN ('browser', 'terminal')),
    person TEXT NOT NULL,
    name TEXT NOT NULL,
    person_groups TEXT NOT NULL,
    created BIGINT NOT NULL,
    expires BIGINT NOT NULL
);
CREATE INDEX sessions_by_expiry ON sessions (expires);
