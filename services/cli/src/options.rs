//! What every command takes: how to speak, and which window is meant, as whom.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::{Args, ValueEnum};
use client::Config;

use crate::context::{ClientContext, Contexts};
use crate::tax::TaxPrinter;
use crate::{BilingualText, Language, Output, OutputFormat, Session, input, sandbox};

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
    /// A window of ~/.config/single-window/contexts.toml, where no other flag of a connection is given
    /// [default: the one that `context use` chose].
    #[arg(
        long,
        global = true,
        env = "SW_CONTEXT",
        value_name = "NAME",
        help_heading = "Connection"
    )]
    context: Option<String>,
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
                .context(BilingualText::new("--data-dir is no path", "--data-dir不是路径")),
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
        let ClientContext { endpoint, ca, cert, key, data_dir, caller } = self.connection()?;
        let (Some(ca), Some(cert), Some(key)) = (&ca, &cert, &key) else {
            let none = ca.is_none() && cert.is_none() && key.is_none();
            let together = "--ca, --cert and --key belong together";
            anyhow::ensure!(none, BilingualText::new(together, "--ca、--cert、--key须同时给出"));
            let caller = caller.as_deref().unwrap_or(default_caller);
            let data_dir = data_dir.map_or_else(|| self.data_dir(), Ok)?;
            return sandbox::config(&data_dir, caller, endpoint.as_deref());
        };
        let address = endpoint.with_context(|| {
            BilingualText::new("--endpoint is needed with --cert", "使用--cert时须给出--endpoint")
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
            BilingualText::new("--endpoint is needed with --ca", "使用--ca时须给出--endpoint")
        })?;
        let (certificate, key) = (Vec::new(), Vec::new());
        Ok(Config { address, authority: pem(ca)?, certificate, key, api_key: api_key.to_owned() })
    }

    /// The flags of the connection, or the context that stands for them. `--as` is said beside either.
    fn connection(&self) -> anyhow::Result<ClientContext> {
        let own = ClientContext {
            endpoint: self.endpoint.clone(),
            ca: self.ca.clone(),
            cert: self.cert.clone(),
            key: self.key.clone(),
            data_dir: self.data_dir.as_ref().map(|_| self.data_dir()).transpose()?,
            caller: None,
        };
        let is_given = own != ClientContext::default();
        let together =
            "--context stands for --data-dir, --endpoint, --ca, --cert and --key: give either";
        let together_zh = "--context代替--data-dir、--endpoint、--ca、--cert和--key，请勿同时给出";
        anyhow::ensure!(
            !is_given || self.context.is_none(),
            BilingualText::new(together, together_zh)
        );
        let context = if is_given {
            own
        } else {
            let contexts = Contexts::read()?;
            contexts.find(self.context.as_deref())?.cloned().unwrap_or_default() // none is in use
        };
        let caller = self.caller.clone().or(context.caller);
        Ok(ClientContext { caller, ..context })
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
    pub(crate) fn voice(&self) -> TaxPrinter {
        TaxPrinter { format: self.format(), language: self.language() }
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
            format: self.format(),
            language: self.language(),
        })
    }

    /// For a window that may be away for now.
    pub(crate) fn patient_session(&self) -> anyhow::Result<Session> {
        Ok(Session {
            window: client::Window::connect_lazy(&self.config("agent")?)?,
            output: self.output(),
            format: self.format(),
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
    std::fs::read(path).with_context(|| BilingualText::unreadable(path))
}
