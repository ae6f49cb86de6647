//! The services of a window: a line for each, and what all of them have in common when they start.

use std::net::SocketAddr;
use std::path::Path;

use anyhow::Context as _;
use cli::BilingualText;
use domain::declaration::{Profile, SAMPLE_DECLARANT};
use domain::participant::Participant;
use domain::payment::parameter_set::{OwnFile, ParameterSet};
use domain::tax_refund::parity::Parities;
use domain::tax_refund::rates::RateTable;
use kit::service::{Caller, Manifest, Mount, Parts, Start};

use crate::callers::CurrentRegistry;
use crate::run::Settings;
use crate::{http, tls};

/// What is known of a service, and what of the settings it starts with.
type Service = (&'static Manifest, fn(&Settings, &CurrentRegistry) -> anyhow::Result<Start>);

/// Every service, in the order in which they start.
pub(crate) static SERVICES: &[Service] = &[
    (&declaration::MANIFEST, |it, _| {
        Ok(declaration::start(profile(it), it.writers.max(1), it.attachments.clone()))
    }),
    (&ceb::MANIFEST, |it, registry| Ok(ceb::start(policy(it, registry)?, http::national_door))),
    (&inspection::MANIFEST, |_, _| Ok(inspection::start())),
    (&payment::MANIFEST, |it, _| Ok(payment::start(it.sandbox, import_tax(it)?))),
    (&refund::MANIFEST, |it, _| Ok(refund::start(rates(it)?, parities(it)?))),
    (&webhooks::MANIFEST, |it, registry| Ok(webhooks::start(posting(it, registry)?))),
];

/// By which rates exports are refunded.
fn rates(settings: &Settings) -> anyhow::Result<RateTable> {
    let text = text(settings.refund_rates.as_deref())?;
    refund::rates(text.as_deref(), settings.sandbox)
        .map_err(|faults| faulty(("refund rates", "退税率"), &faults))
}

/// By which numbers, tariff and list taxes of imports are computed.
fn import_tax(settings: &Settings) -> anyhow::Result<ParameterSet> {
    let own = settings.import_tax.iter().map(|file| {
        let name = file.file_name().unwrap_or(file.as_os_str()); // a file that is read has one
        let text = text(Some(file))?.context("a file was named")?;
        Ok(OwnFile { name: name.to_string_lossy().into_owned(), text })
    });
    let own = own.collect::<anyhow::Result<Vec<_>>>()?;
    payment::numbers(&own).map_err(|faults| faulty(("the import tax", "进口税"), &faults))
}

/// By which parities what they cost abroad is yuan.
fn parities(settings: &Settings) -> anyhow::Result<Parities> {
    let text = text(settings.refund_parities.as_deref())?;
    refund::parities(text.as_deref(), settings.sandbox)
        .map_err(|faults| faulty(("parities", "中间价"), &faults))
}

/// The text of a file, where one is named.
fn text(file: Option<&Path>) -> anyhow::Result<Option<String>> {
    let read = file.map(|file| {
        std::fs::read_to_string(file).with_context(|| {
            let file = file.display();
            BilingualText::new(format!("{file} cannot be read"), format!("无法读取{file}"))
        })
    });
    read.transpose()
}

/// Every fault of a file of dated numbers.
fn faulty((of, of_zh): (&str, &str), faults: &[impl ToString]) -> anyhow::Error {
    let faults: Vec<String> = faults.iter().map(ToString::to_string).collect();
    let faults = faults.join("\n");
    let zh = format!("{of_zh}文件有误：\n{faults}");
    BilingualText::new(format!("the file of {of} has faults:\n{faults}"), zh).into()
}

/// For whom webhooks are posted, and where they may be.
fn posting(
    settings: &Settings,
    registry: &CurrentRegistry,
) -> anyhow::Result<webhooks::WebhookSettings> {
    let mut authorities = Vec::new();
    for file in &settings.webhook_authorities {
        authorities.extend(tls::certificates(file)?);
    }
    let registry = registry.clone();
    Ok(webhooks::WebhookSettings {
        callers: Box::new(move |name| registry.get().principal(name)),
        allow_private: settings.sandbox || settings.webhook_allow_private,
        authorities,
    })
}

/// What is known of every service.
pub(crate) fn manifests() -> impl Iterator<Item = &'static Manifest> {
    SERVICES.iter().map(|(manifest, _)| *manifest)
}

/// A service of this process that can start.
pub(crate) struct Plan {
    pub(crate) manifest: &'static Manifest,
    pub(crate) start: Box<dyn FnOnce(Parts) -> Mount + Send>,
}

/// The services of this process in the order of [`SERVICES`], and `None` for those that run elsewhere or
/// nowhere. What can fail is done here, before the database. `own` is where this window serves.
pub(crate) fn plans(
    settings: &Settings,
    registry: &CurrentRegistry,
    own: SocketAddr,
) -> anyhow::Result<Vec<Option<Plan>>> {
    let plan = |(manifest, start): &Service| {
        if !runs(settings, manifest)? {
            return Ok(None);
        }
        let start: Box<dyn FnOnce(Parts) -> Mount + Send> = match start(settings, registry)? {
            Start::Alone(start) => start,
            Start::Calling(start) => {
                let caller = caller(settings, manifest, own)?;
                Box::new(move |parts| start(parts, caller))
            }
        };
        Ok(Some(Plan { manifest, start }))
    };
    SERVICES.iter().map(plan).collect()
}

/// Whether a service runs in this process. One that calls a window runs where it has a certificate for it.
fn runs(settings: &Settings, manifest: &Manifest) -> anyhow::Result<bool> {
    let is_alone = settings.only.as_deref() == Some(manifest.name);
    if settings.only.is_some() && !is_alone {
        return Ok(false);
    }
    let Some(identity) = &manifest.identity else { return Ok(true) };
    let (name, kind) = (manifest.name, identity.kind);
    let Some(config) = settings.callers.get(name) else {
        anyhow::ensure!(
            !is_alone,
            BilingualText::new(
                format!("{name} by itself needs a certificate of its own: --{kind}-cert"),
                format!("单独运行{name}服务时须给出其证书--{kind}-cert"),
            )
        );
        return Ok(false);
    };
    anyhow::ensure!(
        !is_alone || !config.address.is_empty(),
        BilingualText::new(
            format!("{name} by itself needs --{kind}-endpoint: the window that it calls"),
            format!("单独运行{name}服务时须给出--{kind}-endpoint，即其所调用的单一窗口"),
        )
    );
    Ok(true)
}

/// How a service reaches the window that it calls: like every client, also within one process.
fn caller(settings: &Settings, manifest: &Manifest, own: SocketAddr) -> anyhow::Result<Caller> {
    let service = manifest.name;
    let config = settings.callers.get(service);
    let mut config = config.with_context(|| format!("{service} has no certificate"))?.clone();
    if config.address.is_empty() {
        config.address = format!("localhost:{}", own.port());
    }
    let name = settings.names.get(service).map_or(service, String::as_str).to_owned();
    Ok(Caller { window: client::Window::connect_lazy(&config)?, name })
}

/// Rules that the sandbox has and others have not, and which checks are asked.
fn profile(settings: &Settings) -> Profile {
    let sample_declarants =
        if settings.sandbox { vec![SAMPLE_DECLARANT.to_owned()] } else { Vec::new() };
    let is_here = |manifest| runs(settings, manifest).is_ok_and(|runs| runs);
    let rules = settings.targeting || is_here(&inspection::MANIFEST);
    let duty = settings.duty || is_here(&payment::MANIFEST);
    let asked = [(rules, Participant::RiskCheck), (duty, Participant::Duty)];
    let asked = asked.into_iter().filter_map(|(is_asked, who)| is_asked.then_some(who)).collect();
    Profile { sandbox: settings.sandbox, sample_declarants, asked }
}

/// What the national door is strict about, and whose signatures it takes.
fn policy(settings: &Settings, registry: &CurrentRegistry) -> anyhow::Result<ceb::MessagePolicy> {
    let mut trust = if settings.sandbox { ceb::Trust::anyone() } else { ceb::Trust::default() };
    let registry = registry.clone();
    trust.ask(move |certificate| registry.get().is_signer(certificate));
    for file in &settings.signing_authorities {
        for authority in tls::certificates(file)? {
            trust.add_authority(&authority).with_context(|| BilingualText::no_authority(file))?;
        }
    }
    Ok(ceb::MessagePolicy::new(profile(settings), trust))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// A process with certificates for these services that call a window there; empty is this one.
    fn settings(only: Option<&str>, callers: &[(&'static str, &str)]) -> Settings {
        let config = |address: &str| client::Config {
            address: address.to_owned(),
            authority: Vec::new(),
            certificate: Vec::new(),
            key: Vec::new(),
            api_key: String::new(),
        };
        Settings {
            callers: callers.iter().map(|(name, address)| (*name, config(address))).collect(),
            only: only.map(str::to_owned),
            ..Settings::default()
        }
    }

    #[test]
    fn a_service_runs_where_it_has_what_it_needs() {
        let both = [("ceb", ""), ("inspection", "")];
        let payment = [("payment", "")];
        for (only, callers, expected) in [
            (None, &[][..], Ok("declaration")),
            (None, &both, Ok("declaration ceb inspection")),
            (None, &both[1..], Ok("declaration inspection")),
            (None, &payment, Ok("declaration payment")),
            (Some("declaration"), &both, Ok("declaration")),
            (Some("ceb"), &[("ceb", "localhost:7443")], Ok("ceb")),
            (Some("ceb"), &both, Err("--gateway-endpoint")),
            (Some("ceb"), &[], Err("--gateway-cert")),
            (Some("inspection"), &both[..1], Err("--inspection-service-cert")),
            (Some("payment"), &both, Err("--payment-service-cert")),
        ] {
            let settings = settings(only, callers);
            let running: anyhow::Result<Vec<_>> = manifests()
                .filter_map(|manifest| match runs(&settings, manifest) {
                    Ok(runs) => runs.then_some(Ok(manifest.name)),
                    Err(error) => Some(Err(error)),
                })
                .collect();
            match (running.map(|names| names.join(" ")), expected) {
                (Ok(running), Ok(expected)) => assert_eq!(running, expected, "{only:?}"),
                (Err(error), Err(flag)) => assert!(error.to_string().contains(flag), "{error}"),
                (running, _) => panic!("{only:?} {callers:?}: {running:?}"),
            }
            for (who, service) in
                [(Participant::RiskCheck, "inspection"), (Participant::Duty, "payment")]
            {
                let is_asked = profile(&settings).asked.contains(&who);
                assert_eq!(
                    is_asked,
                    expected.is_ok_and(|names| names.contains(service)),
                    "{who:?}"
                );
            }
        }
    }

    #[test]
    fn no_two_services_share_a_name_a_schema_or_an_identity() {
        let names: BTreeSet<_> = manifests().map(|it| it.name).collect();
        assert_eq!(names.len(), SERVICES.len(), "a name stands twice");
        let kinds: Vec<_> = manifests().filter_map(|it| it.identity.as_ref()).collect();
        let different: BTreeSet<_> = kinds.iter().map(|identity| identity.kind).collect();
        assert_eq!(different.len(), kinds.len(), "two services have the same flags");
    }
}
