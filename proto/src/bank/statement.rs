//! camt.053 and camt.054: statements (对账单) and notices of movements (动账通知).

use domain::Code;
use domain::payment::ledger::Currency;
use domain::payment::statement::{Balance, EntryState, Statement, StatementEntry, StatementKind};
use time::{Date, OffsetDateTime};

use super::order::{
    AccountNumber, account_of, agrees, amount_of, count_e5, remittance, sum_e5, write_account,
};
use super::schema::BankMessage;
use super::tree::{FaultList, Node, day_of};
use super::write::Xml;

/// Which of the two is written, with its head.
#[derive(Debug, Clone, Copy)]
pub struct StatementNotice<'a> {
    /// Movements before their statement (camt.054); otherwise statements (camt.053).
    pub is_early: bool,
    /// Of the bank.
    pub message_id: &'a str,
    /// When it was made.
    pub created: OffsetDateTime,
}

impl StatementNotice<'_> {
    fn message(self) -> BankMessage {
        if self.is_early { BankMessage::Notice } else { BankMessage::Statement }
    }
}

pub(super) fn of(root: &Node, name: &'static str, found: &mut FaultList) -> Vec<Statement> {
    let (kind, pagination) = if name == "Stmt" {
        (StatementKind::Statement, "StmtPgntn")
    } else {
        (StatementKind::Notice, "NtfctnPgntn")
    };
    let written = day_of(root.text(&["GrpHdr", "CreDtTm"]));
    let statements = (1..).zip(root.all(name));
    statements
        .map(|(number, node)| {
            let place = format!("{}/{name}[{number}]", root.name);
            let read = statement(node, (kind, pagination), &place, found);
            // Whatever the bank does not say of a notice itself, it says of the file.
            Statement { day: read.day.or(written), ..read }
        })
        .collect()
}

fn statement(
    node: &Node,
    (kind, pagination): (StatementKind, &str),
    place: &str,
    found: &mut FaultList,
) -> Statement {
    let account = match account_of(node, &["Acct", "Id"]) {
        AccountNumber::Iban(account) | AccountNumber::Number(account) => account,
    };
    let currency = node.find(&["Acct", "Ccy"]).and_then(|given| {
        let currency = Currency::of(&given.text);
        if currency.is_none() {
            let letters = &given.text;
            let text = format!("{letters} is no currency that is settled here");
            let zh = format!("不支持币种{letters}");
            found.add(Code::CodeUnknown, given.at, &format!("{place}/Acct/Ccy"), text, zh);
        }
        currency
    });
    let day = [node.text(&["FrToDt", "ToDtTm"]), node.text(&["CreDtTm"])];
    let mut entries = Vec::new();
    let mut movements = Vec::new();
    for (number, entry) in (1..).zip(node.all("Ntry")) {
        let place = format!("{place}/Ntry[{number}]");
        let Some(movement) = self::entries(entry, currency, &place, &mut entries, found) else {
            continue;
        };
        movements.push(movement);
    }
    if movements.len() == node.all("Ntry").count() {
        summary(node, place, &movements, found);
    }
    let balance = |name: &str, found: &mut FaultList| {
        let is = |balance: &&Node| balance.text(&["Tp", "CdOrPrtry", "Cd"]) == name;
        let given = node.all("Bal").find(is)?;
        let (_, amount) = amount_of(given.find(&["Amt"])?, &format!("{place}/Bal/Amt"), found)?;
        let amount = if given.text(&["CdtDbtInd"]) == "DBIT" { -amount } else { amount };
        Some(Balance { amount, day: given.day(&["Dt"]) })
    };
    // What closed a day opens the next one.
    let previous =
        |balance: Balance| Balance { day: balance.day.and_then(Date::next_day), ..balance };
    let opening = balance("OPBD", found).or_else(|| balance("PRCD", found).map(previous));
    let closing = balance("CLBD", found);
    let statement = Statement {
        kind,
        number: number(node, pagination),
        account,
        day: day.into_iter().find_map(day_of),
        currency,
        opening,
        closing,
        entries,
    };
    if let Err(imbalance) = statement.check().map_err(|of| (of.computed, of.stated))
        && movements.len() == node.all("Ntry").count()
    {
        let (computed, stated) = imbalance;
        let computed = computed.map_or_else(|| "?".to_owned(), |it| it.to_string());
        let text = format!(
            "the balances do not agree: opening and booked entries come to {computed}, closing is {stated} (minor units)"
        );
        let zh = format!("余额不符：期初加已记账分录为{computed}，期末为{stated}（最小货币单位）");
        found.add(Code::BankSumWrong, node.at, &format!("{place}/Bal"), text, zh);
    }
    statement
}

/// The number that makes a statement of an account and day another one: its sequence where the bank
/// counts, otherwise its id, with the page where it has several.
fn number(node: &Node, pagination: &str) -> String {
    let sequence = node.text(&["ElctrncSeqNb"]);
    let number = if sequence.is_empty() { node.text(&["Id"]) } else { sequence };
    let page = node.text(&[pagination, "PgNb"]);
    let is_alone = page.is_empty() || page == "1" && node.is_set(&[pagination, "LastPgInd"]);
    if is_alone { number.to_owned() } else { format!("{number} p{page}") }
}

/// Adds an entry, or those that it is the sum of. Gives its amount and direction.
fn entries(
    node: &Node,
    account: Option<Currency>,
    place: &str,
    entries: &mut Vec<StatementEntry>,
    found: &mut FaultList,
) -> Option<(Currency, i64, bool)> {
    let (currency, amount) = amount_of(node.find(&["Amt"])?, &format!("{place}/Amt"), found)?;
    if account.is_some_and(|account| account != currency) {
        let given = currency.letters();
        let text = format!("an entry is in {given}, the account is not");
        let zh = format!("分录币种{given}与账户币种不符");
        found.add(Code::CurrencyWrong, node.at, &format!("{place}/Amt"), text, zh);
    }
    let is_credit = node.text(&["CdtDbtInd"]) == "CRDT";
    let state = match node.chosen(&["Sts"]) {
        "BOOK" => EntryState::Booked,
        "PDNG" | "FUTR" => EntryState::Pending,
        "INFO" => EntryState::Information,
        other => {
            let text = format!("{other} is no status of an entry: BOOK, PDNG, FUTR or INFO");
            let zh = format!("{other}不是分录状态，须为BOOK、PDNG、FUTR或INFO");
            found.add(Code::XmlValueUnreadable, node.at, &format!("{place}/Sts"), text, zh);
            return None;
        }
    };
    let whole = StatementEntry {
        currency,
        amount,
        is_credit,
        is_reversal: node.is_set(&["RvslInd"]),
        state,
        booked: node.day(&["BookgDt"]),
        valued: node.day(&["ValDt"]),
        charges: charges(node, currency, place, found),
        reference: node.text(&["AcctSvcrRef"]).to_owned(),
        end_to_end: String::new(),
        party: String::new(),
        texts: Vec::new(),
        return_reason: String::new(),
    };
    let details: Vec<&Node> = node.all("NtryDtls").flat_map(|of| of.all("TxDtls")).collect();
    batches(node, place, found);
    let amounts: Option<Vec<i64>> = details.iter().map(|of| own_amount(of, currency)).collect();
    match amounts {
        Some(amounts) if details.len() > 1 => {
            let sum: i128 = amounts.iter().copied().map(i128::from).sum();
            if sum != i128::from(amount) {
                let text =
                    format!("its transactions come to {sum}, the entry is {amount} (minor units)");
                let zh = format!("交易明细合计{sum}与分录金额{amount}不符（最小货币单位）");
                found.add(Code::BankSumWrong, node.at, place, text, zh);
            }
            for (details, amount) in details.iter().zip(amounts) {
                let charges = charges(details, currency, place, found);
                let entry = StatementEntry { amount, charges, ..whole.clone() };
                entries.push(with_details(entry, node, &[details]));
            }
        }
        Some(_) | None => {
            let of_details: i64 =
                details.iter().map(|of| charges(of, currency, place, found)).sum();
            // A bank tells its charges in one of the two places.
            let charges = if whole.charges > 0 { whole.charges } else { of_details };
            entries.push(with_details(StatementEntry { charges, ..whole }, node, &details));
        }
    }
    Some((currency, amount, is_credit))
}

/// The amount of a transaction in the currency of its entry.
fn own_amount(details: &Node, currency: Currency) -> Option<i64> {
    let given = details.find(&["Amt"]).filter(|given| given.currency == currency.letters())?;
    domain::payment::amount::parse(currency, &given.text).ok()
}

fn with_details(mut entry: StatementEntry, node: &Node, details: &[&Node]) -> StatementEntry {
    let role = if entry.is_credit { "Dbtr" } else { "Cdtr" };
    for details in details {
        let refs = |name| details.text(&["Refs", name]);
        let first = |own: &mut String, given: &str| {
            if own.is_empty() && given != "NOTPROVIDED" {
                given.clone_into(own);
            }
        };
        first(&mut entry.end_to_end, refs("EndToEndId"));
        first(&mut entry.party, details.text(&["RltdPties", role, "Pty", "Nm"]));
        first(&mut entry.return_reason, details.chosen(&["RtrInf", "Rsn"]));
        if !refs("AcctSvcrRef").is_empty() {
            refs("AcctSvcrRef").clone_into(&mut entry.reference);
        }
        entry.texts.extend(remittance(details));
        let further = details.text(&["AddtlTxInf"]);
        entry.texts.extend(Some(further).filter(|it| !it.is_empty()).map(str::to_owned));
    }
    let further = [node.text(&["NtryRef"]), node.text(&["AddtlNtryInf"])];
    entry.texts.extend(further.into_iter().filter(|it| !it.is_empty()).map(str::to_owned));
    entry
}

/// What the bank says that it kept of the amount.
fn charges(node: &Node, currency: Currency, place: &str, found: &mut FaultList) -> i64 {
    let records = node.find(&["Chrgs"]).into_iter().flat_map(|charges| charges.all("Rcrd"));
    let kept = records
        .filter(|record| record.is_set(&["ChrgInclInd"]) && record.text(&["CdtDbtInd"]) != "CRDT");
    let amounts = kept.filter_map(|record| {
        let given = record.find(&["Amt"]).filter(|given| given.currency == currency.letters())?;
        amount_of(given, &format!("{place}/Chrgs/Rcrd/Amt"), found).map(|(_, amount)| amount)
    });
    // Charges that do not fit are none that can be matched.
    amounts.fold(0_i64, i64::saturating_add)
}

/// What batches say of their own count and sum.
fn batches(node: &Node, place: &str, found: &mut FaultList) {
    for (number, of) in (1..).zip(node.all("NtryDtls")) {
        let place = format!("{place}/NtryDtls[{number}]");
        let count = of.all("TxDtls").count();
        // A bank may tell a batch without its transactions.
        if count > 0 {
            agrees(of, &["Btch", "NbOfTxs"], &place, count_e5(count), found);
        }
    }
}

fn summary(node: &Node, place: &str, movements: &[(Currency, i64, bool)], found: &mut FaultList) {
    let pairs = |is_wanted: fn(bool) -> bool| -> Vec<(Currency, i64)> {
        let wanted = movements.iter().filter(|(.., is_credit)| is_wanted(*is_credit));
        wanted.map(|(currency, amount, _)| (*currency, *amount)).collect()
    };
    let all: [(&str, Vec<_>); 3] = [
        ("TtlNtries", pairs(|_| true)),
        ("TtlCdtNtries", pairs(|is_credit| is_credit)),
        ("TtlDbtNtries", pairs(|is_credit| !is_credit)),
    ];
    for (name, amounts) in &all {
        let count = count_e5(amounts.len());
        agrees(node, &["TxsSummry", name, "NbOfNtries"], place, count, found);
        agrees(node, &["TxsSummry", name, "Sum"], place, sum_e5(amounts.iter()), found);
    }
}

pub(super) fn write(notice: StatementNotice<'_>, statements: &[Statement]) -> String {
    let (version, root, each) = match notice.message() {
        BankMessage::Notice => ("camt.054.001.08", "BkToCstmrDbtCdtNtfctn", "Ntfctn"),
        BankMessage::Statement | BankMessage::Order | BankMessage::Report => {
            ("camt.053.001.08", "BkToCstmrStmt", "Stmt")
        }
    };
    let mut xml = Xml::new(version, root);
    xml.within(&["GrpHdr"], |xml| {
        xml.leaf("MsgId", notice.message_id);
        xml.time("CreDtTm", notice.created);
    });
    for statement in statements {
        xml.open(each);
        xml.leaf("Id", &statement.number);
        if let Some(day) = statement.day {
            xml.leaf("CreDtTm", &format!("{day}T23:59:59+08:00"));
        }
        xml.open("Acct");
        let account = AccountNumber::Number(statement.account.clone());
        xml.within(&["Id"], |xml| write_account(xml, &account));
        if let Some(currency) = statement.currency {
            xml.leaf("Ccy", currency.letters());
        }
        xml.close();
        if !notice.is_early {
            let balances = [("OPBD", statement.opening), ("CLBD", statement.closing)];
            for (code, balance) in balances {
                if let (Some(balance), Some(currency)) = (balance, statement.currency) {
                    write_balance(&mut xml, code, balance, currency);
                }
            }
        }
        for entry in &statement.entries {
            write_entry(&mut xml, entry);
        }
        xml.close();
    }
    xml.finish()
}

fn write_balance(xml: &mut Xml, code: &str, balance: Balance, currency: Currency) {
    xml.open("Bal");
    xml.within(&["Tp", "CdOrPrtry"], |xml| xml.leaf("Cd", code));
    xml.amount("Amt", currency, balance.amount.saturating_abs());
    xml.leaf("CdtDbtInd", if balance.amount < 0 { "DBIT" } else { "CRDT" });
    let day = balance.day.map_or_else(String::new, |day| day.to_string());
    xml.within(&["Dt"], |xml| xml.leaf("Dt", &day));
    xml.close();
}

fn write_entry(xml: &mut Xml, entry: &StatementEntry) {
    let state = match entry.state {
        EntryState::Booked => "BOOK",
        EntryState::Pending => "PDNG",
        EntryState::Information => "INFO",
    };
    let (direction, role) = if entry.is_credit { ("CRDT", "Dbtr") } else { ("DBIT", "Cdtr") };
    xml.open("Ntry");
    xml.amount("Amt", entry.currency, entry.amount);
    xml.leaf("CdtDbtInd", direction);
    if entry.is_reversal {
        xml.leaf("RvslInd", "true");
    }
    xml.within(&["Sts"], |xml| xml.leaf("Cd", state));
    for (name, day) in [("BookgDt", entry.booked), ("ValDt", entry.valued)] {
        if let Some(day) = day {
            xml.within(&[name], |xml| xml.leaf("Dt", &day.to_string()));
        }
    }
    xml.leaf_if("AcctSvcrRef", &entry.reference);
    xml.within(&["BkTxCd", "Prtry"], |xml| xml.leaf("Cd", "NTRF"));
    if entry.charges > 0 {
        xml.within(&["Chrgs", "Rcrd"], |xml| {
            xml.amount("Amt", entry.currency, entry.charges);
            xml.leaf("CdtDbtInd", "DBIT");
            xml.leaf("ChrgInclInd", "true");
        });
    }
    xml.open("NtryDtls");
    xml.open("TxDtls");
    if !entry.end_to_end.is_empty() {
        xml.within(&["Refs"], |xml| xml.leaf("EndToEndId", &entry.end_to_end));
    }
    if !entry.party.is_empty() {
        xml.within(&["RltdPties"], |xml| {
            xml.within(&[role, "Pty"], |xml| xml.leaf("Nm", &entry.party));
        });
    }
    if !entry.texts.is_empty() {
        xml.open("RmtInf");
        for text in &entry.texts {
            xml.leaf("Ustrd", text);
        }
        xml.close();
    }
    if !entry.return_reason.is_empty() {
        xml.within(&["RtrInf", "Rsn"], |xml| xml.leaf("Prtry", &entry.return_reason));
    }
    xml.close();
    xml.close();
    xml.close();
}
