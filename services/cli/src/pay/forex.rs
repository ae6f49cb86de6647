//! `pay sales`, `receipts`, `match`, `unmatch`, `quote`, `settle`, `keep`, `settlements`, `assign`, `bop`, `declare`,
//! `statement` and `firm`: money from abroad.

use std::path::PathBuf;

use domain::payment::amount;
use domain::payment::ledger::Currency;
use futures::TryStreamExt as _;
use proto::v1;
use uuid::Uuid;

use super::listing::Listing;
use super::{PayPrinter, parse_yuan, yuan};
use crate::words::{self, pick};
use crate::{BilingualText, Exit, Language, OutputFormat, print_line};

/// List exports for which money is to come, with what came and was settled.
#[derive(Debug, clap::Args)]
pub(super) struct SalesArgs {
    /// Of this firm (customs code) [default: all that you see].
    #[arg(long, value_name = "CODE")]
    owner: Option<String>,
    /// Only those for which something is still to come.
    #[arg(long)]
    open: bool,
}

/// List receipts of money from abroad: what each pays, or why nothing.
#[derive(Debug, clap::Args)]
pub(super) struct Receipts {
    /// Of this firm (customs code) [default: all that you see].
    #[arg(long, value_name = "CODE")]
    owner: Option<String>,
    /// unmatched, matched, reversed or owed.
    #[arg(long, value_name = "STATE", value_parser = parse_state)]
    state: Option<v1::ForexReceiptState>,
}

/// Match a receipt by hand with the exports that it pays.
#[derive(Debug, clap::Args)]
pub(super) struct MatchArgs {
    /// The receipt.
    #[arg(value_name = "RECEIPT")]
    receipt: String,
    /// The exports, in the order in which they are filled.
    #[arg(value_name = "DECLARATION", required = true)]
    declarations: Vec<String>,
    /// Only say what it would be then.
    #[arg(long)]
    validate_only: bool,
}

/// Take a receipt off the exports that it was matched with.
#[derive(Debug, clap::Args)]
pub(super) struct ReceiptArg {
    /// The receipt.
    #[arg(value_name = "RECEIPT")]
    receipt: String,
    /// Only say what would be.
    #[arg(long)]
    validate_only: bool,
}

/// Ask for a rate at which a receipt would be settled; without a side, all that is left is sold.
#[derive(Debug, clap::Args)]
pub(super) struct QuoteArgs {
    /// The receipt.
    #[arg(value_name = "RECEIPT")]
    receipt: String,
    /// So many yuan are to be bought.
    #[arg(long, value_name = "YUAN", value_parser = parse_yuan, conflicts_with = "sell")]
    buy: Option<i64>,
    /// So much is to be sold, in the smallest unit of its currency.
    #[arg(long, value_name = "UNITS")]
    sell: Option<i64>,
}

/// Accept a quote: the bank is ordered to settle (结汇).
#[derive(Debug, clap::Args)]
pub(super) struct SettleArgs {
    /// The quote.
    #[arg(value_name = "QUOTE")]
    quote: String,
    /// Only say what would be ordered.
    #[arg(long)]
    validate_only: bool,
}

/// Keep what is left of a receipt in forex (留存).
#[derive(Debug, clap::Args)]
pub(super) struct KeepArgs {
    #[command(flatten)]
    of: ReceiptArg,
}

/// List orders to settle.
#[derive(Debug, clap::Args)]
pub(super) struct Settlements {
    /// Of this firm (customs code) [default: all that you see].
    #[arg(long, value_name = "CODE")]
    owner: Option<String>,
}

/// List what statements of banks say that is on accounts, beside what there should be (对账).
#[derive(Debug, clap::Args)]
pub(super) struct StatementsArgs {
    /// Of this firm (customs code) [default: all that you see].
    #[arg(long, value_name = "CODE")]
    owner: Option<String>,
    /// Only those that differ.
    #[arg(long)]
    differing: bool,
}

/// Assign to its receipt what a bank executed after an order had ended; until then it lies in suspense.
#[derive(Debug, clap::Args)]
pub(super) struct AssignArgs {
    /// The order to settle.
    #[arg(value_name = "SETTLEMENT")]
    settlement: String,
    /// Only say what would be.
    #[arg(long)]
    validate_only: bool,
}

/// Tell what is declared of receipts to the balance of payments (国际收支申报), and what is missing.
#[derive(Debug, clap::Args)]
pub(super) struct BalanceOfPayments {
    /// Of this firm (customs code) [default: all that you see].
    #[arg(long, value_name = "CODE")]
    owner: Option<String>,
    /// Only those that are not declared yet.
    #[arg(long)]
    missing: bool,
}

/// Declare a receipt to the balance of payments, or correct what was declared.
#[derive(Debug, clap::Args)]
pub(super) struct DeclareArgs {
    /// The receipt.
    #[arg(value_name = "RECEIPT")]
    receipt: String,
    /// Transaction code [default: that of mode and channel].
    #[arg(long, value_name = "CODE")]
    code: Option<String>,
    /// Country of whoever paid, as customs numbers it [default: that of the export].
    #[arg(long, value_name = "COUNTRY")]
    country: Option<String>,
    /// What was sold [default: the goods of the export].
    #[arg(long, value_name = "TEXT")]
    goods: Option<String>,
    /// Only say what would be declared.
    #[arg(long)]
    validate_only: bool,
}

/// Hand in a file of a bank (camt.053, camt.054, pain.002), as a bank or the operator.
#[derive(Debug, clap::Args)]
pub(super) struct StatementArgs {
    /// The file.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Only say what would be.
    #[arg(long)]
    validate_only: bool,
}

/// Say that SAFE registered a receipt (登记), so that a firm of class C may settle it; by the operator.
#[derive(Debug, clap::Args)]
pub(super) struct RegisterArgs {
    /// The receipt.
    #[arg(value_name = "RECEIPT")]
    receipt: String,
    /// Number of the registration.
    #[arg(value_name = "NUMBER")]
    number: String,
    /// Only check it.
    #[arg(long)]
    validate_only: bool,
}

/// Say how SAFE supervises a firm; by the operator.
#[derive(Debug, clap::Args)]
pub(super) struct FirmArgs {
    /// Its customs code.
    #[arg(value_name = "CODE")]
    owner: String,
    /// A, B or C.
    #[arg(long, value_name = "CLASS", value_parser = parse_class)]
    class: v1::SupervisionClass,
    /// It is registered for trade in forex (名录).
    #[arg(long)]
    listed: bool,
    /// The payment institution that brings its money is not listed (支付机构名录).
    #[arg(long)]
    unlisted_institution: bool,
    /// bank-documents, bank-transactions or institution.
    #[arg(long, value_name = "CHANNEL", value_parser = parse_channel, default_value = "bank-transactions")]
    channel: v1::ForexChannel,
    /// Only check it.
    #[arg(long)]
    validate_only: bool,
}

fn parse_state(text: &str) -> Result<v1::ForexReceiptState, String> {
    Ok(match text {
        "unmatched" => v1::ForexReceiptState::Unmatched,
        "matched" => v1::ForexReceiptState::Matched,
        "reversed" => v1::ForexReceiptState::Reversed,
        "owed" => v1::ForexReceiptState::Owed,
        _ => return Err("a state is unmatched, matched, reversed or owed".to_owned()),
    })
}

fn parse_class(text: &str) -> Result<v1::SupervisionClass, String> {
    Ok(match text {
        "A" => v1::SupervisionClass::A,
        "B" => v1::SupervisionClass::B,
        "C" => v1::SupervisionClass::C,
        _ => return Err("a class is A, B or C".to_owned()),
    })
}

fn parse_channel(text: &str) -> Result<v1::ForexChannel, String> {
    Ok(match text {
        "bank-documents" => v1::ForexChannel::BankOnDocuments,
        "bank-transactions" => v1::ForexChannel::BankOnTransactions,
        "institution" => v1::ForexChannel::Institution,
        _ => return Err("a channel is bank-documents, bank-transactions or institution".to_owned()),
    })
}

/// What the window says, in the language of the caller.
fn own<'t>(language: Language, english: &'t str, chinese: &'t str) -> &'t str {
    match language {
        Language::English => english,
        Language::Chinese => chinese,
    }
}

/// An amount of a currency that the window names.
fn money(letters: &str, amount: i64) -> String {
    // A currency that this program does not know is told in its smallest unit.
    Currency::of(letters).map_or_else(|| amount.to_string(), |it| amount::shown(it, amount))
}

/// Exports for which money is to come.
pub const SALES: Listing<v1::Sale, 9> = Listing {
    header: (
        [
            "declaration",
            "order",
            "mode",
            "state",
            "currency",
            "due",
            "announced",
            "received",
            "settled",
        ],
        ["清单", "订单编号", "监管方式", "状态", "币种", "应收", "收款单", "已收", "已结汇或留存"],
    ),
    flexible: Some(1),
    none: ("no exports", "没有出口清单"),
    row: |it, language| {
        let (english, chinese) = match it.state() {
            v1::SaleState::Unspecified => ("?", "？"),
            v1::SaleState::Filed => ("filed", "已申报"),
            v1::SaleState::Released => ("released", "已放行"),
            v1::SaleState::Ended => ("ended", "已终结"),
        };
        [
            it.declaration.clone(),
            it.order_no.clone(),
            it.trade_mode.clone(),
            pick(language, english, chinese).to_owned(),
            it.currency.clone(),
            money(&it.currency, it.amount),
            money(&it.currency, it.announced),
            money(&it.currency, it.received),
            money(&it.currency, it.settled),
        ]
    },
};

fn receipt_row(it: &v1::ForexReceipt, language: Language) -> [String; 11] {
    let (english, chinese) = match it.state() {
        v1::ForexReceiptState::Unspecified => ("?", "？"),
        v1::ForexReceiptState::Unmatched => ("unmatched", "未匹配"),
        v1::ForexReceiptState::Matched => ("matched", "已匹配"),
        v1::ForexReceiptState::Reversed => ("reversed", "已冲回"),
        v1::ForexReceiptState::Owed => ("owed to the bank", "应付银行"),
    };
    let pays = it.matches.iter().map(|part| {
        let amount = money(&it.currency, part.amount);
        format!("{amount} {}", part.declaration.trim_start_matches("declarations/"))
    });
    let pays: Vec<String> = pays.collect();
    let why = if it.matches.is_empty() {
        own(language, &it.why, &it.why_zh).to_owned()
    } else {
        pays.join("; ")
    };
    let amount = |amount: i64| money(&it.currency, amount);
    [
        it.id.clone(),
        it.booked.clone(),
        it.currency.clone(),
        amount(it.amount),
        amount(it.charges),
        pick(language, english, chinese).to_owned(),
        amount(it.settled),
        amount(it.kept),
        amount(it.available),
        amount(it.owed),
        why,
    ]
}

/// Receipts of money from abroad.
pub const RECEIPTS: Listing<v1::ForexReceipt, 11> = Listing {
    header: (
        [
            "receipt",
            "booked",
            "currency",
            "amount",
            "charges",
            "state",
            "settled",
            "kept",
            "available",
            "owed",
            "pays, or why not",
        ],
        [
            "收汇",
            "入账日期",
            "币种",
            "金额",
            "银行扣费",
            "状态",
            "已结汇",
            "留存",
            "可用",
            "应付银行",
            "核销或原因",
        ],
    ),
    flexible: Some(10),
    none: ("no receipts", "没有收汇"),
    row: receipt_row,
};

/// What statements say that is on accounts, beside what there should be.
const STATEMENTS: Listing<v1::StatementBalance, 7> = Listing {
    header: (
        ["account", "day", "statement", "currency", "closing", "expected", "difference"],
        ["账户", "日期", "对账单", "币种", "期末余额", "应有余额", "差额"],
    ),
    flexible: None,
    none: ("no statement came", "没有对账单"),
    row: |it, _| {
        [
            it.account.clone(),
            it.day.clone(),
            it.number.clone(),
            it.currency.clone(),
            money(&it.currency, it.closing),
            money(&it.currency, it.expected),
            money(&it.currency, it.difference),
        ]
    },
};

/// Orders to settle.
pub const SETTLEMENTS: Listing<v1::Settlement, 9> = Listing {
    header: (
        ["settlement", "state", "currency", "sold", "bought", "executed", "yuan", "fee", "reason"],
        ["结汇", "状态", "币种", "卖出", "应得人民币", "已卖出", "已得人民币", "手续费", "原因"],
    ),
    flexible: Some(8),
    none: ("nothing was ordered", "没有结汇指令"),
    row: |it, language| {
        let (english, chinese) = match it.state() {
            v1::SettlementState::Unspecified => ("?", "？"),
            v1::SettlementState::Ordered => ("ordered", "已申请"),
            v1::SettlementState::Taken => ("with the bank", "银行已受理"),
            v1::SettlementState::Executed => ("executed", "已结汇"),
            v1::SettlementState::PartlyExecuted => ("partly executed", "部分结汇"),
            v1::SettlementState::Rejected => ("rejected", "银行拒绝"),
            v1::SettlementState::Expired => ("expired", "逾期未执行"),
        };
        [
            it.id.clone(),
            pick(language, english, chinese).to_owned(),
            it.currency.clone(),
            money(&it.currency, it.sold),
            yuan(it.bought_fen),
            money(&it.currency, it.executed_sold),
            yuan(it.executed_fen),
            yuan(it.fee_fen),
            if it.why.is_empty() {
                it.reason.clone()
            } else {
                own(language, &it.why, &it.why_zh).to_owned()
            },
        ]
    },
};

/// What is told of receipts to the balance of payments.
pub const PAYMENTS: Listing<v1::PaymentsRecord, 10> = Listing {
    header: (
        [
            "receipt", "booked", "currency", "amount", "code", "country", "note", "until",
            "declared", "missing",
        ],
        [
            "收汇",
            "入账日期",
            "币种",
            "金额",
            "交易编码",
            "国别",
            "交易附言",
            "申报期限",
            "申报时间",
            "缺少",
        ],
    ),
    flexible: Some(9),
    none: ("no receipts", "没有收汇"),
    row: |it, language| {
        let missing = match language {
            Language::English => it.missing.join("; "),
            Language::Chinese => it.missing_zh.join("；"),
        };
        [
            it.receipt.clone(),
            it.booked.clone(),
            it.currency.clone(),
            money(&it.currency, it.amount),
            it.code.clone(),
            it.country.clone(),
            it.note.clone(),
            it.declared_until.clone(),
            proto::text(it.declared_time.map(|it| words::when(proto::time(it)))),
            missing,
        ]
    },
};

/// Rates that a bank binds itself to.
pub const QUOTES: Listing<v1::ForexQuote, 6> = Listing {
    header: (
        ["quote", "currency", "sold", "bought", "rate", "until"],
        ["报价", "币种", "卖出", "人民币", "汇率", "有效期至"],
    ),
    flexible: None,
    none: ("no quote", "没有报价"),
    row: |it, _| {
        [
            it.id.clone(),
            it.currency.clone(),
            money(&it.currency, it.sold),
            yuan(it.bought_fen),
            domain::rules::decimal(it.rate_e8 / 1_000),
            words::when(it.valid_until.and_then(proto::time)),
        ]
    },
};

/// Lists exports.
pub(super) async fn sales(teller: PayPrinter<'_>, args: SalesArgs) -> anyhow::Result<Exit> {
    let (owner, only_open) = (proto::text(args.owner), args.open);
    let request = v1::ListSalesRequest { owner, only_open, ..Default::default() };
    let list = async |it: &client::Window, ask| it.forex().list_sales(ask).await;
    let found = teller.session.pages(request, usize::MAX, list).await?;
    SALES.print(teller, &found)
}

/// Lists receipts.
pub(super) async fn receipts(teller: PayPrinter<'_>, args: Receipts) -> anyhow::Result<Exit> {
    let request = v1::ListForexReceiptsRequest {
        owner: proto::text(args.owner),
        // Every one, where none is asked for.
        state: args.state.map_or(0, i32::from),
        ..Default::default()
    };
    let list = async |it: &client::Window, ask| it.forex().list_forex_receipts(ask).await;
    let found = teller.session.pages(request, usize::MAX, list).await?;
    RECEIPTS.print(teller, &found)
}

fn request_id() -> String {
    Uuid::now_v7().to_string()
}

/// Matches by hand.
pub(super) async fn match_receipt(teller: PayPrinter<'_>, args: MatchArgs) -> anyhow::Result<Exit> {
    let MatchArgs { receipt, declarations, validate_only } = args;
    let request =
        v1::MatchReceiptRequest { request_id: request_id(), receipt, declarations, validate_only };
    let session = teller.session;
    let make = async |it: &client::Window, ask| it.forex().match_receipt(ask).await;
    RECEIPTS.print(teller, session.ask(request, make).await?.receipt.as_slice())
}

/// Takes a match back.
pub(super) async fn unmatch(teller: PayPrinter<'_>, args: ReceiptArg) -> anyhow::Result<Exit> {
    let request = v1::UnmatchReceiptRequest {
        request_id: request_id(),
        receipt: args.receipt,
        validate_only: args.validate_only,
    };
    let session = teller.session;
    let make = async |it: &client::Window, ask| it.forex().unmatch_receipt(ask).await;
    RECEIPTS.print(teller, session.ask(request, make).await?.receipt.as_slice())
}

/// Asks for a rate.
pub(super) async fn quote(teller: PayPrinter<'_>, args: QuoteArgs) -> anyhow::Result<Exit> {
    let QuoteArgs { receipt, buy, sell } = args;
    let request = v1::QuoteSettlementRequest {
        receipt,
        sold: sell.unwrap_or(0),      // not given
        bought_fen: buy.unwrap_or(0), // not given
    };
    let session = teller.session;
    let ask = async |it: &client::Window, ask| it.forex().quote_settlement(ask).await;
    let found = session.ask(request, ask).await?;
    let exit = QUOTES.print(teller, found.quote.as_slice())?;
    if matches!(teller.format, crate::OutputFormat::Table) {
        for v1::ForexRemark { code, text, text_zh, law } in &found.remarks {
            let text = own(session.language, text, text_zh);
            print_line(&format!("{code} {text} ({law})"))?;
        }
    }
    Ok(exit)
}

/// Accepts a quote.
pub(super) async fn settle(teller: PayPrinter<'_>, args: SettleArgs) -> anyhow::Result<Exit> {
    let SettleArgs { quote, validate_only } = args;
    let request = v1::AcceptQuoteRequest { request_id: request_id(), quote, validate_only };
    let session = teller.session;
    let make = async |it: &client::Window, ask| it.forex().accept_quote(ask).await;
    SETTLEMENTS.print(teller, session.ask(request, make).await?.settlement.as_slice())
}

/// Keeps forex.
pub(super) async fn keep(teller: PayPrinter<'_>, args: KeepArgs) -> anyhow::Result<Exit> {
    let request = v1::KeepReceiptRequest {
        request_id: request_id(),
        receipt: args.of.receipt,
        validate_only: args.of.validate_only,
    };
    let session = teller.session;
    let make = async |it: &client::Window, ask| it.forex().keep_receipt(ask).await;
    RECEIPTS.print(teller, session.ask(request, make).await?.receipt.as_slice())
}

/// Lists orders.
pub(super) async fn settlements(teller: PayPrinter<'_>, args: Settlements) -> anyhow::Result<Exit> {
    let owner = proto::text(args.owner);
    let request = v1::ListSettlementsRequest { owner, ..Default::default() };
    let list = async |it: &client::Window, ask| it.forex().list_settlements(ask).await;
    let found = teller.session.pages(request, usize::MAX, list).await?;
    SETTLEMENTS.print(teller, &found)
}

/// Lists ends of statements.
pub(super) async fn statements(
    teller: PayPrinter<'_>,
    args: StatementsArgs,
) -> anyhow::Result<Exit> {
    let StatementsArgs { owner, differing: only_differing } = args;
    let owner = proto::text(owner);
    let request = v1::ListBankStatementsRequest { owner, only_differing, ..Default::default() };
    let list = async |it: &client::Window, ask| it.forex().list_bank_statements(ask).await;
    let found = teller.session.pages(request, usize::MAX, list).await?;
    STATEMENTS.print(teller, &found)
}

/// Assigns what came late.
pub(super) async fn assign(teller: PayPrinter<'_>, args: AssignArgs) -> anyhow::Result<Exit> {
    let AssignArgs { settlement, validate_only } = args;
    let request =
        v1::AssignSettlementRequest { request_id: request_id(), settlement, validate_only };
    let session = teller.session;
    let make = async |it: &client::Window, ask| it.forex().assign_settlement(ask).await;
    SETTLEMENTS.print(teller, session.ask(request, make).await?.settlement.as_slice())
}

/// Tells what is declared, and what is missing.
pub(super) async fn payments(
    teller: PayPrinter<'_>,
    args: BalanceOfPayments,
) -> anyhow::Result<Exit> {
    let request =
        v1::ExportPaymentsRequest { owner: proto::text(args.owner), only_missing: args.missing };
    let session = teller.session;
    let records =
        session.window.forex().export_payments(session.request(request)).await?.into_inner();
    let records = records.try_collect::<Vec<_>>().await?;
    let exit = PAYMENTS.print(teller, &records)?;
    if teller.format == OutputFormat::Table && records.iter().any(|it| it.is_provisional) {
        print_line(pick(
            session.language,
            "! some deadlines reach into a year whose days off are not known here: they may move",
            "! 部分期限跨入放假安排未知的年度，可能变动",
        ))?;
    }
    Ok(exit)
}

/// Declares a receipt.
pub(super) async fn declare(teller: PayPrinter<'_>, args: DeclareArgs) -> anyhow::Result<Exit> {
    let DeclareArgs { receipt, code, country, goods, validate_only } = args;
    let request = v1::DeclarePaymentRequest {
        request_id: request_id(),
        receipt,
        code: proto::text(code),
        country: proto::text(country),
        goods: proto::text(goods),
        validate_only,
    };
    let session = teller.session;
    let make = async |it: &client::Window, ask| it.forex().declare_payment(ask).await;
    PAYMENTS.print(teller, session.ask(request, make).await?.record.as_slice())
}

/// What a statement says that is on an account: that it agrees, or what differs.
fn balance(found: &v1::StatementBalance, language: Language) -> String {
    if found.difference != 0 {
        return own(language, &found.why, &found.why_zh).to_owned();
    }
    let (account, closing) = (&found.account, money(&found.currency, found.closing));
    match language {
        Language::English => format!("{account} agrees: {closing}"),
        Language::Chinese => format!("{account}相符：{closing}"),
    }
}

/// Hands a file of a bank in.
pub(super) async fn statement(teller: PayPrinter<'_>, args: StatementArgs) -> anyhow::Result<Exit> {
    let document = std::fs::read_to_string(&args.file);
    let document = document.map_err(|error| {
        anyhow::Error::new(error).context(BilingualText::unreadable(&args.file))
    })?;
    let request = v1::TakeBankFileRequest { document, validate_only: args.validate_only };
    let session = teller.session;
    let make = async |it: &client::Window, ask| it.forex().take_bank_file(ask).await;
    let found = session.ask(request, make).await?;
    let listing: Listing<v1::TakeBankFileResponse, 4> = Listing {
        header: (
            ["taken", "repeated", "ignored", "balances"],
            ["已处理", "重复", "未处理", "余额核对"],
        ),
        flexible: Some(2),
        none: ("nothing", "无"),
        row: |it, language| {
            let balances = it.balances.iter().map(|found| balance(found, language));
            [
                it.taken.to_string(),
                it.repeated.to_string(),
                it.ignored.join("; "),
                balances.collect::<Vec<_>>().join("; "),
            ]
        },
    };
    listing.print(teller, &[found])
}

/// Says that SAFE registered a receipt.
pub(super) async fn register(teller: PayPrinter<'_>, args: RegisterArgs) -> anyhow::Result<Exit> {
    let RegisterArgs { receipt, number, validate_only } = args;
    let request =
        v1::RegisterReceiptRequest { request_id: request_id(), receipt, number, validate_only };
    let session = teller.session;
    let make = async |it: &client::Window, ask| it.forex().register_receipt(ask).await;
    RECEIPTS.print(teller, session.ask(request, make).await?.receipt.as_slice())
}

/// Says how a firm is supervised.
pub(super) async fn firm(teller: PayPrinter<'_>, args: FirmArgs) -> anyhow::Result<Exit> {
    let FirmArgs { owner, class, listed, unlisted_institution, channel, validate_only } = args;
    let request = v1::SetForexFirmRequest {
        request_id: request_id(),
        owner,
        supervision_class: class.into(),
        is_listed: listed,
        is_institution_unlisted: unlisted_institution,
        channel: channel.into(),
        validate_only,
    };
    let session = teller.session;
    let make = async |it: &client::Window, ask| it.forex().set_forex_firm(ask).await;
    session.ask(request, make).await?;
    let said = if validate_only {
        pick(session.language, "it could be said so", "可如此设定")
    } else {
        pick(session.language, "it holds from now on", "自即日起生效")
    };
    print_line(said)?;
    Ok(Exit::Done)
}
