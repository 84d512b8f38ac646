-- The ledger, in partitions of a day, which are made when they are needed. Times in Unix milliseconds.

-- The end of each emitter's chain. The row is also what makes one emitter's batches take turns.
CREATE TABLE emitters (
    gateway TEXT NOT NULL,
    emitter TEXT NOT NULL,
    sequence BIGINT NOT NULL,
    count BIGINT NOT NULL,
    link TEXT NOT NULL,
    PRIMARY KEY (gateway, emitter)
);

-- Records as they came, and what they are searched by. Rows are only ever added, and removed when their time is over.
CREATE TABLE ledger (
    at BIGINT NOT NULL,
    number BIGINT NOT NULL,
    gateway TEXT NOT NULL,
    emitter TEXT NOT NULL,
    sequence BIGINT NOT NULL,
    link TEXT NOT NULL,
    id TEXT,
    service TEXT,
    subject TEXT,
    actor TEXT,
    task TEXT,
    action TEXT,
    decision TEXT NOT NULL,
    reason TEXT,
    status BIGINT NOT NULL,
    record TEXT NOT NULL
) PARTITION BY RANGE (at);
-- Unique within a day only, as partitions have it; over all, because an emitter's batches take turns.
CREATE INDEX ledger_by_emitter ON ledger (gateway, emitter, sequence);
CREATE INDEX ledger_by_time ON ledger (at, number);
CREATE INDEX ledger_by_actor ON ledger (actor, at, number);
CREATE INDEX ledger_by_subject ON ledger (subject, at, number);
CREATE INDEX ledger_by_task ON ledger (task, at, number) WHERE task IS NOT NULL;
CREATE INDEX ledger_by_action ON ledger (action, at, number);
CREATE INDEX ledger_by_decision ON ledger (decision, at, number);
-- What was refused to whom: few among many that were allowed.
CREATE INDEX ledger_refused_by_actor ON ledger (actor, decision, at, number) WHERE decision <> 'allow';
CREATE INDEX ledger_refused_by_subject ON ledger (subject, decision, at, number) WHERE decision <> 'allow';
CREATE INDEX ledger_refused_by_action ON ledger (action, decision, at, number) WHERE decision <> 'allow';

-- The actions of a request's other calls, where they are others than the first one's.
CREATE TABLE ledger_actions (
    action TEXT NOT NULL,
    at BIGINT NOT NULL,
    number BIGINT NOT NULL,
    PRIMARY KEY (action, at, number)
) PARTITION BY RANGE (at);

-- Signed ends of chains.
CREATE TABLE checkpoints (
    gateway TEXT NOT NULL,
    emitter TEXT NOT NULL,
    sequence BIGINT NOT NULL,
    at BIGINT NOT NULL,
    signed TEXT NOT NULL,
    PRIMARY KEY (gateway, emitter, sequence)
);
