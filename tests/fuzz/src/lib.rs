//! What the fuzz targets share. `deploy/fuzz` builds and runs them.
//!
//! - [`message`] is what must hold for the bytes of any message.
//! - [`mutate`] changes messages element by element, where libFuzzer changes bytes.
//! - [`samples`] are messages of every type, made from the tables of the reader.
//! - [`firms`] are the keys with which samples are signed.

pub mod firms;
pub mod message;
pub mod mutate;
pub mod samples;
