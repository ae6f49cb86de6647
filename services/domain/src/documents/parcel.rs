//! What the match needs of the documents of one parcel, and the tables that it can be given.

use std::collections::BTreeMap;

/// A person, as buyer or payer. Personal data: `Debug` shows nothing of it.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Person {
    /// Name.
    pub name: String,
    /// 1 identity card, 2 other.
    pub id_type: String,
    /// Number of the document.
    pub id_number: String,
    /// Telephone.
    pub telephone: String,
}

/// Who receives the parcel. Personal data: `Debug` shows nothing of it.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Consignee {
    /// Name.
    pub name: String,
    /// Telephone.
    pub telephone: String,
    /// Address.
    pub address: String,
}

impl std::fmt::Debug for Person {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Person(masked)")
    }
}

impl std::fmt::Debug for Consignee {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Consignee(masked)")
    }
}

/// What the match needs of an order (303, 311). Amounts in 1/100000 of the currency's main unit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "elements of the national message in snake case")]
pub struct ParcelOrder {
    pub order_no: String,
    pub ebp_code: String,
    pub ebc_code: String,
    pub pay_code: String,
    pub pay_transaction_id: String,
    pub currency: String,
    pub goods_value_e5: i64,
    pub freight_e5: i64,
    pub discount_e5: i64,
    pub tax_total_e5: i64,
    pub actural_paid_e5: i64,
    pub buyer: Person,
    pub consignee: Consignee,
    pub lines: Vec<OrderLine>,
}

/// One line of an order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "elements of the national message in snake case")]
pub struct OrderLine {
    pub gnum: u32,
    pub item_no: String,
    pub currency: String,
    pub qty_e5: i64,
    pub price_e5: i64,
    pub total_price_e5: i64,
}

/// What the match needs of a payment (411).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "elements of the national message in snake case")]
pub struct Payment {
    pub order_no: String,
    pub ebp_code: String,
    pub pay_code: String,
    pub pay_transaction_id: String,
    pub currency: String,
    pub amount_paid_e5: i64,
    pub payer: Person,
}

/// What the match needs of a waybill (505, 511). An export waybill names neither order nor consignee.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "elements of the national message in snake case")]
pub struct Waybill {
    pub logistics_code: String,
    pub logistics_no: String,
    pub order_no: String,
    pub consignee: Consignee,
}

/// What the match needs of an inventory (603, 621).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "elements of the national message in snake case")]
pub struct ParcelInventory {
    pub order_no: String,
    pub ebp_code: String,
    pub ebc_code: String,
    pub agent_code: String,
    pub logistics_code: String,
    pub logistics_no: String,
    pub assure_code: String,
    pub trade_mode: String,
    pub country: String,
    pub ems_no: String,
    pub area_code: String,
    pub area_name: String,
    pub buyer: Person,
    pub lines: Vec<InventoryLine>,
}

/// One line of an inventory.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "elements of the national message in snake case")]
pub struct InventoryLine {
    pub gnum: u32,
    pub item_no: String,
    pub item_record_no: String,
    pub gcode: String,
    pub qty_e5: i64,
    pub price_e5: i64,
    pub total_price_e5: i64,
}

/// An inventory with what has come of its other documents. Deleted documents are not there.
#[derive(Debug, Clone, Copy)]
pub struct Set<'a> {
    /// The inventory.
    pub inventory: &'a ParcelInventory,
    /// Its order.
    pub order: Option<&'a ParcelOrder>,
    /// Its payment. Exports have none.
    pub payment: Option<&'a Payment>,
    /// Its waybill.
    pub waybill: Option<&'a Waybill>,
}

/// The documents of one parcel that are at hand, whichever they are.
#[derive(Debug, Clone, Copy, Default)]
pub struct ParcelDocuments<'a> {
    /// The inventory.
    pub inventory: Option<&'a ParcelInventory>,
    /// The order.
    pub order: Option<&'a ParcelOrder>,
    /// The payment.
    pub payment: Option<&'a Payment>,
    /// The waybill.
    pub waybill: Option<&'a Waybill>,
}

/// Goods that may be imported this way (跨境电子商务零售进口商品清单), by 8-digit heading.
#[derive(Debug, Clone, Default)]
pub struct PositiveList {
    /// Heading, and whether a note restricts it to bonded trade.
    pub headings: BTreeMap<String, Restriction>,
}

/// Modes for which a heading of the positive list counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Restriction {
    /// Every mode.
    None,
    /// Bonded trade only ("仅限网购保税商品").
    BondedOnly,
}

/// Stock in a bonded ledger: ledger number and item number to quantity in 1/100000.
#[derive(Debug, Clone, Default)]
pub struct BondedStock {
    /// Stock that is not promised to another inventory.
    pub stock_e5: BTreeMap<(String, String), i64>,
}

impl BondedStock {
    /// Whether the stock is enough for all lines of an inventory together.
    pub fn covers(&self, inventory: &ParcelInventory) -> bool {
        let mut needed: BTreeMap<&str, i128> = BTreeMap::new();
        for line in &inventory.lines {
            *needed.entry(&line.item_record_no).or_default() += i128::from(line.qty_e5);
        }
        needed.into_iter().all(|(record, needed)| {
            let at = (inventory.ems_no.clone(), record.to_owned());
            self.stock_e5.get(&at).is_some_and(|&stock| i128::from(stock) >= needed)
        })
    }
}
