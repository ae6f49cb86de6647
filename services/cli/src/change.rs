//! `amend` and `withdraw`: changes before release. Each names the version that it was made for, so
//! that nobody overwrites what they have not seen; repeating the command is the same request.

use std::path::PathBuf;

use proto::v1;
use tonic::Status;

use super::input::{self, InputDocument};
use super::problem::{BrokenRule, Problem};
use super::words::{self, pick};
use super::{BilingualText, Exit, Output, Session, print_json, print_line, read};

/// File a new version of a declaration. Verdicts for older versions are void, and review begins
/// again.
#[derive(Debug, clap::Args)]
pub struct AmendArgs {
    /// Name (declarations/UUID), UUID, or any of its numbers.
    pub name: String,
    /// The whole new content (JSON); `-` is standard input.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// The version that you saw [default: the current one].
    #[arg(long, value_name = "N")]
    pub version: Option<u32>,
    /// Only check: nothing is kept.
    #[arg(long)]
    pub check: bool,
}

/// Take a declaration back before release.
#[derive(Debug, clap::Args)]
pub struct WithdrawArgs {
    /// Name (declarations/UUID), UUID, or any of its numbers.
    pub name: String,
    /// Why; it is kept and the agencies read it.
    #[arg(long, value_name = "TEXT")]
    pub reason: String,
    /// The version that you saw [default: the current one].
    #[arg(long, value_name = "N")]
    pub version: Option<u32>,
    /// Only check: nothing is kept.
    #[arg(long)]
    pub check: bool,
}

/// Files a new version.
///
/// # Errors
///
/// What kept it from doing so.
pub async fn amend(session: &Session, args: AmendArgs) -> anyhow::Result<Exit> {
    let file = input::name(&args.file);
    let mut items =
        input::read(&args.file, session.language).map_err(|problem| problem.in_file(&file))?;
    let (Some(InputDocument { request, .. }), true) = (items.pop(), items.is_empty()) else {
        anyhow::bail!(BilingualText::new(
            format!("{file} must hold exactly one document to amend with"),
            format!("{file}须恰好包含一份用于变更的单证"),
        ));
    };
    let name = read::resolve(session, &args.name).await?;
    let version = version(session, &name, args.version).await?;
    // Without one the window refuses the request, and says so.
    let content = request.declaration.as_ref().map_or_else(Vec::new, prost::Message::encode_to_vec);
    let request = v1::AmendRequest {
        request_id: input::change_id("amend", &name, version, &content),
        name,
        version,
        declaration: request.declaration,
        validate_only: args.check,
    };
    match session.ask(request, async |it, ask| it.declarations().amend(ask).await).await {
        Ok(answer) => print_version(session, answer, &file, args.check),
        Err(status) => {
            let problem = Problem::of_status(&status, session.language);
            Err(problem.in_file(&file).into())
        }
    }
}

fn print_version(
    session: &Session,
    answer: v1::AmendResponse,
    file: &str,
    check: bool,
) -> anyhow::Result<Exit> {
    if session.output == Output::Json {
        print_json(&answer)?;
        return Ok(Exit::Done);
    }
    let language = session.language;
    let (english, chinese) = words::state(answer.state());
    let mut text = if check {
        pick(language, "correct, nothing is kept", "校验通过，未保存").to_owned()
    } else {
        format!("{}  v{}  {english} {chinese}", answer.name, answer.version)
    };
    for warning in answer.warnings {
        let warning = BrokenRule::of_warning(warning, language);
        let word = pick(language, "warning", "警告");
        text.push_str(&format!("\n  {word} {} {}", warning.code, warning.placed_text(Some(file))));
    }
    print_line(&text)?;
    Ok(Exit::Done)
}

/// Takes a declaration back.
///
/// # Errors
///
/// What kept it from doing so.
pub async fn withdraw(session: &Session, args: WithdrawArgs) -> anyhow::Result<Exit> {
    let name = read::resolve(session, &args.name).await?;
    let version = version(session, &name, args.version).await?;
    let request = v1::WithdrawRequest {
        request_id: input::change_id("withdraw", &name, version, args.reason.as_bytes()),
        name,
        version,
        reason: args.reason,
        validate_only: args.check,
    };
    let answer =
        session.ask(request, async |it, ask| it.declarations().withdraw(ask).await).await?;
    if args.check {
        return session.print_sentence(&answer, "correct, nothing is kept", "校验通过，未保存");
    }
    session.print_one(&answer, |answer, _| {
        let (english, chinese) = words::state(answer.state());
        format!("{}  {english} {chinese}", answer.name)
    })
}

/// The version that was named, or else the current one.
async fn version(session: &Session, name: &str, named: Option<u32>) -> Result<u32, Status> {
    match named {
        Some(version) => Ok(version),
        None => read::fetch(session, name).await.map(|record| record.version),
    }
}
