//! Which export receipts may be settled, and how they are told to the balance of payments (结汇规则、国际收支申报).
//!
//! Numbers, texts and codes are data with their laws (`data/forex.toml`); what is compared with what is here.
//! Everything is an equivalent in US cents where the law counts in dollars.

use std::sync::LazyLock;

use time::Date;

use super::ledger::Currency;
use super::parameters::{ParameterProblem, ParameterTable, Parameters, Validity, tables};
use super::workdays::Workdays;

/// How money comes in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Channel {
    /// A bank, on documents.
    BankOnDocuments,
    /// A bank, on electronic transaction information.
    BankOnTransactions,
    /// A payment institution with its partner bank.
    Institution,
}

/// How a firm is supervised (企业分类).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ForexClass {
    /// Simplified.
    A,
    /// Prudent.
    B,
    /// Case by case.
    C,
}

/// A receipt that is to be settled, with what is known of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForexReceipt<'a> {
    /// The day.
    pub day: Date,
    /// How it comes in.
    pub channel: Channel,
    /// Supervision mode of its export.
    pub mode: &'a str,
    /// In US cents.
    pub usd_cents: i64,
    /// What the firm received before in this calendar year, in US cents.
    pub year_usd_cents: i64,
    /// Who receives it.
    pub receiver: &'a str,
    /// Who exports.
    pub exporter: &'a str,
    /// An agent that may receive it by contract.
    pub agent: Option<&'a str>,
    /// The firm is registered for trade in forex (名录).
    pub is_listed: bool,
    /// Class of the firm.
    pub class: ForexClass,
    /// The payment institution is registered for forex.
    pub is_institution_listed: bool,
    /// The documents of the trade are with the bank.
    pub has_documents: bool,
    /// The bank has and verified the transaction information.
    pub has_transactions: bool,
    /// An export is matched to it.
    pub has_export: bool,
    /// It comes before the export (预收).
    pub is_advance: bool,
    /// It is registered with SAFE.
    pub is_registered: bool,
}

/// A rule of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// Such as `FX-01`.
    pub code: String,
    /// In English, with names to be filled in.
    pub text: String,
    /// In Chinese.
    pub text_zh: String,
    /// It refuses; otherwise it remarks.
    pub refuses: bool,
    /// When, and by which law.
    pub validity: Validity,
}

/// A transaction code of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransactionCode {
    /// Six digits.
    pub code: String,
    /// Supervision mode.
    pub mode: String,
    /// Only for what comes this way.
    pub channel: Option<Channel>,
    /// Its name in English.
    pub text: String,
    /// Its name in Chinese.
    pub text_zh: String,
    /// When, and by which law.
    pub validity: Validity,
}

/// Everything that the file says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ForexRules {
    /// Numbers and laws.
    pub parameters: Parameters,
    /// Rules.
    pub rules: Vec<Rule>,
    /// Transaction codes.
    pub codes: Vec<TransactionCode>,
}

/// A rule that a receipt breaks, or that is worth a remark.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrokenForexRule {
    /// Its code.
    pub code: String,
    /// In English.
    pub text: String,
    /// In Chinese.
    pub text_zh: String,
    /// It refuses.
    pub refuses: bool,
    /// Law and article.
    pub law: String,
}

/// The file, as text.
pub const FILE: &str = include_str!("../../data/forex.toml");

static RULES: LazyLock<ForexRules> =
    LazyLock::new(|| read(FILE).expect("a test reads the file that is compiled in"));

/// What the file says.
pub fn rules() -> &'static ForexRules {
    &RULES
}

/// What may stand between braces in a text.
const NAMES: [&str; 4] = ["amount", "limit", "receiver", "exporter"];

/// Reads and checks a file.
///
/// # Errors
///
/// Everything that is wrong.
pub fn read(text: &str) -> Result<ForexRules, Vec<ParameterProblem>> {
    let (mut read, mut problems) = (ForexRules::default(), Vec::new());
    for table in &tables(text)? {
        match table.kind.as_str() {
            "rule" => read.rules.extend(rule(table, &mut problems)),
            "transaction_code" => read.codes.extend(transaction_code(table, &mut problems)),
            _ => read.parameters.add(table, &mut problems),
        }
    }
    read.parameters.sort();
    problems.extend(read.parameters.problems());
    let validities = read.rules.iter().map(|rule| (&rule.code, &rule.validity));
    let validities = validities.chain(read.codes.iter().map(|code| (&code.code, &code.validity)));
    for (code, validity) in validities {
        if read.parameters.law(&validity.law).is_none() {
            let what = format!("{code}: the law {} is not listed", validity.law);
            problems.push(ParameterProblem { line: 0, what });
        }
    }
    if problems.is_empty() { Ok(read) } else { Err(problems) }
}

const TRUE_FALSE: [(&str, bool); 2] = [("true", true), ("false", false)];

fn rule(table: &ParameterTable, problems: &mut Vec<ParameterProblem>) -> Option<Rule> {
    let mut fields = table.fields(&["code", "text", "text_zh", "refuses"], problems);
    let code = fields.text("code");
    let (text, text_zh) = (fields.text("text"), fields.text("text_zh"));
    for text in [&text, &text_zh].into_iter().flatten() {
        // What stands between braces, where they are in order.
        let names = text.split('{').skip(1).map(|rest| rest.split('}').next().unwrap_or(rest));
        for name in names.filter(|name| !NAMES.contains(name)) {
            fields.wrong(format!("nothing is called {name}"));
        }
    }
    let refuses = fields.word("refuses", &TRUE_FALSE);
    let validity = fields.validity();
    Some(Rule {
        code: code?,
        text: text?,
        text_zh: text_zh?,
        refuses: refuses?,
        validity: validity?,
    })
}

fn transaction_code(
    table: &ParameterTable,
    problems: &mut Vec<ParameterProblem>,
) -> Option<TransactionCode> {
    let mut fields = table.fields(&["code", "mode", "channel", "text", "text_zh"], problems);
    let (code, mode) = (fields.digits("code", 6), fields.digits("mode", 4));
    let channels = [
        ("any", None),
        ("bank_on_documents", Some(Channel::BankOnDocuments)),
        ("bank_on_transactions", Some(Channel::BankOnTransactions)),
        ("institution", Some(Channel::Institution)),
    ];
    let channel = fields.word("channel", &channels);
    let (text, text_zh) = (fields.text("text"), fields.text("text_zh"));
    let validity = fields.validity();
    Some(TransactionCode {
        code: code?,
        mode: mode?,
        channel: channel?,
        text: text?,
        text_zh: text_zh?,
        validity: validity?,
    })
}

/// Modes of cross-border e-commerce, whose small firms need no registration.
const SMALL_FIRMS: [&str; 4] = ["9610", "9710", "9810", "1210"];

impl ForexRules {
    fn value(&self, name: &str, day: Date) -> Option<i64> {
        self.parameters.find(name, day).map(|parameter| parameter.value)
    }

    /// Everything that a receipt breaks, and what is worth a remark, in the order of the codes. A rule that
    /// does not hold on the day, or whose number has no value then, breaks nothing.
    pub fn check(&self, receipt: &ForexReceipt<'_>) -> Vec<BrokenForexRule> {
        let day = receipt.day;
        let year = receipt.year_usd_cents.saturating_add(receipt.usd_cents);
        let above = |name: &str, amount: i64| {
            self.value(name, day).filter(|limit| amount > *limit).map(|limit| (amount, limit))
        };
        let is_institution = receipt.channel == Channel::Institution;
        let is_small_firm = SMALL_FIRMS.contains(&receipt.mode);
        let unlisted_year = above("unlisted.year_usd_cents", year);
        let watched = self.value("unlisted.watch_usd_cents", day);
        let watched = watched.filter(|limit| year >= *limit).map(|limit| (year, limit));
        let receives =
            receipt.receiver == receipt.exporter || receipt.agent == Some(receipt.receiver);
        let none = (0, 0);
        let found = [
            (
                "FX-01",
                above("institution.cap_usd_cents", receipt.usd_cents).filter(|_| is_institution),
            ),
            ("FX-02", (is_institution && !receipt.is_institution_listed).then_some(none)),
            ("FX-03", unlisted_year.filter(|_| !receipt.is_listed && is_small_firm)),
            (
                "FX-04",
                watched.filter(|_| !receipt.is_listed && is_small_firm && unlisted_year.is_none()),
            ),
            ("FX-05", (!receipt.is_listed && !is_small_firm).then_some(none)),
            ("FX-06", (!receives).then_some(none)),
            (
                "FX-07",
                (receipt.class == ForexClass::B && !receipt.has_export && !receipt.is_advance)
                    .then_some(none),
            ),
            ("FX-08", (receipt.class == ForexClass::B && receipt.is_advance).then_some(none)),
            ("FX-09", (receipt.class == ForexClass::C && !receipt.is_registered).then_some(none)),
            (
                "FX-10",
                (receipt.channel == Channel::BankOnDocuments && !receipt.has_documents)
                    .then_some(none),
            ),
            (
                "FX-11",
                (receipt.channel == Channel::BankOnTransactions && !receipt.has_transactions)
                    .then_some(none),
            ),
        ];
        let broken = found.into_iter().filter_map(|(code, numbers)| Some((code, numbers?)));
        broken.filter_map(|(code, numbers)| self.broken(code, receipt, numbers)).collect()
    }

    fn broken(
        &self,
        code: &str,
        receipt: &ForexReceipt<'_>,
        (amount, limit): (i64, i64),
    ) -> Option<BrokenForexRule> {
        let holds = |rule: &&Rule| rule.code == code && rule.validity.holds(receipt.day);
        let rule = self.rules.iter().find(holds)?;
        let filled = |text: &str| {
            text.replace("{amount}", &dollars(amount))
                .replace("{limit}", &dollars(limit))
                .replace("{receiver}", receipt.receiver)
                .replace("{exporter}", receipt.exporter)
        };
        Some(BrokenForexRule {
            code: rule.code.clone(),
            text: filled(&rule.text),
            text_zh: filled(&rule.text_zh),
            refuses: rule.refuses,
            law: self.law(&rule.validity),
        })
    }

    fn law(&self, validity: &Validity) -> String {
        let law = self.parameters.law(&validity.law).unwrap_or(&validity.law);
        format!("{law} {}", validity.article).trim_end().to_owned()
    }

    /// The last day on which a bank may tell that it executed an order to settle of a day: its spot deal is cleared by
    /// law within working days, and its statement tells that on another one.
    pub fn order_until(&self, day: Date) -> Option<Date> {
        let cleared = self.value("order.cleared_workdays", day)?;
        let told = self.value("order.told_workdays", day)?;
        Workdays::built_in().after(day, cleared.checked_add(told)?)
    }

    /// The transaction code of a mode and channel on a day; `None`: it is unclear, somebody has to say it.
    pub fn transaction_code(
        &self,
        mode: &str,
        channel: Channel,
        day: Date,
    ) -> Option<&TransactionCode> {
        let fits = |code: &&TransactionCode| {
            code.mode == mode
                && code.channel.is_none_or(|own| own == channel)
                && code.validity.holds(day)
        };
        self.codes.iter().find(fits)
    }

    /// What is told of a receipt.
    ///
    /// # Errors
    ///
    /// Everything that is missing.
    pub fn record(&self, income: &Income<'_>) -> Result<ForexRecord, Vec<Lack>> {
        let mut lacks = Vec::new();
        let code = match income.code {
            Some(code) => Some(code.to_owned()),
            None => self
                .transaction_code(income.mode, income.channel, income.day)
                .map(|code| code.code.clone()),
        };
        if code.is_none() {
            lacks.push(Lack::Code);
        }
        if income.payer_country.is_empty() {
            lacks.push(Lack::Country);
        }
        if income.amount <= 0 {
            lacks.push(Lack::Amount);
        }
        let goods = income.goods.trim();
        if goods.is_empty() {
            lacks.push(Lack::Goods);
        }
        let after = |name: &'static str| {
            let days = self.value(name, income.day)?;
            income.workdays.after(income.day, days)
        };
        let (basic, declared) =
            (after("payments.basic_workdays"), after("payments.declared_workdays"));
        if basic.is_none() || declared.is_none() {
            lacks.push(Lack::Deadline);
        }
        let is_goods = code.as_deref().is_some_and(|code| code.starts_with("12"));
        let large = if is_goods {
            "payments.large_goods_usd_cents"
        } else {
            "payments.large_other_usd_cents"
        };
        let large = self.value(large, income.day);
        let (Some(code), Some(basic_until), Some(declared_until)) = (code, basic, declared) else {
            return Err(lacks);
        };
        if !lacks.is_empty() {
            return Err(lacks);
        }
        let is_online = code == "122030";
        let note = [
            if income.is_refund { "退款" } else { "" },
            if income.is_in_statistics { "" } else { "未报关、未纳入海关统计" },
            if is_online { "网络购物" } else { "" },
            goods,
            "货款",
        ];
        let note: Vec<_> = note.into_iter().filter(|part| !part.is_empty()).collect();
        Ok(ForexRecord {
            code,
            note: note.join(" "),
            basic_until,
            declared_until,
            needs_report: large.is_some_and(|large| income.usd_cents > large),
            needs_settlement: income.currency != Currency::Cny,
        })
    }
}

/// Money from abroad, as it is declared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Income<'a> {
    /// The day it came.
    pub day: Date,
    /// How.
    pub channel: Channel,
    /// Supervision mode of its export.
    pub mode: &'a str,
    /// A transaction code that somebody chose.
    pub code: Option<&'a str>,
    /// Its currency.
    pub currency: Currency,
    /// In its minor unit.
    pub amount: i64,
    /// Equivalent in US cents.
    pub usd_cents: i64,
    /// Country of whoever paid; empty when it is not known.
    pub payer_country: &'a str,
    /// What was sold.
    pub goods: &'a str,
    /// Its export is in customs' statistics.
    pub is_in_statistics: bool,
    /// It is money that goes back: told under the original code.
    pub is_refund: bool,
    /// Which days are worked.
    pub workdays: &'a Workdays,
}

/// What is told to the balance of payments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForexRecord {
    /// Transaction code (交易编码).
    pub code: String,
    /// Note (交易附言).
    pub note: String,
    /// Until when the bank tells its basic data.
    pub basic_until: Date,
    /// Until when the firm declares.
    pub declared_until: Date,
    /// So large that it is verified and reported.
    pub needs_report: bool,
    /// It is no yuan; yuan are reported as well.
    pub needs_settlement: bool,
}

/// What a record lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Lack {
    /// Mode and channel do not say which transaction code it is.
    #[error("the transaction code is unclear for this mode and channel; choose one")]
    Code,
    /// Country of whoever paid.
    #[error("the country of whoever paid is missing")]
    Country,
    /// The amount is not above zero.
    #[error("the amount is not above zero")]
    Amount,
    /// What was sold.
    #[error("what was sold is missing")]
    Goods,
    /// There is no deadline on that day.
    #[error("no deadline is known for that day")]
    Deadline,
}

impl Lack {
    /// The same in Chinese.
    pub fn zh(self) -> &'static str {
        match self {
            Self::Code => "该监管方式和渠道的交易编码不明确，请选择",
            Self::Country => "缺少付款人国别",
            Self::Amount => "金额须大于零",
            Self::Goods => "缺少商品名称",
            Self::Deadline => "该日期没有适用的申报期限",
        }
    }
}

/// US cents as dollars with two digits.
fn dollars(cents: i64) -> String {
    super::amount::shown(Currency::Usd, cents)
}
