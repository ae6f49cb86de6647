//! The acceptance tests: see `main.rs`.
