//! `config check`: what keeps a window from starting with a configuration file, all of it at once.
//!
//! Nothing is started, made or changed: files are read, names are looked up.

use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{CommandFactory as _, FromArgMatches as _};
use cli::{BilingualText, Exit, Language};

use crate::callers::CurrentRegistry;
use crate::command_line::{Cli, error_text};
use crate::config_file::ConfigFile;
use crate::data_keys::{self, Keys};
use crate::registry::Registry;
use crate::run::Settings;
use crate::{listen, services, tls};

/// A key with what is wrong about it.
type KeyFault = (&'static str, BilingualText);

/// Checks a file, and says what is wrong or that nothing is.
///
/// # Errors
///
/// When it cannot be read.
pub(crate) async fn run(path: &Path, language: Language) -> anyhow::Result<ExitCode> {
    let file = ConfigFile::read(path)?;
    let command = Cli::command();
    let faults = file.faults(&command);
    // What cannot be read says nothing of the files that it names.
    let more = if faults.is_empty() { further(&file, command).await } else { Vec::new() };
    match file.refuse(faults, more) {
        Some(faults) => {
            writeln!(std::io::stderr(), "{}", faults.text(language))?;
            Ok(Exit::Usage.into())
        }
        None => {
            let path = path.display();
            let well = match language {
                Language::English => format!("{path} is in order"),
                Language::Chinese => format!("{path}无误"),
            };
            writeln!(std::io::stdout(), "{well}")?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// What is missing, and what is wrong with the files and names in it.
async fn further(file: &ConfigFile, command: clap::Command) -> Vec<KeyFault> {
    let read = file.apply(command).try_get_matches_from(["single-window", "serve"]);
    let cli = match read.and_then(|read| Cli::from_arg_matches(&read)) {
        Ok(cli) => cli,
        Err(error) => return missing(&error),
    };
    match cli.serve() {
        Ok(Some(settings)) => of_settings(&settings).await,
        Ok(None) => Vec::new(),
        Err(error) => vec![found("", &error)],
    }
}

fn missing(error: &clap::Error) -> Vec<KeyFault> {
    let names = match error.get(ContextKind::InvalidArg) {
        Some(ContextValue::Strings(names))
            if error.kind() == ErrorKind::MissingRequiredArgument =>
        {
            names.clone()
        }
        Some(_) | None => {
            let english = error.to_string();
            let (english, chinese) = (english.trim(), cli::help::wrong(error));
            return vec![("", BilingualText::new(english, chinese.trim()))];
        }
    };
    let lines = names.iter().map(|name| {
        let key = name.trim_start_matches("--").split(' ').next().unwrap_or(name);
        ("", BilingualText::new(format!("{key} is missing"), format!("缺少设置项{key}")))
    });
    lines.collect()
}

async fn of_settings(settings: &Settings) -> Vec<KeyFault> {
    let mut all = Vec::new();
    let mut note = |key, outcome: anyhow::Result<()>| {
        all.extend(outcome.err().map(|error| found(key, &error)));
    };
    note("listen", listen::resolve(&settings.listen).await.map(drop));
    if let Some(metrics) = &settings.metrics {
        note("metrics", listen::resolve(metrics).await.map(drop));
    }
    note("server-cert", tls::certificates(&settings.certificate).map(drop));
    note("server-key", crate::files::private_key(&settings.key).map(drop));
    note("client-ca", tls::certificates(&settings.authority).map(drop));
    if all.is_empty() {
        let own = (settings.certificate.as_path(), settings.key.as_path());
        let revocations = settings.revocations.as_deref();
        let trust = (settings.authority.as_path(), revocations, settings.require_certificates);
        let acceptor = tls::verifier(trust).and_then(|verifier| tls::acceptor(own, verifier));
        all.extend(acceptor.err().map(|error| found("server-cert", &error)));
    }
    let mut note = |key, outcome: anyhow::Result<()>| {
        all.extend(outcome.err().map(|error| found(key, &error)));
    };
    for file in &settings.signing_authorities {
        note("signing-authority", tls::certificates(file).map(drop));
    }
    if let Some(url) = &settings.database_url {
        note("database-url", crate::database::address(url, "--database-url").map(drop));
    }
    if let Some(url) = &settings.read_database_url {
        let flag = "--read-database-url";
        note("read-database-url", crate::database::address(url, flag).map(drop));
    }
    let keys = settings.data_keys.clone().unwrap_or_else(|| data_keys::usual(&settings.data_dir)); // the usual place
    note("data-keys", Keys::read(keys).map(drop));
    match Registry::load(&settings.registry, settings.sandbox) {
        Ok(registry) => {
            let own = std::net::SocketAddr::from(([127, 0, 0, 1], 1));
            note("only", services::plans(settings, &CurrentRegistry::new(registry), own).map(drop));
        }
        Err(error) => note("registry", Err(error)),
    }
    all
}

fn found(key: &'static str, error: &anyhow::Error) -> KeyFault {
    (
        key,
        BilingualText::new(
            error_text(error, Language::English),
            error_text(error, Language::Chinese),
        ),
    )
}
