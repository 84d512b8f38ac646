-- SQLite keeps no statistics of values: of two indexes it took that of the action, and read all that everybody did to find
-- what one did. PostgreSQL knows better, and needs none of these.
CREATE INDEX ledger_by_actor_action ON ledger (actor, action, at, number);
CREATE INDEX ledger_by_subject_action ON ledger (subject, action, at, number);
