//! The acceptance tests of the window are in `main.rs`: journeys over the public API against real
//! windows, faults, and the promises of the architecture.
