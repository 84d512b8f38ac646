//! Cases, lifecycle, conformance and end-to-end tests.
