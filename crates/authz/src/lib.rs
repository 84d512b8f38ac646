//! May they: policy bundle, decision, refusal, ledger record and the gate.
