//! The match as a firm asks for it before it sends anything: the rules whose documents are at hand,
//! and for each broken one which fields of which documents it compared, with both values.
//!
//! Whether a rule is broken is decided by [`super::matching`] alone; this module says where to look.

use super::matching::{
    self, IMPORT, MatchPolicy, MissingDocument, RuleBreach, same, same_id, same_if_given,
};
pub use super::member::Member;
use super::parcel::{
    InventoryLine, OrderLine, ParcelDocuments, ParcelInventory, ParcelOrder, Payment, Waybill,
};
use crate::codes::CNY;
use crate::rules::decimal;

/// A field of a document. Values may be personal data: `Debug` shows none.
#[derive(Clone, PartialEq, Eq)]
pub struct ComparedField {
    /// Whose field; `None` for what the field should be, by a sum or by a rule.
    pub member: Option<Member>,
    /// Its element, or how the value is found.
    pub element: &'static str,
    /// The line of goods (gnum), for fields of lines.
    pub gnum: Option<u32>,
    /// Its value.
    pub value: String,
}

impl std::fmt::Debug for ComparedField {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?} {}", self.member, self.element)?;
        self.gnum.map_or(Ok(()), |gnum| write!(f, " of line {gnum}"))
    }
}

/// Two fields that differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldDifference {
    /// One.
    pub left: ComparedField,
    /// The other.
    pub right: ComparedField,
}

/// A broken rule with the fields that break it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Discrepancy {
    /// The rule, as it stands in a receipt.
    pub broken: RuleBreach,
    /// In English.
    pub title: &'static str,
    /// In Chinese.
    pub title_zh: &'static str,
    /// The fields; none where the rule is about something that is not in the documents.
    pub differences: Vec<FieldDifference>,
}

/// Every broken rule about imports that the documents at hand can tell.
pub fn findings(parts: &ParcelDocuments<'_>, policy: &MatchPolicy<'_>) -> Vec<Discrepancy> {
    let described = |broken: RuleBreach| {
        let same = |rule: &&matching::MatchRule| rule.id == broken.rule && rule.code == broken.code;
        let rule = IMPORT.iter().find(same);
        Discrepancy {
            differences: differences(&broken, parts),
            title: rule.map_or("", |rule| rule.title),
            title_zh: rule.map_or("", |rule| rule.title_zh),
            broken,
        }
    };
    matching::match_parts(parts, policy).into_iter().map(described).collect()
}

/// Why the window would not take a document for one of this parcel: the fields by which it finds them,
/// where they differ. Empty for a document that is not at hand, or is found.
pub fn strange(missing: MissingDocument, parts: &ParcelDocuments<'_>) -> Vec<FieldDifference> {
    match missing {
        MissingDocument::Order => parts.order.map(|order| strange_order(order, parts)),
        MissingDocument::Payment => parts.payment.map(|payment| strange_payment(payment, parts)),
        MissingDocument::Waybill => parts.waybill.map(|waybill| strange_waybill(waybill, parts)),
    }
    // What is not there is shown as nothing.
    .unwrap_or_default()
}

fn strange_order(order: &ParcelOrder, parts: &ParcelDocuments<'_>) -> Vec<FieldDifference> {
    let Some(inventory) = parts.inventory else { return Vec::new() };
    let mut found = Differences::default();
    let (left, right) = (Member::Order, Member::Inventory);
    found.texts((left, "orderNo", &order.order_no), (right, "orderNo", &inventory.order_no));
    found.texts((left, "ebpCode", &order.ebp_code), (right, "ebpCode", &inventory.ebp_code));
    found.texts((left, "ebcCode", &order.ebc_code), (right, "ebcCode", &inventory.ebc_code));
    found.0
}

/// A payment belongs to the order number of a platform, and is the one that the order names.
fn strange_payment(payment: &Payment, parts: &ParcelDocuments<'_>) -> Vec<FieldDifference> {
    let mut found = Differences::default();
    let left = Member::Payment;
    let of_inventory = parts.inventory.map(|it| (Member::Inventory, &it.order_no, &it.ebp_code));
    let of_order = parts.order.map(|it| (Member::Order, &it.order_no, &it.ebp_code));
    if let Some((right, order_no, ebp_code)) = of_inventory.or(of_order) {
        found.texts((left, "orderNo", &payment.order_no), (right, "orderNo", order_no));
        found.texts((left, "ebpCode", &payment.ebp_code), (right, "ebpCode", ebp_code));
    }
    if let Some(order) = parts.order
        && !same_if_given(&order.pay_transaction_id, &payment.pay_transaction_id)
    {
        let element = "payTransactionId";
        found.texts(
            (left, element, &payment.pay_transaction_id),
            (Member::Order, element, &order.pay_transaction_id),
        );
    }
    found.0
}

/// An export waybill names no order.
fn strange_waybill(waybill: &Waybill, parts: &ParcelDocuments<'_>) -> Vec<FieldDifference> {
    let mut found = Differences::default();
    let left = Member::Waybill;
    if let Some(inventory) = parts.inventory {
        let right = Member::Inventory;
        let (code, number) = (&inventory.logistics_code, &inventory.logistics_no);
        found.texts((left, "logisticsNo", &waybill.logistics_no), (right, "logisticsNo", number));
        found.texts(
            (left, "logisticsCode", &waybill.logistics_code),
            (right, "logisticsCode", code),
        );
    }
    let of_inventory = parts.inventory.map(|it| (Member::Inventory, &it.order_no));
    let of_order = parts.order.map(|it| (Member::Order, &it.order_no));
    if let Some((right, order_no)) = of_inventory.or(of_order)
        && !waybill.order_no.is_empty()
    {
        found.texts((left, "orderNo", &waybill.order_no), (right, "orderNo", order_no));
    }
    found.0
}

/// goodsValue against the lines, of any order. For imports it is M13.
pub fn goods_value(order: &ParcelOrder) -> Option<FieldDifference> {
    let mut found = Differences::default();
    of_order(&mut found, "M13", order);
    found.0.pop()
}

/// The lines of an order whose total is not their price times their quantity, to the fen. No rule of
/// the window; the inventory must have the same lines, and there it is one (SW-2009).
pub fn line_totals(order: &ParcelOrder) -> Vec<FieldDifference> {
    const FEN_E5: i128 = 1_000;
    const ONE_E5: i128 = 100_000;
    let mut found = Differences::default();
    for line in &order.lines {
        let due = i128::from(line.price_e5) * i128::from(line.qty_e5) / ONE_E5;
        if (due - i128::from(line.total_price_e5)).abs() >= FEN_E5 {
            let gnum = Some(line.gnum);
            let left = field(Member::Order, "totalPrice", decimal(line.total_price_e5));
            found.put(ComparedField { gnum, ..left }, computed("price × qty", due));
        }
    }
    found.0
}

/// The fields that a broken rule compared and that differ.
fn differences(broken: &RuleBreach, parts: &ParcelDocuments<'_>) -> Vec<FieldDifference> {
    let mut found = Differences::default();
    if let Some(order) = parts.order {
        of_order(&mut found, broken.rule, order);
        if let Some(payment) = parts.payment {
            of_payment(&mut found, broken.rule, order, payment);
        }
        if let Some(waybill) = parts.waybill
            && broken.rule == "M12"
        {
            of_waybill(&mut found, order, waybill);
        }
        if let Some(inventory) = parts.inventory {
            of_both(&mut found, broken, inventory, order);
        }
    }
    if let Some(inventory) = parts.inventory {
        of_inventory(&mut found, broken.rule, inventory);
    }
    found.0
}

/// What an order alone contradicts.
fn of_order(found: &mut Differences, rule: &str, order: &ParcelOrder) {
    let own = Member::Order;
    match rule {
        "M5" => {
            let due = i128::from(order.goods_value_e5)
                + i128::from(order.freight_e5)
                + i128::from(order.tax_total_e5)
                - i128::from(order.discount_e5);
            found.sum(
                (own, "acturalPaid", order.actural_paid_e5),
                ("goodsValue + freight + taxTotal - discount", due),
            );
        }
        "M13" => {
            let sum = order.lines.iter().map(|line| i128::from(line.total_price_e5)).sum();
            found.sum((own, "goodsValue", order.goods_value_e5), ("Σ OrderList/totalPrice", sum));
        }
        "M14" => {
            found.must_be((own, "currency", None, &order.currency), CNY);
            found.must_be((own, "buyerIdType", None, &order.buyer.id_type), "1");
            for line in &order.lines {
                found.must_be((own, "currency", Some(line.gnum), &line.currency), CNY);
            }
        }
        _ => {}
    }
}

fn of_payment(found: &mut Differences, rule: &str, order: &ParcelOrder, payment: &Payment) {
    let (left, right) = (Member::Order, Member::Payment);
    match rule {
        "M3" => {
            found.texts((left, "payCode", &order.pay_code), (right, "payCode", &payment.pay_code))
        }
        "M6" => found.amounts(
            (left, "acturalPaid", order.actural_paid_e5),
            (right, "amountPaid", payment.amount_paid_e5),
        ),
        "M7" => {
            let (buyer, payer) = (&order.buyer, &payment.payer);
            found.texts((left, "buyerName", &buyer.name), (right, "payerName", &payer.name));
            found.identities(
                (left, "buyerIdNumber", &buyer.id_number),
                (right, "payerIdNumber", &payer.id_number),
            );
        }
        "M14" => found.must_be((right, "currency", None, &payment.currency), CNY),
        _ => {}
    }
}

fn of_waybill(found: &mut Differences, order: &ParcelOrder, waybill: &Waybill) {
    let (left, right) = (Member::Waybill, Member::Order);
    let (own, other) = (&waybill.consignee, &order.consignee);
    found.texts((left, "consignee", &own.name), (right, "consignee", &other.name));
    for (element, own, other) in [
        ("consigneeTelephone", &own.telephone, &other.telephone),
        ("consigneeAddress", &own.address, &other.address),
    ] {
        found.texts((left, element, own), (right, element, other));
    }
}

fn of_both(
    found: &mut Differences,
    broken: &RuleBreach,
    inventory: &ParcelInventory,
    order: &ParcelOrder,
) {
    let (left, right) = (Member::Inventory, Member::Order);
    let (own, other) = (&inventory.buyer, &order.buyer);
    match (broken.rule, broken.code) {
        ("M8", Some(_)) => {
            found.texts((left, "buyerName", &own.name), (right, "buyerName", &other.name));
        }
        ("M8", None) => found.identities(
            (left, "buyerIdNumber", &own.id_number),
            (right, "buyerIdNumber", &other.id_number),
        ),
        ("M9", _) => found.texts(
            (left, "buyerTelephone", &own.telephone),
            (right, "buyerTelephone", &other.telephone),
        ),
        ("M10", _) => found.put(
            field(left, "InventoryList", inventory.lines.len().to_string()),
            field(right, "OrderList", order.lines.len().to_string()),
        ),
        ("M11", _) => {
            for line in &inventory.lines {
                match order.lines.iter().find(|other| other.gnum == line.gnum) {
                    Some(other) => of_lines(found, line, other),
                    None => found.put(
                        ComparedField {
                            gnum: Some(line.gnum),
                            ..field(left, "gnum", line.gnum.to_string())
                        },
                        field(right, "gnum", String::new()),
                    ),
                }
            }
        }
        _ => {}
    }
}

/// The lines of one number. A gift costs nothing in the order.
fn of_lines(found: &mut Differences, line: &InventoryLine, other: &OrderLine) {
    let gift = other.price_e5 == 0 && other.total_price_e5 == 0;
    let prices = [
        ("price", line.price_e5, other.price_e5),
        ("totalPrice", line.total_price_e5, other.total_price_e5),
    ];
    let amounts = prices.into_iter().filter(|_| !gift);
    let amounts = std::iter::once(("qty", line.qty_e5, other.qty_e5)).chain(amounts);
    let mut of_line = Differences::default();
    for (element, own, theirs) in amounts {
        of_line.amounts((Member::Inventory, element, own), (Member::Order, element, theirs));
    }
    if !same_if_given(&line.item_no, &other.item_no) {
        let (own, theirs) = (&line.item_no, &other.item_no);
        of_line.texts((Member::Inventory, "itemNo", own), (Member::Order, "itemNo", theirs));
    }
    for FieldDifference { left, right } in of_line.0 {
        let gnum = Some(line.gnum);
        found.put(ComparedField { gnum, ..left }, ComparedField { gnum, ..right });
    }
}

/// What an inventory alone contradicts.
fn of_inventory(found: &mut Differences, rule: &str, inventory: &ParcelInventory) {
    const CHINA: &str = "142";
    let own = Member::Inventory;
    match rule {
        "M17" => {
            for (element, code) in [
                ("agentCode", &inventory.agent_code),
                ("ebcCode", &inventory.ebc_code),
                ("logisticsCode", &inventory.logistics_code),
            ] {
                found.texts((own, "assureCode", &inventory.assure_code), (own, element, code));
            }
        }
        "M18" => {
            for (element, value) in [
                ("emsNo", &inventory.ems_no),
                ("areaCode", &inventory.area_code),
                ("areaName", &inventory.area_name),
            ] {
                found.must_be_given((own, element, None, value));
            }
            for line in &inventory.lines {
                found.must_be_given((own, "itemRecordNo", Some(line.gnum), &line.item_record_no));
            }
            found.must_be((own, "country", None, &inventory.country), CHINA);
        }
        _ => {}
    }
}

fn field(member: Member, element: &'static str, value: String) -> ComparedField {
    ComparedField { member: Some(member), element, gnum: None, value }
}

/// What a field should be. A value beyond every amount is told as the largest one: it is wrong anyway.
fn computed(element: &'static str, value: i128) -> ComparedField {
    // Beyond every amount, as said above.
    let value = i64::try_from(value).unwrap_or(if value < 0 { i64::MIN } else { i64::MAX });
    ComparedField { member: None, element, gnum: None, value: decimal(value) }
}

/// Collects pairs of fields that differ.
#[derive(Default)]
struct Differences(Vec<FieldDifference>);

type Text<'a> = (Member, &'static str, &'a str);
type Amount = (Member, &'static str, i64);
type LineText<'a> = (Member, &'static str, Option<u32>, &'a str);

impl Differences {
    fn put(&mut self, left: ComparedField, right: ComparedField) {
        self.0.push(FieldDifference { left, right });
    }

    fn texts(&mut self, left: Text<'_>, right: Text<'_>) {
        if !same(left.2, right.2) {
            self.put(
                field(left.0, left.1, left.2.to_owned()),
                field(right.0, right.1, right.2.to_owned()),
            );
        }
    }

    fn identities(&mut self, left: Text<'_>, right: Text<'_>) {
        if !same_id(left.2, right.2) {
            self.texts(left, right);
        }
    }

    fn amounts(&mut self, left: Amount, right: Amount) {
        if left.2 != right.2 {
            self.put(
                field(left.0, left.1, decimal(left.2)),
                field(right.0, right.1, decimal(right.2)),
            );
        }
    }

    /// A field against what it should be by a sum.
    fn sum(&mut self, left: Amount, (element, value): (&'static str, i128)) {
        if i128::from(left.2) != value {
            self.put(field(left.0, left.1, decimal(left.2)), computed(element, value));
        }
    }

    fn must_be(&mut self, (member, element, gnum, value): LineText<'_>, expected: &str) {
        if value.trim() != expected {
            let left = ComparedField { gnum, ..field(member, element, value.to_owned()) };
            let right =
                ComparedField { member: None, element: "", gnum: None, value: expected.to_owned() };
            self.put(left, right);
        }
    }

    /// An empty field whose rule wants any value at all.
    fn must_be_given(&mut self, (member, element, gnum, value): LineText<'_>) {
        if value.trim().is_empty() {
            let left = ComparedField { gnum, ..field(member, element, String::new()) };
            let right =
                ComparedField { member: None, element: "", gnum: None, value: "…".to_owned() };
            self.put(left, right);
        }
    }
}
