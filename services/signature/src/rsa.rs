//! Signing with RSA over SHA-1, for integrators who hold an old key and for the sandbox.
//!
//! Nothing that this project may depend on makes such signatures: ring only verifies SHA-1, aws-lc-rs
//! is kept out so that there is one TLS back end, and the crate `rsa` has an advisory without a fix
//! (RUSTSEC-2023-0071, timing). What is left is little: the padding of PKCS#1 v1.5 is a constant prefix
//! and a digest, and the modular power comes from `crypto-bigint`, whose Montgomery form takes the same
//! time whatever the exponent is; the key's factors are not used at all, so neither the timing of a
//! reduction by them nor a fault in one half can give them away, at the price of a factor of four in
//! speed. Each signature is verified with ring before it is handed out. The server itself never signs
//! with RSA: keys are in the hands of firms, on cards.

use crypto_bigint::BoxedUint;
use crypto_bigint::modular::{BoxedMontyForm, BoxedMontyParams};
use ring::digest;
use x509_cert::der::asn1::UintRef;
use x509_cert::der::{self, Decode, Reader, SliceReader};

/// DER of `DigestInfo` for SHA-1 up to the digest (RFC 8017, 9.2).
const SHA1_INFO: [u8; 15] =
    [0x30, 0x21, 0x30, 0x09, 0x06, 0x05, 0x2b, 0x0e, 0x03, 0x02, 0x1a, 0x05, 0x00, 0x04, 0x14];
/// Bytes of a modulus.
const MODULUS_BYTES_MAX: usize = 1024;

#[derive(Clone)]
pub(crate) struct PrivateKey {
    modulus: BoxedMontyParams,
    exponent: BoxedUint,
    length: usize,
}

impl PrivateKey {
    /// Reads `RSAPrivateKey` (RFC 8017, A.1.2).
    pub(crate) fn from_der(bytes: &[u8]) -> Option<Self> {
        let mut reader = SliceReader::new(bytes).ok()?;
        let (modulus, exponent) = reader
            .sequence(|inner| -> der::Result<_> {
                let _version = u8::decode(inner)?;
                let modulus = UintRef::decode(inner)?;
                let _public = UintRef::decode(inner)?;
                let exponent = UintRef::decode(inner)?;
                // The factors and what was computed from them are not used.
                let _ = inner.read_slice(inner.remaining_len())?;
                Ok((modulus, exponent))
            })
            .ok()?;
        let (modulus, exponent) = (modulus.as_bytes(), exponent.as_bytes());
        let length = modulus.len();
        if length > MODULUS_BYTES_MAX || exponent.len() > length {
            return None;
        }
        let bits = u32::try_from(length.checked_mul(8)?).ok()?;
        let modulus = BoxedUint::from_be_slice(modulus, bits).ok()?;
        let bits = modulus.bits_precision();
        let odd: Option<_> = modulus.into_odd().into();
        Some(Self {
            modulus: BoxedMontyParams::new(odd?),
            exponent: BoxedUint::from_be_slice(exponent, bits).ok()?,
            length,
        })
    }

    /// A signature value, as long as the modulus.
    pub(crate) fn sign_sha1(&self, bytes: &[u8]) -> Option<Vec<u8>> {
        let digest = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, bytes);
        let tail = [&[0], &SHA1_INFO[..], digest.as_ref()].concat();
        let fill = self.length.checked_sub(2 + tail.len()).filter(|&fill| fill >= 8)?;
        let padded = [&[0, 1], vec![0xff; fill].as_slice(), tail.as_slice()].concat();
        let message = BoxedUint::from_be_slice(&padded, self.exponent.bits_precision()).ok()?;
        let power = BoxedMontyForm::new(message, &self.modulus).pow(&self.exponent).retrieve();
        let value = power.to_be_bytes();
        value.get(value.len().checked_sub(self.length)?..).map(<[u8]>::to_vec)
    }
}
