//! Help, and what is wrong with a command line, in the language of the caller.
//!
//! The English stands with the arguments that it explains; [`TEXTS`] has it once more with the Chinese
//! beside it. A test fails when a text has no Chinese, and when one is not used any more.

mod texts;

use std::ffi::OsString;
use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, Command};

use crate::commands::{Exit, Language};
use texts::TEXTS;

/// The language that a command line asks for, before anything else of it is read.
pub(crate) fn language(args: &[OsString], said: Option<OsString>) -> Language {
    let args: Vec<_> = args.iter().map_while(|arg| arg.to_str()).collect();
    let args = args.split(|arg| *arg == "--").next().unwrap_or_default();
    let flag = args.iter().enumerate().rev().find_map(|(index, arg)| match *arg {
        "--language" => args.get(index + 1).copied(),
        arg => arg.strip_prefix("--language="),
    });
    let said = said.and_then(|said| said.into_string().ok());
    match flag.map(str::to_owned).or(said).as_deref() {
        Some("zh") => Language::Chinese,
        Some(_) | None => Language::English,
    }
}

/// The command with its texts in one language.
pub(crate) fn command(mut command: Command, language: Language) -> Command {
    match language {
        Language::English => command,
        Language::Chinese => {
            // What clap adds by itself has texts too.
            command.build();
            in_chinese(command)
        }
    }
}

fn in_chinese(command: Command) -> Command {
    let [about, long] = [command.get_about(), command.get_long_about()]
        .map(|text| text.map(|text| chinese(&text.to_string())));
    let mut command = command
        .help_template("{before-help}{about-with-newline}\n用法：{usage}\n\n{all-args}{after-help}")
        .subcommand_help_heading("命令")
        .mut_args(argument)
        .mut_subcommands(in_chinese);
    if let Some(about) = about {
        command = command.about(about);
    }
    if let Some(long) = long {
        command = command.long_about(long);
    }
    command
}

fn argument(arg: Arg) -> Arg {
    let heading = match arg.get_help_heading() {
        Some(heading) => chinese(heading),
        None if arg.is_positional() => "参数".to_owned(),
        None => "选项".to_owned(),
    };
    // Headings live as long as the program, and help is made once.
    let heading: &'static str = heading.leak();
    let notes = notes(&arg);
    let [help, long] = [arg.get_help(), arg.get_long_help()]
        .map(|text| text.map(|text| format!("{}{notes}", chinese(&text.to_string()))));
    let mut arg = arg
        .help_heading(heading)
        .hide_default_value(true)
        .hide_possible_values(true)
        .hide_env(true);
    if let Some(help) = help {
        arg = arg.help(help);
    }
    if let Some(long) = long {
        arg = arg.long_help(long);
    }
    arg
}

/// What clap would add in English: default, values and environment.
fn notes(arg: &Arg) -> String {
    let mut notes = Vec::new();
    if arg.get_action().takes_values() {
        let values = arg.get_possible_values();
        let values = values.iter().filter(|value| !value.is_hide_set()).map(|value| {
            let help = value.get_help().map(|help| format!("（{}）", chinese(&help.to_string())));
            value.get_name().to_owned() + &help.unwrap_or_default()
        });
        let values: Vec<_> = values.collect();
        if !values.is_empty() {
            notes.push(format!("[可选值：{}]", values.join("、")));
        }
        let defaults: Vec<_> =
            arg.get_default_values().iter().map(|value| value.to_string_lossy()).collect();
        if !defaults.is_empty() {
            notes.push(format!("[默认值：{}]", defaults.join(" ")));
        }
    }
    if let Some(env) = arg.get_env() {
        notes.push(format!("[环境变量：{}]", env.to_string_lossy()));
    }
    notes.iter().map(|note| format!(" {note}")).collect()
}

/// The Chinese of a text, paragraph by paragraph; the paragraph itself where there is none.
fn chinese(english: &str) -> String {
    let paragraph = |english: &str| {
        let found = TEXTS.iter().find(|(text, _)| *text == known_as(english));
        found.map_or(english, |(_, chinese)| chinese).to_owned()
    };
    english.split("\n\n").map(paragraph).collect::<Vec<_>>().join("\n\n")
}

/// A paragraph as it stands in the table: clap takes the last full stop off where it is alone.
fn known_as(paragraph: &str) -> &str {
    paragraph.strip_suffix('.').unwrap_or(paragraph)
}

/// Says help, or what is wrong with the command line, and how the program ends by it.
pub(crate) fn say(error: &clap::Error, language: Language) -> ExitCode {
    let is_help = !error.use_stderr();
    let said = match language {
        Language::Chinese if !is_help => {
            writeln!(io::stderr(), "{}", wrong(error))
        }
        Language::Chinese | Language::English => error.print(),
    };
    // Who closed the pipe has read enough of the help; of an error the exit code tells.
    let _unsaid = said;
    if is_help { Exit::Done.into() } else { Exit::Usage.into() }
}

/// What is wrong with a command line, in Chinese.
fn wrong(error: &clap::Error) -> String {
    let said = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => text.clone(),
        Some(ContextValue::Strings(texts)) => texts.join("、"),
        Some(ContextValue::StyledStr(text)) => text.to_string(),
        Some(ContextValue::Number(number)) => number.to_string(),
        Some(_) | None => String::new(),
    };
    let (arg, value) = (said(ContextKind::InvalidArg), said(ContextKind::InvalidValue));
    let why = std::error::Error::source(error).map(|why| format!("：{why}")).unwrap_or_default();
    let what = match error.kind() {
        ErrorKind::MissingRequiredArgument => format!("缺少必需的参数：{arg}"),
        ErrorKind::MissingSubcommand | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            "缺少命令".to_owned()
        }
        ErrorKind::UnknownArgument => format!("未知参数：{arg}"),
        ErrorKind::InvalidSubcommand => {
            format!("未知命令：{}", said(ContextKind::InvalidSubcommand))
        }
        ErrorKind::InvalidValue if value.is_empty() => format!("{arg}缺少取值"),
        ErrorKind::InvalidValue | ErrorKind::ValueValidation => {
            format!("{arg}的取值“{value}”无效{why}")
        }
        ErrorKind::ArgumentConflict => {
            format!("{arg}不能与{}同时使用", said(ContextKind::PriorArg))
        }
        ErrorKind::TooManyValues => format!("{arg}的取值过多：{value}"),
        ErrorKind::TooFewValues | ErrorKind::WrongNumberOfValues => {
            format!("{arg}的取值个数不符")
        }
        ErrorKind::NoEquals => format!("{arg}须写成 名称=取值"),
        _ => return error.to_string(),
    };
    let mut text = format!("错误：{what}");
    for (kind, word) in [
        (ContextKind::ValidValue, "可选值"),
        (ContextKind::ValidSubcommand, "可用命令"),
        (ContextKind::SuggestedArg, "是否要写"),
        (ContextKind::SuggestedValue, "是否要写"),
        (ContextKind::SuggestedSubcommand, "是否要写"),
    ] {
        let said = said(kind);
        if !said.is_empty() {
            text.push_str(&format!("\n  {word}：{said}"));
        }
    }
    let usage = said(ContextKind::Usage);
    if !usage.is_empty() {
        text.push_str(&format!("\n\n{}", usage.replacen("Usage: ", "用法：", 1)));
    }
    text.push_str("\n\n详情请用 --help 查看");
    text
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use clap::CommandFactory as _;

    use super::*;
    use crate::cli::Cli;

    /// Every text of a command and of those below it.
    fn texts(command: &Command, found: &mut BTreeSet<String>) {
        let abouts = [command.get_about(), command.get_long_about()];
        found.extend(abouts.into_iter().flatten().map(ToString::to_string));
        for arg in command.get_arguments() {
            let helps = [arg.get_help(), arg.get_long_help()];
            found.extend(helps.into_iter().flatten().map(ToString::to_string));
            found.extend(arg.get_help_heading().map(str::to_owned));
            let values = arg.get_possible_values();
            found.extend(
                values.iter().filter_map(|value| value.get_help()).map(ToString::to_string),
            );
        }
        for command in command.get_subcommands() {
            texts(command, found);
        }
    }

    #[test]
    fn every_text_has_its_chinese_and_every_chinese_its_text() {
        let mut command = Cli::command();
        command.build();
        let mut said = BTreeSet::new();
        texts(&command, &mut said);
        let paragraphs = said.iter().flat_map(|text| text.split("\n\n"));
        let used: BTreeSet<_> = paragraphs.map(|text| known_as(text).to_owned()).collect();
        let known: BTreeSet<String> =
            TEXTS.iter().map(|(english, _)| (*english).to_owned()).collect();
        let missing: Vec<_> = used.difference(&known).collect();
        let unused: Vec<_> = known.difference(&used).collect();
        assert!(missing.is_empty(), "write the Chinese of these into help/texts.rs: {missing:#?}");
        assert!(unused.is_empty(), "no help says this any more: {unused:#?}");
        assert_eq!(known.len(), TEXTS.len(), "a text stands twice");
    }

    fn help_of(args: &[&str]) -> String {
        let command = command(Cli::command(), Language::Chinese);
        command.try_get_matches_from(args).expect_err("help is no command").to_string()
    }

    #[test]
    fn help_is_chinese_from_top_to_bottom() {
        for args in [
            &["single-window", "--help"][..],
            &["single-window", "submit", "--help"],
            &["single-window", "help", "submit"],
            &["single-window", "ceb", "send", "-h"],
        ] {
            let help = help_of(args);
            assert!(help.contains("用法：") && help.contains("选项:"), "{help}");
            for english in ["Usage", "Options", "Commands", "Arguments", "default", "Print", "[env"]
            {
                assert!(!help.contains(english), "{english} in {help}");
            }
        }
        assert!(help_of(&["single-window", "submit", "--help"]).contains("申报"));
    }

    #[test]
    fn what_is_wrong_is_said_in_chinese() {
        let wrong = |args: &[&str]| {
            let command = command(Cli::command(), Language::Chinese);
            super::wrong(&command.try_get_matches_from(args).expect_err("it is wrong"))
        };
        let unknown = wrong(&["single-window", "submit", "--chek", "a"]);
        assert!(unknown.contains("未知参数：--chek") && unknown.contains("--check"), "{unknown}");
        assert!(wrong(&["single-window", "get"]).contains("缺少必需的参数：<NAME>"));
        assert!(wrong(&["single-window", "lisst"]).contains("未知命令：lisst"));
        let value = wrong(&["single-window", "list", "--output", "xml"]);
        assert!(value.contains("“xml”无效") && value.contains("可选值：table、json"), "{value}");
    }

    #[test]
    fn the_language_is_known_before_the_command_line_is_read() {
        let of = |args: &[&str], env: Option<&str>| {
            language(&args.iter().map(OsString::from).collect::<Vec<_>>(), env.map(OsString::from))
        };
        assert_eq!(of(&["x", "--language", "zh", "--help"], None), Language::Chinese);
        assert_eq!(of(&["x", "list", "--language=zh"], Some("en")), Language::Chinese);
        assert_eq!(of(&["x", "--language", "en"], Some("zh")), Language::English);
        assert_eq!(of(&["x", "--help"], Some("zh")), Language::Chinese);
        assert_eq!(of(&["x", "--", "--language", "zh"], None), Language::English);
    }
}
