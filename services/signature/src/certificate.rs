//! Certificates: what the signer's says about the signer, and what it needs for checks.

use std::fmt::Write;

use ring::digest;
use sm2::dsa::VerifyingKey;
use time::OffsetDateTime;
use x509_parser::asn1_rs::{Any, FromDer, Tag};
use x509_parser::certificate::X509Certificate;
use x509_parser::oid_registry::{Oid, asn1_rs::oid};
use x509_parser::x509::{AlgorithmIdentifier, SubjectPublicKeyInfo, X509Name};

use crate::algorithm::IssuerAlgorithm;
use crate::key::{PublicKey, SM2_USER};

/// Bytes of a certificate. Those of e-port have some 1,200.
const CERTIFICATE_BYTES_MAX: usize = 16 * 1024;
/// Codes that are collected from one certificate.
const CODES_MAX: usize = 16;

const EC_PUBLIC_KEY: Oid<'static> = oid!(1.2.840.10045.2.1);
const SM2_CURVE: Oid<'static> = oid!(1.2.156.10197.1.301);
const RSA: Oid<'static> = oid!(1.2.840.113549.1.1.1);
const SHA1_WITH_RSA: Oid<'static> = oid!(1.2.840.113549.1.1.5);
const SHA256_WITH_RSA: Oid<'static> = oid!(1.2.840.113549.1.1.11);
const SM2_WITH_SM3: Oid<'static> = oid!(1.2.156.10197.1.501);
/// China E-Port's own extension with the nine-character organisation code of the firm. Found in real
/// certificates; its neighbours hold the name, the card and the holder's identity number, which is
/// personal data and is not read.
const EPORT_ORGANISATION: Oid<'static> = oid!(1.3.6.1.4.1.5315.100.5.11);

/// A signing certificate.
#[derive(Clone)]
pub struct Certificate {
    /// The certificate as it was sent.
    pub der: Vec<u8>,
    /// Serial number, lower-case hexadecimal: the "certificate number" of `ds:KeyName`.
    pub serial: String,
    /// Subject, for people. It may name a natural person: mask it in logs.
    pub subject: String,
    /// What may identify the firm: customs codes (10 characters), unified social credit codes (18) and
    /// organisation codes (9), as found in the subject and in e-port's extension.
    pub codes: Vec<String>,
    /// SHA-256 of the DER.
    pub fingerprint: [u8; 32],
    /// Begin of validity.
    pub not_before: OffsetDateTime,
    /// End of validity.
    pub not_after: OffsetDateTime,
    /// Key type, for people: `sm2`, `rsa-1024`, ….
    pub key_type: String,
    pub(crate) public_key: PublicKey,
    pub(crate) may_sign: bool,
    pub(crate) subject_raw: Vec<u8>,
    pub(crate) issuer_raw: Vec<u8>,
    /// What its issuer signed, and how.
    pub(crate) signed: Vec<u8>,
    pub(crate) issuer_signature: Vec<u8>,
    pub(crate) issuer_algorithm: Option<IssuerAlgorithm>,
}

/// A certificate that cannot be read, with the reason in both languages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct CertificateError(pub(crate) &'static str, pub(crate) &'static str);

impl Certificate {
    /// Reads a DER certificate.
    ///
    /// # Errors
    ///
    /// It is not a certificate, or its key is neither SM2 nor RSA of at least 1024 bits.
    pub fn from_der(der: &[u8]) -> Result<Self, CertificateError> {
        const NONE: CertificateError =
            CertificateError("is not an X.509 certificate", "不是X.509证书");
        if der.len() > CERTIFICATE_BYTES_MAX {
            return Err(CertificateError("the certificate is too long", "证书过长"));
        }
        let (rest, parsed) = X509Certificate::from_der(der).map_err(|_| NONE)?;
        if !rest.is_empty() {
            return Err(NONE);
        }
        let (public_key, key_type) = public_key(parsed.public_key())?;
        let mut fingerprint = [0; 32];
        fingerprint.copy_from_slice(digest::digest(&digest::SHA256, der).as_ref());
        let algorithm = &parsed.signature_algorithm;
        let usage = parsed.key_usage().map_err(|_| NONE)?;
        Ok(Self {
            serial: hexadecimal(parsed.raw_serial()),
            subject: readable(parsed.subject()),
            codes: codes(&parsed),
            fingerprint,
            not_before: parsed.validity().not_before.to_datetime(),
            not_after: parsed.validity().not_after.to_datetime(),
            key_type,
            public_key,
            may_sign: usage.is_none_or(|usage| {
                usage.value.digital_signature() || usage.value.non_repudiation()
            }),
            subject_raw: parsed.subject().as_raw().to_vec(),
            issuer_raw: parsed.issuer().as_raw().to_vec(),
            signed: parsed.tbs_certificate.as_ref().to_vec(),
            issuer_signature: parsed.signature_value.data.to_vec(),
            // The name outside of what is signed must repeat the one inside.
            issuer_algorithm: (*algorithm == parsed.tbs_certificate.signature)
                .then(|| issuer_algorithm(algorithm))
                .flatten(),
            der: der.to_vec(),
        })
    }

    /// Whether the certificate was issued to the firm with this customs code, unified social credit
    /// code or organisation code. The organisation code is part of the social credit code. What is
    /// refused on a no is -621015, -625013.
    #[must_use]
    pub fn belongs_to(&self, code: &str) -> bool {
        let organisation = (code.len() == 18).then(|| code.get(8..17)).flatten();
        self.codes.iter().any(|found| found == code || Some(found.as_str()) == organisation)
    }

    /// Whether the number that a message names is the serial number, leading zeros aside.
    #[must_use]
    pub fn is_numbered(&self, key_name: &str) -> bool {
        let bare = |number: &str| number.trim_start_matches('0').to_ascii_lowercase();
        bare(&self.serial) == bare(key_name)
    }

    pub(crate) fn is_valid_at(&self, now: OffsetDateTime) -> bool {
        self.not_before <= now && now <= self.not_after
    }
}

/// Without the DER and the subject, which may name a person.
impl std::fmt::Debug for Certificate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Certificate")
            .field("serial", &self.serial)
            .field("key_type", &self.key_type)
            .field("not_before", &self.not_before)
            .field("not_after", &self.not_after)
            .finish_non_exhaustive()
    }
}

fn public_key(info: &SubjectPublicKeyInfo<'_>) -> Result<(PublicKey, String), CertificateError> {
    const KEY: CertificateError =
        CertificateError("the key is neither SM2 nor RSA", "密钥类型既非SM2也非RSA");
    let bytes = info.subject_public_key.data.as_ref();
    if info.algorithm.algorithm == RSA {
        let (_, key) = x509_parser::public_key::RSAPublicKey::from_der(bytes).map_err(|_| KEY)?;
        let bits = key.key_size();
        if !(1024..=8192).contains(&bits) {
            return Err(CertificateError(
                "the RSA key has not 1024 to 8192 bits",
                "RSA密钥长度不合规",
            ));
        }
        return Ok((PublicKey::Rsa(bytes.to_vec()), format!("rsa-{bits}")));
    }
    let curve = info.algorithm.parameters.as_ref().and_then(|any| any.as_oid().ok());
    if info.algorithm.algorithm != EC_PUBLIC_KEY || curve != Some(SM2_CURVE) {
        return Err(KEY);
    }
    let key = VerifyingKey::from_sec1_bytes(SM2_USER, bytes).map_err(|_| KEY)?;
    Ok((PublicKey::Sm2(Box::new(key)), "sm2".to_owned()))
}

fn issuer_algorithm(algorithm: &AlgorithmIdentifier<'_>) -> Option<IssuerAlgorithm> {
    [
        (SHA1_WITH_RSA, IssuerAlgorithm::RsaSha1),
        (SHA256_WITH_RSA, IssuerAlgorithm::RsaSha256),
        (SM2_WITH_SM3, IssuerAlgorithm::Sm2Sm3),
    ]
    .into_iter()
    .find_map(|(oid, found)| (algorithm.algorithm == oid).then_some(found))
}

/// What looks like the code of a firm.
fn codes(certificate: &X509Certificate<'_>) -> Vec<String> {
    let subject = certificate.subject().iter_attributes().map(|a| text(a.attr_value()));
    let extension = certificate
        .extensions()
        .iter()
        .filter(|extension| extension.oid == EPORT_ORGANISATION)
        .filter_map(|extension| Any::from_der(extension.value).ok())
        .map(|(_, any)| text(&any));
    let is_code = |code: &String| {
        matches!(code.len(), 9 | 10 | 18)
            && code.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
    };
    subject.chain(extension).filter(is_code).take(CODES_MAX).collect()
}

fn readable(name: &X509Name<'_>) -> String {
    let parts: Vec<String> = name.iter_attributes().map(|part| text(part.attr_value())).collect();
    parts.join(", ")
}

/// A string of a certificate. The old authority of e-port wrote UTF-16.
fn text(any: &Any<'_>) -> String {
    if any.tag() == Tag::BmpString {
        let units = any.data.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]]));
        return char::decode_utf16(units).map(|c| c.unwrap_or('\u{FFFD}')).collect();
    }
    String::from_utf8_lossy(any.data).into_owned()
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing into a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
