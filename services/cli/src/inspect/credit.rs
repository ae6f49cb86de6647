//! `inspect credit` and `inspect appeal`: what inspections do to a firm's credit (measure 31 of
//! 鲁政发〔2016〕13号), with every reason, and what the firm can say against it.

use std::fmt::Write as _;

use comfy_table::{Table, presets};
use proto::v1;
use tonic::Status;

use super::super::session::TableRow;
use super::super::words::{self as shared, pick, when};
use super::super::{Exit, Language, Output, Session, print_json, print_line};
use super::{either, request_id, words};

/// Credit of firms (企业信用): read it, certify, decide appeals.
#[derive(Debug, clap::Args)]
pub(super) struct CreditArgs {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    Show(ShowCreditArgs),
    List(ListCreditArgs),
    Certify(CertifyArgs),
    Decide(DecideArgs),
}

/// Show the credit of one firm: class, points, entries, and what changed and why.
#[derive(Debug, clap::Args)]
struct ShowCreditArgs {
    /// Customs code.
    firm: String,
}

/// List firms with a credit record, by customs code.
#[derive(Debug, clap::Args)]
struct ListCreditArgs {
    /// Only those on the blacklist.
    #[arg(long)]
    blacklisted: bool,
    /// Only those with an appeal that waits.
    #[arg(long)]
    appealed: bool,
    /// At most this many.
    #[arg(long, value_name = "COUNT", default_value_t = 50)]
    limit: usize,
}

/// Record as customs that a firm was certified (高级认证), or that this ended.
#[derive(Debug, clap::Args)]
struct CertifyArgs {
    /// Customs code.
    firm: String,
    /// The certificate was taken back.
    #[arg(long)]
    ended: bool,
}

/// Decide an appeal.
#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("decision").required(true).args(["overturn", "uphold"]))]
struct DecideArgs {
    /// Customs code of the firm.
    firm: String,
    /// Source of the entry, as `inspect credit show` names it.
    source: String,
    /// The appeal succeeded: the entry does not count any more.
    #[arg(long)]
    overturn: bool,
    /// The appeal failed.
    #[arg(long)]
    uphold: bool,
    /// Why; it is kept with the change.
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

/// Appeal against an entry of your credit, once, within 60 days. It counts until that is decided.
#[derive(Debug, clap::Args)]
pub(super) struct AppealArgs {
    /// Customs code of the firm.
    firm: String,
    /// Source of the entry, as `inspect credit show` names it.
    source: String,
    /// Why; it is kept with the change.
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

/// Does what is asked about credit.
pub(super) async fn run(session: &Session, args: CreditArgs) -> anyhow::Result<Exit> {
    match args.verb {
        Verb::Show(args) => show(session, args).await,
        Verb::List(args) => list(session, args).await,
        Verb::Certify(args) => certify(session, args).await,
        Verb::Decide(args) => decide(session, args).await,
    }
}

async fn show(session: &Session, args: ShowCreditArgs) -> anyhow::Result<Exit> {
    let request = v1::GetCreditRequest { firm: args.firm };
    let found = session.ask(request, async |it, ask| it.inspection().get_credit(ask).await).await?;
    match session.output {
        Output::Json => print_json(&found)?,
        Output::Table => {
            let language = session.language;
            let mut text = whole(&there(found.credit)?, language);
            for change in &found.changes {
                let time = when(change.time.and_then(proto::time));
                let because = change.because.clone().unwrap_or_default(); // a first class needs no reason
                let because = words::either_text(language, because.text, because.text_zh);
                let gap = pick(language, ": ", "：");
                let _infallible = write!(text, "\n{time}  {}{gap}{because}", change.what);
            }
            print_line(&text)?;
        }
    }
    Ok(Exit::Done)
}

/// Where a firm stands, and its entries.
fn whole(credit: &v1::CreditRecord, language: Language) -> String {
    let conforming: u64 = credit.conforming.iter().map(|day| u64::from(day.count)).sum();
    let mut card = Table::new();
    card.load_style(presets::NOTHING);
    for (label, value) in [
        (pick(language, "class", "信用等级"), words::class(language, &credit.class)),
        (pick(language, "points", "分数"), credit.points.to_string()),
        (
            pick(language, "blacklisted", "黑名单"),
            words::yes(language, credit.blacklisted).to_owned(),
        ),
        (
            pick(language, "certified", "高级认证"),
            words::yes(language, credit.certified).to_owned(),
        ),
        (pick(language, "found as declared", "查验相符"), conforming.to_string()),
        (pick(language, "as of", "截至"), credit.as_of.clone()),
    ] {
        card.add_row([label, &value]);
    }
    let mut text = format!("{}\n{}", credit.firm, card.trim_fmt());
    let english = ["source", "about", "day", "counts until", "points", "stands"];
    let chinese = ["来源", "事由", "日期", "有效期至", "扣分", "状态"];
    let mut table = shared::table(&either(language, english, chinese), None);
    for it in &credit.entries {
        table.add_row([
            it.source.clone(),
            words::cause(language, &it.cause),
            it.date.clone(),
            it.until.clone(),
            it.points.to_string(),
            words::credit_status(language, it.status()).to_owned(),
        ]);
    }
    if !table.is_empty() {
        let _infallible = write!(text, "\n{table}");
    }
    text
}

async fn list(session: &Session, args: ListCreditArgs) -> anyhow::Result<Exit> {
    let ListCreditArgs { blacklisted, appealed, limit } = args;
    let request = v1::ListCreditRequest { blacklisted, appealed, ..Default::default() };
    session.print(
        &session
            .pages(request, limit, async |it, ask| it.inspection().list_credit(ask).await)
            .await?,
    )
}

impl TableRow for v1::CreditRecord {
    const HEADER: &'static [(&'static str, &'static str)] = &[
        ("firm", "企业"),
        ("class", "信用等级"),
        ("points", "分数"),
        ("blacklisted", "黑名单"),
        ("certified", "高级认证"),
        ("entries", "记录"),
        ("appeals", "申诉中"),
    ];
    const NONE: (&'static str, &'static str) = ("no firms", "没有符合条件的企业");

    fn cells(&self, language: Language) -> Vec<String> {
        let waits = |entry: &&v1::CreditEntry| entry.status() == v1::CreditStatus::Appealed;
        vec![
            self.firm.clone(),
            words::class(language, &self.class),
            self.points.to_string(),
            words::yes(language, self.blacklisted).to_owned(),
            words::yes(language, self.certified).to_owned(),
            self.entries.len().to_string(),
            self.entries.iter().filter(waits).count().to_string(),
        ]
    }
}

async fn certify(session: &Session, args: CertifyArgs) -> anyhow::Result<Exit> {
    let request =
        v1::CertifyRequest { request_id: request_id(), firm: args.firm, granted: !args.ended };
    print_credit(
        session,
        session.ask(request, async |it, ask| it.inspection().certify(ask).await).await?.credit,
    )
}

async fn decide(session: &Session, args: DecideArgs) -> anyhow::Result<Exit> {
    let DecideArgs { firm, source, overturn, uphold: _, reason } = args;
    let request = v1::DecideAppealRequest {
        request_id: request_id(),
        firm,
        source,
        overturned: overturn,
        reason,
    };
    print_credit(
        session,
        session
            .ask(request, async |it, ask| it.inspection().decide_appeal(ask).await)
            .await?
            .credit,
    )
}

/// Appeals.
pub(super) async fn appeal(session: &Session, args: AppealArgs) -> anyhow::Result<Exit> {
    let AppealArgs { firm, source, reason } = args;
    let request = v1::AppealRequest { request_id: request_id(), firm, source, reason };
    print_credit(
        session,
        session.ask(request, async |it, ask| it.inspection().appeal(ask).await).await?.credit,
    )
}

/// The credit that every answer about a firm holds.
fn there(credit: Option<v1::CreditRecord>) -> Result<v1::CreditRecord, Status> {
    credit.ok_or_else(|| Status::internal("the window's answer holds no credit"))
}

/// Credit after a change.
fn print_credit(session: &Session, credit: Option<v1::CreditRecord>) -> anyhow::Result<Exit> {
    let credit = there(credit)?;
    session.print_one(&credit, whole)
}
