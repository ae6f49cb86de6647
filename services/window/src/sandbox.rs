//! The sandbox: one command starts everything on loopback, with certificates of its own and simulated
//! agencies, and shows live what happens.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use cli::sandbox::{AUTHORITY, CALLERS, address_file, config, default_data_dir, identities};
use cli::{Language, Said, describe};
use client::Config;
use futures::StreamExt as _;
use proto::v1;

use crate::certificates::{self, REGISTRY, WINDOW};
use crate::run::{Settings, Window};
use crate::services::manifests;
use crate::signals::Ending;
use crate::tasks::{Task, Tasks};

/// Where the simulated customs keeps its books of yearly amounts and tax bills.
pub fn customs_books(data_dir: &Path) -> PathBuf {
    data_dir.join("customs-books.jsonl")
}

/// Points the settings at the sandbox's own certificates.
///
/// # Errors
///
/// When they cannot be read.
pub fn settle(settings: &mut Settings) -> anyhow::Result<()> {
    let directory = identities(&settings.data_dir);
    // The address is the window's own, which is known when it listens.
    for manifest in manifests() {
        if let Some(identity) = &manifest.identity {
            let config = config(&settings.data_dir, identity.kind, Some(""))?;
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
pub struct Cast {
    /// The simulated agencies.
    pub agencies: bool,
    /// The inspection service.
    pub inspection: bool,
    /// The live view.
    pub show: bool,
}

/// Runs the sandbox until `shutdown`.
///
/// # Errors
///
/// What kept it from starting, or what failed.
pub async fn run(
    mut settings: Settings,
    cast: Cast,
    language: Language,
    ending: &Ending,
) -> anyhow::Result<()> {
    store::private::make_data_dir(&settings.data_dir)?;
    #[expect(clippy::disallowed_methods, reason = "certificates begin now")]
    let now = time::OffsetDateTime::now_utc();
    certificates::ensure(&identities(&settings.data_dir), now)?;
    settle(&mut settings)?;
    if !cast.inspection {
        settings.callers.remove(inspection::MANIFEST.name);
    }
    let Some(window) = Window::start(&settings, ending).await? else { return Ok(()) };
    let address = format!("localhost:{}", window.address.port());
    publish(&address_file(&settings.data_dir), &address)?;

    let mut tasks = Tasks::default();
    let stop = ending.drain.child_token();
    if cast.agencies {
        let agencies = [v1::Agency::Customs, v1::Agency::Inspection, v1::Agency::Site];
        // Without an inspection service nobody tells the site of orders.
        let here = |agency: &v1::Agency| cast.inspection || *agency != v1::Agency::Site;
        for agency in agencies.into_iter().filter(here) {
            let name = caller(agency);
            let config = config(&settings.data_dir, name, Some(&address))?;
            let books = (agency == v1::Agency::Customs).then(|| customs_books(&settings.data_dir));
            let stop = stop.clone();
            tasks.spawn(Task::Agency, async move {
                let window = client::Window::connect_lazy(&config)?;
                Ok(agencies::run(window, agency, "sandbox", books, stop).await?)
            });
        }
    }
    if cast.show {
        welcome(&address, &settings, cast)?;
        let config = config(&settings.data_dir, "admin", Some(&address))?;
        let stop = stop.clone();
        tasks.spawn(Task::Show, async move {
            tokio::select! {
                shown = show(config, language) => shown,
                () = stop.cancelled() => Ok(()),
            }
        });
    }
    let ended = window.run(ending).await;
    stop.cancel();
    tasks.finish(std::time::Duration::from_secs(2)).await;
    ended
}

/// The certificate of a simulated agency.
pub fn caller(agency: v1::Agency) -> &'static str {
    match agency {
        v1::Agency::Customs => "customs",
        v1::Agency::Inspection => "inspection",
        v1::Agency::Site | v1::Agency::Unspecified => "site",
    }
}

/// Readers see the old address or the new one, never half of it.
fn publish(file: &Path, address: &str) -> anyhow::Result<()> {
    let unfinished = file.with_extension("unfinished");
    std::fs::write(&unfinished, address)
        .and_then(|()| std::fs::rename(&unfinished, file))
        .with_context(|| Said::unwritable(file))
}

fn welcome(address: &str, settings: &Settings, cast: Cast) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "single-window sandbox\n")?;
    writeln!(out, "  gRPC       {address}  (mutual TLS)")?;
    writeln!(out, "  CEB        https://{address}/ceb  (national messages, see docs/ceb.md)")?;
    if let Some(metrics) = &settings.metrics {
        writeln!(out, "  metrics    http://{metrics}/metrics")?;
    }
    writeln!(out, "  data       {}", settings.data_dir.display())?;
    writeln!(out, "  callers    {}", identities(&settings.data_dir).display())?;
    for caller in CALLERS {
        writeln!(out, "             {:<13} {}", caller.name, caller.purpose)?;
    }
    let simulated = "customs, inspection and site are simulated";
    let own = "none; connect your own, or run `single-window agency customs`";
    writeln!(out, "  agencies   {}\n", if cast.agencies { simulated } else { own })?;
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
    writeln!(out, "  {program} submit --wait docs/examples/import-9610.xml{more}")?;
    let ceb = "docs/examples/ceb/ceb";
    writeln!(
        out,
        "  {program} ceb send --wait {ceb}311.xml {ceb}411.xml {ceb}511.xml {ceb}621.xml{more}"
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
    while let Some(told) = news.next().await {
        let told = told?;
        let mut out = std::io::stdout().lock();
        let time = told.time.and_then(proto::time);
        let clock = time.map(|time| time.to_offset(time::macros::offset!(+8)));
        let clock = clock.map(|t| format!("{:02}:{:02}:{:02}", t.hour(), t.minute(), t.second()));
        let words: Vec<String> = told.facts.iter().map(|fact| describe(fact, language)).collect();
        let id = told.name.trim_start_matches("declarations/");
        writeln!(out, "  {}  {id}  {}", proto::text(clock), words.join("; "))?;
    }
    Ok(())
}
