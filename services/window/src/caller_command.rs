//! `caller`: who may call a window, in its registry file. A window that serves takes over what is written here
//! within a second.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::{Args, Subcommand};
use cli::{BilingualText, Language};
use rustls_pki_types::CertificateDer;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::clock;
use crate::registry::{Registry, RegistryEntry, fingerprint};
use crate::tls;
use crate::validity::CertificatePeriod;

/// Who may call the window: the registry, which it takes over while it serves.
#[derive(Debug, Args)]
pub(crate) struct CallerArgs {
    #[command(subcommand)]
    verb: CallerVerb,
}

#[derive(Debug, Subcommand)]
enum CallerVerb {
    Add(AddCallerArgs),
    List(ListCallersArgs),
    Rotate(RotateArgs),
    Revoke(RevokeCallerArgs),
}

#[derive(Debug, Args)]
struct RegistryArgs {
    #[command(flatten)]
    file: crate::window_args::ConfigFileArgs,
    /// Registry of callers (JSON).
    #[arg(long, env = "SW_REGISTRY", value_name = "FILE")]
    registry: PathBuf,
}

/// Add a caller.
#[derive(Debug, Args)]
struct AddCallerArgs {
    #[command(flatten)]
    registry: RegistryArgs,
    /// Its name, for logs and keys.
    name: String,
    /// What it is: enterprise, agent, customs, quarantine, site, bank, tax-office, administrator, gateway,
    /// inspection-service, payment-service, refund-service or webhook-service.
    #[arg(long, value_name = "KIND")]
    kind: String,
    /// Its certificate (PEM) [default: it has keys only].
    #[arg(long, value_name = "FILE")]
    cert: Option<PathBuf>,
    /// Customs code of an enterprise or agent.
    #[arg(long, default_value = "", value_name = "CODE")]
    customs_code: String,
    /// A declarant that an agent may file for; may be given several times.
    #[arg(long, value_name = "CODE")]
    mandate: Vec<String>,
    /// A number on the exchange platform (dxpId) that it sends under; may be given several times.
    #[arg(long, value_name = "NUMBER")]
    dxp_id: Vec<String>,
    /// An examination place of a site; may be given several times.
    #[arg(long, value_name = "PLACE")]
    place: Vec<String>,
}

/// List the callers, with how long their certificates are accepted.
#[derive(Debug, Args)]
struct ListCallersArgs {
    #[command(flatten)]
    registry: RegistryArgs,
}

/// Give a caller a new certificate. The old one is accepted beside it for a while.
#[derive(Debug, Args)]
struct RotateArgs {
    #[command(flatten)]
    registry: RegistryArgs,
    /// Which caller.
    name: String,
    /// Its new certificate (PEM).
    #[arg(long, value_name = "FILE")]
    cert: PathBuf,
    /// For how many days the old one is accepted; 0 ends it at once.
    #[arg(long, default_value_t = 14, value_name = "DAYS")]
    overlap: u16,
}

/// End a caller: its connections are closed at once, with those that its keys opened.
#[derive(Debug, Args)]
struct RevokeCallerArgs {
    #[command(flatten)]
    registry: RegistryArgs,
    /// Which caller.
    name: String,
}

/// Does what the verb says.
pub(crate) fn run(args: CallerArgs, language: Language) -> anyhow::Result<()> {
    match args.verb {
        CallerVerb::Add(args) => add(args, language),
        CallerVerb::List(args) => list(&args.registry.registry),
        CallerVerb::Rotate(args) => rotate(&args, language),
        CallerVerb::Revoke(args) => revoke(&args, language),
    }
}

fn add(args: AddCallerArgs, language: Language) -> anyhow::Result<()> {
    let file = &args.registry.registry;
    let mut entries = if file.exists() { RegistryEntry::read(file)? } else { Vec::new() };
    let name = args.name;
    anyhow::ensure!(
        !entries.iter().any(|entry| entry.name == name),
        BilingualText::new(
            format!("there is a caller {name} already; `caller rotate` gives it a new certificate"),
            format!("调用方{name}已存在；更换证书请用 caller rotate"),
        )
    );
    entries.push(RegistryEntry {
        fingerprint: proto::text(args.cert.as_deref().map(digest).transpose()?),
        name: name.clone(),
        kind: args.kind,
        customs_code: args.customs_code,
        mandates: args.mandate,
        dxp_ids: args.dxp_id,
        places: args.place,
        ..RegistryEntry::default()
    });
    write(file, &entries)?;
    print_line(language, &format!("{name} is a caller now"), &format!("已添加调用方{name}"))
}

fn list(file: &Path) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    for RegistryEntry { name, kind, fingerprint, until, .. } in RegistryEntry::read(file)? {
        let print = fingerprint.get(..16).unwrap_or("keys only");
        let until = until.map_or_else(String::new, |until| format!("  until {until}"));
        writeln!(out, "{name:<24} {kind:<18} {print}{until}")?;
    }
    Ok(())
}

fn rotate(args: &RotateArgs, language: Language) -> anyhow::Result<()> {
    let (file, name) = (&args.registry.registry, &args.name);
    let mut entries = RegistryEntry::read(file)?;
    let fingerprint = digest(&args.cert)?;
    let last = entries.iter().rposition(|entry| entry.name == *name);
    let last = last.with_context(|| unknown(name))?;
    let new = RegistryEntry { fingerprint, until: None, ..entries[last].clone() };
    let now = clock::real().now();
    let end = now.saturating_add(time::Duration::days(args.overlap.into()));
    let until = end.format(&Rfc3339)?;
    if args.overlap == 0 {
        entries.retain(|entry| entry.name != *name);
    }
    for old in entries.iter_mut().filter(|entry| entry.name == *name && entry.until.is_none()) {
        old.until = Some(until.clone());
    }
    // One that had keys only has nothing to overlap with, and what has ended is of no use.
    let ended = |entry: &RegistryEntry| {
        let until = entry.until.as_ref().map(|until| OffsetDateTime::parse(until, &Rfc3339));
        until.is_some_and(|until| until.is_ok_and(|until| until <= now))
    };
    entries.retain(|it| it.name != *name || !(it.fingerprint.is_empty() || ended(it)));
    entries.push(new);
    write(file, &entries)?;
    let (english, chinese) = match args.overlap {
        0 => (format!("{name} has a new certificate"), format!("{name}已更换证书")),
        _ => (
            format!("{name} has a new certificate; the old one is accepted until {until}"),
            format!("{name}已更换证书；旧证书在{until}前仍可使用"),
        ),
    };
    print_line(language, &english, &chinese)
}

fn revoke(args: &RevokeCallerArgs, language: Language) -> anyhow::Result<()> {
    let (file, name) = (&args.registry.registry, &args.name);
    let mut entries = RegistryEntry::read(file)?;
    let before = entries.len();
    entries.retain(|entry| entry.name != *name);
    anyhow::ensure!(entries.len() < before, unknown(name));
    write(file, &entries)?;
    print_line(language, &format!("{name} is no caller any more"), &format!("已吊销调用方{name}"))
}

fn unknown(name: &str) -> BilingualText {
    BilingualText::new(
        format!("the registry has no caller {name}"),
        format!("登记表中没有调用方{name}"),
    )
}

/// The digest of the certificate in a file, which has to be good still.
fn digest(file: &Path) -> anyhow::Result<String> {
    let chain = tls::certificates(file)?;
    let own: &CertificateDer<'_> =
        chain.first().with_context(|| BilingualText::unreadable(file))?;
    let period =
        CertificatePeriod::of("caller", own).with_context(|| BilingualText::unreadable(file))?;
    let path = file.display();
    anyhow::ensure!(
        period.end > clock::real().now(),
        BilingualText::new(
            format!("the certificate in {path} has ended"),
            format!("{path}中的证书已过期")
        )
    );
    Ok(fingerprint(own))
}

/// Puts a registry in the place of another when a window can use it.
fn write(file: &Path, entries: &[RegistryEntry]) -> anyhow::Result<()> {
    let unfinished = file.with_extension("unfinished");
    let text = format!("{}\n", serde_json::to_string_pretty(entries)?);
    std::fs::write(&unfinished, text).with_context(|| BilingualText::unwritable(&unfinished))?;
    // What a sandbox lets everybody do stands in no file that is written here anew.
    if let Err(error) = Registry::load(&unfinished, true) {
        std::fs::remove_file(&unfinished)
            .with_context(|| BilingualText::unwritable(&unfinished))?;
        return Err(error);
    }
    if let Ok(before) = std::fs::metadata(file) {
        use std::os::unix::fs::{MetadataExt as _, chown};
        std::fs::set_permissions(&unfinished, before.permissions())
            .and_then(|()| chown(&unfinished, Some(before.uid()), Some(before.gid())))
            .with_context(|| BilingualText::unwritable(file))?;
    }
    std::fs::rename(&unfinished, file).with_context(|| BilingualText::unwritable(file))
}

fn print_line(language: Language, english: &str, chinese: &str) -> anyhow::Result<()> {
    let text = match language {
        Language::English => english,
        Language::Chinese => chinese,
    };
    Ok(writeln!(std::io::stdout(), "{text}")?)
}
