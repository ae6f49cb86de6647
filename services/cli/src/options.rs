//! What every command takes: how to speak, and which window is meant, as whom.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::{Args, ValueEnum};
use client::Config;

use crate::tax::Voice;
use crate::{Language, Output, OutputFormat, Said, Session, input, sandbox};

/// What every command takes: where and how to speak, and which window it means.
#[derive(Debug, Args)]
pub struct Options {
    /// Where the sandbox keeps everything, and where the private PostgreSQL lives.
    #[arg(long, global = true, env = "SW_DATA_DIR", value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Tables for people, JSON for programs; CSV for spreadsheets, where a command has rows.
    #[arg(long, global = true, value_enum, default_value = "table")]
    output: OutputArg,
    /// Language of texts.
    #[arg(long, global = true, value_enum, env = "SW_LANGUAGE", default_value = "en")]
    language: LanguageArg,
    /// What to log, for example `info` or `declaration=debug` [default: warn, info for serve].
    #[arg(long, global = true, env = "SW_LOG", value_name = "FILTER")]
    pub log: Option<String>,
    /// A window other than the sandbox: host:port.
    #[arg(long, global = true, env = "SW_ENDPOINT", help_heading = "Connection")]
    pub endpoint: Option<String>,
    /// Who calls, among the callers of the sandbox.
    #[arg(long = "as", global = true, value_name = "CALLER", help_heading = "Connection")]
    pub(crate) caller: Option<String>,
    /// Authority of the window's certificate (PEM), with --cert and --key.
    #[arg(long, global = true, env = "SW_CA", value_name = "FILE", help_heading = "Connection")]
    ca: Option<PathBuf>,
    /// Your certificate (PEM).
    #[arg(long, global = true, env = "SW_CERT", value_name = "FILE", help_heading = "Connection")]
    pub(crate) cert: Option<PathBuf>,
    /// Its key (PEM).
    #[arg(long, global = true, env = "SW_KEY", value_name = "FILE", help_heading = "Connection")]
    pub(crate) key: Option<PathBuf>,
    /// Your API key (swk_…), instead of --cert and --key.
    #[arg(
        long,
        global = true,
        env = "SW_API_KEY",
        hide_env_values = true,
        value_name = "KEY",
        conflicts_with = "caller",
        help_heading = "Connection"
    )]
    pub(crate) api_key: Option<String>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum OutputArg {
    Table,
    Json,
    Csv,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum LanguageArg {
    En,
    Zh,
}

impl Options {
    /// The directory that was named, or the usual one.
    ///
    /// # Errors
    ///
    /// When there is none.
    pub fn data_dir(&self) -> anyhow::Result<PathBuf> {
        match &self.data_dir {
            Some(directory) => std::path::absolute(directory)
                .context(Said::new("--data-dir is no path", "--data-dir不是路径")),
            None => sandbox::default_data_dir(),
        }
    }

    /// Language of texts.
    pub fn language(&self) -> Language {
        match self.language {
            LanguageArg::En => Language::English,
            LanguageArg::Zh => Language::Chinese,
        }
    }

    /// The window that is named by flags, or the sandbox in the data directory.
    ///
    /// # Errors
    ///
    /// When its certificates cannot be read.
    pub fn config(&self, default_caller: &str) -> anyhow::Result<Config> {
        if let Some(api_key) = &self.api_key {
            return self.config_by_key(api_key);
        }
        let (Some(ca), Some(cert), Some(key)) = (&self.ca, &self.cert, &self.key) else {
            let none = self.ca.is_none() && self.cert.is_none() && self.key.is_none();
            let together = "--ca, --cert and --key belong together";
            anyhow::ensure!(none, Said::new(together, "--ca、--cert、--key须同时给出"));
            let caller = self.caller.as_deref().unwrap_or(default_caller);
            return sandbox::config(&self.data_dir()?, caller, self.endpoint.as_deref());
        };
        let address = self.endpoint.clone().with_context(|| {
            Said::new("--endpoint is needed with --cert", "使用--cert时须给出--endpoint")
        })?;
        let (authority, certificate, key) = (pem(ca)?, pem(cert)?, pem(key)?);
        Ok(Config { address, authority, certificate, key, api_key: String::new() })
    }

    /// The same for who has a key only: the window that is named with its authority, or the sandbox.
    fn config_by_key(&self, api_key: &str) -> anyhow::Result<Config> {
        let Some(ca) = &self.ca else {
            return sandbox::config_by_key(&self.data_dir()?, api_key, self.endpoint.as_deref());
        };
        let address = self.endpoint.clone().with_context(|| {
            Said::new("--endpoint is needed with --ca", "使用--ca时须给出--endpoint")
        })?;
        let (certificate, key) = (Vec::new(), Vec::new());
        Ok(Config { address, authority: pem(ca)?, certificate, key, api_key: api_key.to_owned() })
    }

    /// Files that are not there are told before anything is done.
    pub(crate) fn check_files<'a>(
        &self,
        files: impl IntoIterator<Item = &'a PathBuf>,
    ) -> anyhow::Result<()> {
        input::missing(files, self.language()).map_or(Ok(()), |problem| Err(problem.into()))
    }

    pub(crate) fn output(&self) -> Output {
        self.format().output()
    }

    /// For commands that ask no window.
    pub(crate) fn voice(&self) -> Voice {
        Voice { format: self.format(), language: self.language() }
    }

    /// How to write, where there are rows.
    pub(crate) fn format(&self) -> OutputFormat {
        match self.output {
            OutputArg::Table => OutputFormat::Table,
            OutputArg::Json => OutputFormat::Json,
            OutputArg::Csv => OutputFormat::Csv,
        }
    }

    pub(crate) async fn session(&self) -> anyhow::Result<Session> {
        self.session_as("agent").await
    }

    /// As this caller of the sandbox, unless another one is named.
    pub(crate) async fn session_as(&self, caller: &str) -> anyhow::Result<Session> {
        Ok(Session {
            window: client::Window::connect(&self.config(caller)?).await?,
            output: self.output(),
            language: self.language(),
        })
    }

    /// For a window that may be away for now.
    pub(crate) fn patient_session(&self) -> anyhow::Result<Session> {
        Ok(Session {
            window: client::Window::connect_lazy(&self.config("agent")?)?,
            output: self.output(),
            language: self.language(),
        })
    }
}

/// A file of certificates or keys.
///
/// # Errors
///
/// When it cannot be read.
pub fn pem(path: &Path) -> anyhow::Result<Vec<u8>> {
    std::fs::read(path).with_context(|| Said::unreadable(path))
}
