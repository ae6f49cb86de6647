//! `inspect rules`: rule sets (布控规则) as JSON documents, from the sample to the one in force.

use std::path::{Path, PathBuf};

use domain::Code;
use domain::clearance::Agency;
use domain::inspection::{agency_word, risk};
use proto::rule_file;
use proto::v1;

use super::super::ceb::Means;
use super::super::problem::{Broken, Problem};
use super::super::words::{self as shared, pick, when};
use super::super::{Exit, Language, Output, Session, input, say, say_json, tell_refusal};
use super::{call, either, file, said, wire, words};

/// Risk rules (布控规则): print a sample, check a file, put it in force, list what was in force.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct Rules {
    #[command(subcommand)]
    verb: Option<Verb>,
    #[command(flatten)]
    print: Print,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    Print(Print),
    Check(Check),
    Put(Put),
    List(List),
}

/// Print a sample rule set as JSON, to start your own from.
#[derive(Debug, clap::Args)]
struct Print {
    /// Whose: customs or quarantine.
    #[arg(default_value = "customs", value_parser = words::parse_agency)]
    agency: Agency,
}

/// Check a rule set without a window: everything that is wrong in it at once.
#[derive(Debug, clap::Args)]
struct Check {
    /// The rule set (JSON); `-` is standard input.
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

/// Put a rule set of your agency in force: declarations filed from now on are assessed by it.
#[derive(Debug, clap::Args)]
struct Put {
    /// The rule set (JSON); its version is one more than that of the last one. `-` is standard input.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Only check, as the window does: nothing is put in force.
    #[arg(long)]
    check: bool,
}

/// List rule sets, every version, newest first.
#[derive(Debug, clap::Args)]
struct List {
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
pub(super) async fn run(means: Means, args: Rules) -> anyhow::Result<Exit> {
    match args.verb {
        None => super::super::quietly(print(means.output, &args.print)),
        Some(Verb::Print(args)) => super::super::quietly(print(means.output, &args)),
        Some(Verb::Check(args)) => super::super::quietly(check(&means, &args)),
        Some(Verb::Put(args)) => {
            let session = super::connect(means).await?;
            let ended = put(&session, args).await;
            session.settle(ended)
        }
        Some(Verb::List(args)) => {
            let session = super::connect(means).await?;
            let ended = list(&session, args).await;
            session.settle(ended)
        }
    }
}

fn print(output: Output, args: &Print) -> anyhow::Result<Exit> {
    let pretty = output == Output::Table;
    say(&rule_file::print(rule_file::sample(args.agency), pretty)?)?;
    Ok(Exit::Done)
}

fn check(means: &Means, args: &Check) -> anyhow::Result<Exit> {
    let set = match read(&args.file, means.language) {
        Ok(set) => set,
        Err(problem) => return Ok(tell_refusal(means.output, &problem)?),
    };
    let (agency, version, rules) = (agency_word(set.agency), set.version, set.rules.len());
    match means.output {
        Output::Json => say_json(&serde_json::json!({
            "agency": agency,
            "version": version,
            "sample": set.sample,
            "rules": rules,
        }))?,
        Output::Table => say(&words::tell(
            means.language,
            format!("correct: {agency} version {version}, {rules} rules"),
            format!(
                "校验通过：{}第{version}版，规则{rules}条",
                super::agency(means.language, set.agency)
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
fn refusal(broken: Vec<rule_file::Broken>, name: &str, language: Language) -> Problem {
    let mut code = Code::RuleSetRefused;
    let mut told = Vec::new();
    for it in broken {
        told.push(match it {
            rule_file::Broken::Json { text, line, column } => {
                code = Code::JsonMalformed;
                Broken::of_json(text, line, column)
            }
            rule_file::Broken::Rule(problem) => {
                let why = said(language, &problem.why);
                let gap = pick(language, ": ", "：");
                let whole = pick(language, "the rule set", "规则集");
                let rule = if problem.rule.is_empty() { whole } else { &problem.rule };
                let place = if problem.place.is_empty() {
                    String::new()
                } else {
                    format!("{}{gap}", problem.place)
                };
                Broken::plain(Code::RuleSetRefused, format!("{name}: {rule}{gap}{place}{why}"))
            }
        });
    }
    Problem::local(code, language, told)
}

async fn put(session: &Session, args: Put) -> anyhow::Result<Exit> {
    // What is wrong in the file is said here, with its lines.
    let document = match checked(&args.file, session.language) {
        Ok((_, document)) => document,
        Err(problem) => return Ok(session.refused(&problem)?),
    };
    let request = v1::PutRuleSetRequest { document, validate_only: args.check };
    let put =
        async || session.window.inspection().put_rule_set(session.request(request.clone())).await;
    let answer = call(put).await?;
    let (by, version) = (shared::agency(session.language, answer.agency()), answer.version);
    match (session.output, args.check) {
        (Output::Json, _) => say_json(&answer)?,
        (Output::Table, true) => {
            say(pick(session.language, "correct, nothing is put in force", "校验通过，未生效"))?;
        }
        (Output::Table, false) => say(&words::tell(
            session.language,
            format!("{by} version {version} is in force"),
            format!("{by}第{version}版已生效"),
        ))?,
    }
    Ok(Exit::Done)
}

async fn list(session: &Session, args: List) -> anyhow::Result<Exit> {
    let request = v1::ListRuleSetsRequest { agency: wire(args.agency) };
    let list = async || session.window.inspection().list_rule_sets(session.request(request)).await;
    let mut sets = call(list).await?.rule_sets;
    match session.output {
        Output::Json => {
            for set in &mut sets {
                if !args.document {
                    set.document.clear();
                }
                say_json(set)?;
            }
        }
        Output::Table if sets.is_empty() => {
            say(pick(session.language, "no rule sets", "没有规则集"))?;
        }
        Output::Table if args.document => {
            for set in sets.iter().filter(|set| set.in_force) {
                say(set.document.trim_end())?;
            }
        }
        Output::Table => say(&rows(&sets, session.language))?,
    }
    Ok(Exit::Done)
}

fn rows(sets: &[v1::RuleSetRecord], language: Language) -> String {
    let english = ["agency", "version", "in force", "put", "by"];
    let chinese = ["机关", "版本", "生效", "生效时间", "提交"];
    let mut table = shared::table(&either(language, english, chinese), None);
    for it in sets {
        table.add_row([
            shared::agency(language, it.agency()).to_owned(),
            it.version.to_string(),
            words::yes(language, it.in_force).to_owned(),
            when(it.put_time.and_then(proto::time)),
            it.put_by.clone(),
        ]);
    }
    table.to_string()
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
        let told = faults(&file.to_string(), Language::English);
        assert!(told.starts_with("SW-3011 "), "{told}");
        assert!(told.contains("rules.json:1:") && told.contains("`valid_till`"), "{told}");
    }
}
