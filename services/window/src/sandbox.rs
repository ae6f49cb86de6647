//! The sandbox: one command starts everything on loopback, with certificates of its own and simulated
//! agencies, and shows live what happens.

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use agencies::Simulator;
use anyhow::Context as _;
use cli::sandbox::{
    AUTHORITY, CALLERS, address_file, config, default_data_dir, identities, key_file,
};
use cli::{BilingualText, Language, describe};
use client::Config;
use console::LoginLink;
use futures::StreamExt as _;
use kit::api_keys::{ApiKeys, KeyTerms};
use proto::v1;
use tokio_util::sync::CancellationToken;

use crate::certificates::{self, REGISTRY, WINDOW};
use crate::run::{RunningWindow, Settings};
use crate::services::manifests;
use crate::signals::Ending;
use crate::tasks::{Task, Tasks};

/// Points the settings at the sandbox's own certificates.
///
/// # Errors
///
/// When they cannot be read.
pub fn settle(settings: &mut Settings) -> anyhow::Result<()> {
    let directory = identities(&settings.data_dir);
    // Without another address it is the window's own, which is known when it listens.
    let at = settings.services.as_deref().unwrap_or(""); // why: empty is the window's own
    for manifest in manifests() {
        if let Some(identity) = &manifest.identity {
            let config = config(&settings.data_dir, identity.kind, Some(at))?;
            settings.callers.insert(manifest.name, config);
        }
    }
    settings.authority = directory.join(AUTHORITY);
    settings.certificate = directory.join(format!("{WINDOW}.pem"));
    settings.key = directory.join(format!("{WINDOW}.key"));
    settings.registry = directory.join(REGISTRY);
    settings.sandbox = true;
    Ok(())
}

/// What a sandbox starts besides the window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SandboxParts {
    /// The simulated agencies.
    pub agencies: bool,
    /// The inspection service.
    pub inspection: bool,
    /// The payment service.
    pub payment: bool,
    /// The refund service.
    pub refund: bool,
    /// The live view.
    pub show: bool,
}

/// A sandbox that serves: a window, with simulated agencies where they are wanted.
#[derive(Debug)]
pub struct Sandbox {
    /// Where callers reach it.
    pub address: String,
    window: RunningWindow,
    tasks: Tasks,
    stop: CancellationToken,
}

impl Sandbox {
    /// Starts it. When it returns, the window serves; `None` when it was told to end before.
    ///
    /// # Errors
    ///
    /// What kept it from starting; nothing is left running.
    pub async fn start(
        mut settings: Settings,
        cast: SandboxParts,
        ending: &Ending,
    ) -> anyhow::Result<Option<Self>> {
        store::private::make_data_dir(&settings.data_dir)?;
        #[expect(clippy::disallowed_methods, reason = "certificates begin now")]
        let now = time::OffsetDateTime::now_utc();
        certificates::ensure(&identities(&settings.data_dir), now)?;
        settle(&mut settings)?;
        if !cast.inspection {
            settings.callers.remove(inspection::MANIFEST.name);
        }
        if !cast.payment {
            settings.callers.remove(payment::MANIFEST.name);
        }
        if !cast.refund {
            settings.callers.remove(refund::MANIFEST.name);
        }
        // Declarations wait for services also where they run in other processes.
        settings.targeting |= settings.only.is_some() && cast.inspection;
        settings.duty |= settings.only.is_some() && cast.payment;
        let Some(window) = RunningWindow::start(&settings, ending).await? else { return Ok(None) };
        let address = format!("localhost:{}", window.address.port());
        hand_out_keys(&window.keys, &settings.data_dir).await?;
        publish(&address_file(&settings.data_dir), &address)?;
        let (tasks, stop) = (Tasks::default(), ending.drain.child_token());
        let mut sandbox = Self { address, window, tasks, stop };
        if cast.agencies {
            // Nobody tells the site of orders without an inspection service, nor the tax office of claims
            // without a refund service.
            let here = |it: &Simulator| match it {
                Simulator::Customs | Simulator::Quarantine => true,
                Simulator::Site => cast.inspection,
                Simulator::TaxOffice => cast.refund,
                // Without a payment service nobody tells the bank of anything.
                Simulator::Bank => cast.payment,
            };
            for simulator in Simulator::ALL.into_iter().filter(here) {
                sandbox.simulate(simulator, &settings.data_dir)?;
            }
        }
        Ok(Some(sandbox))
    }

    fn simulate(&mut self, simulator: Simulator, data_dir: &Path) -> anyhow::Result<()> {
        let config = config(data_dir, caller(simulator), Some(&self.address))?;
        let stop = self.stop.clone();
        self.tasks.spawn(Task::Agency, async move {
            let window = client::Window::connect_lazy(&config)?;
            Ok(agencies::run(window, simulator, "sandbox", stop).await?)
        });
        Ok(())
    }

    /// Prints what happens, for people.
    fn show(&mut self, config: Config, language: Language) {
        let stop = self.stop.clone();
        self.tasks.spawn(Task::Show, async move {
            tokio::select! {
                shown = show(config, language) => shown,
                () = stop.cancelled() => Ok(()),
            }
        });
    }

    /// Serves until it is told to end or until something vital fails; then drains.
    ///
    /// # Errors
    ///
    /// What failed.
    pub async fn run(mut self, ending: &Ending) -> anyhow::Result<()> {
        let ended = self.window.run(ending).await;
        self.stop.cancel();
        self.tasks.finish(std::time::Duration::from_secs(2)).await;
        ended
    }
}

/// Runs the sandbox until it is told to end.
///
/// # Errors
///
/// What kept it from starting, or what failed.
pub async fn run(
    settings: Settings,
    cast: SandboxParts,
    language: Language,
    ending: &Ending,
) -> anyhow::Result<()> {
    let started = Sandbox::start(settings.clone(), cast, ending).await?;
    let Some(mut sandbox) = started else { return Ok(()) };
    if cast.show {
        let link = sandbox.window.link.as_ref().and_then(LoginLink::path);
        welcome(&sandbox.address, link.as_deref(), &settings, cast)?;
        let config = config(&settings.data_dir, "admin", Some(&sandbox.address))?;
        sandbox.show(config, language);
    }
    sandbox.run(ending).await
}

/// The certificate of a simulated agency.
pub fn caller(simulator: Simulator) -> &'static str {
    match simulator {
        Simulator::Customs => "customs",
        Simulator::Quarantine => "quarantine",
        Simulator::Site => "site",
        Simulator::Bank => "bank",
        Simulator::TaxOffice => "tax-office",
    }
}

/// Sees to it that every caller has a key that opens this window, and writes each where its caller looks.
async fn hand_out_keys(keys: &ApiKeys, data_dir: &Path) -> anyhow::Result<()> {
    let is_good = |file: &Path| {
        let text = std::fs::read_to_string(file).ok();
        text.is_some_and(|text| keys.find(text.trim()).is_some())
    };
    let names = CALLERS.iter().map(|caller| caller.name);
    let missing: Vec<_> = names.filter(|name| !is_good(&key_file(data_dir, name))).collect();
    if missing.is_empty() {
        return Ok(());
    }
    // However many its callers made for themselves: a sandbox whose files are gone starts.
    let most_each = domain::limits::API_KEYS_MAX;
    let terms = KeyTerms { lasts: KEYS_LAST, note: "sandbox", read_only: false, most_each };
    for (row, text) in keys.make(&missing, terms).await? {
        let file = key_file(data_dir, &row.caller);
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600);
        options
            .open(&file)
            .and_then(|mut written| writeln!(written, "{text}"))
            .with_context(|| BilingualText::unwritable(&file))?;
    }
    Ok(())
}

/// As long as the certificates of a sandbox.
const KEYS_LAST: time::Duration = time::Duration::days(3_650);

/// Readers see the old address or the new one, never half of it.
fn publish(file: &Path, address: &str) -> anyhow::Result<()> {
    let unfinished = file.with_extension("unfinished");
    std::fs::write(&unfinished, address)
        .and_then(|()| std::fs::rename(&unfinished, file))
        .with_context(|| BilingualText::unwritable(file))
}

fn welcome(
    address: &str,
    link: Option<&str>,
    settings: &Settings,
    cast: SandboxParts,
) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "single-window sandbox\n")?;
    writeln!(out, "  gRPC       {address}  (TLS; the certificate of a caller, or its key)")?;
    writeln!(
        out,
        "  HTTP       https://{address}/v1  (JSON, see docs/http.md; https://{address}/docs)"
    )?;
    writeln!(out, "  CEB        https://{address}/ceb  (national messages, see docs/ceb.md)")?;
    if let Some(link) = link {
        writeln!(out, "  console    https://{address}{link}  (opens once)")?;
    }
    if let Some(metrics) = &settings.metrics {
        writeln!(out, "  metrics    http://{metrics}/metrics")?;
    }
    writeln!(out, "  data       {}", settings.data_dir.display())?;
    writeln!(out, "  callers    {}", identities(&settings.data_dir).display())?;
    for caller in CALLERS {
        writeln!(out, "             {:<18} {}", caller.name, caller.purpose)?;
    }
    let simulated = "customs, quarantine and site are simulated";
    let own = "none; connect your own, or run `single-window agency customs`";
    writeln!(out, "  agencies   {}", if cast.agencies { simulated } else { own })?;
    let secured = "every firm has a credit line for its duty, only enterprise-b has too little";
    let unasked = "none; imports are released without their duty being secured";
    writeln!(out, "  payment    {}", if cast.payment { secured } else { unasked })?;
    let kept = "exports are kept for the tax refund, see docs/refund.md";
    let unkept = "none; exports are not kept for the tax refund";
    writeln!(out, "  refund     {}\n", if cast.refund { kept } else { unkept })?;
    writeln!(out, "Try, in another terminal:\n")?;
    let program = std::env::current_exe().ok();
    let here = std::env::current_dir().ok();
    let program = program.as_deref().map_or(Path::new("single-window"), |program| {
        here.and_then(|here| program.strip_prefix(here).ok()).unwrap_or(program)
    });
    let program = program.display();
    let usual = default_data_dir().is_ok_and(|usual| usual == settings.data_dir);
    let data_dir = settings.data_dir.display();
    let more = if usual { String::new() } else { format!(" --data-dir {data_dir}") };
    writeln!(out, "  {program} submit --wait docs/examples/import-9610.json{more}")?;
    let ceb = "docs/examples/ceb/ceb";
    writeln!(
        out,
        "  {program} ceb send --wait {ceb}311.xml {ceb}411.xml {ceb}511.xml {ceb}621.xml{more}"
    )?;
    let authority = identities(&settings.data_dir).join(AUTHORITY);
    let key = key_file(&settings.data_dir, "agent");
    writeln!(
        out,
        "  curl --cacert {} -H \"Authorization: Bearer $(cat {})\" https://{address}/v1/declarations",
        authority.display(),
        key.display()
    )?;
    writeln!(out, "  {program} list{more}")?;
    writeln!(out, "  {program} watch{more}\n")?;
    writeln!(out, "Ctrl-C ends it. What happens:\n")?;
    out.flush()?;
    Ok(())
}

/// One line for each thing that happens.
async fn show(config: Config, language: Language) -> anyhow::Result<()> {
    let window = client::Window::connect_lazy(&config)?;
    let news = client::watch(window, v1::WatchRequest::default());
    let mut news = std::pin::pin!(news);
    while let Some(update) = news.next().await {
        let update = update?;
        let mut out = std::io::stdout().lock();
        let time = update.time.and_then(proto::time);
        let clock = time.map(|time| time.to_offset(domain::CHINA));
        let clock = clock.map(|t| format!("{:02}:{:02}:{:02}", t.hour(), t.minute(), t.second()));
        let words: Vec<String> = update.facts.iter().map(|fact| describe(fact, language)).collect();
        let id = update.name.trim_start_matches("declarations/");
        writeln!(out, "  {}  {id}  {}", proto::text(clock), words.join("; "))?;
    }
    Ok(())
}
