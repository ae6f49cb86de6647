//! A private key together with its certificate, from PEM files.

use sm2::SecretKey;
use sm2::dsa::signature::Signer;
use sm2::pkcs8::{PrivateKeyInfoRef, SecretDocument};
use thiserror::Error;
use x509_cert::der::Document;
use x509_cert::der::pem::PemLabel;
use x509_cert::spki::ObjectIdentifier;

use crate::algorithm::{Algorithm, Spelling};
use crate::certificate::{Certificate, CertificateError};
use crate::key::SM2_USER;
use crate::rsa;

const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");

/// Signs messages. It has no `Debug` that could show the key.
#[derive(Clone)]
pub struct SigningKey {
    key: Private,
    certificate: Certificate,
    spelling: Spelling,
}

#[derive(Clone)]
enum Private {
    Sm2(Box<sm2::dsa::SigningKey>),
    Rsa(Box<rsa::PrivateKey>),
}

/// Why a key cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The key is no PKCS#8 PEM.
    #[error("the key is not an unencrypted PKCS#8 PEM file (BEGIN PRIVATE KEY)")]
    NotPkcs8,
    /// The key is of another type.
    #[error("the key is neither SM2 nor RSA of at least 1024 bits")]
    UnknownType,
    /// The certificate is no PEM.
    #[error("the certificate is not a PEM file (BEGIN CERTIFICATE)")]
    NotPem,
    /// The certificate is unreadable.
    #[error("the certificate cannot be used")]
    Certificate(#[source] CertificateError),
    /// The certificate belongs to another key.
    #[error("the certificate belongs to another key")]
    OtherKey,
}

impl SigningKey {
    /// Reads a key and its certificate.
    ///
    /// # Errors
    ///
    /// One of them is unreadable or of an unknown type, or they do not belong together.
    pub fn from_pem(key: &str, certificate: &str) -> Result<Self, KeyError> {
        let (label, key) = SecretDocument::from_pem(key).map_err(|_| KeyError::NotPkcs8)?;
        PrivateKeyInfoRef::validate_pem_label(label).map_err(|_| KeyError::NotPkcs8)?;
        let info: PrivateKeyInfoRef<'_> = key.decode_msg().map_err(|_| KeyError::NotPkcs8)?;
        let (label, document) = Document::from_pem(certificate).map_err(|_| KeyError::NotPem)?;
        if label != "CERTIFICATE" {
            return Err(KeyError::NotPem);
        }
        let certificate =
            Certificate::from_der(document.as_bytes()).map_err(KeyError::Certificate)?;
        let key = Private::from_info(info).ok_or(KeyError::UnknownType)?;
        let signing = Self { key, certificate, spelling: Spelling::default() };
        // Signing verifies what it made, so trying it out compares the two keys.
        signing.sign(b"single-window").ok_or(KeyError::OtherKey)?;
        Ok(signing)
    }

    /// Sets how the algorithms are called in messages.
    #[must_use]
    pub fn with_spelling(self, spelling: Spelling) -> Self {
        Self { spelling, ..self }
    }

    /// The certificate that messages will carry.
    #[must_use]
    pub fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// How messages will be signed.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        match self.key {
            Private::Sm2(_) => Algorithm::Sm2Sm3,
            Private::Rsa(_) => Algorithm::RsaSha1,
        }
    }

    pub(crate) fn spelling(&self) -> Spelling {
        self.spelling
    }

    /// A signature value that the certificate verifies.
    pub(crate) fn sign(&self, bytes: &[u8]) -> Option<Vec<u8>> {
        let value = match &self.key {
            // The nonce follows from key and message (RFC 6979): no random numbers, none to repeat.
            Private::Sm2(key) => key.try_sign(bytes).ok()?.to_vec(),
            Private::Rsa(key) => key.sign_sha1(bytes)?,
        };
        let verifies = self.certificate.public_key.verifies(self.algorithm(), bytes, &value);
        verifies.then_some(value)
    }
}

impl Private {
    fn from_info(info: PrivateKeyInfoRef<'_>) -> Option<Self> {
        if info.algorithm.oid == RSA {
            let key = rsa::PrivateKey::from_der(info.private_key.as_bytes())?;
            return Some(Self::Rsa(Box::new(key)));
        }
        let key = SecretKey::try_from(info).ok()?;
        let key = sm2::dsa::SigningKey::new(SM2_USER, &key).ok()?;
        Some(Self::Sm2(Box::new(key)))
    }
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SigningKey")
            .field("certificate", &self.certificate)
            .field("spelling", &self.spelling)
            .finish_non_exhaustive()
    }
}
