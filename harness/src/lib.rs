//! The actgate command and the case runner.
