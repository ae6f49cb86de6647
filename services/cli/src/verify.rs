//! `verify ledger`, `verify duties`: has the window recompute what it keeps, and ends with 1 where something differs.

use proto::v1;

use super::options::Options;
use super::session::settle;
use super::{Exit, Language, Output, Session, print_json, print_line};

/// Recompute the ledger of payments from its entries: every balance, hold and sum.
#[derive(Debug, clap::Args)]
pub struct LedgerArgs {
    /// The books of this firm only (customs code) [default: all].
    #[arg(long, value_name = "CODE")]
    owner: Option<String>,
}

/// Compute the duties of imports again from what was kept of each calculation, by the numbers that the window has now,
/// and name those that come out otherwise. The exit code is 1 when one does. Nothing is changed.
#[derive(Debug, clap::Args)]
pub struct DutiesArgs {}

/// Computes duties again.
///
/// # Errors
///
/// What kept it from doing so.
pub async fn duties(options: &Options, _args: DutiesArgs) -> anyhow::Result<Exit> {
    let asked = async { recompute_duties(&options.session_as("admin").await?).await };
    settle(options.output(), options.language(), asked.await)
}

async fn recompute_duties(session: &Session) -> anyhow::Result<Exit> {
    let mut found = v1::VerifyDutiesResponse::default();
    loop {
        let request = v1::VerifyDutiesRequest {
            page_size: domain::limits::PAGE_MAX,
            page_token: found.next_page_token.clone(),
        };
        let page =
            session.ask(request, async |it, ask| it.payment().verify_duties(ask).await).await?;
        found.recomputed += page.recomputed;
        found.differences.extend(page.differences);
        found.next_page_token = page.next_page_token;
        if found.next_page_token.is_empty() {
            break;
        }
    }
    match session.output {
        Output::Json => print_json(&found)?,
        Output::Table => print_line(&duty_words(&found, session.language))?,
    }
    Ok(if found.differences.is_empty() { Exit::Done } else { Exit::Refused })
}

fn duty_words(found: &v1::VerifyDutiesResponse, language: Language) -> String {
    let (count, differing) = (found.recomputed, found.differences.len());
    let mut lines = vec![match (differing, language) {
        (0, Language::English) => format!("{count} duties recomputed, no difference"),
        (0, Language::Chinese) => format!("已重算{count}笔税款，无差异"),
        (_, Language::English) => {
            format!("{count} duties recomputed, {differing} come out otherwise")
        }
        (_, Language::Chinese) => format!("已重算{count}笔税款，{differing}笔结果不同"),
    }];
    for it in &found.differences {
        let (declaration, version) = (&it.declaration, it.version);
        let (texts, why) = match (language, it.by_other_files) {
            (Language::English, true) => (&it.texts, "by other files than then"),
            (Language::English, false) => (&it.texts, "by the same files"),
            (Language::Chinese, true) => (&it.texts_zh, "所用文件与当时不同"),
            (Language::Chinese, false) => (&it.texts_zh, "所用文件与当时相同"),
        };
        lines.push(format!("{declaration} {version} ({why})"));
        lines.extend(texts.iter().map(|text| format!("  {text}")));
    }
    lines.join("\n")
}

/// Verifies.
///
/// # Errors
///
/// What kept it from doing so.
pub async fn ledger(options: &Options, args: LedgerArgs) -> anyhow::Result<Exit> {
    let asked = async { recompute(&options.session_as("admin").await?, args).await };
    settle(options.output(), options.language(), asked.await)
}

async fn recompute(session: &Session, args: LedgerArgs) -> anyhow::Result<Exit> {
    let owner = proto::text(args.owner);
    let mut found = v1::VerifyLedgerResponse::default();
    loop {
        let request = v1::VerifyLedgerRequest { owner: owner.clone(), from_slot: found.next_slot };
        let entries = found.entries;
        found = session.ask(request, async |it, ask| it.payment().verify_ledger(ask).await).await?;
        found.entries += entries;
        if found.next_slot == 0 {
            break;
        }
    }
    // What is summed over all accounts is zero, whatever the entries say.
    let sums = found.sums.iter().all(|it| it.sum == 0 && it.held == 0);
    let is_well = found.difference.is_empty() && sums;
    match session.output {
        Output::Json => print_json(&found)?,
        Output::Table => print_line(&words(&found, session.language))?,
    }
    Ok(if is_well { Exit::Done } else { Exit::Refused })
}

fn words(found: &v1::VerifyLedgerResponse, language: Language) -> String {
    let (entries, slot) = (found.entries, found.slot);
    let mut lines = vec![match (found.difference.as_str(), language) {
        ("", Language::English) => format!("{entries} entries recomputed, no difference"),
        ("", Language::Chinese) => format!("已重算{entries}条分录，无差异"),
        (difference, Language::English) => format!("slot {slot} differs: {difference}"),
        (difference, Language::Chinese) => format!("数据槽{slot}存在差异：{difference}"),
    }];
    for v1::CurrencySum { currency, accounts, sum, held } in &found.sums {
        lines.push(match language {
            Language::English => format!(
                "{currency}: {accounts} accounts; what they have sums to {sum}, and what is held on both \
                 sides to {held}"
            ),
            Language::Chinese => format!(
                "{currency}：{accounts}个账户，余额合计{sum}，双方冻结合计{held}"
            ),
        });
    }
    lines.join("\n")
}
