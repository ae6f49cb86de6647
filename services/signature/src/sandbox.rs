//! Keys and certificates for trying out: an authority of our own and what it issues, all SM2.
//!
//! The subject of a certificate carries the firm as `CN` = its name and `OU` = its customs code of ten
//! characters. That is a convention of this sandbox: e-port writes the firm's name into `OU` and its
//! organisation code into an extension of its own, and [`Certificate::belongs_to`] reads both.
//!
//! x509-cert builds the certificates because it signs with any key of the RustCrypto family; rcgen,
//! which the sandbox uses for TLS, knows a fixed list of algorithms without SM2.
//!
//! [`Certificate::belongs_to`]: crate::Certificate::belongs_to

use ring::rand::{SecureRandom, SystemRandom};
use sm2::SecretKey;
use sm2::dsa::signature::Signer;
use sm2::pkcs8::{EncodePrivateKey, LineEnding};
use thiserror::Error;
use time::OffsetDateTime;
use x509_cert::attr::AttributeTypeAndValue;
use x509_cert::builder::profile::BuilderProfile;
use x509_cert::builder::{self, Builder, CertificateBuilder};
use x509_cert::der::asn1::{Any, BitString, GeneralizedTime, ObjectIdentifier};
use x509_cert::der::{Decode, Encode, EncodePem, Tag};
use x509_cert::ext::pkix::{BasicConstraints, KeyUsage, KeyUsages};
use x509_cert::ext::{Extension, ToExtension};
use x509_cert::name::{Name, RdnSequence, RelativeDistinguishedName};
use x509_cert::serial_number::SerialNumber;
use x509_cert::spki::{EncodePublicKey, SubjectPublicKeyInfoOwned, SubjectPublicKeyInfoRef};
use x509_cert::time::{Time, Validity};
use x509_cert::{Certificate, TbsCertificate};

use crate::key::SM2_USER;

const COMMON_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.3");
const COUNTRY: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.6");
const UNIT: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.11");
/// Draws of a random number until one is a key. All but one in four thousand million are.
const DRAWS_MAX: usize = 8;
/// Characters of a name in a certificate (RFC 5280, ub-common-name).
const NAME_MAX: usize = 64;

/// Why nothing was issued.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum IssueError {
    /// The system gives no random numbers.
    #[error("the system gives no random numbers")]
    Random,
    /// The name of the firm is empty or longer than 64 characters.
    #[error("the name must have 1 to 64 characters")]
    Name,
    /// The customs code does not have ten letters and digits.
    #[error("the customs code must have ten upper-case letters and digits")]
    CustomsCode,
    /// The validity ends before it begins, or lies outside of the years that X.509 can write.
    #[error("the validity is not a period of time")]
    Validity,
    /// The certificate could not be built.
    #[error("the certificate could not be built")]
    Build(#[source] builder::Error),
    /// The key or the certificate could not be written.
    #[error("the key or the certificate could not be written")]
    Encode,
}

/// From when to when a certificate is valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ValidityPeriod {
    /// Its first second.
    pub from: OffsetDateTime,
    /// Its last second.
    pub to: OffsetDateTime,
}

/// A key and its certificate, ready for [`crate::SigningKey::from_pem`]. There is no `Debug`.
#[derive(Clone)]
pub struct KeyAndCertificate {
    /// The private key, PKCS#8 PEM.
    pub key_pem: String,
    /// The certificate, PEM.
    pub certificate_pem: String,
    /// The certificate, DER.
    pub certificate_der: Vec<u8>,
}

/// An authority that issues certificates to firms. It lives as long as the sandbox does.
pub struct Authority {
    key: sm2::dsa::SigningKey,
    name: Name,
    certificate_der: Vec<u8>,
}

impl Authority {
    /// Makes an authority with a new key and a certificate signed by itself.
    ///
    /// # Errors
    ///
    /// There are no random numbers, or the period is none.
    pub fn generate(name: &str, period: ValidityPeriod) -> Result<Self, IssueError> {
        let key = generate()?;
        let name = name_of(&[(COUNTRY, "CN"), (COMMON_NAME, name)])?;
        let profile = Profile { subject: name.clone(), issuer: name.clone(), authority: true };
        let signer = signer(&key)?;
        let issued = issue(profile, &key, &signer, period)?;
        Ok(Self { key: signer, name, certificate_der: issued.certificate_der })
    }

    /// Its certificate, for [`crate::Trust::add_authority`].
    #[must_use]
    pub fn certificate_der(&self) -> &[u8] {
        &self.certificate_der
    }

    /// Makes a key for a firm and a certificate for it.
    ///
    /// # Errors
    ///
    /// The name or the customs code cannot stand in a certificate, or the period is none.
    pub fn issue(
        &self,
        name: &str,
        customs_code: &str,
        period: ValidityPeriod,
    ) -> Result<KeyAndCertificate, IssueError> {
        let subject = firm(name, customs_code)?;
        let profile = Profile { subject, issuer: self.name.clone(), authority: false };
        issue(profile, &generate()?, &self.key, period)
    }
}

/// Makes a key for a firm and a certificate signed by that key itself, to be pinned.
///
/// # Errors
///
/// As for [`Authority::issue`].
pub fn self_signed(
    name: &str,
    customs_code: &str,
    period: ValidityPeriod,
) -> Result<KeyAndCertificate, IssueError> {
    let subject = firm(name, customs_code)?;
    let key = generate()?;
    let profile = Profile { issuer: subject.clone(), subject, authority: false };
    issue(profile, &key, &signer(&key)?, period)
}

/// What a certificate says besides key and time.
struct Profile {
    subject: Name,
    issuer: Name,
    authority: bool,
}

impl BuilderProfile for Profile {
    fn get_issuer(&self, _subject: &Name) -> Name {
        self.issuer.clone()
    }

    fn get_subject(&self) -> Name {
        self.subject.clone()
    }

    fn build_extensions(
        &self,
        _key: SubjectPublicKeyInfoRef<'_>,
        _issuer_key: SubjectPublicKeyInfoRef<'_>,
        tbs: &TbsCertificate,
    ) -> builder::Result<Vec<Extension>> {
        let usage = if self.authority {
            KeyUsages::KeyCertSign.into()
        } else {
            KeyUsages::DigitalSignature | KeyUsages::NonRepudiation
        };
        let constraints = BasicConstraints { ca: self.authority, path_len_constraint: None };
        let subject = tbs.subject();
        Ok(vec![
            constraints.to_extension(subject, &[])?,
            KeyUsage(usage).to_extension(subject, &[])?,
        ])
    }
}

fn issue(
    profile: Profile,
    key: &SecretKey,
    issuer: &sm2::dsa::SigningKey,
    period: ValidityPeriod,
) -> Result<KeyAndCertificate, IssueError> {
    if period.to < period.from {
        return Err(IssueError::Validity);
    }
    let validity = Validity::new(time(period.from)?, time(period.to)?);
    let public = key.public_key().to_public_key_der().map_err(|_| IssueError::Encode)?;
    let public =
        SubjectPublicKeyInfoOwned::from_der(public.as_bytes()).map_err(|_| IssueError::Encode)?;
    let certificate =
        build(profile, serial()?, validity, public, issuer).map_err(IssueError::Build)?;
    let key_pem = key.to_pkcs8_pem(LineEnding::LF).map_err(|_| IssueError::Encode)?;
    Ok(KeyAndCertificate {
        key_pem: key_pem.to_string(),
        certificate_pem: certificate.to_pem(LineEnding::LF).map_err(|_| IssueError::Encode)?,
        certificate_der: certificate.to_der().map_err(|_| IssueError::Encode)?,
    })
}

/// The builder's own last step would write r and s without DER, which certificates must have.
fn build(
    profile: Profile,
    serial: SerialNumber,
    validity: Validity,
    public: SubjectPublicKeyInfoOwned,
    issuer: &sm2::dsa::SigningKey,
) -> builder::Result<Certificate> {
    let mut builder = CertificateBuilder::new(profile, serial, validity, public)?;
    let signed: sm2::dsa::Signature = issuer.try_sign(&builder.finalize(issuer)?)?;
    builder.assemble(BitString::from_bytes(signed.to_der().as_bytes())?, issuer)
}

fn generate() -> Result<SecretKey, IssueError> {
    for _ in 0..DRAWS_MAX {
        let mut bytes = [0; 32];
        SystemRandom::new().fill(&mut bytes).map_err(|_| IssueError::Random)?;
        if let Ok(key) = SecretKey::from_slice(&bytes) {
            return Ok(key);
        }
    }
    Err(IssueError::Random)
}

fn signer(key: &SecretKey) -> Result<sm2::dsa::SigningKey, IssueError> {
    sm2::dsa::SigningKey::new(SM2_USER, key).map_err(|_| IssueError::Encode)
}

/// Eight bytes, like the numbers of e-port: 03 and the rest at random.
fn serial() -> Result<SerialNumber, IssueError> {
    let mut bytes = [0; 8];
    SystemRandom::new().fill(&mut bytes).map_err(|_| IssueError::Random)?;
    bytes[0] = 0x03;
    SerialNumber::new(&bytes).map_err(|_| IssueError::Encode)
}

fn time(at: OffsetDateTime) -> Result<Time, IssueError> {
    let seconds = u64::try_from(at.unix_timestamp()).map_err(|_| IssueError::Validity)?;
    let since_1970 = std::time::Duration::from_secs(seconds);
    // The builder turns it into the older form where the standard wants that.
    GeneralizedTime::from_unix_duration(since_1970)
        .map(Time::from)
        .map_err(|_| IssueError::Validity)
}

fn firm(name: &str, customs_code: &str) -> Result<Name, IssueError> {
    let is_code = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit();
    if customs_code.len() != 10 || !customs_code.bytes().all(is_code) {
        return Err(IssueError::CustomsCode);
    }
    name_of(&[(COUNTRY, "CN"), (UNIT, customs_code), (COMMON_NAME, name)])
}

fn name_of(parts: &[(ObjectIdentifier, &str)]) -> Result<Name, IssueError> {
    let mut names = RdnSequence::default();
    for &(oid, text) in parts {
        let length = text.chars().count();
        if length == 0 || length > NAME_MAX {
            return Err(IssueError::Name);
        }
        let tag = if oid == COUNTRY { Tag::PrintableString } else { Tag::Utf8String };
        let value = Any::new(tag, text.as_bytes()).map_err(|_| IssueError::Name)?;
        let part = RelativeDistinguishedName::try_from(vec![AttributeTypeAndValue { oid, value }]);
        names.push(part.map_err(|_| IssueError::Name)?);
    }
    let encoded = names.to_der().map_err(|_| IssueError::Name)?;
    Name::from_der(&encoded).map_err(|_| IssueError::Name)
}
