//! The acceptance tests: real windows, the public API, real PostgreSQL, simulated agencies.
#![expect(clippy::print_stdout, reason = "tests tell people what they measured or skipped")]

mod circles;
mod faults;
mod forex_faults;
mod harness;
mod hosts;
mod journeys;
mod refund_faults;
mod snippets;
mod tidy;
mod twice;
