//! pain.001: payment orders (付款指令). Sums and counts are computed when it is written, and compared when it
//! is read.

use std::collections::BTreeSet;

use domain::Code;
use domain::payment::amount::{self, AmountError};
use domain::payment::ledger::Currency;
use time::format_description::well_known::Rfc3339;
use time::{Date, OffsetDateTime};

use super::tree::{FaultList, Node};
use super::write::Xml;

/// An order to pay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PaymentOrder {
    /// Ours, for ever: the bank takes the same one only once.
    pub message_id: String,
    /// When it was made.
    pub created: OffsetDateTime,
    /// Who gives it.
    pub initiator: String,
    /// Payments out of one account each.
    pub payments: Vec<PaymentBatch>,
}

/// What is paid out of one account on one day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PaymentBatch {
    /// Ours.
    pub id: String,
    /// When it is to be executed.
    pub day: Date,
    /// Who pays.
    pub debtor: BankParty,
    /// To whom, and how much.
    pub transfers: Vec<Transfer>,
}

/// Somebody with an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BankParty {
    /// Name.
    pub name: String,
    /// Account.
    pub account: AccountNumber,
    /// BIC of its bank, where it is known.
    pub bic: String,
}

/// An account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AccountNumber {
    /// By its IBAN.
    Iban(String),
    /// By the number that its bank gave it, as in China.
    Number(String),
}

/// One transfer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transfer {
    /// Ours; it comes back in reports and statements.
    pub end_to_end: String,
    /// Currency.
    pub currency: Currency,
    /// Above zero, in the minor unit.
    pub amount: i64,
    /// Who gets it.
    pub creditor: BankParty,
    /// What it is for, in lines of at most 140 characters.
    pub texts: Vec<String>,
}

/// 1/100000 of a main unit: more than any currency has.
const DIGITS: u32 = 5;

/// An amount of any currency, so that different ones can be added as the schema wants it.
fn e5(currency: Currency, amount: i64) -> i128 {
    i128::from(amount) * 10_i128.pow(DIGITS - currency.minor_digits())
}

fn decimal(e5: i128) -> String {
    let one = 10_i128.pow(DIGITS);
    let text = format!("{}.{:05}", e5 / one, e5 % one);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// The number of a text that was read as one.
pub(super) fn e5_of(text: &str) -> Option<i128> {
    let (sign, text) = match text.strip_prefix('-') {
        Some(text) => (-1, text),
        None => (1, text.trim_start_matches('+')),
    };
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let part = part.trim_end_matches('0');
    let value = format!("{whole}{part:0<5}").parse::<i128>().ok()?;
    (part.len() <= 5).then_some(sign * value)
}

pub(super) fn write(order: &PaymentOrder) -> String {
    let mut xml = Xml::new("pain.001.001.09", "CstmrCdtTrfInitn");
    let all = order.payments.iter().flat_map(|payment| &payment.transfers);
    xml.open("GrpHdr");
    xml.leaf("MsgId", &order.message_id);
    xml.time("CreDtTm", order.created);
    sums(&mut xml, all);
    xml.within(&["InitgPty"], |xml| xml.leaf("Nm", &order.initiator));
    xml.close();
    for payment in &order.payments {
        let BankParty { name, account, bic } = &payment.debtor;
        xml.open("PmtInf");
        xml.leaf("PmtInfId", &payment.id);
        xml.leaf("PmtMtd", "TRF");
        sums(&mut xml, payment.transfers.iter());
        xml.within(&["ReqdExctnDt"], |xml| xml.leaf("Dt", &payment.day.to_string()));
        xml.within(&["Dbtr"], |xml| xml.leaf("Nm", name));
        xml.within(&["DbtrAcct", "Id"], |xml| write_account(xml, account));
        xml.within(&["DbtrAgt", "FinInstnId"], |xml| {
            if bic.is_empty() {
                xml.within(&["Othr"], |xml| xml.leaf("Id", "NOTPROVIDED"));
            } else {
                xml.leaf("BICFI", bic);
            }
        });
        for transfer in &payment.transfers {
            write_transfer(&mut xml, transfer);
        }
        xml.close();
    }
    xml.finish()
}

fn sums<'t>(xml: &mut Xml, transfers: impl Iterator<Item = &'t Transfer>) {
    let (mut count, mut sum) = (0_u64, 0);
    for Transfer { currency, amount, .. } in transfers {
        (count, sum) = (count + 1, sum + e5(*currency, *amount));
    }
    xml.leaf("NbOfTxs", &count.to_string());
    xml.leaf("CtrlSum", &decimal(sum));
}

pub(super) fn write_account(xml: &mut Xml, account: &AccountNumber) {
    match account {
        AccountNumber::Iban(iban) => xml.leaf("IBAN", iban),
        AccountNumber::Number(number) => xml.within(&["Othr"], |xml| xml.leaf("Id", number)),
    }
}

fn write_transfer(xml: &mut Xml, transfer: &Transfer) {
    let Transfer { end_to_end, currency, amount, creditor, texts } = transfer;
    xml.open("CdtTrfTxInf");
    xml.within(&["PmtId"], |xml| xml.leaf("EndToEndId", end_to_end));
    xml.within(&["Amt"], |xml| xml.amount("InstdAmt", *currency, *amount));
    if !creditor.bic.is_empty() {
        xml.within(&["CdtrAgt", "FinInstnId"], |xml| xml.leaf("BICFI", &creditor.bic));
    }
    xml.within(&["Cdtr"], |xml| xml.leaf("Nm", &creditor.name));
    xml.within(&["CdtrAcct", "Id"], |xml| write_account(xml, &creditor.account));
    if !texts.is_empty() {
        xml.open("RmtInf");
        for text in texts {
            xml.leaf("Ustrd", text);
        }
        xml.close();
    }
    xml.close();
}

/// The value of an amount that was read; a fault when the currency is none of ours, or has fewer digits.
pub(super) fn amount_of(node: &Node, path: &str, found: &mut FaultList) -> Option<(Currency, i64)> {
    let Some(currency) = Currency::of(&node.currency) else {
        let currency = &node.currency;
        let text = format!("{currency} is no currency that is settled here");
        found.add(Code::CodeUnknown, node.at, path, text, format!("不支持币种{currency}"));
        return None;
    };
    match amount::parse(currency, &node.text) {
        Ok(amount) => Some((currency, amount)),
        Err(wrong) => {
            let code = if wrong == AmountError::Form {
                Code::XmlValueUnreadable
            } else {
                Code::NumberOutOfRange
            };
            let (given, letters) = (&node.text, currency.letters());
            let (english, chinese) = wrong.words();
            let (text, zh) =
                (format!("{letters} {given} {english}"), format!("{letters} {given}{chinese}"));
            found.add(code, node.at, path, text, zh);
            None
        }
    }
}

/// Compares a number that a file says of itself with what is there; one that it does not say fits.
pub(super) fn agrees(
    node: &Node,
    path: &[&str],
    place: &str,
    computed: i128,
    found: &mut FaultList,
) {
    let Some(given) = node.find(path) else { return };
    // One that cannot be read that exactly cannot be right.
    if e5_of(&given.text) != Some(computed) {
        let (name, value, computed) = (given.name, &given.text, decimal_signed(computed));
        let element = format!("{place}/{}", path.join("/"));
        let text = format!("{name} is {value}; what is there comes to {computed}");
        let zh = format!("{name}为{value}，与实际的{computed}不符");
        found.add(Code::BankSumWrong, given.at, &element, text, zh);
    }
}

fn decimal_signed(e5: i128) -> String {
    if e5 < 0 { format!("-{}", decimal(-e5)) } else { decimal(e5) }
}

/// A count in the fixed point of sums.
pub(super) fn count_e5(count: usize) -> i128 {
    // No file holds that many.
    i128::try_from(count).unwrap_or(i128::MAX / 100_000) * 100_000
}

pub(super) fn sum_e5<'a>(amounts: impl Iterator<Item = &'a (Currency, i64)>) -> i128 {
    amounts.map(|(currency, amount)| e5(*currency, *amount)).sum()
}

/// The account below an element.
pub(super) fn account_of(node: &Node, path: &[&str]) -> AccountNumber {
    let id = node.find(path);
    match id.and_then(|id| id.find(&["IBAN"])) {
        Some(iban) => AccountNumber::Iban(iban.text.clone()),
        None => AccountNumber::Number(id.map_or("", |id| id.text(&["Othr", "Id"])).to_owned()),
    }
}

/// The moment of a text that was read as a time; one without an offset is China's.
pub(super) fn moment(text: &str) -> OffsetDateTime {
    let local = || OffsetDateTime::parse(&format!("{text}+08:00"), &Rfc3339);
    let time = OffsetDateTime::parse(text, &Rfc3339).or_else(|_| local());
    // The schema was satisfied by it before.
    time.unwrap_or(OffsetDateTime::UNIX_EPOCH)
}

fn party(node: &Node, names: [&str; 3]) -> BankParty {
    let [name, account, agent] = names;
    BankParty {
        name: node.text(&[name, "Nm"]).to_owned(),
        account: account_of(node, &[account, "Id"]),
        bic: node.text(&[agent, "FinInstnId", "BICFI"]).to_owned(),
    }
}

pub(super) fn of(root: &Node, found: &mut FaultList) -> PaymentOrder {
    let mut all = Vec::new();
    let mut payments = Vec::new();
    let mut seen = BTreeSet::new();
    for (number, node) in (1..).zip(root.all("PmtInf")) {
        let place = format!("CstmrCdtTrfInitn/PmtInf[{number}]");
        let mut amounts = Vec::new();
        let mut transfers = Vec::new();
        for (number, node) in (1..).zip(node.all("CdtTrfTxInf")) {
            let place = format!("{place}/CdtTrfTxInf[{number}]");
            let end_to_end = node.text(&["PmtId", "EndToEndId"]).to_owned();
            if !seen.insert(end_to_end.clone()) {
                let text =
                    format!("EndToEndId {end_to_end} stands twice; each transfer has its own");
                let zh = format!("EndToEndId {end_to_end}重复");
                found.add(Code::BankSumWrong, node.at, &format!("{place}/PmtId"), text, zh);
            }
            let Some(given) = node.find(&["Amt", "InstdAmt"]) else {
                let (text, zh) = ("only InstdAmt is executed", "只支持InstdAmt");
                let element = format!("{place}/Amt");
                found.add(Code::XmlElementUnexpected, node.at, &element, text.into(), zh.into());
                continue;
            };
            let Some(amount) = amount_of(given, &format!("{place}/Amt/InstdAmt"), found) else {
                continue;
            };
            if amount.1 == 0 {
                let (text, zh) = ("nothing is no transfer", "金额须大于零");
                found.add(Code::NumberOutOfRange, given.at, &place, text.into(), zh.into());
            }
            amounts.push(amount);
            transfers.push(Transfer {
                end_to_end,
                currency: amount.0,
                amount: amount.1,
                creditor: party(node, ["Cdtr", "CdtrAcct", "CdtrAgt"]),
                texts: remittance(node),
            });
        }
        if transfers.len() == node.all("CdtTrfTxInf").count() {
            agrees(node, &["NbOfTxs"], &place, count_e5(transfers.len()), found);
            agrees(node, &["CtrlSum"], &place, sum_e5(amounts.iter()), found);
        }
        all.extend(amounts);
        let day = node.day(&["ReqdExctnDt"]);
        payments.push(PaymentBatch {
            id: node.text(&["PmtInfId"]).to_owned(),
            // The schema was satisfied by it before.
            day: day.unwrap_or(Date::MIN),
            debtor: party(node, ["Dbtr", "DbtrAcct", "DbtrAgt"]),
            transfers,
        });
    }
    let given: usize = root.all("PmtInf").map(|node| node.all("CdtTrfTxInf").count()).sum();
    let header = "CstmrCdtTrfInitn";
    agrees(root, &["GrpHdr", "NbOfTxs"], header, count_e5(given), found);
    if all.len() == given {
        agrees(root, &["GrpHdr", "CtrlSum"], header, sum_e5(all.iter()), found);
    }
    PaymentOrder {
        message_id: root.text(&["GrpHdr", "MsgId"]).to_owned(),
        created: moment(root.text(&["GrpHdr", "CreDtTm"])),
        initiator: root.text(&["GrpHdr", "InitgPty", "Nm"]).to_owned(),
        payments,
    }
}

/// What a transfer is for: texts and references, each as it came.
pub(super) fn remittance(node: &Node) -> Vec<String> {
    let Some(node) = node.find(&["RmtInf"]) else { return Vec::new() };
    let mut texts: Vec<String> = node.all("Ustrd").map(|text| text.text.clone()).collect();
    for structured in node.all("Strd") {
        let numbers = structured.all("RfrdDocInf").map(|document| document.text(&["Nb"]));
        let reference = structured.text(&["CdtrRefInf", "Ref"]);
        let further = structured.all("AddtlRmtInf").map(|text| text.text.as_str());
        let all = numbers.chain([reference]).chain(further);
        texts.extend(all.filter(|text| !text.is_empty()).map(str::to_owned));
    }
    texts
}
