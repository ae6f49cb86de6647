//! `context`: windows that a person works with, by name (`~/.config/single-window/contexts.toml`).
//!
//! A context (环境) is the flags of a connection. It counts where no such flag is given: `--context`, or else the
//! one that was chosen by `context use`. The choice is in a file of its own, so that nothing but a person
//! writes into the other.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

use super::session::{TableRow, print_rows};
use super::table::{columns, fields};
use super::words::pick;
use super::{BilingualText, Exit, Language, Output, OutputFormat, print_json, print_line};

/// How one window is reached.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct ClientContext {
    /// Host and port.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) endpoint: Option<String>,
    /// Authority of the window's certificate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) ca: Option<PathBuf>,
    /// The caller's certificate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) cert: Option<PathBuf>,
    /// Its key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) key: Option<PathBuf>,
    /// The data directory of a sandbox.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) data_dir: Option<PathBuf>,
    /// Who calls, among the callers of that sandbox.
    #[serde(default, rename = "as", skip_serializing_if = "Option::is_none")]
    pub(crate) caller: Option<String>,
}

/// The contexts of a person, and the one that was chosen.
#[derive(Debug, Default)]
pub(crate) struct Contexts {
    file: PathBuf,
    known: BTreeMap<String, ClientContext>,
    chosen: Option<String>,
}

/// Windows that you work with, by name: ~/.config/single-window/contexts.toml.
///
/// The file has a table for each, with the flags of its connection: [province], and below it endpoint, ca, cert
/// and key; or data-dir and as for a sandbox. A context counts where no such flag is given.
#[derive(Debug, clap::Args)]
pub struct ContextArgs {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    List(ListContextsArgs),
    Use(UseContextArgs),
    Show(ShowContextArgs),
}

/// List the contexts and which one is in use.
#[derive(Debug, clap::Args)]
struct ListContextsArgs {}

/// Use this one from now on; without a name none.
#[derive(Debug, clap::Args)]
struct UseContextArgs {
    /// Its name in the file.
    name: Option<String>,
}

/// Show how a window is reached.
#[derive(Debug, clap::Args)]
struct ShowContextArgs {
    /// Its name in the file [default: the one in use].
    name: Option<String>,
}

/// Does what the verb says.
pub(super) fn run(
    format: OutputFormat,
    language: Language,
    args: ContextArgs,
) -> anyhow::Result<Exit> {
    let output = format.output();
    let contexts = Contexts::read()?;
    match args.verb {
        Verb::List(_) => contexts.list(format, language),
        Verb::Use(args) => contexts.choose(args.name, output, language),
        Verb::Show(args) => contexts.show(args.name, output),
    }
}

impl Contexts {
    /// Reads the file of this person; without one there are none.
    ///
    /// # Errors
    ///
    /// When it is there and cannot be used.
    pub(crate) fn read() -> anyhow::Result<Self> {
        match directory() {
            Some(directory) => Self::of(&directory),
            // Who has no home has no contexts.
            None => Ok(Self::default()),
        }
    }

    fn of(directory: &Path) -> anyhow::Result<Self> {
        let file = directory.join("contexts.toml");
        let text = read(&file)?;
        let known = text.as_deref().map_or_else(|| Ok(BTreeMap::new()), toml::from_str);
        let known = known.with_context(|| BilingualText::unreadable(&file))?;
        let chosen = read(&directory.join(CHOSEN))?.map(|name| name.trim().to_owned());
        Ok(Self { file, known, chosen: chosen.filter(|name| !name.is_empty()) })
    }

    /// The one of this name, or else the one in use; `None` when there is none in use.
    pub(crate) fn find(&self, name: Option<&str>) -> anyhow::Result<Option<&ClientContext>> {
        let Some(name) = name.or(self.chosen.as_deref()) else { return Ok(None) };
        let known = self.known.get(name);
        let known = known.with_context(|| {
            let (file, names) = (self.file.display(), self.names());
            BilingualText::new(
                format!("there is no context {name} in {file}; there are {names}"),
                format!("{file}中没有环境{name}；现有 {names}"),
            )
        });
        known.map(Some)
    }

    fn names(&self) -> String {
        self.known.keys().map(String::as_str).collect::<Vec<_>>().join(", ")
    }

    fn list(&self, format: OutputFormat, language: Language) -> anyhow::Result<Exit> {
        let listed = self.known.iter().map(|(name, context)| ListedContext {
            name,
            in_use: self.chosen.as_deref() == Some(name),
            context,
        });
        let listed: Vec<_> = listed.collect();
        print_rows(format, language, &listed)
    }

    fn choose(
        &self,
        name: Option<String>,
        output: Output,
        language: Language,
    ) -> anyhow::Result<Exit> {
        let name = proto::text(name);
        if !name.is_empty() {
            self.find(Some(&name))?;
        }
        let place = self.file.with_file_name(CHOSEN);
        let made = place.parent().map_or(Ok(()), std::fs::create_dir_all);
        made.and_then(|()| std::fs::write(&place, format!("{name}\n")))
            .with_context(|| BilingualText::unwritable(&place))?;
        match output {
            Output::Json => print_json(&serde_json::json!({ "in_use": name }))?,
            Output::Table if name.is_empty() => {
                print_line(pick(language, "no context is in use", "不使用任何环境"))?;
            }
            Output::Table => print_line(&match language {
                Language::English => format!("{name} is in use"),
                Language::Chinese => format!("正在使用{name}"),
            })?,
        }
        Ok(Exit::Done)
    }

    fn show(&self, name: Option<String>, output: Output) -> anyhow::Result<Exit> {
        let found = self.find(name.as_deref())?;
        let none =
            || BilingualText::new("no context is in use; name one", "未使用任何环境，请指定名称");
        let context = found.with_context(none)?;
        match output {
            Output::Json => print_json(context)?,
            Output::Table => print_line(&fields(&context.fields(), columns()))?,
        }
        Ok(Exit::Done)
    }
}

impl ClientContext {
    /// What is set of it, by the flags' names.
    fn fields(&self) -> Vec<(&'static str, String)> {
        let path = |path: &Option<PathBuf>| path.as_ref().map(|path| path.display().to_string());
        let all = [
            ("endpoint", self.endpoint.clone()),
            ("ca", path(&self.ca)),
            ("cert", path(&self.cert)),
            ("key", path(&self.key)),
            ("data-dir", path(&self.data_dir)),
            ("as", self.caller.clone()),
        ];
        all.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
    }
}

/// A context as the list shows it.
#[derive(Serialize)]
struct ListedContext<'a> {
    name: &'a str,
    in_use: bool,
    #[serde(flatten)]
    context: &'a ClientContext,
}

impl TableRow for ListedContext<'_> {
    const HEADER: &'static [(&'static str, &'static str)] =
        &[("", ""), ("context", "环境"), ("window", "单一窗口")];
    const NONE: (&'static str, &'static str) = ("there are no contexts", "没有环境");

    fn cells(&self, _: Language) -> Vec<String> {
        let sandbox = || self.context.data_dir.as_ref().map(|dir| dir.display().to_string());
        let window = self.context.endpoint.clone().or_else(sandbox);
        let mark = if self.in_use { "*" } else { "" };
        vec![mark.to_owned(), self.name.to_owned(), proto::text(window)]
    }
}

/// The file with the name of the chosen one.
const CHOSEN: &str = "context";

/// Where a person's settings are.
fn directory() -> Option<PathBuf> {
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let config = set("XDG_CONFIG_HOME").or_else(|| Some(set("HOME")?.join(".config")))?;
    Some(config.join("single-window"))
}

/// The text of a file; `None` when there is none.
fn read(file: &Path) -> anyhow::Result<Option<String>> {
    match std::fs::read_to_string(file) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(anyhow::Error::new(error).context(BilingualText::unreadable(file))),
    }
}
