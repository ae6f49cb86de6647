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

use crate::{Exit, Language};
pub use texts::TEXTS;

/// The language that a command line asks for, before anything else of it is read.
pub fn language(args: &[OsString], environment: Option<OsString>) -> Language {
    let args: Vec<_> = args.iter().map_while(|arg| arg.to_str()).collect();
    // A split has always a first part.
    let args = args.split(|arg| *arg == "--").next().unwrap_or_default();
    let flag = args.iter().enumerate().rev().find_map(|(index, arg)| match *arg {
        "--language" => args.get(index + 1).copied(),
        arg => arg.strip_prefix("--language="),
    });
    let environment = environment.and_then(|environment| environment.into_string().ok());
    match flag.map(str::to_owned).or(environment).as_deref() {
        Some("zh") => Language::Chinese,
        Some(_) | None => Language::English,
    }
}

/// The command with its texts in one language.
pub fn command(mut command: Command, language: Language) -> Command {
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
            // Not every value has a text.
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
pub fn known_as(paragraph: &str) -> &str {
    paragraph.strip_suffix('.').unwrap_or(paragraph)
}

/// Says help, or what is wrong with the command line, and how the program ends by it.
pub fn print(error: &clap::Error, language: Language) -> ExitCode {
    let is_help = !error.use_stderr();
    let printed = match language {
        Language::Chinese if !is_help => {
            writeln!(io::stderr(), "{}", wrong(error))
        }
        Language::Chinese | Language::English => error.print(),
    };
    // Who closed the pipe has read enough of the help; of an error the exit code tells.
    let _unprinted = printed;
    if is_help { Exit::Done.into() } else { Exit::Usage.into() }
}

/// What is wrong with a command line, in Chinese.
pub fn wrong(error: &clap::Error) -> String {
    let context_value = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => text.clone(),
        Some(ContextValue::Strings(texts)) => texts.join("、"),
        Some(ContextValue::StyledStr(text)) => text.to_string(),
        Some(ContextValue::Number(number)) => number.to_string(),
        Some(_) | None => String::new(),
    };
    let (arg, value) =
        (context_value(ContextKind::InvalidArg), context_value(ContextKind::InvalidValue));
    // Not every error has a cause.
    let why = std::error::Error::source(error).map(|why| format!("：{why}")).unwrap_or_default();
    let what = match error.kind() {
        ErrorKind::MissingRequiredArgument => format!("缺少必需的参数：{arg}"),
        ErrorKind::MissingSubcommand | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            "缺少命令".to_owned()
        }
        ErrorKind::UnknownArgument => format!("未知参数：{arg}"),
        ErrorKind::InvalidSubcommand => {
            format!("未知命令：{}", context_value(ContextKind::InvalidSubcommand))
        }
        ErrorKind::InvalidValue if value.is_empty() => format!("{arg}缺少取值"),
        ErrorKind::InvalidValue | ErrorKind::ValueValidation => {
            format!("{arg}的取值“{value}”无效{why}")
        }
        ErrorKind::ArgumentConflict => {
            format!("{arg}不能与{}同时使用", context_value(ContextKind::PriorArg))
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
        let value = context_value(kind);
        if !value.is_empty() {
            text.push_str(&format!("\n  {word}：{value}"));
        }
    }
    let usage = context_value(ContextKind::Usage);
    if !usage.is_empty() {
        text.push_str(&format!("\n\n{}", usage.replacen("Usage: ", "用法：", 1)));
    }
    text.push_str("\n\n详情请用 --help 查看");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

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
