//! `verify ledger`: has the window recompute what it keeps, and ends with 1 at the first difference.

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
