//! The configuration file of a window: the flags of its server commands, in TOML.
//!
//! A key is a flag without its dashes in front; a table is the beginning of its keys (`[gateway] cert = …` is
//! `--gateway-cert`). What stands in the file weighs less than the environment, and that less than flags.
//!
//! The invariant: nothing in the file is passed over. A key that is no flag, a value that the flag does not
//! take, and what is no TOML are all told at once, with their lines, and nothing starts.

use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Command;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use cli::{BilingualText, Language, help};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Where it is looked for when nobody names it.
pub const USUAL: &str = "/etc/single-window/config.toml";

/// The commands that read it.
const SERVERS: [&str; 7] =
    ["serve", "migrate", "add-data-key", "config", "backup", "restore", "caller"];

/// A configuration file that was read.
#[derive(Debug)]
pub struct ConfigFile {
    path: PathBuf,
    entries: Vec<Entry>,
    faults: Vec<ConfigFault>,
}

/// A key with what it is set to.
#[derive(Debug)]
struct Entry {
    key: String,
    values: Vec<String>,
    line: usize,
}

/// Something that is wrong with a configuration.
#[derive(Debug, Clone)]
pub struct ConfigFault {
    /// Where it stands; nowhere when it is missing, or set elsewhere.
    line: Option<usize>,
    what: BilingualText,
}

/// Everything that is wrong with a configuration.
#[derive(Debug)]
pub struct ConfigFaults {
    path: PathBuf,
    faults: Vec<ConfigFault>,
}

impl ConfigFaults {
    /// A line each.
    pub fn text(&self, language: Language) -> String {
        let path = self.path.display();
        let line = |fault: &ConfigFault| {
            let what = fault.what.text(language);
            fault
                .line
                .map_or_else(|| format!("{path}: {what}"), |line| format!("{path}:{line}: {what}"))
        };
        self.faults.iter().map(line).collect::<Vec<_>>().join("\n")
    }
}

/// The file that a command line means: the one that it names, or the usual one where there is one; and
/// whether it is only to be checked. `None` for commands that read none.
pub fn meant(command: &Command, args: &[OsString]) -> Option<(PathBuf, bool)> {
    // What is wrong with the command line is said when all of it is known.
    let read = command.clone().ignore_errors(true).try_get_matches_from(args).ok()?;
    let (name, below) = read.subcommand()?;
    let is_checked = name == "config";
    let deepest = std::iter::successors(Some(below), |it| it.subcommand().map(|(_, below)| below));
    let below = deepest.last()?;
    // Others have no such flag.
    let named = below.try_get_one::<PathBuf>("config").ok()?.cloned();
    let usual = || Path::new(USUAL).exists().then(|| PathBuf::from(USUAL));
    named.or_else(usual).map(|path| (path, is_checked))
}

impl ConfigFile {
    /// Reads a file. What is wrong in it is told by [`ConfigFile::faults`].
    ///
    /// # Errors
    ///
    /// When it cannot be read.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        let text =
            std::fs::read_to_string(path).with_context(|| BilingualText::unreadable(path))?;
        Ok(Self::parse(path, &text))
    }

    fn parse(path: &Path, text: &str) -> Self {
        let (table, errors) = DeTable::parse_recoverable(text);
        let line = |at: usize| text[..at.min(text.len())].matches('\n').count() + 1;
        let mut file = Self { path: path.to_owned(), entries: Vec::new(), faults: Vec::new() };
        for error in errors {
            let (at, what) = (error.span().map(|span| line(span.start)), error.message());
            let what = BilingualText::new(what, format!("TOML语法错误：{what}"));
            file.faults.push(ConfigFault { line: at, what });
        }
        file.take("", table.get_ref(), &line);
        file
    }

    /// Takes the keys of a table, whose names begin like this.
    fn take(&mut self, begin: &str, table: &DeTable<'_>, line: &impl Fn(usize) -> usize) {
        for (name, value) in table {
            let key = format!("{begin}{}", name.get_ref());
            let at = line(name.span().start);
            if let DeValue::Table(table) = value.get_ref() {
                self.take(&format!("{key}-"), table, line);
                continue;
            }
            match values(value) {
                Some(values) => self.entries.push(Entry { key, values, line: at }),
                None => self.faults.push(ConfigFault {
                    line: Some(at),
                    what: BilingualText::new(
                        format!("{key} is a text, a whole number, true, false, or a list of texts"),
                        format!("{key}应为文本、整数、true、false或文本列表"),
                    ),
                }),
            }
        }
    }

    /// Everything in it that no flag of `serve` takes, with what is wrong in its TOML.
    pub fn faults(&self, command: &Command) -> Vec<ConfigFault> {
        let mut faults = self.faults.clone();
        let known = flags(command);
        let (mut taken, unknown): (Vec<_>, Vec<_>) =
            self.entries.iter().partition(|entry| known.contains(&entry.key));
        for Entry { key, line, .. } in unknown {
            let near = known
                .iter()
                .find(|known| known.contains(key.as_str()) || key.contains(known.as_str()));
            let hint = near.map_or_else(String::new, |near| format!("; do you mean {near}?"));
            let hint_zh = near.map_or_else(String::new, |near| format!("，是否要写{near}"));
            faults.push(ConfigFault {
                line: Some(*line),
                what: BilingualText::new(
                    format!("there is no setting {key}{hint}"),
                    format!("没有设置项{key}{hint_zh}"),
                ),
            });
        }
        // The command line says one fault at a time: what it names is left out, and it is asked again.
        while let Some(error) = refused(command, &taken) {
            let arg = match error.get(ContextKind::InvalidArg) {
                Some(ContextValue::String(arg)) => arg.clone(),
                Some(_) | None => String::new(),
            };
            let is_meant = |entry: &&Entry| is_flag(&arg, &entry.key);
            let Some(place) = taken.iter().position(is_meant) else { break };
            let entry = taken.remove(place);
            let english = error.to_string();
            let english = english.lines().next().unwrap_or_default().trim_start_matches("error: "); // it says something
            let chinese = help::wrong(&error);
            let chinese = chinese.lines().next().unwrap_or_default().trim_start_matches("错误："); // as above
            faults.push(ConfigFault {
                line: Some(entry.line),
                what: BilingualText::new(english, chinese),
            });
        }
        faults.sort_by_key(|fault| fault.line);
        faults
    }

    /// What is wrong as an error; `None` when nothing is. `more` was found elsewhere, by its key.
    pub fn refuse(
        &self,
        faults: Vec<ConfigFault>,
        more: Vec<(&str, BilingualText)>,
    ) -> Option<ConfigFaults> {
        let line = |key| self.entries.iter().find(|entry| entry.key == key).map(|entry| entry.line);
        let more = more.into_iter().map(|(key, what)| ConfigFault { line: line(key), what });
        let mut faults: Vec<_> = faults.into_iter().chain(more).collect();
        faults.sort_by_key(|fault| (fault.line.is_none(), fault.line));
        (!faults.is_empty()).then(|| ConfigFaults { path: self.path.clone(), faults })
    }

    /// The command with what stands in the file as its defaults.
    #[must_use]
    pub fn apply(&self, command: Command) -> Command {
        let command = command.mut_args(|arg| self.default_of(arg));
        command.mut_subcommands(|below| {
            let reads = SERVERS.contains(&below.get_name());
            if reads { self.apply_to_all(below) } else { below }
        })
    }

    fn apply_to_all(&self, command: Command) -> Command {
        let command = command.mut_args(|arg| self.default_of(arg));
        command.mut_subcommands(|below| self.apply_to_all(below))
    }

    fn default_of(&self, arg: clap::Arg) -> clap::Arg {
        let found =
            arg.get_long().and_then(|long| self.entries.iter().find(|entry| entry.key == long));
        let Some(entry) = found else { return arg };
        // They live as long as the program, and are read once.
        let values = entry.values.iter().map(|value| &*value.clone().leak());
        arg.default_values(values.collect::<Vec<&'static str>>()).required(false)
    }
}

/// A value as the command line has it.
fn values(value: &Spanned<DeValue<'_>>) -> Option<Vec<String>> {
    let one = |value: &DeValue<'_>| match value {
        DeValue::String(text) => Some(text.to_string()),
        DeValue::Integer(number) => Some(number.to_string()),
        DeValue::Boolean(it) => Some(it.to_string()),
        DeValue::Float(_) | DeValue::Datetime(_) | DeValue::Array(_) | DeValue::Table(_) => None,
    };
    match value.get_ref() {
        DeValue::Array(values) => values.iter().map(|value| one(value.get_ref())).collect(),
        value => one(value).map(|value| vec![value]),
    }
}

/// The flags of `serve`, with those of every command that it has a use for.
fn flags(command: &Command) -> Vec<String> {
    let serve = command.find_subcommand("serve");
    let own = serve.into_iter().flat_map(Command::get_arguments);
    let all = command.get_arguments().filter(|arg| FOR_SERVERS.contains(&arg.get_id().as_str()));
    let longs = own.chain(all).filter_map(clap::Arg::get_long);
    longs.filter(|long| !["config", "help"].contains(long)).map(str::to_owned).collect()
}

/// What of the flags of every command is about a window that serves.
const FOR_SERVERS: [&str; 3] = ["data_dir", "language", "log"];

/// Whether an argument, as errors name it, is this flag: `--listen <HOST:PORT>`.
fn is_flag(arg: &str, key: &str) -> bool {
    arg.strip_prefix("--").is_some_and(|arg| arg.split(' ').next() == Some(key))
}

/// What `serve` has against these.
fn refused(command: &Command, entries: &[&Entry]) -> Option<clap::Error> {
    let is_switch = |key: &str| {
        let serve = command.find_subcommand("serve")?;
        let arg = serve.get_arguments().find(|arg| arg.get_long() == Some(key))?;
        Some(!arg.get_action().takes_values())
    };
    let mut args = vec!["single-window".to_owned(), "serve".to_owned()];
    for Entry { key, values, .. } in entries {
        for value in values {
            match (is_switch(key) == Some(true), value.as_str()) {
                (true, "true") => args.push(format!("--{key}")),
                (true, "false") => {}
                (true | false, value) => args.push(format!("--{key}={value}")),
            }
        }
    }
    let error = command.clone().try_get_matches_from(args).err()?;
    // The rest may come by flags.
    (error.kind() != ErrorKind::MissingRequiredArgument).then_some(error)
}

impl fmt::Display for ConfigFaults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text(Language::English))
    }
}

impl std::error::Error for ConfigFaults {}
