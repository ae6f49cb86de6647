//! Who is calling, and what each kind of caller may do.
//!
//! A certificate says who; the registry says what that caller is; one line a method says which kinds
//! may call it. A method without a line does not start. Nothing is taken from headers or messages.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::Arc;
use std::task::{Context, Poll};

use anyhow::Context as _;
use domain::refusal::Code;
use domain::{Kind, Principal};
use proto::status;
use rustls_pki_types::CertificateDer;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// One line a method, or a path of HTTP: which kinds of caller.
pub const POLICY: &[(&str, &[Kind])] = &[
    ("/single_window.declaration.v1.DeclarationService/Submit", FILERS),
    ("/single_window.declaration.v1.DeclarationService/SubmitStream", FILERS),
    ("/single_window.declaration.v1.DeclarationService/Get", READERS),
    ("/single_window.declaration.v1.DeclarationService/List", READERS),
    ("/single_window.declaration.v1.DeclarationService/Amend", FILERS),
    ("/single_window.declaration.v1.DeclarationService/Withdraw", FILERS),
    ("/single_window.declaration.v1.DeclarationService/Watch", READERS),
    ("/single_window.exchange.v1.ExchangeService/Connect", DESKS),
    ("/single_window.inspection.v1.InspectionService/ListOrders", PEOPLE),
    ("/single_window.inspection.v1.InspectionService/GetOrder", PEOPLE),
    ("/single_window.inspection.v1.InspectionService/WatchOrders", PEOPLE),
    ("/single_window.inspection.v1.InspectionService/ListWindows", PEOPLE),
    ("/single_window.inspection.v1.InspectionService/Appoint", APPOINTERS),
    ("/single_window.inspection.v1.InspectionService/Claim", SITES),
    ("/single_window.inspection.v1.InspectionService/Report", SITES),
    ("/single_window.inspection.v1.InspectionService/Object", OWNERS),
    ("/single_window.inspection.v1.InspectionService/Dispose", AGENCIES),
    ("/single_window.inspection.v1.InspectionService/ListPlaces", PEOPLE),
    ("/single_window.inspection.v1.InspectionService/PutPlace", PLANNERS),
    ("/single_window.inspection.v1.InspectionService/ListOfficers", INSIDERS),
    ("/single_window.inspection.v1.InspectionService/PutOfficer", AGENCIES),
    ("/single_window.inspection.v1.InspectionService/ListRuleSets", SUPERVISORS),
    ("/single_window.inspection.v1.InspectionService/PutRuleSet", AGENCIES),
    ("/single_window.inspection.v1.InspectionService/GetAssessment", SUPERVISORS),
    ("/single_window.inspection.v1.InspectionService/ListSeeds", PEOPLE),
    ("/single_window.inspection.v1.InspectionService/ListCredit", SUPERVISORS),
    ("/single_window.inspection.v1.InspectionService/GetCredit", CREDIT_READERS),
    ("/single_window.inspection.v1.InspectionService/Certify", CUSTOMS),
    ("/single_window.inspection.v1.InspectionService/Appeal", OWNERS),
    ("/single_window.inspection.v1.InspectionService/DecideAppeal", AGENCIES),
    ("/single_window.inspection.v1.InspectionService/GetStatistics", CREDIT_READERS),
    ("/single_window.ceb.v1.CebService/Send", SENDERS),
    ("/single_window.ceb.v1.CebService/SendStream", SENDERS),
    ("/single_window.ceb.v1.CebService/ListReceipts", LISTENERS),
    ("/single_window.ceb.v1.CebService/FollowReceipts", LISTENERS),
    ("/single_window.ceb.v1.CebService/ListDocuments", READERS),
    ("/single_window.ceb.v1.CebService/Issue", CUSTOMS),
    ("/ceb", SENDERS),
    ("/ceb/receipts", LISTENERS),
    ("/ceb/documents", READERS),
    ("/grpc.health.v1.Health/Check", EVERYBODY),
    ("/grpc.health.v1.Health/List", EVERYBODY),
    ("/grpc.health.v1.Health/Watch", EVERYBODY),
    ("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", EVERYBODY),
];

const FILERS: &[Kind] = &[Kind::Enterprise, Kind::Agent, Kind::Gateway];
const READERS: &[Kind] = &[Kind::Enterprise, Kind::Agent, Kind::Administrator, Kind::Gateway];
const SENDERS: &[Kind] = &[Kind::Enterprise, Kind::Agent];
const LISTENERS: &[Kind] = &[Kind::Enterprise, Kind::Agent, Kind::Customs, Kind::Administrator];
const CUSTOMS: &[Kind] = &[Kind::Customs];
const DESKS: &[Kind] = &[Kind::Customs, Kind::Inspection, Kind::Examiner];
const SITES: &[Kind] = &[Kind::Site];
const OWNERS: &[Kind] = &[Kind::Enterprise, Kind::Agent];
const APPOINTERS: &[Kind] = &[Kind::Enterprise, Kind::Agent, Kind::Site];
const AGENCIES: &[Kind] = &[Kind::Customs, Kind::Inspection];
const PLANNERS: &[Kind] = &[Kind::Customs, Kind::Inspection, Kind::Administrator];
/// What the rules look for is not told to those whose goods they look at.
const SUPERVISORS: &[Kind] = &[Kind::Customs, Kind::Inspection, Kind::Administrator];
const INSIDERS: &[Kind] = &[Kind::Customs, Kind::Inspection, Kind::Site, Kind::Administrator];
const CREDIT_READERS: &[Kind] =
    &[Kind::Enterprise, Kind::Agent, Kind::Customs, Kind::Inspection, Kind::Administrator];
const PEOPLE: &[Kind] = &[
    Kind::Enterprise,
    Kind::Agent,
    Kind::Customs,
    Kind::Inspection,
    Kind::Site,
    Kind::Administrator,
];
const EVERYBODY: &[Kind] = &[
    Kind::Enterprise,
    Kind::Agent,
    Kind::Customs,
    Kind::Inspection,
    Kind::Site,
    Kind::Examiner,
    Kind::Administrator,
    Kind::Gateway,
];

/// Fails when a method of the schema has no line.
///
/// # Errors
///
/// Names the methods.
pub fn check_policy() -> anyhow::Result<()> {
    use prost::Message as _;
    let schema = prost_types::FileDescriptorSet::decode(proto::DESCRIPTOR)?;
    let missing: Vec<String> = schema
        .file
        .iter()
        .flat_map(|file| file.service.iter().map(move |service| (file.package(), service)))
        .flat_map(|(package, service)| {
            let path = move |method: &str| format!("/{package}.{}/{method}", service.name());
            service.method.iter().map(move |method| path(method.name()))
        })
        .filter(|path| !POLICY.iter().any(|(known, _)| known == path))
        .collect();
    anyhow::ensure!(missing.is_empty(), "no policy line for {}", missing.join(", "));
    Ok(())
}

/// The digest by which a certificate is registered.
pub fn fingerprint(certificate: &CertificateDer<'_>) -> String {
    Sha256::digest(certificate).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A caller in the registry file.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Registered {
    /// SHA-256 of the certificate (DER), hexadecimal.
    pub fingerprint: String,
    /// Name, for logs.
    pub name: String,
    /// enterprise, agent, customs, inspection, site, examiner, administrator or gateway.
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
    /// Certificates that sign its national messages: SHA-256 in hexadecimal, or the number of the
    /// card (KeyName).
    #[serde(default)]
    pub signers: Vec<String>,
}

/// Certificates and their callers.
#[derive(Debug, Default)]
pub struct Registry(HashMap<String, Arc<Principal>>);

impl Registry {
    /// Reads the registry file, a JSON list.
    ///
    /// # Errors
    ///
    /// When it cannot be read or an entry makes no sense.
    pub fn load(path: &Path, sandbox: bool) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("the registry {} cannot be read", path.display()))?;
        let entries: Vec<Registered> = serde_json::from_str(&text)
            .with_context(|| format!("the registry {} is not in order", path.display()))?;
        let mut known = HashMap::new();
        for entry in entries {
            let kind = kind(&entry.kind).with_context(|| {
                format!("{}: {:?} is not a kind of caller", entry.name, entry.kind)
            })?;
            let hex = entry.fingerprint.bytes().all(|byte| byte.is_ascii_hexdigit());
            anyhow::ensure!(
                entry.fingerprint.len() == 64 && hex,
                "{}: the fingerprint must be 64 hexadecimal digits without colons",
                entry.name
            );
            let firm = matches!(kind, Kind::Enterprise | Kind::Agent);
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
            let Registered { fingerprint, name, customs_code, mandates, dxp_ids, signers, .. } =
                entry;
            anyhow::ensure!(
                sandbox || !dxp_ids.iter().any(|id| id == "*"),
                "{name}: every exchange number (*) exists in the sandbox only"
            );
            let principal = Principal { name, kind, customs_code, mandates, dxp_ids, signers };
            let twice = known.insert(fingerprint.to_ascii_lowercase(), Arc::new(principal));
            if let Some(other) = twice {
                anyhow::bail!("{}: the same fingerprint stands twice in the registry", other.name);
            }
        }
        Ok(Self(known))
    }

    /// Whose signatures on national messages count: the certificates that the registry names.
    ///
    /// # Errors
    ///
    /// When a digest cannot be read.
    pub fn signers(&self) -> anyhow::Result<ceb::Trust> {
        let mut trust = ceb::Trust::default();
        let digests = self.0.values().flat_map(|principal| &principal.signers);
        // The others are numbers of cards; their issuer has to be trusted.
        for digest in digests.filter(|signer| signer.len() == 64) {
            let bytes: Vec<u8> = (0..32)
                .filter_map(|n| u8::from_str_radix(digest.get(2 * n..2 * n + 2)?, 16).ok())
                .collect();
            let bytes: [u8; 32] = bytes
                .try_into()
                .map_err(|_| anyhow::anyhow!("the signer {digest} is no SHA-256"))?;
            trust.pin(bytes);
        }
        Ok(trust)
    }

    /// The caller of a certificate.
    pub fn find(&self, fingerprint: &str) -> Option<Arc<Principal>> {
        self.0.get(fingerprint).cloned()
    }
}

fn kind(name: &str) -> Option<Kind> {
    let kinds = BTreeMap::from([
        ("enterprise", Kind::Enterprise),
        ("agent", Kind::Agent),
        ("customs", Kind::Customs),
        ("inspection", Kind::Inspection),
        ("site", Kind::Site),
        ("examiner", Kind::Examiner),
        ("administrator", Kind::Administrator),
        ("gateway", Kind::Gateway),
    ]);
    kinds.get(name).copied()
}

/// The caller of a connection; `None` when its certificate is not in the registry.
#[derive(Debug, Clone)]
pub struct Peer(pub Option<Arc<Principal>>);

/// Lets a call through when its caller may make it.
#[derive(Debug, Clone)]
pub struct Gate<S>(S);

/// Puts a [`Gate`] before every service.
#[derive(Debug, Clone, Copy)]
pub struct GateLayer;

impl<S> tower::Layer<S> for GateLayer {
    type Service = Gate<S>;

    fn layer(&self, inner: S) -> Gate<S> {
        Gate(inner)
    }
}

impl<S, B> tower::Service<http::Request<B>> for Gate<S>
where
    S: tower::Service<http::Request<B>, Response = http::Response<tonic::body::Body>>,
    S::Future: Send + 'static,
    S::Error: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = futures::future::Either<
        S::Future,
        std::future::Ready<Result<http::Response<tonic::body::Body>, S::Error>>,
    >;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, mut request: http::Request<B>) -> Self::Future {
        match admit(&request) {
            Ok(principal) => {
                request.extensions_mut().insert(principal);
                futures::future::Either::Left(self.0.call(request))
            }
            Err(code) => {
                let status = status::plain(code);
                let refused = if is_grpc(&request) {
                    status.into_http()
                } else {
                    crate::http::refusal(&status).map(tonic::body::Body::new)
                };
                futures::future::Either::Right(std::future::ready(Ok(refused)))
            }
        }
    }
}

/// Whether the caller reads answers of gRPC, whose HTTP status says nothing.
pub(crate) fn is_grpc<B>(request: &http::Request<B>) -> bool {
    let form = request.headers().get(http::header::CONTENT_TYPE);
    form.is_some_and(|form| form.as_bytes().starts_with(b"application/grpc"))
}

fn admit<B>(request: &http::Request<B>) -> Result<Arc<Principal>, Code> {
    let peer = request.extensions().get::<Peer>().ok_or(Code::CertificateMissing)?;
    let principal = peer.0.clone().ok_or(Code::CertificateUnknown)?;
    let path = request.uri().path();
    let line = POLICY.iter().find(|(known, _)| *known == path);
    match line {
        Some((_, kinds)) if !kinds.contains(&principal.kind) => Err(Code::NotAllowed),
        // A method without a line does not exist, see `check_policy`: the router says so.
        Some(_) | None => Ok(principal),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_of_http_lets_in_whom_its_method_does() {
        for (path, method) in [
            ("/ceb", "Send"),
            ("/ceb/receipts", "ListReceipts"),
            ("/ceb/documents", "ListDocuments"),
        ] {
            let method = format!("/single_window.ceb.v1.CebService/{method}");
            let line = |wanted: &str| POLICY.iter().find(|(known, _)| *known == wanted);
            let kinds = |wanted: &str| line(wanted).map(|(_, kinds)| *kinds);
            assert!(kinds(path).is_some() && kinds(path) == kinds(&method), "{path}");
        }
    }
}
