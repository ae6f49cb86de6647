//! `pay accounts`, `balance`, `entries`, `holds`, `deposit`, `credit-line`.

use proto::v1;
use time::OffsetDateTime;
use uuid::Uuid;

use super::listing::Listing;
use super::{PayPrinter, parse_yuan, purpose, yuan};
use crate::words;
use crate::{Exit, Language};

/// List accounts: what each has, what is held of it, and what is available.
#[derive(Debug, clap::Args)]
pub(super) struct Accounts {
    /// Of this firm (customs code) [default: all that you see].
    #[arg(long, value_name = "CODE")]
    owner: Option<String>,
}

/// The balance of an account now or at a time: of what counted until then and was known until then.
#[derive(Debug, clap::Args)]
pub(super) struct BalanceArgs {
    /// Whose (customs code) [default: your own].
    #[arg(long, value_name = "CODE")]
    owner: Option<String>,
    /// guarantee, duty-payable, duty-paid, settlement or revenue.
    #[arg(long, value_name = "PURPOSE", value_parser = parse_purpose, default_value = "guarantee")]
    purpose: v1::Purpose,
    /// What counted until then: YYYY-MM-DD (midnight in China) or RFC 3339 [default: now].
    #[arg(long, value_name = "TIME", value_parser = words::parse_until)]
    at: Option<OffsetDateTime>,
    /// Of what was written until then: YYYY-MM-DD (midnight in China) or RFC 3339 [default: now].
    #[arg(long, value_name = "TIME", value_parser = words::parse_until)]
    known: Option<OffsetDateTime>,
}

/// List what moved on a firm's accounts or was held there, oldest first, with the reason of each.
#[derive(Debug, clap::Args)]
pub(super) struct Entries {
    /// Whose (customs code) [default: your own].
    #[arg(long, value_name = "CODE")]
    owner: Option<String>,
    /// About this declaration only.
    #[arg(long, value_name = "NAME")]
    declaration: Option<String>,
}

/// List what is held on guarantees, and for what.
#[derive(Debug, clap::Args)]
pub(super) struct Holds {
    /// Whose (customs code) [default: all that you see].
    #[arg(long, value_name = "CODE")]
    owner: Option<String>,
    /// Those that ended, too.
    #[arg(long)]
    all: bool,
}

/// Lodge money on a guarantee account: by the operator; in a sandbox by the firm itself.
#[derive(Debug, clap::Args)]
pub(super) struct Deposit {
    /// In yuan, as 1234.50.
    #[arg(value_name = "YUAN", value_parser = parse_yuan)]
    amount: i64,
    #[command(flatten)]
    change: ChangeArgs,
}

/// Grant or change the credit line of a guarantee account, such as a letter of guarantee (保函).
#[derive(Debug, clap::Args)]
pub(super) struct CreditLineArgs {
    /// In yuan; 0 takes it away. What is held stays held.
    #[arg(value_name = "YUAN", value_parser = parse_yuan)]
    amount: i64,
    #[command(flatten)]
    change: ChangeArgs,
}

#[derive(Debug, clap::Args)]
struct ChangeArgs {
    /// Whose (customs code) [default: your own].
    #[arg(long, value_name = "CODE")]
    owner: Option<String>,
    /// What it is, as the number of the bank's booking.
    #[arg(long, value_name = "TEXT")]
    reference: Option<String>,
    /// Only say what the account would be then.
    #[arg(long)]
    validate_only: bool,
}

fn parse_purpose(text: &str) -> Result<v1::Purpose, String> {
    Ok(match text {
        "guarantee" => v1::Purpose::Guarantee,
        "duty-payable" => v1::Purpose::DutyPayable,
        "duty-paid" => v1::Purpose::DutyPaid,
        "settlement" => v1::Purpose::Settlement,
        "revenue" => v1::Purpose::Revenue,
        "reversal-payable" => v1::Purpose::ReversalPayable,
        _ => {
            return Err(
                "a purpose is guarantee, duty-payable, duty-paid, settlement or revenue".into()
            );
        }
    })
}

fn account(it: &v1::Account, language: Language) -> [String; 7] {
    [
        it.owner.clone(),
        purpose(language, it.purpose()).to_owned(),
        it.currency.clone(),
        yuan(it.balance),
        yuan(it.held_debits),
        yuan(it.credit_line),
        yuan(it.available),
    ]
}

const ACCOUNTS: Listing<v1::Account, 7> = Listing {
    header: (
        ["owner", "purpose", "currency", "balance", "held", "credit line", "available"],
        ["账户所有人", "用途", "币种", "余额", "冻结", "授信额度", "可用"],
    ),
    flexible: None,
    none: ("no accounts", "没有账户"),
    row: account,
};

/// Lists accounts.
pub(super) async fn accounts(teller: PayPrinter<'_>, args: Accounts) -> anyhow::Result<Exit> {
    let owner = proto::text(args.owner);
    let request = v1::ListAccountsRequest { owner, ..Default::default() };
    let list = async |it: &client::Window, ask| it.payment().list_accounts(ask).await;
    let found = teller.session.pages(request, usize::MAX, list).await?;
    ACCOUNTS.print(teller, &found)
}

/// Tells a balance.
pub(super) async fn balance(teller: PayPrinter<'_>, args: BalanceArgs) -> anyhow::Result<Exit> {
    let request = v1::GetBalanceRequest {
        owner: proto::text(args.owner),
        currency: String::new(),
        purpose: args.purpose.into(),
        effective_time: args.at.map(proto::timestamp),
        recorded_time: args.known.map(proto::timestamp),
    };
    let session = teller.session;
    let get = async |it: &client::Window, ask| it.payment().get_balance(ask).await;
    let found = session.ask(request, get).await?;
    let listing: Listing<v1::GetBalanceResponse, 4> = Listing {
        header: (
            ["owner", "purpose", "currency", "balance"],
            ["账户所有人", "用途", "币种", "余额"],
        ),
        flexible: None,
        none: ("no account", "没有账户"),
        row: |it, language| {
            let purpose = purpose(language, it.purpose()).to_owned();
            [it.owner.clone(), purpose, it.currency.clone(), yuan(it.balance)]
        },
    };
    listing.print(teller, &[found])
}

/// Lists what moved.
pub(super) async fn entries(teller: PayPrinter<'_>, args: Entries) -> anyhow::Result<Exit> {
    let Entries { owner, declaration } = args;
    let (owner, declaration) = (proto::text(owner), proto::text(declaration));
    let request = v1::ListEntriesRequest { owner, declaration, ..Default::default() };
    let list = async |it: &client::Window, ask| it.payment().list_entries(ask).await;
    let found = teller.session.pages(request, usize::MAX, list).await?;
    let listing: Listing<v1::LedgerEntry, 6> = Listing {
        header: (
            ["number", "time", "action", "event", "legs", "declaration"],
            ["序号", "时间", "动作", "事由", "分录", "清单"],
        ),
        flexible: Some(4),
        none: ("nothing moved", "没有分录"),
        row: |it, language| {
            let leg = |leg: &v1::Leg| {
                let from = purpose(language, leg.from_purpose());
                let to = purpose(language, leg.to_purpose());
                let (amount, from_owner, to_owner) =
                    (yuan(leg.amount), &leg.from_owner, &leg.to_owner);
                format!("{amount} {from_owner} {from} → {to_owner} {to}")
            };
            let legs: Vec<String> = it.legs.iter().map(leg).collect();
            [
                it.number.to_string(),
                words::when(it.recorded_time.and_then(proto::time)),
                it.action.clone(),
                it.event.clone(),
                legs.join("; "),
                it.declaration.clone(),
            ]
        },
    };
    listing.print(teller, &found)
}

/// Lists what is held.
pub(super) async fn holds(teller: PayPrinter<'_>, args: Holds) -> anyhow::Result<Exit> {
    let state = if args.all { v1::HoldState::Unspecified } else { v1::HoldState::Open };
    let owner = proto::text(args.owner);
    let request = v1::ListHoldsRequest { owner, state: state.into(), ..Default::default() };
    let list = async |it: &client::Window, ask| it.payment().list_holds(ask).await;
    let found = teller.session.pages(request, usize::MAX, list).await?;
    let listing: Listing<v1::Hold, 5> = Listing {
        header: (
            ["owner", "amount", "state", "since", "declaration"],
            ["账户所有人", "金额", "状态", "起始时间", "清单"],
        ),
        flexible: None,
        none: ("nothing is held", "没有冻结"),
        row: |it, language| {
            let (english, chinese) = match it.state() {
                v1::HoldState::Unspecified => ("?", "？"),
                v1::HoldState::Open => ("open", "冻结中"),
                v1::HoldState::Posted => ("posted", "已入账"),
                v1::HoldState::Voided => ("voided", "已撤销"),
                v1::HoldState::Expired => ("expired", "已到期"),
            };
            [
                it.owner.clone(),
                yuan(it.amount),
                words::pick(language, english, chinese).to_owned(),
                words::when(it.opened_time.and_then(proto::time)),
                it.declaration.clone(),
            ]
        },
    };
    listing.print(teller, &found)
}

/// Lodges money.
pub(super) async fn deposit(teller: PayPrinter<'_>, args: Deposit) -> anyhow::Result<Exit> {
    let ChangeArgs { owner, reference, validate_only } = args.change;
    let request = v1::DepositRequest {
        request_id: Uuid::now_v7().to_string(),
        owner: proto::text(owner),
        amount_fen: args.amount,
        reference: proto::text(reference),
        validate_only,
    };
    let session = teller.session;
    let make = async |it: &client::Window, ask| it.payment().deposit(ask).await;
    let account = session.ask(request, make).await?.account;
    ACCOUNTS.print(teller, account.as_slice())
}

/// Grants a credit line.
pub(super) async fn credit_line(
    teller: PayPrinter<'_>,
    args: CreditLineArgs,
) -> anyhow::Result<Exit> {
    let ChangeArgs { owner, reference, validate_only } = args.change;
    let request = v1::SetCreditLineRequest {
        request_id: Uuid::now_v7().to_string(),
        owner: proto::text(owner),
        amount_fen: args.amount,
        reference: proto::text(reference),
        validate_only,
    };
    let session = teller.session;
    let make = async |it: &client::Window, ask| it.payment().set_credit_line(ask).await;
    let account = session.ask(request, make).await?.account;
    ACCOUNTS.print(teller, account.as_slice())
}
