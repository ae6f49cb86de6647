//! `pay`: guarantee accounts, what moved on them, what is held, the duty of imports and its bills (支付).
//! For a firm's accountant, who must know at any time what is held, owed and due, and why.

mod calculate;
mod duty;
mod forex;
pub mod listing;
mod money;
mod orders;
mod quota;
mod returns;

pub use forex::{PAYMENTS, QUOTES, RECEIPTS, SALES, SETTLEMENTS};

pub use duty::{state as duty_state, status as bill_status};

use std::path::Path;

use domain::rules::{FEN_E5, decimal};
use proto::v1;

use super::reconcile::{self, Reconcile};
use super::{Exit, Language, OutputFormat, Session};

/// Payment (支付): accounts, what is held, the duty of imports, and tax bills.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Money:  accounts, balance, entries, holds, deposit, credit-line
Duty:   calculate, duties, duty, bills, bill, orders, pay-order
Back:   returns, goods-back
Buyer:  quota
Forex:  sales, receipts, match, unmatch, quote, settle, keep, settlements, assign, bop, declare,
        firm, register
Bank:   statement, statements, reconcile

Who calls is chosen with --as, for example --as enterprise-a; docs/payment.md is the guide.")]
pub struct PayArgs {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    Accounts(money::Accounts),
    Balance(money::BalanceArgs),
    Entries(money::Entries),
    Holds(money::Holds),
    Deposit(money::Deposit),
    CreditLine(money::CreditLineArgs),
    Calculate(calculate::Calculate),
    Duties(duty::Duties),
    Duty(duty::Duty),
    Bills(duty::Bills),
    Bill(duty::BillArgs),
    Orders(orders::Orders),
    PayOrder(orders::PayOrder),
    Returns(returns::ReturnsArgs),
    GoodsBack(returns::GoodsBackArgs),
    Quota(quota::QuotaArgs),
    Sales(forex::SalesArgs),
    Receipts(forex::Receipts),
    Match(forex::MatchArgs),
    Unmatch(forex::ReceiptArg),
    Quote(forex::QuoteArgs),
    Settle(forex::SettleArgs),
    Keep(forex::KeepArgs),
    Settlements(forex::Settlements),
    Assign(forex::AssignArgs),
    Bop(forex::BalanceOfPayments),
    Declare(forex::DeclareArgs),
    Statement(forex::StatementArgs),
    Statements(forex::StatementsArgs),
    Firm(forex::FirmArgs),
    Register(forex::RegisterArgs),
    Reconcile(Reconcile),
}

impl PayArgs {
    /// What works on files alone and asks no window: a statement against a file of orders.
    pub(super) fn offline(&self) -> Option<(&Path, &Reconcile)> {
        match &self.verb {
            Verb::Reconcile(args) => args.orders().map(|file| (file, args)),
            _ => None,
        }
    }
}

/// Does what the verb says.
///
/// # Errors
///
/// What kept it from doing so.
pub(super) async fn run(
    session: &Session,
    format: OutputFormat,
    args: PayArgs,
) -> anyhow::Result<Exit> {
    let teller = PayPrinter { session, format };
    match args.verb {
        Verb::Accounts(args) => money::accounts(teller, args).await,
        Verb::Balance(args) => money::balance(teller, args).await,
        Verb::Entries(args) => money::entries(teller, args).await,
        Verb::Holds(args) => money::holds(teller, args).await,
        Verb::Deposit(args) => money::deposit(teller, args).await,
        Verb::CreditLine(args) => money::credit_line(teller, args).await,
        Verb::Calculate(args) => calculate::calculate(teller, args).await,
        Verb::Duties(args) => duty::duties(teller, args).await,
        Verb::Duty(args) => duty::duty(teller, args).await,
        Verb::Bills(args) => duty::bills(teller, args).await,
        Verb::Bill(args) => duty::bill(teller, args).await,
        Verb::Orders(args) => orders::orders(teller, args).await,
        Verb::PayOrder(args) => orders::pay_order(teller, args).await,
        Verb::Returns(args) => returns::returns(teller, args).await,
        Verb::GoodsBack(args) => returns::goods_back(teller, args).await,
        Verb::Quota(args) => quota::quota(teller, args).await,
        Verb::Sales(args) => forex::sales(teller, args).await,
        Verb::Receipts(args) => forex::receipts(teller, args).await,
        Verb::Match(args) => forex::match_receipt(teller, args).await,
        Verb::Unmatch(args) => forex::unmatch(teller, args).await,
        Verb::Quote(args) => forex::quote(teller, args).await,
        Verb::Settle(args) => forex::settle(teller, args).await,
        Verb::Assign(args) => forex::assign(teller, args).await,
        Verb::Keep(args) => forex::keep(teller, args).await,
        Verb::Settlements(args) => forex::settlements(teller, args).await,
        Verb::Bop(args) => forex::payments(teller, args).await,
        Verb::Declare(args) => forex::declare(teller, args).await,
        Verb::Statement(args) => forex::statement(teller, args).await,
        Verb::Statements(args) => forex::statements(teller, args).await,
        Verb::Firm(args) => forex::firm(teller, args).await,
        Verb::Register(args) => forex::register(teller, args).await,
        Verb::Reconcile(args) => reconcile::window::compare(teller, &args).await,
    }
}

/// Who asks, and how the answer is written.
#[derive(Clone, Copy)]
pub(super) struct PayPrinter<'a> {
    pub(super) session: &'a Session,
    pub(super) format: OutputFormat,
}

/// Fen as yuan.
pub fn yuan(fen: i64) -> String {
    let text = decimal(fen.saturating_mul(FEN_E5));
    match text.split_once('.') {
        None => format!("{text}.00"),
        Some((_, digits)) if digits.len() == 1 => format!("{text}0"),
        Some(_) => text,
    }
}

/// An amount in yuan on the command line, as fen.
pub fn parse_yuan(text: &str) -> Result<i64, String> {
    let (whole, rest) = text.split_once('.').unwrap_or((text, "0"));
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let fits = is_number(whole) && is_number(rest) && rest.len() <= 2 && whole.len() <= 10;
    let wrong = || "an amount is in yuan with at most two digits after the point, as 1234.50";
    if !fits {
        return Err(wrong().to_owned());
    }
    format!("{whole}{rest:0<2}").parse().map_err(|_| wrong().to_owned())
}

/// What an account is for.
pub fn purpose(language: Language, purpose: v1::Purpose) -> &'static str {
    let (english, chinese) = match purpose {
        v1::Purpose::Unspecified => ("?", "？"),
        v1::Purpose::Guarantee => ("guarantee", "税款担保"),
        v1::Purpose::DutyPayable => ("duty payable", "应缴税款"),
        v1::Purpose::DutyPaid => ("duty paid", "已缴税款"),
        v1::Purpose::ForexReceivable => ("forex receivable", "应收外汇"),
        v1::Purpose::Settlement => ("settlement", "结算"),
        v1::Purpose::Fees => ("fees", "手续费"),
        v1::Purpose::Suspense => ("suspense", "待查"),
        v1::Purpose::Revenue => ("revenue", "国库收入"),
        v1::Purpose::ReversalPayable => ("reversal payable", "应付冲回款"),
    };
    super::words::pick(language, english, chinese)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn yuan_are_read_and_written_to_the_fen() {
        for (text, fen) in [("0", 0), ("12", 1_200), ("12.5", 1_250), ("0.05", 5)] {
            assert_eq!(parse_yuan(text), Ok(fen), "{text}");
        }
        for text in ["", "-1", "1.234", "1e3", "12345678901", ".", "1.", ".5", "1,000", "１"] {
            assert!(parse_yuan(text).is_err(), "{text}");
        }
        for (fen, text) in [(0, "0.00"), (5, "0.05"), (1_250, "12.50"), (-3_731, "-37.31")] {
            assert_eq!(yuan(fen), text);
        }
    }
}
