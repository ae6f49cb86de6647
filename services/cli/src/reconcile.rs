//! `pay reconcile`: a statement of a bank against the receipts that are expected, without a window. What does
//! not match is shown with the reason.

pub(crate) mod window;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use domain::Code;
use domain::payment::amount;
use domain::payment::ledger::Currency;
use domain::payment::matching::{Group, GroupOutcome, Receivable, groups};
use domain::payment::statement::{
    Bookings, EntryUse, SortedEntry, Statement, StatementEntry, sort,
};
use proto::bank::{self, BankFile};
use proto::ceb::MessageFault;
use proto::status::Language;
use serde::Deserialize;
use serde_json::{Value, json};

use super::ceb::message;
use super::problem::{BrokenRule, Problem};
use super::tax::TaxPrinter;
use super::words::{pick, table};
use super::{Exit, OutputFormat, csv, input, print_json, print_line, print_refusal};

/// Match the statement of a bank with expected receipts: partial and combined ones, fees, and why something
/// does not match. Asks no window with --orders; without it, the statement is compared with what the window has of it.
///
/// A statement is camt.053, or a spreadsheet (CSV) with the columns account, statement, booked, currency and
/// amount, and perhaps charges, reference, end_to_end, party and text; notices (camt.054) are taken too, alone or
/// beside their statements. Several files are one: a booking counts once, whichever of them tell it, and two equal
/// bookings of a day are two. Receipts are matched by the order numbers in their texts. The exit code is 1 when
/// something does not match.
#[derive(Debug, clap::Args)]
pub(super) struct Reconcile {
    /// Statements of the bank (camt.053, camt.054 or CSV), plain or .gz; `-` is standard input.
    #[arg(required = true, value_name = "STATEMENT")]
    statements: Vec<PathBuf>,
    /// What is expected: CSV with the columns order_no, currency and amount, or a list of such objects as JSON
    /// [default: the receipts and settlements of the window].
    #[arg(long, value_name = "FILE")]
    orders: Option<PathBuf>,
    /// What banks may keep of each receipt without a word, in main units of its currency.
    #[arg(long, value_name = "AMOUNT", default_value = "0", value_parser = parse_tolerance)]
    tolerance: u32,
}

/// Hundredths of a main unit.
fn parse_tolerance(text: &str) -> Result<u32, String> {
    let hundredths = amount::parse(Currency::Usd, text).ok();
    let fits = hundredths.and_then(|amount| u32::try_from(amount).ok());
    fits.ok_or_else(|| {
        "a tolerance is an amount with at most two digits after the point, as 5.00".to_owned()
    })
}

/// The tolerance in the minor unit of a currency.
fn tolerance(hundredths: u32, currency: Currency) -> i64 {
    let hundredths = i64::from(hundredths);
    match currency.minor_digits() {
        0 => hundredths / 100,
        _ => hundredths,
    }
}

impl Reconcile {
    /// The file of orders, which needs no window.
    pub(super) fn orders(&self) -> Option<&Path> {
        self.orders.as_deref()
    }
}

/// Matches with the orders of a file, and tells.
pub(super) fn run(voice: TaxPrinter, file: &Path, args: &Reconcile) -> anyhow::Result<Exit> {
    let TaxPrinter { format, language } = voice;
    let mut refused = Exit::Done;
    let orders = match orders(file, language) {
        Ok(orders) => orders,
        Err(problem) => {
            refused = print_refusal(format.output(), &problem)?;
            Vec::new()
        }
    };
    let mut statements = Vec::new();
    for path in &args.statements {
        match read(path, language) {
            Ok(read) => statements.extend(read),
            Err(problem) => refused = refused.max(print_refusal(format.output(), &problem)?),
        }
    }
    if refused != Exit::Done {
        return Ok(refused);
    }
    let known: BTreeSet<&str> = orders.iter().map(|order| order.order_no.as_str()).collect();
    let sorted = sort(&statements, &known, &mut Bookings::default());
    let receipts: Vec<_> = sorted
        .iter()
        .filter_map(|sorted| match &sorted.usage {
            EntryUse::Receipt(line) => Some(line.clone()),
            EntryUse::Repeated | EntryUse::Paid | EntryUse::Reversal | EntryUse::NotBooked => None,
        })
        .collect();
    let groups = groups(&orders, &receipts, |currency| tolerance(args.tolerance, currency));
    let orders = orders.iter().map(|order| (order.order_no.as_str(), order)).collect();
    let is_receipt = |sorted: &&SortedEntry<'_>| matches!(sorted.usage, EntryUse::Receipt(_));
    // An identity is told once as a receipt.
    let receipts = sorted.iter().filter(is_receipt);
    let receipts = receipts.map(|sorted| (sorted.line.as_str(), sorted)).collect();
    let matched = MatchReport { orders, receipts, sorted: &sorted, groups, language };
    match format {
        OutputFormat::Table => print_line(matched.text().trim_end())?,
        OutputFormat::Csv => print_line(matched.csv().trim_end())?,
        OutputFormat::Json => {
            for value in matched.json() {
                print_json(&value)?;
            }
        }
    }
    Ok(if matched.is_complete() { Exit::Done } else { Exit::Refused })
}

/// The statements or notices of a file.
fn read(path: &Path, language: Language) -> Result<Vec<Statement>, Problem> {
    let name = input::name(path);
    let bytes = plain(path, language)?;
    let refused = |faults: Vec<MessageFault>| {
        message::refusal(&faults, language).in_file(&name).about("file", &name)
    };
    if !starts(&bytes, b"<") {
        return bank::csv::read(&bytes).map_err(refused);
    }
    match bank::read(&bytes).map_err(refused)? {
        BankFile::Statements(statements) | BankFile::Notices(statements) => Ok(statements),
        BankFile::Order(_) | BankFile::Report(_) => {
            let text = pick(
                language,
                "this is a payment order or its report; a statement (camt.053) or notice (camt.054) is needed",
                "该文件是付款指令或其状态报告，须为对账单（camt.053）或动账通知（camt.054）",
            );
            let why = BrokenRule::plain(Code::XmlTypeUnsupported, text);
            let problem = Problem::local(Code::XmlTypeUnsupported, language, vec![why]);
            Err(problem.about("file", &name))
        }
    }
}

/// A file without compression.
fn plain(path: &Path, language: Language) -> Result<Vec<u8>, Problem> {
    let file = message::open(path, language)
        .map_err(|problem| problem.about("file", &input::name(path)))?;
    message::plain(&file.bytes).map_err(|text| {
        let why = BrokenRule::plain(Code::FileUnreadable, text);
        Problem::local(Code::FileUnreadable, language, vec![why]).about("file", &file.name)
    })
}

/// What a file begins with, blanks and a byte order mark left out.
fn starts(bytes: &[u8], with: &[u8]) -> bool {
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    text.trim_ascii_start().starts_with(with)
}

/// An order of a JSON file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ListedOrder {
    order_no: String,
    currency: String,
    amount: String,
}

/// What is expected, with every fault of the file.
fn orders(path: &Path, language: Language) -> Result<Vec<Receivable>, Problem> {
    let name = input::name(path);
    let bytes = plain(path, language)?;
    let refused = |faults: &[MessageFault]| {
        message::refusal(faults, language).in_file(&name).about("file", &name)
    };
    let rows = if starts(&bytes, b"[") {
        let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
        let read: Vec<ListedOrder> = serde_json::from_slice(text).map_err(|error| {
            let (line, column) = (error.line(), error.column());
            let broken = BrokenRule::of_json(error.to_string(), line, column);
            let problem = Problem::local(Code::JsonMalformed, language, vec![broken]);
            problem.in_file(&name).about("file", &name)
        })?;
        (1..)
            .zip(read)
            .map(|(number, ListedOrder { order_no, currency, amount })| {
                let cells = [("order_no", order_no), ("currency", currency), ("amount", amount)];
                (number, cells.map(|(key, value)| (key.to_owned(), value)).into_iter().collect())
            })
            .collect()
    } else {
        let columns = ["order_no", "currency", "amount"];
        let rows =
            bank::csv::rows(&bytes).and_then(|rows| bank::csv::by_column(rows, &columns, &[]));
        rows.map_err(|faults| refused(&faults))?
    };
    let (mut orders, mut faults, mut seen) = (Vec::new(), Vec::new(), BTreeSet::new());
    let wrong = |line, element: &str, text: String, text_zh: String| MessageFault {
        code: Code::NumberOutOfRange,
        line,
        element: element.to_owned(),
        text,
        text_zh,
    };
    for (line, cells) in rows {
        let cells: BTreeMap<String, String> = cells;
        let order_no = cells.get("order_no").map_or("", |cell| cell.trim()).to_owned();
        let money = bank::csv::money(line, &cells, "amount");
        if order_no.is_empty() || !seen.insert(order_no.clone()) {
            let text = format!("the order number {order_no} is empty or stands twice");
            faults.push(wrong(line, "order_no", text, format!("订单编号{order_no}为空或重复")));
        }
        match money {
            Ok((currency, amount)) if amount > 0 => {
                orders.push(Receivable { order_no, currency, amount });
            }
            Ok(_) => {
                let text = "an order expects more than nothing".to_owned();
                faults.push(wrong(line, "amount", text, "应收金额须大于零".to_owned()));
            }
            Err(fault) => faults.push(fault),
        }
    }
    if faults.is_empty() { Ok(orders) } else { Err(refused(&faults)) }
}

/// What was found, ready to be told.
struct MatchReport<'a> {
    orders: BTreeMap<&'a str, &'a Receivable>,
    receipts: BTreeMap<&'a str, &'a SortedEntry<'a>>,
    sorted: &'a [SortedEntry<'a>],
    groups: Vec<Group>,
    language: Language,
}

impl MatchReport<'_> {
    /// Every order is paid, and every entry has its place.
    fn is_complete(&self) -> bool {
        let is_open = |sorted: &SortedEntry<'_>| matches!(sorted.usage, EntryUse::Reversal);
        self.groups.iter().all(|group| matches!(group.outcome, GroupOutcome::Paid { .. }))
            && !self.sorted.iter().any(is_open)
    }

    fn due(&self, group: &Group) -> impl Iterator<Item = &Receivable> {
        group.order_nos.iter().filter_map(|no| self.orders.get(no.as_str()).copied())
    }

    fn entries(&self, group: &Group) -> impl Iterator<Item = &SortedEntry<'_>> {
        group.lines.iter().filter_map(|line| self.receipts.get(line.as_str()).copied())
    }

    /// The currency of a group, when it has one.
    fn currency(&self, group: &Group) -> Option<Currency> {
        let due = self.due(group).map(|order| order.currency);
        let mut all = due.chain(self.entries(group).map(|sorted| sorted.entry.currency));
        let first = all.next()?;
        all.all(|currency| currency == first).then_some(first)
    }

    fn charges(&self, group: &Group) -> i64 {
        self.entries(group).fold(0, |sum, sorted| sum.saturating_add(sorted.entry.charges))
    }

    /// Why a group is as it is, in English and Chinese.
    fn why(&self, group: &Group) -> (String, String) {
        let shown = |amount: i64| {
            self.currency(group)
                .map_or_else(String::new, |currency| amount::shown(currency, amount))
        };
        match group.outcome {
            GroupOutcome::Paid { fee } => {
                let kept = fee.saturating_add(self.charges(group));
                if kept == 0 {
                    ("paid".to_owned(), "已收齐".to_owned())
                } else {
                    let kept = shown(kept);
                    (format!("paid; banks kept {kept}"), format!("已收齐，银行扣费{kept}"))
                }
            }
            GroupOutcome::Short(_) if group.lines.is_empty() => {
                ("nothing was received".to_owned(), "未收到款项".to_owned())
            }
            GroupOutcome::Short(missing) => {
                let missing = shown(missing);
                (format!("{missing} is missing"), format!("少收{missing}"))
            }
            GroupOutcome::Over(surplus) => {
                let surplus = shown(surplus);
                (format!("{surplus} is too much"), format!("多收{surplus}"))
            }
            GroupOutcome::OrderUnknown => {
                ("its texts name no expected order".to_owned(), "附言中没有待收订单编号".to_owned())
            }
            GroupOutcome::CurrencyDiffers => (
                "order and receipt have different currencies".to_owned(),
                "订单与收款币种不同".to_owned(),
            ),
            GroupOutcome::Amount => ("an amount cannot be right".to_owned(), "金额有误".to_owned()),
        }
    }

    /// The same, and why an entry is in no group.
    fn usage(usage: &EntryUse) -> Option<(&'static str, &'static str, &'static str)> {
        match usage {
            EntryUse::Receipt(_) => None,
            EntryUse::Repeated => Some(("repeated", "was told before", "重复的分录")),
            EntryUse::Paid => Some(("paid_out", "money that went out", "付出款项")),
            EntryUse::Reversal => Some((
                "reversal",
                "takes an earlier entry back: look at it by hand",
                "冲正或退回，须人工核对",
            )),
            EntryUse::NotBooked => Some(("not_booked", "is not booked yet", "尚未记账")),
        }
    }

    fn state(group: &Group) -> (&'static str, &'static str) {
        match group.outcome {
            GroupOutcome::Paid { .. } => ("paid", "已收"),
            GroupOutcome::Short(_) => ("short", "不足"),
            GroupOutcome::Over(_) => ("over", "超出"),
            GroupOutcome::OrderUnknown => ("unmatched", "未匹配"),
            GroupOutcome::CurrencyDiffers | GroupOutcome::Amount => ("wrong", "有误"),
        }
    }

    fn sums(&self, group: &Group) -> [String; 2] {
        let Some(currency) = self.currency(group) else { return [String::new(), String::new()] };
        let due = self.due(group).fold(0, |sum: i64, order| sum.saturating_add(order.amount));
        let received =
            self.entries(group).fold(0, |sum: i64, sorted| sum.saturating_add(sorted.entry.amount));
        let letters = currency.letters();
        [due, received].map(|amount| format!("{} {letters}", amount::shown(currency, amount)))
    }

    fn text(&self) -> String {
        let language = self.language;
        let header = [
            pick(language, "state", "状态"),
            pick(language, "orders", "订单"),
            pick(language, "due", "应收"),
            pick(language, "received", "到账"),
            pick(language, "entries", "分录"),
            pick(language, "why", "说明"),
        ];
        let mut shown = table(&header, Some(4));
        for group in &self.groups {
            let (state, state_zh) = Self::state(group);
            let (why, why_zh) = self.why(group);
            let [due, received] = self.sums(group);
            let orders: Vec<_> = group.order_nos.iter().map(String::as_str).collect();
            let entries: Vec<_> = self.entries(group).map(|sorted| reference(sorted)).collect();
            shown.add_row([
                pick(language, state, state_zh).to_owned(),
                orders.join(" "),
                due,
                received,
                entries.join(" "),
                match language {
                    Language::English => why,
                    Language::Chinese => why_zh,
                },
            ]);
        }
        let mut text = shown.to_string();
        text.push('\n');
        for sorted in self.sorted {
            let Some((_, why, why_zh)) = Self::usage(&sorted.usage) else { continue };
            let entry = sorted.entry;
            let sign = if entry.is_credit { "" } else { "-" };
            let amount = amount::shown(entry.currency, entry.amount);
            let (reference, letters) = (reference(sorted), entry.currency.letters());
            let texts = entry.texts.join(" ");
            let why = pick(language, why, why_zh);
            // Writing to a text cannot fail.
            let _ = writeln!(text, "{reference}  {sign}{amount} {letters}  {why}  {texts}");
        }
        let counts =
            |state: &str| self.groups.iter().filter(|group| Self::state(group).0 == state).count();
        let (paid, short, over) = (counts("paid"), counts("short"), counts("over"));
        let (unmatched, wrong) = (counts("unmatched"), counts("wrong"));
        text.push_str(&match language {
            Language::English => format!(
                "{paid} paid, {short} short, {over} over, {unmatched} receipts unmatched, {wrong} wrong"
            ),
            Language::Chinese => format!(
                "已收{paid}组，不足{short}组，超出{over}组，未匹配收款{unmatched}笔，有误{wrong}组"
            ),
        });
        text
    }

    fn csv(&self) -> String {
        let head = ["state", "order_nos", "due", "received", "lines", "reason"];
        let mut text = csv::row(head);
        for group in &self.groups {
            let (why, why_zh) = self.why(group);
            let [due, received] = self.sums(group);
            let orders: Vec<_> = group.order_nos.iter().map(String::as_str).collect();
            let lines: Vec<_> = group.lines.iter().map(String::as_str).collect();
            let why = match self.language {
                Language::English => why,
                Language::Chinese => why_zh,
            };
            text.push('\n');
            let state = Self::state(group).0.to_owned();
            text.push_str(&csv::row([
                state,
                orders.join(" "),
                due,
                received,
                lines.join(" "),
                why,
            ]));
        }
        for sorted in self.sorted {
            let Some((state, why, why_zh)) = Self::usage(&sorted.usage) else { continue };
            let entry = sorted.entry;
            let sign = if entry.is_credit { "" } else { "-" };
            let (amount, letters) =
                (amount::shown(entry.currency, entry.amount), entry.currency.letters());
            text.push('\n');
            text.push_str(&csv::row([
                state,
                "",
                "",
                &format!("{sign}{amount} {letters}"),
                &sorted.line,
                pick(self.language, why, why_zh),
            ]));
        }
        text
    }

    fn json(&self) -> Vec<Value> {
        let receipt = |sorted: &SortedEntry<'_>| entry_json(&sorted.line, sorted.entry);
        let group = |group: &Group| {
            let (reason, reason_zh) = self.why(group);
            let difference = match group.outcome {
                GroupOutcome::Paid { fee } => -fee,
                GroupOutcome::Short(missing) => missing.saturating_neg(),
                GroupOutcome::Over(surplus) => surplus,
                GroupOutcome::OrderUnknown
                | GroupOutcome::CurrencyDiffers
                | GroupOutcome::Amount => 0,
            };
            let order = |order: &Receivable| {
                json!({
                    "order_no": order.order_no,
                    "currency": order.currency.letters(),
                    "amount": amount::shown(order.currency, order.amount),
                })
            };
            let currency = self.currency(group);
            json!({
                "state": Self::state(group).0,
                "orders": self.due(group).map(order).collect::<Vec<_>>(),
                "receipts": self.entries(group).map(receipt).collect::<Vec<_>>(),
                "difference": currency.map(|currency| amount::shown(currency, difference)),
                "charges": currency.map(|currency| amount::shown(currency, self.charges(group))),
                "reason": reason,
                "reason_zh": reason_zh,
            })
        };
        let other = |sorted: &SortedEntry<'_>| {
            let (state, reason, reason_zh) = Self::usage(&sorted.usage)?;
            let mut value = entry_json(&sorted.line, sorted.entry);
            value["state"] = state.into();
            value["reason"] = reason.into();
            value["reason_zh"] = reason_zh.into();
            Some(value)
        };
        self.groups.iter().map(group).chain(self.sorted.iter().filter_map(other)).collect()
    }
}

/// What a person finds an entry by: the bank's reference, or else its identity.
fn reference(sorted: &SortedEntry<'_>) -> String {
    if sorted.entry.reference.is_empty() {
        sorted.line.clone()
    } else {
        sorted.entry.reference.clone()
    }
}

fn entry_json(line: &str, entry: &StatementEntry) -> Value {
    json!({
        "line": line,
        "currency": entry.currency.letters(),
        "amount": amount::shown(entry.currency, entry.amount),
        "credit": entry.is_credit,
        "charges": amount::shown(entry.currency, entry.charges),
        "booked": entry.booked.map(|day| day.to_string()),
        "valued": entry.valued.map(|day| day.to_string()),
        "reference": entry.reference,
        "end_to_end": entry.end_to_end,
        "party": entry.party,
        "texts": entry.texts,
        "return_reason": entry.return_reason,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tolerance_is_in_main_units_of_the_currency() {
        assert_eq!(parse_tolerance("5"), Ok(500));
        assert_eq!(parse_tolerance("0.5"), Ok(50));
        for wrong in ["-1", "x", "1.234", "99999999999"] {
            assert!(parse_tolerance(wrong).is_err(), "{wrong}");
        }
        assert_eq!(tolerance(550, Currency::Usd), 550);
        assert_eq!(tolerance(550, Currency::Jpy), 5);
    }
}
