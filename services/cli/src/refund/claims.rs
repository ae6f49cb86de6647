//! `refund propose`, `submit`, `withdraw`, `claims`, `claim`, `answer`, `drop`, `watch`.

use std::time::Duration;

use futures::StreamExt as _;
use proto::v1;
use uuid::Uuid;

use crate::pay::listing::Listing;
use crate::pay::{PayPrinter, parse_yuan, yuan};
use crate::table::{columns, fields};
use crate::words::{self, pick};
use crate::{Exit, Language, OutputFormat, print_json, print_line, progress};

/// How often a claim is looked at while its lines are added.
const LOOK: Duration = Duration::from_millis(200);

/// Propose a claim: everything that may be claimed of what left until the end of a month.
#[derive(Debug, clap::Args)]
pub(super) struct Propose {
    /// YYYY-MM.
    month: String,
    /// For this firm (customs code) [default: your own].
    #[arg(long, value_name = "CODE")]
    firm: Option<String>,
    /// A remark; in a sandbox its words script the tax office.
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,
    /// Of a producer: VAT of its sales at home in the month, in yuan.
    #[arg(long, value_name = "YUAN", value_parser = parse_yuan)]
    output_vat: Option<i64>,
    /// Of a producer: VAT of its purchases in the month, in yuan.
    #[arg(long, value_name = "YUAN", value_parser = parse_yuan)]
    input_vat: Option<i64>,
    /// Hand it in as soon as it is complete.
    #[arg(long)]
    submit: bool,
}

/// Hand a claim to the tax office, again when its form was refused.
#[derive(Debug, clap::Args)]
pub(super) struct SubmitClaimArgs {
    /// refunds/{firm}-{YYYYMM}-{batch}.
    name: String,
}

/// Take a claim back before it is accepted. What it used is free.
#[derive(Debug, clap::Args)]
pub(super) struct WithdrawClaimArgs {
    /// refunds/{firm}-{YYYYMM}-{batch}.
    name: String,
}

/// List claims.
#[derive(Debug, clap::Args)]
pub(super) struct Claims {
    /// Of this firm (customs code) [default: all that you see].
    #[arg(long, value_name = "CODE")]
    firm: Option<String>,
    /// draft, submitted, form-refused, under-review or withdrawn [default: all].
    #[arg(long, value_name = "STATE", value_parser = parse_state)]
    state: Option<v1::ClaimState>,
}

/// Show the lines of a claim.
#[derive(Debug, clap::Args)]
pub(super) struct ShowClaim {
    /// refunds/{firm}-{YYYYMM}-{batch}.
    name: String,
    /// open, queried, dropped, refused, approved, paid, settled, recovering or recovered [default: all].
    #[arg(long, value_name = "STATE", value_parser = parse_line_state)]
    state: Option<v1::ClaimLineState>,
}

/// Answer a query of the tax office about a line: a doubt (疑点), for example.
#[derive(Debug, clap::Args)]
pub(super) struct AnswerArgs {
    /// refunds/{firm}-{YYYYMM}-{batch}.
    name: String,
    /// The line.
    line: u32,
    /// The answer.
    text: String,
    /// Number of the query [default: the present one].
    #[arg(long, value_name = "NUMBER")]
    query: Option<u32>,
}

/// Take a line out of a claim. What it used is free.
#[derive(Debug, clap::Args)]
pub(super) struct DropLine {
    /// refunds/{firm}-{YYYYMM}-{batch}.
    name: String,
    /// The line.
    line: u32,
}

/// Follow what happens to exports, invoices and claims, without end.
#[derive(Debug, clap::Args)]
pub(super) struct WatchRefundsArgs {
    /// Begin with the first thing that happened.
    #[arg(long)]
    from_beginning: bool,
}

fn parse_state(text: &str) -> Result<v1::ClaimState, String> {
    Ok(match text {
        "draft" => v1::ClaimState::Draft,
        "submitted" => v1::ClaimState::Submitted,
        "form-refused" => v1::ClaimState::FormRefused,
        "under-review" => v1::ClaimState::UnderReview,
        "withdrawn" => v1::ClaimState::Withdrawn,
        _ => {
            return Err(
                "a state is draft, submitted, form-refused, under-review or withdrawn".into()
            );
        }
    })
}

fn parse_line_state(text: &str) -> Result<v1::ClaimLineState, String> {
    Ok(match text {
        "open" => v1::ClaimLineState::Open,
        "queried" => v1::ClaimLineState::Queried,
        "dropped" => v1::ClaimLineState::Dropped,
        "refused" => v1::ClaimLineState::Refused,
        "approved" => v1::ClaimLineState::Approved,
        "paid" => v1::ClaimLineState::Paid,
        "settled" => v1::ClaimLineState::Settled,
        "recovering" => v1::ClaimLineState::Recovering,
        "recovered" => v1::ClaimLineState::Recovered,
        _ => {
            return Err("a state is open, queried, dropped, refused, approved, paid, settled, \
                        recovering or recovered"
                .into());
        }
    })
}

fn state(language: Language, state: v1::ClaimState) -> &'static str {
    let (english, chinese) = match state {
        v1::ClaimState::Unspecified => ("?", "？"),
        v1::ClaimState::Draft => ("draft", "草稿"),
        v1::ClaimState::Submitted => ("submitted", "已申报"),
        v1::ClaimState::FormRefused => ("form refused", "不予受理"),
        v1::ClaimState::UnderReview => ("under review", "审核中"),
        v1::ClaimState::Withdrawn => ("withdrawn", "已撤回"),
    };
    pick(language, english, chinese)
}

fn line_state(language: Language, line: &v1::RefundClaimLine) -> &'static str {
    let (english, chinese) = match (line.state(), line.query()) {
        (v1::ClaimLineState::Unspecified, _) => ("?", "？"),
        (v1::ClaimLineState::Open, _) => ("open", "待审"),
        (v1::ClaimLineState::Queried, v1::ClaimQuery::Suspension) => ("suspended", "暂缓"),
        (v1::ClaimLineState::Queried, v1::ClaimQuery::Letter) => ("letter", "函调"),
        (v1::ClaimLineState::Queried, _) => ("doubt", "疑点"),
        (v1::ClaimLineState::Dropped, _) => ("dropped", "已剔除"),
        (v1::ClaimLineState::Refused, _) => ("refused", "不予退税"),
        (v1::ClaimLineState::Approved, _) => ("approved", "已核准"),
        (v1::ClaimLineState::Paid, _) => ("paid", "已退税"),
        (v1::ClaimLineState::Settled, _) => ("settled", "已核算"),
        (v1::ClaimLineState::Recovering, _) => ("to be paid back", "追回中"),
        (v1::ClaimLineState::Recovered, _) => ("paid back", "已追回"),
    };
    pick(language, english, chinese)
}

/// Claims.
pub const CLAIMS: Listing<v1::RefundClaim, 11> = Listing {
    header: (
        [
            "claim",
            "state",
            "round",
            "lines",
            "open",
            "asked",
            "claimed",
            "paid",
            "paid back",
            "class",
            "answer until",
        ],
        [
            "申报",
            "状态",
            "轮次",
            "明细",
            "待审",
            "疑点",
            "应退税额",
            "已退税额",
            "已追回",
            "类别",
            "办结期限",
        ],
    ),
    flexible: None,
    none: ("no claims", "没有申报"),
    row: |it, language| {
        [
            it.name.clone(),
            state(language, it.state()).to_owned(),
            it.round.to_string(),
            it.lines.to_string(),
            it.undecided.to_string(),
            it.queried.to_string(),
            yuan(it.amount_fen),
            yuan(it.paid_fen),
            yuan(it.repaid_fen),
            it.class.to_string(),
            it.answer_until.clone(),
        ]
    },
};

/// Lines of a claim.
pub const CLAIM_LINES: Listing<v1::RefundClaimLine, 9> = Listing {
    header: (
        ["line", "export", "form", "invoice", "state", "claimed", "paid", "code", "said"],
        ["序号", "出口明细", "报关单号", "发票", "状态", "应退税额", "已退税额", "代码", "说明"],
    ),
    flexible: Some(8),
    none: ("no lines", "没有明细"),
    row: |it, language| {
        [
            it.line.to_string(),
            it.export_line.clone(),
            it.entry_id.clone(),
            format!("{} {}/{}", it.invoice_code, it.invoice_number, it.invoice_line)
                .trim_start()
                .to_owned(),
            line_state(language, it).to_owned(),
            yuan(it.amount_fen),
            yuan(it.paid_fen),
            it.code.clone(),
            [it.law.as_str(), it.text.as_str()].join(" ").trim().to_owned(),
        ]
    },
};

async fn read(teller: PayPrinter<'_>, name: &str) -> anyhow::Result<v1::RefundClaim> {
    let (session, name) = (teller.session, name.to_owned());
    let request = v1::GetClaimRequest { name };
    let get = async |it: &client::Window, ask| it.refund().get_claim(ask).await;
    let found = session.ask(request, get).await?.claim;
    found.ok_or_else(|| anyhow::anyhow!("the window shows no claim"))
}

async fn hand_in(
    teller: PayPrinter<'_>,
    claim: &v1::RefundClaim,
) -> anyhow::Result<v1::RefundClaim> {
    let request = v1::SubmitClaimRequest {
        request_id: Uuid::now_v7().to_string(),
        name: claim.name.clone(),
        after_round: claim.round,
    };
    let session = teller.session;
    let make = async |it: &client::Window, ask| it.refund().submit_claim(ask).await;
    let found = session.ask(request, make).await?.claim;
    found.ok_or_else(|| anyhow::anyhow!("the window shows no claim"))
}

/// Proposes a claim and waits until its lines are in it.
pub(super) async fn propose(teller: PayPrinter<'_>, args: Propose) -> anyhow::Result<Exit> {
    let request = v1::ProposeClaimRequest {
        request_id: Uuid::now_v7().to_string(),
        firm: proto::text(args.firm),
        month: args.month,
        note: proto::text(args.note),
        // A trading firm has none here.
        output_vat_fen: args.output_vat.unwrap_or(0),
        input_vat_fen: args.input_vat.unwrap_or(0),
    };
    let session = teller.session;
    let make = async |it: &client::Window, ask| it.refund().propose_claim(ask).await;
    let begun = session.ask(request, make).await?.claim;
    let mut claim = begun.ok_or_else(|| anyhow::anyhow!("the window shows no claim"))?;
    let counter = progress::counter(pick(session.language, "lines", "条明细"));
    while !claim.complete {
        tokio::time::sleep(LOOK).await;
        claim = read(teller, &claim.name).await?;
        counter.set_position(claim.lines.into());
    }
    counter.finish_and_clear();
    if args.submit && claim.lines > 0 {
        claim = hand_in(teller, &claim).await?;
    }
    CLAIMS.print(teller, &[claim])
}

/// Hands in a claim.
pub(super) async fn submit(teller: PayPrinter<'_>, args: SubmitClaimArgs) -> anyhow::Result<Exit> {
    let claim = read(teller, &args.name).await?;
    CLAIMS.print(teller, &[hand_in(teller, &claim).await?])
}

/// Takes a claim back.
pub(super) async fn withdraw(
    teller: PayPrinter<'_>,
    args: WithdrawClaimArgs,
) -> anyhow::Result<Exit> {
    let request_id = Uuid::now_v7().to_string();
    let request = v1::WithdrawClaimRequest { request_id, name: args.name };
    let session = teller.session;
    let make = async |it: &client::Window, ask| it.refund().withdraw_claim(ask).await;
    CLAIMS.print(teller, session.ask(request, make).await?.claim.as_slice())
}

/// Lists claims.
pub(super) async fn claims(teller: PayPrinter<'_>, args: Claims) -> anyhow::Result<Exit> {
    // Every state, where none is named.
    let asked = args.state.unwrap_or(v1::ClaimState::Unspecified);
    let request = v1::ListClaimsRequest {
        firm: proto::text(args.firm),
        state: asked.into(),
        ..Default::default()
    };
    let list = async |it: &client::Window, ask| it.refund().list_claims(ask).await;
    let found = teller.session.pages(request, usize::MAX, list).await?;
    CLAIMS.print(teller, &found)
}

/// Shows a claim: what there is of it, and its lines.
pub(super) async fn claim(teller: PayPrinter<'_>, args: ShowClaim) -> anyhow::Result<Exit> {
    let claim = read(teller, &args.name).await?;
    if teller.format == OutputFormat::Table {
        CLAIMS.print(teller, std::slice::from_ref(&claim))?;
        if let Some(month) = &claim.producer {
            let name = |english, chinese| pick(teller.session.language, english, chinese);
            let figures = [
                (name("output VAT", "销项税额"), yuan(month.output_vat_fen)),
                (name("input VAT", "进项税额"), yuan(month.input_vat_fen)),
                (name("brought forward", "上期留抵"), yuan(month.brought_credit_fen)),
                (name("not creditable", "不得免征和抵扣税额"), yuan(month.non_creditable_fen)),
                (name("cap", "免抵退税额"), yuan(month.cap_fen)),
                (name("refund", "应退税额"), yuan(month.refund_fen)),
                (name("exempt credit", "免抵税额"), yuan(month.exempt_credit_fen)),
                (name("carried forward", "结转下期留抵"), yuan(month.carry_credit_fen)),
            ];
            print_line(&fields(&figures, columns()))?;
        }
    }
    // Every state, where none is named.
    let asked = args.state.unwrap_or(v1::ClaimLineState::Unspecified);
    let request =
        v1::ListClaimLinesRequest { name: claim.name, state: asked.into(), ..Default::default() };
    let list = async |it: &client::Window, ask| it.refund().list_claim_lines(ask).await;
    let found = teller.session.pages(request, usize::MAX, list).await?;
    CLAIM_LINES.print(teller, &found)
}

/// Answers a query.
pub(super) async fn answer(teller: PayPrinter<'_>, args: AnswerArgs) -> anyhow::Result<Exit> {
    let session = teller.session;
    let query_number = match args.query {
        Some(number) => number,
        None => present_query(teller, &args.name, args.line).await?,
    };
    let request = v1::AnswerClaimLineRequest {
        request_id: Uuid::now_v7().to_string(),
        name: args.name,
        line: args.line,
        query_number,
        text: args.text,
    };
    let make = async |it: &client::Window, ask| it.refund().answer_claim_line(ask).await;
    CLAIMS.print(teller, session.ask(request, make).await?.claim.as_slice())
}

/// The number of the query that a line stands at; 0 where it stands at none, which is refused.
async fn present_query(teller: PayPrinter<'_>, name: &str, line: u32) -> anyhow::Result<u32> {
    let request = v1::ListClaimLinesRequest {
        name: name.to_owned(),
        state: v1::ClaimLineState::Queried.into(),
        ..Default::default()
    };
    let list = async |it: &client::Window, ask| it.refund().list_claim_lines(ask).await;
    let queried = teller.session.pages(request, usize::MAX, list).await?;
    Ok(queried.iter().find(|it| it.line == line).map_or(0, |it| it.query_number))
}

/// Takes a line out.
pub(super) async fn drop_line(teller: PayPrinter<'_>, args: DropLine) -> anyhow::Result<Exit> {
    let request = v1::DropClaimLineRequest {
        request_id: Uuid::now_v7().to_string(),
        name: args.name,
        line: args.line,
    };
    let session = teller.session;
    let make = async |it: &client::Window, ask| it.refund().drop_claim_line(ask).await;
    CLAIMS.print(teller, session.ask(request, make).await?.claim.as_slice())
}

/// Follows what happens.
pub(super) async fn watch(teller: PayPrinter<'_>, args: WatchRefundsArgs) -> anyhow::Result<Exit> {
    let resume_token = if args.from_beginning { "beginning".to_owned() } else { String::new() };
    let request = v1::WatchRefundsRequest { resume_token };
    let session = teller.session;
    let mut news = std::pin::pin!(client::refunds(session.window.clone(), request));
    while let Some(update) = news.next().await {
        let update = update?;
        if teller.format == OutputFormat::Json {
            print_json(&update)?;
            continue;
        }
        let time = words::when(update.time.and_then(proto::time));
        for fact in &update.facts {
            let text = pick(session.language, fact.text.as_str(), fact.text_zh.as_str());
            let line = if fact.line == 0 { String::new() } else { format!(" #{}", fact.line) };
            print_line(&format!("{time}  {}{line}  {text}", update.name))?;
        }
    }
    Ok(Exit::Done)
}
