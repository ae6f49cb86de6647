//! Certificates that the sandbox makes for itself: an authority, the window, and one for each kind of
//! caller. Never for production.

use domain::principal::ALL_PLACES;
use std::path::Path;

use anyhow::Context as _;
use cli::BilingualText;
use cli::sandbox::{AUTHORITY, CALLERS, SandboxCaller};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose,
};
use rustls_pki_types::CertificateDer;
use time::{Duration, OffsetDateTime};

use crate::registry::{RegistryEntry, fingerprint};

/// Within the directory of certificates: the window's; its key is beside it.
pub const WINDOW: &str = "window";
/// The registry of callers.
pub const REGISTRY: &str = "registry.json";

/// Makes everything that is not there yet. The directory is moved into place when it is whole, so a
/// start that was cut leaves nothing half done.
///
/// # Errors
///
/// When files cannot be written.
pub fn ensure(directory: &Path, now: OffsetDateTime) -> anyhow::Result<()> {
    let whole =
        CALLERS.iter().all(|caller| directory.join(format!("{}.pem", caller.name)).exists());
    if directory.join(REGISTRY).exists() && whole {
        return Ok(());
    }
    let unfinished = directory.with_extension("unfinished");
    if unfinished.exists() {
        std::fs::remove_dir_all(&unfinished)
            .with_context(|| BilingualText::unwritable(&unfinished))?;
    }
    std::fs::create_dir_all(&unfinished).with_context(|| BilingualText::unwritable(&unfinished))?;
    let authority = authority(now)?;
    write(&unfinished, AUTHORITY, &authority.pem())?;
    let (certificate, key) = signed(&authority, WINDOW, Purpose::Server, now)?;
    write(&unfinished, "window.pem", &certificate.pem())?;
    write(&unfinished, "window.key", &key.serialize_pem())?;
    let mut registry = Vec::new();
    for caller in CALLERS {
        let (certificate, key) = signed(&authority, caller.name, Purpose::Client, now)?;
        write(&unfinished, &format!("{}.pem", caller.name), &certificate.pem())?;
        write(&unfinished, &format!("{}.key", caller.name), &key.serialize_pem())?;
        registry.push(RegistryEntry {
            fingerprint: fingerprint(certificate.der()),
            name: caller.name.to_owned(),
            kind: caller.kind.to_owned(),
            customs_code: caller.customs_code.to_owned(),
            mandates: caller.mandates.iter().map(|code| (*code).to_owned()).collect(),
            dxp_ids: caller.dxp_ids.iter().map(|id| (*id).to_owned()).collect(),
            places: if caller.kind == "site" { vec![ALL_PLACES.to_owned()] } else { Vec::new() },
            signers: signer(&unfinished, caller, now)?,
            connections: None,
            until: None,
        });
    }
    write(&unfinished, REGISTRY, &serde_json::to_string_pretty(&registry)?)?;
    if directory.exists() {
        // Made by an older window: it lacks callers of this one.
        std::fs::remove_dir_all(directory).with_context(|| BilingualText::unwritable(directory))?;
    }
    std::fs::rename(&unfinished, directory).with_context(|| BilingualText::unwritable(directory))
}

/// A key and certificate (SM2) with which a firm signs national messages: `<caller>-signer.key`. Gives
/// the digest of the certificate for the registry.
fn signer(
    directory: &Path,
    caller: &SandboxCaller,
    now: OffsetDateTime,
) -> anyhow::Result<Vec<String>> {
    if caller.customs_code.is_empty() {
        return Ok(Vec::new());
    }
    let period = signature::sandbox::ValidityPeriod {
        from: now - Duration::days(1),
        to: now + Duration::days(3650),
    };
    let issued = signature::sandbox::self_signed(caller.name, caller.customs_code, period)?;
    write(directory, &format!("{}-signer.pem", caller.name), &issued.certificate_pem)?;
    write(directory, &format!("{}-signer.key", caller.name), &issued.key_pem)?;
    Ok(vec![fingerprint(&CertificateDer::from(issued.certificate_der))])
}

fn write(directory: &Path, name: &str, text: &str) -> anyhow::Result<()> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    let path = directory.join(name);
    std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        // Keys are for their owner only.
        .mode(0o600)
        .open(&path)
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .with_context(|| BilingualText::unwritable(&path))
}

type Authority = CertifiedIssuer<'static, KeyPair>;

fn authority(now: OffsetDateTime) -> anyhow::Result<Authority> {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, "single-window sandbox authority");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    valid(&mut params, now);
    Ok(CertifiedIssuer::self_signed(params, KeyPair::generate()?)?)
}

/// What a certificate is for.
enum Purpose {
    Server,
    Client,
}

fn signed(
    authority: &Authority,
    name: &str,
    purpose: Purpose,
    now: OffsetDateTime,
) -> anyhow::Result<(rcgen::Certificate, KeyPair)> {
    let names = match purpose {
        Purpose::Server => vec!["localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned()],
        Purpose::Client => Vec::new(),
    };
    let mut params = CertificateParams::new(names)?;
    params.distinguished_name.push(DnType::CommonName, name);
    params.extended_key_usages = vec![match purpose {
        Purpose::Server => ExtendedKeyUsagePurpose::ServerAuth,
        Purpose::Client => ExtendedKeyUsagePurpose::ClientAuth,
    }];
    valid(&mut params, now);
    let key = KeyPair::generate()?;
    let certificate = params.signed_by(&key, authority)?;
    Ok((certificate, key))
}

fn valid(params: &mut CertificateParams, now: OffsetDateTime) {
    params.not_before = now - Duration::days(1);
    params.not_after = now + Duration::days(3_650);
}
