//! Who is calling: a certificate or a key says who, and the registry says what that caller is. Nothing else is
//! taken from headers, and nothing from messages.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;
use std::sync::{Arc, OnceLock};

use anyhow::Context as _;
use domain::principal::ALL_PLACES;
use domain::{Kind, Principal, limits};
use rustls_pki_types::CertificateDer;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio_util::sync::CancellationToken;

use crate::reload::SOON_DAYS;
use crate::validity::CertificatePeriod;

/// The digest by which a certificate is registered.
pub fn fingerprint(certificate: &CertificateDer<'_>) -> String {
    Sha256::digest(certificate).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A caller in the registry file.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RegistryEntry {
    /// SHA-256 of the certificate (DER), hexadecimal; empty for a caller that has keys only.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub fingerprint: String,
    /// Name, for logs.
    pub name: String,
    /// enterprise, agent, customs, quarantine, site, inspection-service, payment-service, refund-service, webhook-service, tax-office,
    /// bank, administrator or gateway.
    pub kind: String,
    /// Customs code of an enterprise or agent.
    #[serde(default)]
    pub customs_code: String,
    /// Declarants that an agent may file for.
    #[serde(default)]
    pub mandates: Vec<String>,
    /// Numbers on the exchange platform (dxpId) under which it sends and whose receipts it reads.
    #[serde(default)]
    pub dxp_ids: Vec<String>,
    /// Examination places that a site is responsible for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub places: Vec<String>,
    /// Certificates that sign its national messages: SHA-256 in hexadecimal, or the number of the
    /// card (KeyName).
    #[serde(default)]
    pub signers: Vec<String>,
    /// Connections that it may have at once, when not the usual number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connections: Option<usize>,
    /// Until when this certificate is accepted, RFC 3339, where another one takes its place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
}

impl RegistryEntry {
    /// Reads a registry file, a JSON list.
    ///
    /// # Errors
    ///
    /// When it cannot be read or is none.
    pub(crate) fn read(path: &Path) -> anyhow::Result<Vec<Self>> {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("the registry {} cannot be read", path.display()))?;
        serde_json::from_str(&text)
            .with_context(|| format!("the registry {} is not in order", path.display()))
    }

    fn end(&self) -> anyhow::Result<Option<OffsetDateTime>> {
        let end = self.until.as_deref().map(|until| OffsetDateTime::parse(until, &Rfc3339));
        end.transpose().with_context(|| format!("{}: until is no time (RFC 3339)", self.name))
    }
}

/// A caller that the registry knows.
#[derive(Debug)]
pub struct RegisteredCaller {
    /// Who it is.
    pub principal: Arc<Principal>,
    /// Connections that it may have at once.
    pub connections: usize,
}

/// A certificate of a caller.
#[derive(Debug)]
pub(crate) struct Registration {
    known: Arc<RegisteredCaller>,
    until: Option<OffsetDateTime>,
    /// When it is not accepted any more.
    pub(crate) over: CancellationToken,
    /// It, with those that it came with, since it was shown first.
    chain: OnceLock<Vec<CertificateDer<'static>>>,
}

impl Registration {
    /// Whose it is. The certificate itself is not in the registry, and is kept when it is seen.
    pub(crate) fn show(&self, chain: &[CertificateDer<'static>]) -> &RegisteredCaller {
        self.chain.get_or_init(|| chain.to_vec());
        &self.known
    }

    fn is_accepted(&self, now: OffsetDateTime) -> bool {
        self.until.is_none_or(|until| now < until)
    }
}

/// Callers, by their certificates and by their names.
#[derive(Debug, Default)]
pub struct Registry {
    certificates: HashMap<String, Arc<Registration>>,
    names: BTreeMap<String, Arc<RegisteredCaller>>,
    /// Certificates that sign national messages, by their SHA-256.
    signers: HashSet<[u8; 32]>,
}

/// The SHA-256 that a signer of the registry is. Others are numbers of cards, whose issuer has to be trusted.
fn signer_digest(signer: &str) -> Option<anyhow::Result<[u8; 32]>> {
    (signer.len() == 64).then(|| {
        let pair =
            |n: usize| signer.get(2 * n..2 * n + 2).and_then(|it| u8::from_str_radix(it, 16).ok());
        let bytes: Option<Vec<u8>> = (0..32).map(pair).collect();
        let bytes = bytes.and_then(|bytes| bytes.try_into().ok());
        bytes.with_context(|| format!("the signer {signer} is no SHA-256"))
    })
}

impl Registry {
    /// Reads the registry file, a JSON list.
    ///
    /// # Errors
    ///
    /// When it cannot be read or an entry makes no sense.
    pub fn load(path: &Path, sandbox: bool) -> anyhow::Result<Self> {
        let entries = RegistryEntry::read(path)?;
        let (mut certificates, mut names) = (HashMap::new(), BTreeMap::new());
        let mut signing = HashSet::new();
        for entry in entries {
            let kind = kind(&entry.kind).with_context(|| {
                format!("{}: {:?} is not a kind of caller", entry.name, entry.kind)
            })?;
            let hex = entry.fingerprint.bytes().all(|byte| byte.is_ascii_hexdigit());
            anyhow::ensure!(
                entry.fingerprint.is_empty() || entry.fingerprint.len() == 64 && hex,
                "{}: the fingerprint must be 64 hexadecimal digits without colons",
                entry.name
            );
            let firm = kind.is_firm();
            anyhow::ensure!(
                !firm || !entry.customs_code.is_empty(),
                "{}: an enterprise or agent needs its customs_code",
                entry.name
            );
            let any = entry.mandates.iter().any(|code| code == "*");
            anyhow::ensure!(
                sandbox || !any,
                "{}: a mandate for every declarant (*) exists in the sandbox only",
                entry.name
            );
            anyhow::ensure!(
                kind != Kind::Site || !entry.places.is_empty(),
                "{}: a site needs the places that it is responsible for (places)",
                entry.name
            );
            anyhow::ensure!(
                sandbox || !entry.places.iter().any(|place| place == ALL_PLACES),
                "{}: every place (*) exists in the sandbox only",
                entry.name
            );
            let most = limits::CONNECTIONS_PER_PRINCIPAL_MAX;
            let connections = entry.connections.unwrap_or(limits::CONNECTIONS_PER_PRINCIPAL);
            let until = entry.end()?;
            anyhow::ensure!(
                (1..=most).contains(&connections),
                "{}: connections must be from 1 to {most}",
                entry.name
            );
            let RegistryEntry {
                fingerprint,
                name,
                customs_code,
                mandates,
                dxp_ids,
                places,
                signers,
                ..
            } = entry;
            anyhow::ensure!(
                sandbox || !dxp_ids.iter().any(|id| id == "*"),
                "{name}: every exchange number (*) exists in the sandbox only"
            );
            for digest in signers.iter().filter_map(|signer| signer_digest(signer)) {
                signing.insert(digest.with_context(|| name.clone())?);
            }
            let principal =
                Principal { name, kind, customs_code, mandates, dxp_ids, places, signers };
            let name = principal.name.clone();
            let caller = Arc::new(RegisteredCaller { principal: Arc::new(principal), connections });
            let same = names.entry(name.clone()).or_insert_with(|| Arc::clone(&caller));
            anyhow::ensure!(
                same.principal == caller.principal,
                "{name}: two entries of this name differ, and a key of it would not say which is meant"
            );
            let (over, chain) = (CancellationToken::new(), OnceLock::new());
            let registration = Arc::new(Registration { known: caller, until, over, chain });
            let is_new = fingerprint.is_empty()
                || certificates.insert(fingerprint.to_ascii_lowercase(), registration).is_none();
            anyhow::ensure!(is_new, "{name}: the same fingerprint stands twice in the registry");
        }
        Ok(Self { certificates, names, signers: signing })
    }

    /// Whether the signature of a certificate with this SHA-256 on a national message counts.
    pub(crate) fn is_signer(&self, certificate: &[u8; 32]) -> bool {
        self.signers.contains(certificate)
    }

    /// The certificate with this digest, where it is accepted now.
    pub(crate) fn find(&self, fingerprint: &str, now: OffsetDateTime) -> Option<Arc<Registration>> {
        let found = self.certificates.get(fingerprint)?;
        found.is_accepted(now).then(|| Arc::clone(found))
    }

    /// The same callers, in the place of others: certificates that say the same of the same caller stay what
    /// they are to their connections, where `is_good` has nothing against their chain. All others end.
    pub(crate) fn after(
        mut self,
        before: &Self,
        is_good: impl Fn(&[CertificateDer<'static>]) -> bool,
    ) -> Self {
        for (fingerprint, old) in &before.certificates {
            let new = self.certificates.get_mut(fingerprint);
            let same = new.filter(|new| {
                let connections = new.known.connections == old.known.connections;
                let good = old.chain.get().is_none_or(|chain| is_good(chain));
                new.known.principal == old.known.principal && connections && good
            });
            let Some(new) = same else {
                old.over.cancel();
                continue;
            };
            let (known, until) = (Arc::clone(&old.known), new.until);
            let (over, chain) = (old.over.clone(), old.chain.clone());
            *new = Arc::new(Registration { known, until, over, chain });
        }
        self
    }

    /// Ends the certificates that are not accepted any more.
    pub(crate) fn end_overdue(&self, now: OffsetDateTime) {
        let overdue = self.certificates.values().filter(|it| !it.is_accepted(now));
        overdue.for_each(|registration| registration.over.cancel());
    }

    /// Certificates of callers that were seen and end soon.
    pub(crate) fn ending(&self, today: OffsetDateTime) -> Vec<CertificatePeriod> {
        let periods = self.certificates.values().filter_map(|registration| {
            let caller = format!("caller {}", registration.known.principal.name);
            // One that cannot be read would not have got through the handshake.
            CertificatePeriod::of(caller, registration.chain.get()?.first()?).ok()
        });
        periods.filter(|period| period.days_left(today) < SOON_DAYS).collect()
    }

    /// The caller that a key is made for, when it still has that role.
    pub(crate) fn named(&self, caller: &str, role: &str) -> Option<Arc<RegisteredCaller>> {
        let known = self.names.get(caller)?;
        (kind(role) == Some(known.principal.kind)).then(|| Arc::clone(known))
    }

    /// The caller of this name.
    pub(crate) fn by_name(&self, name: &str) -> Option<Arc<RegisteredCaller>> {
        self.names.get(name).cloned()
    }

    /// What the caller of this name is.
    pub(crate) fn principal(&self, name: &str) -> Option<Arc<Principal>> {
        self.names.get(name).map(|known| Arc::clone(&known.principal))
    }

    /// Every caller, and what it is.
    pub fn roles(&self) -> BTreeMap<String, String> {
        let role = |kind| KINDS.iter().find(|(_, it)| *it == kind).map(|(word, _)| *word);
        let roles = self.names.iter().filter_map(|(name, known)| {
            Some((name.clone(), role(known.principal.kind)?.to_owned()))
        });
        roles.collect()
    }
}

/// What the registry calls a kind of caller.
const KINDS: [(&str, Kind); 13] = [
    ("enterprise", Kind::Enterprise),
    ("agent", Kind::Agent),
    ("customs", Kind::Customs),
    ("quarantine", Kind::Quarantine),
    ("site", Kind::Site),
    ("inspection-service", Kind::InspectionService),
    ("payment-service", Kind::PaymentService),
    ("bank", Kind::Bank),
    ("refund-service", Kind::RefundService),
    ("webhook-service", Kind::WebhookService),
    ("tax-office", Kind::TaxOffice),
    ("administrator", Kind::Administrator),
    ("gateway", Kind::Gateway),
];

fn kind(name: &str) -> Option<Kind> {
    KINDS.iter().find(|(word, _)| *word == name).map(|(_, kind)| *kind)
}
