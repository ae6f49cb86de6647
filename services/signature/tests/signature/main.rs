//! Signatures of national messages, tested through the public interface only.

mod attacks;
mod certificates;
mod differential;
mod firms;
mod generator;
mod lines;
mod programs;
mod signing;
