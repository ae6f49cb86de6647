//! What one declaration (清单) says. Field names are those of the national messages in snake case.
//!
//! The fields are plain, because a message with forty mistakes must be held to answer all forty at
//! once. [`Declaration::check`] is the door: what it returns as [`ValidDeclaration`] obeys every rule.

pub use crate::direction::Direction;
use crate::participant::{Participant, Stands};
use crate::refusal::Violation;

/// An amount in 1/100000 of the currency's main unit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Money {
    /// Customs currency code.
    pub currency: String,
    /// 1/100000 of the main unit.
    pub amount_e5: i64,
}

/// A quantity in 1/100000 of a customs unit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Quantity {
    /// Customs unit code.
    pub unit: String,
    /// 1/100000 of the unit.
    pub value_e5: i64,
}

/// A firm.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Party {
    /// Customs code or social credit code.
    pub code: String,
    /// Registered name.
    pub name: String,
}

/// The person who ordered. Personal data: `Debug` shows nothing of it.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Buyer {
    /// 1 identity card, 2 other.
    pub id_type: String,
    /// Number of the document.
    pub id_number: String,
    /// Name.
    pub name: String,
    /// Telephone.
    pub telephone: String,
    /// Address of the consignee.
    pub consignee_address: String,
}

impl std::fmt::Debug for Buyer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Buyer(masked)")
    }
}

/// What the order said.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "documented in the message schema, same names")]
pub struct Order {
    pub order_type: String,
    pub goods_value: Option<Money>,
    pub freight: Option<Money>,
    pub discount: Option<Money>,
    pub tax_total: Option<Money>,
    pub actural_paid: Option<Money>,
    pub pay_code: String,
    pub pay_transaction_id: String,
}

/// One line of goods.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "documented in the message schema, same names")]
pub struct GoodsLine {
    pub gnum: u32,
    pub item_record_no: String,
    pub item_no: String,
    pub item_name: String,
    pub gcode: String,
    pub gname: String,
    pub gmodel: String,
    pub bar_code: String,
    pub country: String,
    pub trade_country: String,
    pub qty: Option<Quantity>,
    pub qty1: Option<Quantity>,
    pub qty2: Option<Quantity>,
    pub price: Option<Money>,
    pub total_price: Option<Money>,
    pub ciq_code: String,
    pub usage_code: String,
    pub note: String,
}

/// What only quarantine (国检) needs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "documented in the message schema, same names")]
pub struct QuarantineData {
    pub storage_place: String,
    pub departure_port: String,
    pub marks: String,
    pub entry_port: String,
    pub accepting_authority: String,
    pub certificate_authority: String,
    pub port_authority: String,
    pub destination_authority: String,
    pub departure_date: String,
    pub wooden_packing: bool,
}

/// A document named by its digest.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "documented in the message schema, same names")]
pub struct Attachment {
    pub kind: String,
    pub name: String,
    pub sha256: Vec<u8>,
    pub size_bytes: u64,
}

/// One declaration.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "documented in the message schema, same names")]
pub struct Declaration {
    pub ie_flag: Option<Direction>,
    pub trade_mode: String,
    pub customs_code: String,
    pub port_code: String,
    pub order_no: String,
    pub cop_no: String,
    pub logistics_no: String,
    pub declarant: Party,
    pub agent: Option<Party>,
    pub ebc: Party,
    pub ebp: Party,
    pub logistics: Party,
    pub owner: Option<Party>,
    pub iac: Option<Party>,
    pub area: Option<Party>,
    pub buyer: Option<Buyer>,
    pub assure_code: String,
    pub ems_no: String,
    pub traf_mode: String,
    pub traf_no: String,
    pub voyage_no: String,
    pub bill_no: String,
    pub total_package_no: String,
    pub loct_no: String,
    pub license_no: String,
    pub country: String,
    pub pod: String,
    pub statistics_flag: String,
    pub decl_time: String,
    pub ie_date: String,
    pub freight: Option<Money>,
    pub f_flag: String,
    pub insured_fee: Option<Money>,
    pub i_flag: String,
    pub wrap_type: String,
    pub pack_no: u32,
    pub gross_weight_e5: i64,
    pub net_weight_e5: i64,
    pub lines: Vec<GoodsLine>,
    pub order: Option<Order>,
    pub quarantine: Option<QuarantineData>,
    pub attachments: Vec<Attachment>,
    pub note: String,
    pub guid: String,
}

/// The declarant of the published sample messages: the specification's own test firm.
pub const SAMPLE_DECLARANT: &str = "1105910159";

/// How the window looks at a declaration: which environment it runs in.
#[derive(Debug, Clone, Default)]
pub struct Profile {
    /// Order numbers that script the simulated agencies are taken.
    pub sandbox: bool,
    /// Declarants whose messages are the published samples of the specification. They break rules
    /// of the same specification (a mode that does not exist, 6,000 packages, sums that are wrong),
    /// so for them those rules warn instead of refusing. Empty outside the sandbox.
    pub sample_declarants: Vec<String>,
    /// Who is asked here besides the agencies: a service answers for it.
    pub asked: Vec<Participant>,
}

impl Profile {
    /// Who is waited for with a content.
    pub fn required(&self, checked: &ValidDeclaration) -> Stands {
        Stands::required(checked.direction, &checked.declaration.trade_mode, &self.asked)
    }
}

/// A declaration that obeys every rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValidDeclaration {
    /// What it says.
    pub declaration: Declaration,
    /// Which way it goes.
    pub direction: Direction,
    /// Rules that were broken without stopping it.
    pub warnings: Vec<Violation>,
}
