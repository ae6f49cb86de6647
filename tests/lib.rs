//! The acceptance tests of the window are in `main.rs`: journeys over the public API against real
//! windows, faults, the model of clearance, and the promises of the architecture.
