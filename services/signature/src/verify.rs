//! Verification, in this order: form, certificate, digest, validity, signature value, trust.
//!
//! Nothing of the message is to be believed before the last step, so [`VerifiedMessage`] hands out exactly
//! the bytes that were signed. Callers decode [`VerifiedMessage::canonical`] and forget what was sent.

use time::OffsetDateTime;

use crate::SignatureRefusal;
use crate::algorithm::{Algorithm, Hash};
use crate::certificate::Certificate;
use crate::envelope::{Envelope, Signature};
use crate::lines::Lines;
use crate::trust::Trust;

/// Verifies messages.
#[derive(Debug, Clone, Default)]
pub struct Verifier {
    trust: Trust,
    mixed_digest: MixedDigest,
}

/// Whether an SM2 signature may cover a SHA-1 digest.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum MixedDigest {
    /// The digest must be of the signature's family, as the specification pairs them.
    #[default]
    Refuse,
    /// Client software of e-port seen in 2023 signs with SM2 and leaves the digest at SHA-1. It is no
    /// weaker than rsa-sha1, which the specification allows, but SHA-1 collisions are practical.
    AcceptSha1,
}

/// A message whose signature is good.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct VerifiedMessage {
    /// The message without its signature, byte for byte what was signed.
    pub canonical: String,
    /// Line numbers of what was sent, for faults found in `canonical`.
    pub lines: Lines,
    /// Who signed.
    pub certificate: Certificate,
    /// Number of the certificate as the message says it.
    pub key_name: String,
    /// Whether that is the serial number of the certificate. The certificate counts either way; a
    /// difference is worth a warning.
    pub key_name_matches: bool,
    /// How it is signed.
    pub algorithm: Algorithm,
}

impl Verifier {
    /// Verifies by this trust.
    #[must_use]
    pub fn new(trust: Trust) -> Self {
        Self { trust, mixed_digest: MixedDigest::default() }
    }

    /// Sets whether an SM2 signature may cover a SHA-1 digest.
    #[must_use]
    pub fn with_mixed_digest(self, mixed_digest: MixedDigest) -> Self {
        Self { mixed_digest, ..self }
    }

    /// Verifies the signature of one national message.
    ///
    /// # Errors
    ///
    /// The first reason in the order of this module. Nothing of a refused message may be used.
    pub fn verify(
        &self,
        bytes: &[u8],
        now: OffsetDateTime,
    ) -> Result<VerifiedMessage, SignatureRefusal> {
        let Envelope { canonical, lines, signature } = Envelope::read(bytes)?;
        let Some(signature) = signature else {
            return Err(empty(1, "there is no ds:Signature in the root", "根元素下没有签名节点"));
        };
        if signature.value.is_empty() {
            return Err(empty(signature.line, "SignatureValue is empty", "签名值为空"));
        }
        let certificate = self.certificate(&signature)?;
        if signature.digest.of(&canonical) != signature.digest_value {
            return Err(SignatureRefusal::DataDiffers);
        }
        if !certificate.is_valid_at(now) {
            let Certificate { serial, not_before, not_after, .. } = certificate;
            return Err(SignatureRefusal::Expired { serial, not_before, not_after });
        }
        let Signature { algorithm, signed_info, value, key_name, .. } = signature;
        if !certificate.public_key.verifies(algorithm, signed_info.as_bytes(), &value) {
            return Err(SignatureRefusal::Wrong { key_name });
        }
        if !self.trust.vouches_for(&certificate, now) {
            return Err(SignatureRefusal::Untrusted { serial: certificate.serial });
        }
        let key_name_matches = certificate.is_numbered(&key_name);
        Ok(VerifiedMessage { canonical, lines, certificate, key_name, key_name_matches, algorithm })
    }

    /// The certificate, when it, the signature and the digest fit together.
    fn certificate(&self, signature: &Signature) -> Result<Certificate, SignatureRefusal> {
        let line = signature.certificate_line;
        let refuse = |text: &str, zh: &str| SignatureRefusal::Certificate {
            line,
            text: text.to_owned(),
            text_zh: zh.to_owned(),
        };
        let mixed = signature.digest == Hash::Sha1 && self.mixed_digest == MixedDigest::AcceptSha1;
        if signature.digest != signature.algorithm.digest() && !mixed {
            return Err(SignatureRefusal::Form {
                line: signature.line,
                element: "ds:DigestMethod",
                text: format!("this digest does not belong to {}", signature.algorithm.name()),
                text_zh: format!("摘要算法与签名算法{}不配套", signature.algorithm.name()),
            });
        }
        let certificate = Certificate::from_der(&signature.certificate)
            .map_err(|reason| refuse(reason.0, reason.1))?;
        if !certificate.public_key.fits(signature.algorithm) {
            return Err(refuse("its key does not fit SignatureMethod", "证书密钥与签名算法不符"));
        }
        if !certificate.may_sign {
            return Err(refuse("it was not issued for signing", "证书用途不含签名"));
        }
        Ok(certificate)
    }
}

fn empty(line: u32, text: &str, zh: &str) -> SignatureRefusal {
    SignatureRefusal::Empty { line, text: text.to_owned(), text_zh: zh.to_owned() }
}
