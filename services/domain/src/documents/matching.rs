//! Whether the documents of one parcel fit each other (三单对碰).
//!
//! Order, payment and waybill arrive in any order, before or after the inventory. Whenever one
//! arrives, the set is tried again: first the rows of the table that wait for a document, then, when
//! all are there, the rows that refuse. All broken rows are told at once.
//!
//! Sources: field definitions of the CEB specification 202205; codes and details as observed in
//! receipts. Rows without a code have a text of our own. Rows that look at one document only are
//! enforced when it is filed and named here with the place.

use super::errors::coded;
use super::member::{Member, members};
pub use super::parcel::{
    BondedStock, Consignee, InventoryLine, OrderLine, ParcelDocuments, ParcelInventory,
    ParcelOrder, Payment, Person, PositiveList, Restriction, Set, Waybill,
};
use super::{identity, mask};
use crate::codes::{CNY, Mode};
use crate::rules::decimal;

/// What can be set about the match.
#[derive(Debug, Clone, Copy)]
pub struct MatchPolicy<'a> {
    /// How far payment and order may lie apart in M6, in 1/100000. Firms report that one yuan is
    /// tolerated, which is unverified.
    pub amount_tolerance_e5: i64,
    /// How long an inventory waits for its documents. A day is what practitioners name.
    pub wait_seconds: i64,
    /// The positive list for M16; without it every heading passes.
    pub positive_list: Option<&'a PositiveList>,
    /// The stock for M18; without it there is always enough.
    pub ledger: Option<&'a BondedStock>,
}

impl Default for MatchPolicy<'_> {
    fn default() -> Self {
        Self { amount_tolerance_e5: 0, wait_seconds: 86_400, positive_list: None, ledger: None }
    }
}

/// A broken rule of the match. Its text may show some characters of personal data: `Debug` shows none.
#[derive(Clone, PartialEq, Eq)]
pub struct RuleBreach {
    /// Number of the rule, for example `M6`.
    pub rule: &'static str,
    /// Customs' code, when one is known.
    pub code: Option<&'static str>,
    /// What is said about it, in Chinese, as it stands in a receipt.
    pub text: String,
}

impl std::fmt::Debug for RuleBreach {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Broken({}, {:?})", self.rule, self.code)
    }
}

/// A document that is not there yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum MissingDocument {
    /// The order.
    Order,
    /// The payment.
    Payment,
    /// The waybill.
    Waybill,
}

impl MissingDocument {
    /// In English.
    pub fn title(self) -> &'static str {
        match self {
            Self::Order => "the order is not there",
            Self::Payment => "the payment is not there",
            Self::Waybill => "the waybill is not there",
        }
    }

    /// In Chinese.
    pub fn title_zh(self) -> &'static str {
        match self {
            Self::Order => "订单信息不存在",
            Self::Payment => "支付信息不存在",
            Self::Waybill => "运单信息不存在",
        }
    }
}

/// What came of a match.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MatchOutcome {
    /// Everything is there and fits.
    Matched,
    /// Something is not there yet.
    Waiting(Vec<MissingDocument>),
    /// Every broken rule.
    Refused(Vec<RuleBreach>),
}

/// What a row of the table does.
#[derive(Clone, Copy)]
enum Check {
    /// Waits until this is true.
    Wait(MissingDocument, fn(&Set<'_>) -> bool),
    /// Refuses when this gives details for the text, which may be empty. Every document is there.
    Refuse(fn(&Full<'_>) -> Option<String>),
    /// Is enforced somewhere else.
    Elsewhere(&'static str),
}

/// A row of the table.
#[derive(Clone, Copy)]
pub struct MatchRule {
    /// Its number: M for imports, E for exports.
    pub id: &'static str,
    /// Customs' code, when one is known.
    pub code: Option<&'static str>,
    /// What is wrong when it is broken, in English.
    pub title: &'static str,
    /// The same in Chinese, as receipts say it.
    pub title_zh: &'static str,
    check: Check,
}

impl MatchRule {
    /// Where the rule is enforced, when not by the match.
    pub fn enforced_elsewhere(&self) -> Option<&'static str> {
        match self.check {
            Check::Elsewhere(place) => Some(place),
            Check::Wait(..) | Check::Refuse(_) => None,
        }
    }

    /// The document that the rule waits for, when it is not there.
    fn awaits(&self, set: &Set<'_>) -> Option<MissingDocument> {
        match self.check {
            Check::Wait(missing, there) => (!there(set)).then_some(missing),
            Check::Refuse(_) | Check::Elsewhere(_) => None,
        }
    }

    fn broken(&self, details: &str) -> RuleBreach {
        let text = match self.code {
            Some(code) => coded(code, self.title_zh),
            None => self.title_zh.to_owned(),
        };
        RuleBreach { rule: self.id, code: self.code, text: text + details }
    }
}

impl std::fmt::Debug for MatchRule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.id)
    }
}

/// A complete import.
struct Full<'a> {
    inventory: &'a ParcelInventory,
    order: &'a ParcelOrder,
    payment: &'a Payment,
    waybill: &'a Waybill,
    policy: &'a MatchPolicy<'a>,
}

const fn rule(
    id: &'static str,
    code: Option<&'static str>,
    title: &'static str,
    title_zh: &'static str,
    check: Check,
) -> MatchRule {
    MatchRule { id, code, title, title_zh, check }
}

/// The match of imports.
#[rustfmt::skip]
pub const IMPORT: &[MatchRule] = &[
    rule("M1", None, "the order is not there", "订单信息不存在", Check::Wait(MissingDocument::Order, has_order)),
    rule("M2", None, "the payment is not there", "支付信息不存在", Check::Wait(MissingDocument::Payment, has_payment)),
    rule("M3", Some("13035"), "order and payment name different payment firms", "支付企业不一致", Check::Refuse(pay_code)),
    rule("M4", None, "the waybill is not there", "运单信息不存在", Check::Wait(MissingDocument::Waybill, has_waybill)),
    rule("M5", None, "acturalPaid is not goodsValue + freight + taxTotal - discount", "订单实际支付金额不等于商品价格+运杂费+代扣税款-非现金抵扣金额", Check::Refuse(order_sum)),
    rule("M6", Some("1332"), "the amount paid is not the amount of the order", "支付单支付金额与订单支付金额不一致", Check::Refuse(amount_paid)),
    rule("M7", Some("1327"), "buyer and payer differ", "订单购买人与支付单支付人名字或身份证号码不一致", Check::Refuse(payer)),
    rule("M8", Some("13127"), "inventory and order name different buyers", "清单上的订购人姓名与订单上的订购人姓名不一致", Check::Refuse(buyer_name)),
    // The code of this half of M8 is not known.
    rule("M8", None, "inventory and order have different identity numbers", "清单上的订购人证件号码与订单上的订购人证件号码不一致", Check::Refuse(buyer_id)),
    rule("M9", Some("130126"), "inventory and order have different telephone numbers", "清单上的订购人电话号码与订单上的订购人电话号码不一致", Check::Refuse(buyer_telephone)),
    rule("M10", Some("1320"), "inventory and order have different numbers of lines", "清单表体商品项与订单表体商品项的项数不一致", Check::Refuse(line_count)),
    rule("M11", Some("1322"), "lines of inventory and order differ", "订单清单表体商品项不一致", Check::Refuse(lines)),
    rule("M12", None, "waybill and order have different consignees", "运单收货人信息与订单收货人信息不一致", Check::Refuse(consignee)),
    // From general knowledge.
    rule("M13", None, "goodsValue is not the sum of the lines of the order", "订单商品价格不等于订单表体商品总价之和", Check::Refuse(goods_value)),
    // Inventory: currencies and packages by rules::trade, when it is filed.
    rule("M14", None, "order and payment must be in CNY, the buyer known by identity card", "订单和支付单币制须为人民币（142），订购人证件类型须为身份证（1）", Check::Refuse(currency)),
    rule("M15", Some("1313"), "above the single or the annual limit", "订购人购买超过年度限额", Check::Elsewhere("documents::limits, by the keeper of the yearly amounts")),
    // From general knowledge.
    rule("M16", None, "goods are not on the positive list", "商品不在跨境电商零售进口商品清单内", Check::Refuse(positive_list)),
    // The balance of the guarantee is the keeper's matter.
    rule("M17", None, "the guarantor is neither declarant, e-commerce firm nor logistics firm", "担保企业编号只限清单的申报企业、电商企业、物流企业", Check::Refuse(guarantor)),
    rule("M18", None, "bonded trade lacks ledger data or stock", "保税进口账册信息不完整或库存不足", Check::Refuse(bonded)),
    rule("M19", None, "direct purchase lacks vehicle, voyage or bill of lading", "直购进口必填运输工具编号、航班航次号、提运单号", Check::Elsewhere("rules::trade, when the inventory is filed")),
    rule("M20", None, "weights or prices are not above zero", "毛重、净重、单价、总价须大于零且毛重不小于净重", Check::Elsewhere("rules and rules::lines, when the inventory is filed")),
];

/// The match of exports: the documents have to be there. The receipt simulators of the trade compare
/// nothing else; the receipt of money (403) is no part of it and is taken in with the inventory.
#[rustfmt::skip]
pub const EXPORT: &[MatchRule] = &[
    rule("E1", None, "the order is not there", "订单信息不存在", Check::Wait(MissingDocument::Order, has_export_order)),
    rule("E2", None, "the waybill is not there", "运单信息不存在", Check::Wait(MissingDocument::Waybill, has_export_waybill)),
];

/// Matches an import.
pub fn match_import(set: &Set<'_>, policy: &MatchPolicy<'_>) -> MatchOutcome {
    let missing = missing(IMPORT, set);
    let (Some(order), Some(payment), Some(waybill), true) =
        (set.order, set.payment, set.waybill, missing.is_empty())
    else {
        return MatchOutcome::Waiting(missing);
    };
    let full = Full { inventory: set.inventory, order, payment, waybill, policy };
    let broken = refused(&full, |_| true);
    if broken.is_empty() { MatchOutcome::Matched } else { MatchOutcome::Refused(broken) }
}

/// The broken rules about imports as far as the documents at hand tell: a rule that looks at one that
/// is not there is left out. For whoever asks before anything is sent.
pub fn match_parts(parts: &ParcelDocuments<'_>, policy: &MatchPolicy<'_>) -> Vec<RuleBreach> {
    let (inventory, order) = (ParcelInventory::default(), ParcelOrder::default());
    let (payment, waybill) = (Payment::default(), Waybill::default());
    let full = Full {
        inventory: parts.inventory.unwrap_or(&inventory),
        order: parts.order.unwrap_or(&order),
        payment: parts.payment.unwrap_or(&payment),
        waybill: parts.waybill.unwrap_or(&waybill),
        policy,
    };
    let there = |member: &Member| match member {
        Member::Inventory => parts.inventory.is_some(),
        Member::Order => parts.order.is_some(),
        Member::Payment => parts.payment.is_some(),
        Member::Waybill => parts.waybill.is_some(),
    };
    refused(&full, |rule| members(rule.id).iter().all(there))
}

fn refused(full: &Full<'_>, wanted: impl Fn(&MatchRule) -> bool) -> Vec<RuleBreach> {
    let rules = IMPORT.iter().filter(|rule| wanted(rule));
    rules
        .filter_map(|rule| match rule.check {
            Check::Refuse(check) => Some(rule.broken(&check(full)?)),
            Check::Wait(..) | Check::Elsewhere(_) => None,
        })
        .collect()
}

/// Matches an export.
pub fn match_export(set: &Set<'_>) -> MatchOutcome {
    let missing = missing(EXPORT, set);
    if missing.is_empty() { MatchOutcome::Matched } else { MatchOutcome::Waiting(missing) }
}

/// Which of the payments of an order counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice {
    /// None is there.
    None,
    /// This one, by its place.
    One(usize),
    /// Several stand, and nothing says which (-401003).
    Several,
}

/// Chooses among the payments that name an order: those with the transaction number that the order names,
/// then those of the payment firm that it names, where there is one. The order in which they came does not
/// count: nobody knows whether the first or the last is the right one.
pub fn choose_payment(order: Option<&ParcelOrder>, payments: &[Payment]) -> Choice {
    let named = order.map_or("", |order| order.pay_transaction_id.as_str());
    let firm = order.map_or("", |order| order.pay_code.as_str());
    let fits = |payment: &Payment| same_if_given(named, &payment.pay_transaction_id);
    let of_firm = |payment: &Payment| !firm.trim().is_empty() && same(firm, &payment.pay_code);
    let fitting: Vec<usize> = (0..payments.len()).filter(|at| fits(&payments[*at])).collect();
    let own: Vec<usize> = fitting.iter().copied().filter(|at| of_firm(&payments[*at])).collect();
    match if own.is_empty() { fitting } else { own }[..] {
        [] => Choice::None,
        [one] => Choice::One(one),
        _ => Choice::Several,
    }
}

/// The broken rules of a set that has waited too long ([`MatchPolicy::wait_seconds`]).
pub fn overdue(rules: &[MatchRule], set: &Set<'_>) -> Vec<RuleBreach> {
    let order_no = &set.inventory.order_no;
    let details = format!(",[InventoryHead.orderNo:{order_no}]");
    let waiting = rules.iter().filter(|rule| rule.awaits(set).is_some());
    waiting.map(|rule| rule.broken(&details)).collect()
}

/// The text of a rejection: every broken rule, joined by a comma.
pub fn text(broken: &[RuleBreach]) -> String {
    broken.iter().map(|broken| broken.text.as_str()).collect::<Vec<_>>().join(",")
}

/// The observed warning about a payment that is not there yet.
pub(super) fn payment_missing(ebp_code: &str, order_no: &str) -> String {
    let missing = MissingDocument::Payment.title_zh();
    format!("对应电商平台为[{ebp_code}]订单号为[{order_no}]{missing}")
}

fn missing(rules: &[MatchRule], set: &Set<'_>) -> Vec<MissingDocument> {
    rules.iter().filter_map(|rule| rule.awaits(set)).collect()
}

fn has_order(set: &Set<'_>) -> bool {
    let inventory = set.inventory;
    set.order.is_some_and(|order| {
        same(&order.ebp_code, &inventory.ebp_code) && same(&order.order_no, &inventory.order_no)
    })
}

/// A payment with another number than the order names is another payment: the right one may come.
fn has_payment(set: &Set<'_>) -> bool {
    let inventory = set.inventory;
    let named = set.order.map_or("", |order| order.pay_transaction_id.as_str());
    set.payment.is_some_and(|payment| {
        same(&payment.ebp_code, &inventory.ebp_code)
            && same(&payment.order_no, &inventory.order_no)
            && same_if_given(named, &payment.pay_transaction_id)
    })
}

fn has_waybill(set: &Set<'_>) -> bool {
    has_export_waybill(set)
        && set.waybill.is_some_and(|waybill| same(&waybill.order_no, &set.inventory.order_no))
}

fn has_export_order(set: &Set<'_>) -> bool {
    let inventory = set.inventory;
    set.order.is_some_and(|order| {
        same(&order.ebc_code, &inventory.ebc_code) && same(&order.order_no, &inventory.order_no)
    })
}

fn has_export_waybill(set: &Set<'_>) -> bool {
    let inventory = set.inventory;
    set.waybill.is_some_and(|waybill| {
        same(&waybill.logistics_code, &inventory.logistics_code)
            && same(&waybill.logistics_no, &inventory.logistics_no)
    })
}

/// Two texts are the same but for spaces around them.
pub(super) fn same(left: &str, right: &str) -> bool {
    left.trim() == right.trim()
}

pub(super) fn same_if_given(left: &str, right: &str) -> bool {
    left.trim().is_empty() || right.trim().is_empty() || same(left, right)
}

/// The same person, however the number is spelt.
pub(super) fn same_id(left: &str, right: &str) -> bool {
    identity::normalised(left) == identity::normalised(right)
}

/// The details of a rule that says everything with its title.
fn plain(fits: bool) -> Option<String> {
    (!fits).then(String::new)
}

fn pay_code(full: &Full<'_>) -> Option<String> {
    let (own, other) = (&full.order.pay_code, &full.payment.pay_code);
    let pair = [("OrderHead.payCode", own.as_str()), ("PaymentHead.payCode", other)];
    details([differing(pair, same_if_given, str::to_owned)])
}

fn order_sum(full: &Full<'_>) -> Option<String> {
    let order = full.order;
    let due = i128::from(order.goods_value_e5)
        + i128::from(order.freight_e5)
        + i128::from(order.tax_total_e5)
        - i128::from(order.discount_e5);
    (due != i128::from(order.actural_paid_e5)).then(|| {
        format!(
            ",[OrderHead.acturalPaid:{},OrderHead.goodsValue:{},OrderHead.freight:{},OrderHead.taxTotal:{},OrderHead.discount:{}]",
            decimal(order.actural_paid_e5),
            decimal(order.goods_value_e5),
            decimal(order.freight_e5),
            decimal(order.tax_total_e5),
            decimal(order.discount_e5)
        )
    })
}

/// The missing colon after amountPaid is in the observed text.
fn amount_paid(full: &Full<'_>) -> Option<String> {
    let (due, paid) = (full.order.actural_paid_e5, full.payment.amount_paid_e5);
    let apart = (i128::from(due) - i128::from(paid)).abs();
    (apart > i128::from(full.policy.amount_tolerance_e5)).then(|| {
        format!(",[OrderHead.acturalPaid:{},PaymentHead.amountPaid{}]", decimal(due), decimal(paid))
    })
}

/// Two elements that ought to say the same, each with its value.
type Pair<'a> = [(&'static str, &'a str); 2];

/// The elements with both values, when they differ: `OrderHead.buyerName:张*,PaymentHead.payerName:李*`.
/// Whoever sent the one document may not know the other, so personal data is masked; where both look the
/// same behind their masks, it is said from where on they differ.
fn differing(
    [left, right]: Pair<'_>,
    same: fn(&str, &str) -> bool,
    mask: fn(&str) -> String,
) -> Option<String> {
    if same(left.1, right.1) {
        return None;
    }
    let (one, other) = (left.1.trim(), right.1.trim());
    let (one_shown, other_shown) = (mask(one), mask(other));
    let shown = format!("{}:{one_shown},{}:{other_shown}", left.0, right.0);
    if one_shown != other_shown {
        return Some(shown);
    }
    let common = one.chars().zip(other.chars()).take_while(|(a, b)| a == b).count();
    Some(format!("{shown}（自第{}个字符起不同）", common + 1))
}

/// Details as they stand behind the text of a rule.
fn details(parts: impl IntoIterator<Item = Option<String>>) -> Option<String> {
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    (!parts.is_empty()).then(|| format!(",[{}]", parts.join(",")))
}

fn payer(full: &Full<'_>) -> Option<String> {
    let (buyer, payer) = (&full.order.buyer, &full.payment.payer);
    let names =
        [("OrderHead.buyerName", buyer.name.as_str()), ("PaymentHead.payerName", &payer.name)];
    let numbers = [
        ("OrderHead.buyerIdNumber", buyer.id_number.as_str()),
        ("PaymentHead.payerIdNumber", &payer.id_number),
    ];
    details([differing(names, same, mask::name), differing(numbers, same_id, mask::number)])
}

fn buyer_name(full: &Full<'_>) -> Option<String> {
    let (own, other) = (&full.inventory.buyer.name, &full.order.buyer.name);
    let pair = [("InventoryHead.buyerName", own.as_str()), ("OrderHead.buyerName", other)];
    details([differing(pair, same, mask::name)])
}

fn buyer_id(full: &Full<'_>) -> Option<String> {
    let (own, other) = (&full.inventory.buyer.id_number, &full.order.buyer.id_number);
    let pair = [("InventoryHead.buyerIdNumber", own.as_str()), ("OrderHead.buyerIdNumber", other)];
    details([differing(pair, same_id, mask::number)])
}

fn buyer_telephone(full: &Full<'_>) -> Option<String> {
    let (own, other) = (&full.inventory.buyer.telephone, &full.order.buyer.telephone);
    let pair =
        [("InventoryHead.buyerTelephone", own.as_str()), ("OrderHead.buyerTelephone", other)];
    details([differing(pair, same, mask::number)])
}

fn line_count(full: &Full<'_>) -> Option<String> {
    (full.inventory.lines.len() != full.order.lines.len()).then(|| {
        format!(
            ",[InventoryHead.orderNo:{},OrderHead.orderNo:{}]",
            full.inventory.order_no, full.order.order_no
        )
    })
}

/// Lines with one number on both sides; when there are as many lines, a number without a partner too.
/// A gift costs nothing in the order and has its worth in the inventory.
fn lines(full: &Full<'_>) -> Option<String> {
    let counted = full.inventory.lines.len() == full.order.lines.len();
    let differs = |line: &&InventoryLine| {
        let partner = full.order.lines.iter().find(|other| other.gnum == line.gnum);
        partner.map_or(counted, |other| !same_line(line, other))
    };
    let numbers: Vec<_> = full
        .inventory
        .lines
        .iter()
        .filter(differs)
        .map(|line| format!("InventoryList.gnum:{}", line.gnum))
        .collect();
    (!numbers.is_empty()).then(|| format!(",[{}]", numbers.join(",")))
}

fn same_line(line: &InventoryLine, other: &OrderLine) -> bool {
    let gift = other.price_e5 == 0 && other.total_price_e5 == 0;
    let prices = (line.price_e5, line.total_price_e5) == (other.price_e5, other.total_price_e5);
    line.qty_e5 == other.qty_e5 && (gift || prices) && same_if_given(&line.item_no, &other.item_no)
}

fn consignee(full: &Full<'_>) -> Option<String> {
    let (own, other) = (&full.waybill.consignee, &full.order.consignee);
    let names =
        [("LogisticsHead.consignee", own.name.as_str()), ("OrderHead.consignee", &other.name)];
    let telephones = [
        ("LogisticsHead.consigneeTelephone", own.telephone.as_str()),
        ("OrderHead.consigneeTelephone", &other.telephone),
    ];
    let addresses = [
        ("LogisticsHead.consigneeAddress", own.address.as_str()),
        ("OrderHead.consigneeAddress", &other.address),
    ];
    details([
        differing(names, same, mask::name),
        differing(telephones, same, mask::number),
        differing(addresses, same, mask::address),
    ])
}

fn goods_value(full: &Full<'_>) -> Option<String> {
    let sum: i128 = full.order.lines.iter().map(|line| i128::from(line.total_price_e5)).sum();
    plain(sum == i128::from(full.order.goods_value_e5))
}

fn currency(full: &Full<'_>) -> Option<String> {
    let lines = full.order.lines.iter().map(|line| line.currency.as_str());
    let mut currencies =
        lines.chain([full.order.currency.as_str(), full.payment.currency.as_str()]);
    plain(currencies.all(|currency| currency == CNY) && full.order.buyer.id_type == "1")
}

fn positive_list(full: &Full<'_>) -> Option<String> {
    let list = full.policy.positive_list?;
    let bonded = Mode::find(&full.inventory.trade_mode).is_some_and(|mode| mode.bonded);
    let off_the_list = |line: &&InventoryLine| match line
        .gcode
        .get(..8)
        .and_then(|heading| list.headings.get(heading))
    {
        Some(Restriction::None) => false,
        Some(Restriction::BondedOnly) => !bonded,
        None => true,
    };
    let codes: Vec<_> = full
        .inventory
        .lines
        .iter()
        .filter(off_the_list)
        .map(|line| format!("InventoryList.gcode:{}", line.gcode))
        .collect();
    (!codes.is_empty()).then(|| format!(",[{}]", codes.join(",")))
}

fn guarantor(full: &Full<'_>) -> Option<String> {
    let inventory = full.inventory;
    let guarantors = [&inventory.agent_code, &inventory.ebc_code, &inventory.logistics_code];
    plain(guarantors.contains(&&inventory.assure_code))
}

/// Goods from bonded stock leave from inside the country: the country of dispatch is 142.
fn bonded(full: &Full<'_>) -> Option<String> {
    const CHINA: &str = "142";
    let inventory = full.inventory;
    if !Mode::find(&inventory.trade_mode).is_some_and(|mode| mode.bonded) {
        return None;
    }
    let records = inventory.lines.iter().map(|line| &line.item_record_no);
    let mut given = records.chain([&inventory.ems_no, &inventory.area_code, &inventory.area_name]);
    let complete = given.all(|value| !value.trim().is_empty()) && inventory.country == CHINA;
    plain(complete && full.policy.ledger.is_none_or(|ledger| ledger.covers(inventory)))
}
