//! Signatures of national CEB messages: XML signatures in one fixed profile, with SM2 over SM3 or RSA
//! over SHA-1 (specification 202205, chapter 6).
//!
//! - [`Verifier`] verifies a message and hands out the bytes that were signed, and only those.
//! - [`sign`] signs a message with a [`SigningKey`], for integrators and the sandbox.
//! - [`sandbox`] makes keys and certificates for trying out.
//!
//! A general XML signature library would be the wrong tool: none knows SM2, and what they offer above
//! this profile is what attacks are made of. The whole crate works on memory, takes the time as an
//! argument and bounds every input.

mod algorithm;
mod canonical;
mod certificate;
mod envelope;
mod key;
mod lines;
mod refused;
mod rsa;
pub mod sandbox;
mod sign;
mod signing_key;
mod text;
mod trust;
mod verify;
mod xml;

pub use algorithm::{Algorithm, Spelling};
pub use canonical::canonical;
pub use certificate::{Certificate, CertificateError};
pub use lines::Lines;
pub use refused::{NOT_STORED, SignatureRefusal};
pub use sign::{SigningError, sign};
pub use signing_key::{KeyError, SigningKey};
pub use trust::Trust;
pub use verify::{MixedDigest, VerifiedMessage, Verifier};
