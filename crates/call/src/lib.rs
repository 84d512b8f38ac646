//! What is asked: a request becomes tool calls.
