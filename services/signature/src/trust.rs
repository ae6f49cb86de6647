//! Whom we believe: certificates that were registered one by one, and authorities that issued others.
//!
//! One level is all that e-port has: its authority issues the certificates on the cards. Revocation
//! is not asked here; a caller that has the authority's list compares serial numbers with it.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use time::OffsetDateTime;

use crate::certificate::{Certificate, CertificateError};

/// Certificates whose issuer is remembered. A firm has one, or a few, and signs thousands of messages.
const KNOWN_MAX: usize = 4_096;

/// A certificate by the SHA-256 of its DER.
type Fingerprint = [u8; 32];

/// Says of a certificate whether it is registered now.
type Register = Arc<dyn Fn(&Fingerprint) -> bool + Send + Sync>;

/// Authorities and registered certificates. Empty, it trusts nobody.
#[derive(Clone, Default)]
pub struct Trust {
    authorities: Vec<Certificate>,
    pinned: HashSet<Fingerprint>,
    register: Option<Register>,
    /// Which authority issued a certificate, as far as that was found out. It is a fact about the two
    /// certificates, true for every clone; whether the authority is trusted is asked each time.
    issuers: Arc<Mutex<HashMap<Fingerprint, Fingerprint>>>,
    anyone: bool,
}

impl fmt::Debug for Trust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { authorities, pinned, register, issuers: _, anyone } = self;
        let mut shown = f.debug_struct("Trust");
        shown.field("authorities", authorities).field("pinned", pinned).field("anyone", anyone);
        shown.field("register", &register.is_some()).finish_non_exhaustive()
    }
}

impl Trust {
    /// Trusts every certificate that is in order by itself, whoever issued it. For a sandbox only:
    /// integrators try out with cards that no authority of the sandbox issued.
    #[must_use]
    pub fn anyone() -> Self {
        Self { anyone: true, ..Self::default() }
    }

    /// Trusts every certificate that this authority issued.
    ///
    /// # Errors
    ///
    /// The bytes are not a DER certificate with an SM2 or RSA key.
    pub fn add_authority(&mut self, der: &[u8]) -> Result<(), CertificateError> {
        self.authorities.push(Certificate::from_der(der)?);
        Ok(())
    }

    /// Trusts one certificate by the SHA-256 of its DER, whoever issued it.
    pub fn pin(&mut self, fingerprint: [u8; 32]) {
        self.pinned.insert(fingerprint);
    }

    /// Trusts the certificates that are registered somewhere else, where others are meanwhile. It is asked at each
    /// message with the SHA-256 of a DER.
    pub fn ask(&mut self, register: impl Fn(&[u8; 32]) -> bool + Send + Sync + 'static) {
        self.register = Some(Arc::new(register));
    }

    /// Whether somebody vouches for the certificate now.
    #[must_use]
    pub fn vouches_for(&self, certificate: &Certificate, now: OffsetDateTime) -> bool {
        self.anyone
            || self.pinned.contains(&certificate.fingerprint)
            || self.register.as_ref().is_some_and(|knows| knows(&certificate.fingerprint))
            || self.has_issuer(certificate, now)
    }

    fn has_issuer(&self, certificate: &Certificate, now: OffsetDateTime) -> bool {
        let named = |authority: &&Certificate| authority.subject_raw == certificate.issuer_raw;
        let mut valid = self.authorities.iter().filter(named).filter(|a| a.is_valid_at(now));
        let known = self.issuers().get(&certificate.fingerprint).copied();
        if valid.clone().any(|authority| known == Some(authority.fingerprint)) {
            return true;
        }
        let Some(issuer) = valid.find(|authority| issued(authority, certificate)) else {
            return false;
        };
        let mut issuers = self.issuers();
        if issuers.len() >= KNOWN_MAX {
            issuers.clear();
        }
        issuers.insert(certificate.fingerprint, issuer.fingerprint);
        true
    }

    fn issuers(&self) -> std::sync::MutexGuard<'_, HashMap<Fingerprint, Fingerprint>> {
        // Each change is a single call, so a panic elsewhere leaves the map whole.
        self.issuers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn issued(authority: &Certificate, certificate: &Certificate) -> bool {
    certificate.issuer_algorithm.is_some_and(|algorithm| {
        let (signed, value) = (&certificate.signed, &certificate.issuer_signature);
        authority.public_key.issued(algorithm, signed, value)
    })
}
