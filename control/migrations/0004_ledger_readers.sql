-- What a collector has taken of each emitter's records.
CREATE TABLE collected (
    signal TEXT NOT NULL,
    gateway TEXT NOT NULL,
    emitter TEXT NOT NULL,
    sequence BIGINT NOT NULL,
    PRIMARY KEY (signal, gateway, emitter)
);

-- Which replica does what only one may do at a time. Times in Unix seconds.
CREATE TABLE leases (
    name TEXT PRIMARY KEY,
    holder TEXT NOT NULL,
    until BIGINT NOT NULL
);

-- How often what was attempted and what was executed, by day (since 1970, in UTC): so that nobody has to count records.
CREATE TABLE ledger_counts (
    day BIGINT NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    decision TEXT NOT NULL,
    attempted BIGINT NOT NULL,
    approved BIGINT NOT NULL,
    executed BIGINT NOT NULL,
    PRIMARY KEY (day, actor, action, decision)
);
CREATE INDEX ledger_counts_by_actor ON ledger_counts (actor, day);
