-- Attempts that were stored before they went on are rows of the ledger too. What is awaited of one:
--   0 nothing (a record with its outcome), 1 its outcome, 2 its outcome, which is overdue and told as unknown,
--   3 nothing any more: a record with its outcome is there, and is what readers see.
ALTER TABLE ledger ADD COLUMN awaited BIGINT NOT NULL DEFAULT 0;
-- The few without an outcome, which its record is looked for among.
CREATE INDEX ledger_awaited ON ledger (id) WHERE awaited IN (1, 2);
