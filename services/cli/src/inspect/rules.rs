//! `inspect rules`: rule sets (布控规则) as JSON documents, from the sample to the one in force.

use std::path::{Path, PathBuf};

use domain::Code;
use domain::clearance::Agency;
use domain::inspection::{agency_word, risk};
use proto::rule_file;
use proto::v1;

use super::super::options::Options;
use super::super::problem::{BrokenRule, Problem};
use super::super::session::TableRow;
use super::super::words::{self as shared, pick, when};
use super::super::{Exit, Language, Output, Session, input, print_json, print_line};
use super::{file, in_language, wire, words};

/// Risk rules (布控规则): print a sample, check a file, put it in force, list what was in force.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct RulesArgs {
    #[command(subcommand)]
    verb: Option<Verb>,
    #[command(flatten)]
    print: PrintArgs,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    Print(PrintArgs),
    Check(CheckArgs),
    Put(PutRulesArgs),
    List(ListRulesArgs),
}

/// Print a sample rule set as JSON, to start your own from.
#[derive(Debug, clap::Args)]
struct PrintArgs {
    /// Whose: customs or quarantine.
    #[arg(default_value = "customs", value_parser = words::parse_agency)]
    agency: Agency,
}

/// Check a rule set without a window: everything that is wrong in it at once.
#[derive(Debug, clap::Args)]
struct CheckArgs {
    /// The rule set (JSON); `-` is standard input.
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

/// Put a rule set of your agency in force: declarations filed from now on are assessed by it.
#[derive(Debug, clap::Args)]
struct PutRulesArgs {
    /// The rule set (JSON); its version is one more than that of the last one. `-` is standard input.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Only check, as the window does: nothing is put in force.
    #[arg(long)]
    check: bool,
}

/// List rule sets, every version, newest first.
#[derive(Debug, clap::Args)]
struct ListRulesArgs {
    /// customs or quarantine [default: both].
    #[arg(long, value_parser = words::parse_agency)]
    agency: Option<Agency>,
    /// Print the document of the one in force instead of the table; with --output json, add the
    /// documents.
    #[arg(long, requires = "agency")]
    document: bool,
}

/// Does what is asked about rules.
///
/// # Errors
///
/// What kept it from doing so.
pub(super) async fn run(options: &Options, args: RulesArgs) -> anyhow::Result<Exit> {
    match args.verb {
        None => print(options.output(), &args.print),
        Some(Verb::Print(args)) => print(options.output(), &args),
        Some(Verb::Check(args)) => check(options, &args),
        Some(Verb::Put(args)) => put(&options.session().await?, args).await,
        Some(Verb::List(args)) => list(&options.session().await?, args).await,
    }
}

fn print(output: Output, args: &PrintArgs) -> anyhow::Result<Exit> {
    let pretty = output == Output::Table;
    print_line(&rule_file::print(rule_file::sample(args.agency), pretty)?)?;
    Ok(Exit::Done)
}

fn check(options: &Options, args: &CheckArgs) -> anyhow::Result<Exit> {
    let set = read(&args.file, options.language())?;
    let (agency, version, rules) = (agency_word(set.agency), set.version, set.rules.len());
    match options.output() {
        Output::Json => print_json(&serde_json::json!({
            "agency": agency,
            "version": version,
            "sample": set.sample,
            "rules": rules,
        }))?,
        Output::Table => print_line(&words::either_text(
            options.language(),
            format!("correct: {agency} version {version}, {rules} rules"),
            format!(
                "校验通过：{}第{version}版，规则{rules}条",
                super::agency(options.language(), set.agency)
            ),
        ))?,
    }
    Ok(Exit::Done)
}

/// Reads a rule set, or says everything that is wrong in it.
pub(super) fn read(path: &Path, language: Language) -> Result<risk::RuleSet, Problem> {
    checked(path, language).map(|(set, _)| set)
}

/// A rule set with its document.
fn checked(path: &Path, language: Language) -> Result<(risk::RuleSet, String), Problem> {
    let bytes = file::bytes(path, language)?;
    let name = input::name(path);
    let set = rule_file::parse(&bytes)
        .map_err(|broken| refusal(broken, &name, language).in_file(&name))?;
    Ok((set, String::from_utf8_lossy(&bytes).into_owned()))
}

/// What is wrong with a document: it is no rule set, or one that cannot be put in force.
fn refusal(broken: Vec<rule_file::RuleFileError>, name: &str, language: Language) -> Problem {
    let mut code = Code::RuleSetRefused;
    let mut lines = Vec::new();
    for it in broken {
        lines.push(match it {
            rule_file::RuleFileError::Json { text, line, column } => {
                code = Code::JsonMalformed;
                BrokenRule::of_json(text, line, column)
            }
            rule_file::RuleFileError::Rule(problem) => {
                let why = in_language(language, &problem.why);
                let gap = pick(language, ": ", "：");
                let whole = pick(language, "the rule set", "规则集");
                let rule = if problem.rule.is_empty() { whole } else { &problem.rule };
                let place = if problem.place.is_empty() {
                    String::new()
                } else {
                    format!("{}{gap}", problem.place)
                };
                BrokenRule::plain(Code::RuleSetRefused, format!("{name}: {rule}{gap}{place}{why}"))
            }
        });
    }
    Problem::local(code, language, lines)
}

async fn put(session: &Session, args: PutRulesArgs) -> anyhow::Result<Exit> {
    // What is wrong in the file is said here, with its lines.
    let (_, document) = checked(&args.file, session.language)?;
    let request = v1::PutRuleSetRequest { document, validate_only: args.check };
    let answer =
        session.ask(request, async |it, ask| it.inspection().put_rule_set(ask).await).await?;
    if args.check {
        return session.print_sentence(
            &answer,
            "correct, nothing is put in force",
            "校验通过，未生效",
        );
    }
    let (by, version) = (shared::agency(session.language, answer.agency()), answer.version);
    session.print_sentence(
        &answer,
        format!("{by} version {version} is in force"),
        format!("{by}第{version}版已生效"),
    )
}

async fn list(session: &Session, args: ListRulesArgs) -> anyhow::Result<Exit> {
    let request = v1::ListRuleSetsRequest { agency: wire(args.agency) };
    let mut sets = session
        .ask(request, async |it, ask| it.inspection().list_rule_sets(ask).await)
        .await?
        .rule_sets;
    if args.document && session.output == Output::Table && !sets.is_empty() {
        for set in sets.iter().filter(|set| set.in_force) {
            print_line(set.document.trim_end())?;
        }
        return Ok(Exit::Done);
    }
    if !args.document {
        sets.iter_mut().for_each(|set| set.document.clear());
    }
    session.print(&sets)
}

impl TableRow for v1::RuleSetRecord {
    const HEADER: &'static [(&'static str, &'static str)] = &[
        ("agency", "机关"),
        ("version", "版本"),
        ("in force", "生效"),
        ("put", "生效时间"),
        ("by", "提交"),
    ];
    const NONE: (&'static str, &'static str) = ("no rule sets", "没有规则集");

    fn cells(&self, language: Language) -> Vec<String> {
        vec![
            shared::agency(language, self.agency()).to_owned(),
            self.version.to_string(),
            words::yes(language, self.in_force).to_owned(),
            when(self.put_time.and_then(proto::time)),
            self.put_by.clone(),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(document: &str, language: Language) -> String {
        let broken = rule_file::parse(document.as_bytes()).expect_err("it is refused");
        refusal(broken, "rules.json", language).in_file("rules.json").text()
    }

    fn sample() -> serde_json::Value {
        let printed = rule_file::print(rule_file::sample(Agency::Customs), false);
        serde_json::from_str(&printed.expect("it can be written")).expect("it is JSON")
    }

    #[test]
    fn every_problem_is_told_at_once_with_its_rule() {
        let mut file = sample();
        file["rates"]["general_bp"] = serde_json::json!(10_001);
        file["rules"][0]["title"] = serde_json::json!("");
        file["rules"][1]["valid_to"] = serde_json::json!("2001-01-01");
        let english = faults(&file.to_string(), Language::English);
        for expected in [
            "SW-1621 rules.json: the rule set: rates.general_bp: a rate is above",
            "C-001: title: a title",
            "C-002: valid_to: it ends before it begins",
        ] {
            assert!(english.contains(expected), "{english}");
        }
        let chinese = faults(&file.to_string(), Language::Chinese);
        assert!(chinese.contains("C-001：title：缺少规则名称"), "{chinese}");
    }

    #[test]
    fn what_is_no_rule_set_is_told_with_its_place() {
        let mut file = sample();
        file["rules"][0]["valid_till"] = serde_json::json!("2026-11-24");
        let text = faults(&file.to_string(), Language::English);
        assert!(text.starts_with("SW-3011 "), "{text}");
        assert!(text.contains("rules.json:1:") && text.contains("`valid_till`"), "{text}");
    }
}
