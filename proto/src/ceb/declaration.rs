//! From an inventory to the declaration: where each value goes, and which element a field of the
//! declaration came from.
//!
//! Both are one table for each group, so that a broken rule is always told at the element that filled
//! the field. The direction is that of the message type; ieFlag only confirms it. A party, an amount or
//! a quantity of which nothing was said does not exist.

use super::{Document, MessageType, export, import};
use crate::v1::{Declaration, Direction, GoodsLine, Money, Party, Quantity};

/// An element of a group `G` and what it fills in `D`.
struct Row<G: 'static, D: 'static> {
    element: &'static str,
    /// Paths in the declaration, separated by spaces; within the line for lines.
    fields: &'static str,
    fill: fn(&G, &mut D),
}

const fn row<G, D>(element: &'static str, fields: &'static str, fill: fn(&G, &mut D)) -> Row<G, D> {
    Row { element, fields, fill }
}

/// InventoryHead of CEB621.
#[rustfmt::skip]
const IMPORT_HEAD: &[Row<import::InventoryHead, Declaration>] = &[
    row("guid", "guid", |h, d| d.guid.clone_from(&h.guid)),
    row("orderNo", "order_no", |h, d| d.order_no.clone_from(&h.order_no)),
    row("ebpCode", "ebp.code", |h, d| code(&mut d.ebp, &h.ebp_code)),
    row("ebpName", "ebp.name", |h, d| name(&mut d.ebp, &h.ebp_name)),
    row("ebcCode", "ebc.code", |h, d| code(&mut d.ebc, &h.ebc_code)),
    row("ebcName", "ebc.name", |h, d| name(&mut d.ebc, &h.ebc_name)),
    row("logisticsNo", "logistics_no", |h, d| d.logistics_no.clone_from(&h.logistics_no)),
    row("logisticsCode", "logistics.code", |h, d| code(&mut d.logistics, &h.logistics_code)),
    row("logisticsName", "logistics.name", |h, d| name(&mut d.logistics, &h.logistics_name)),
    row("copNo", "cop_no", |h, d| d.cop_no.clone_from(&h.cop_no)),
    row("assureCode", "assure_code", |h, d| d.assure_code.clone_from(&h.assure_code)),
    row("emsNo", "ems_no", |h, d| d.ems_no.clone_from(&h.ems_no)),
    row("ieFlag", "ie_flag", |_, _| {}),
    row("declTime", "decl_time", |h, d| d.decl_time.clone_from(&h.decl_time)),
    row("customsCode", "customs_code", |h, d| d.customs_code.clone_from(&h.customs_code)),
    row("portCode", "port_code", |h, d| d.port_code.clone_from(&h.port_code)),
    row("ieDate", "ie_date", |h, d| d.ie_date.clone_from(&h.ie_date)),
    row("buyerIdType", "buyer.id_type", |h, d| d.buyer.get_or_insert_default().id_type.clone_from(&h.buyer_id_type)),
    row("buyerIdNumber", "buyer.id_number", |h, d| d.buyer.get_or_insert_default().id_number.clone_from(&h.buyer_id_number)),
    row("buyerName", "buyer.name", |h, d| d.buyer.get_or_insert_default().name.clone_from(&h.buyer_name)),
    row("buyerTelephone", "buyer.telephone", |h, d| d.buyer.get_or_insert_default().telephone.clone_from(&h.buyer_telephone)),
    row("consigneeAddress", "buyer.consignee_address", |h, d| d.buyer.get_or_insert_default().consignee_address.clone_from(&h.consignee_address)),
    row("agentCode", "declarant.code", |h, d| code(&mut d.declarant, &h.agent_code)),
    row("agentName", "declarant.name", |h, d| name(&mut d.declarant, &h.agent_name)),
    row("areaCode", "area.code", |h, d| code(&mut d.area, &h.area_code)),
    row("areaName", "area.name", |h, d| name(&mut d.area, &h.area_name)),
    row("tradeMode", "trade_mode", |h, d| d.trade_mode.clone_from(&h.trade_mode)),
    row("trafMode", "traf_mode", |h, d| d.traf_mode.clone_from(&h.traf_mode)),
    row("trafNo", "traf_no", |h, d| d.traf_no.clone_from(&h.traf_no)),
    row("voyageNo", "voyage_no", |h, d| d.voyage_no.clone_from(&h.voyage_no)),
    row("billNo", "bill_no", |h, d| d.bill_no.clone_from(&h.bill_no)),
    row("loctNo", "loct_no", |h, d| d.loct_no.clone_from(&h.loct_no)),
    row("licenseNo", "license_no", |h, d| d.license_no.clone_from(&h.license_no)),
    row("country", "country", |h, d| d.country.clone_from(&h.country)),
    row("freight", "freight", |h, d| amount(&mut d.freight, h.freight)),
    row("insuredFee", "insured_fee", |h, d| amount(&mut d.insured_fee, h.insured_fee)),
    row("currency", "freight.currency insured_fee.currency", |h, d| { currency(&mut d.freight, &h.currency); currency(&mut d.insured_fee, &h.currency); }),
    row("wrapType", "wrap_type", |h, d| d.wrap_type.clone_from(&h.wrap_type)),
    row("packNo", "pack_no", |h, d| d.pack_no = h.pack_no),
    row("grossWeight", "gross_weight_e5", |h, d| d.gross_weight_e5 = h.gross_weight),
    row("netWeight", "net_weight_e5", |h, d| d.net_weight_e5 = h.net_weight),
    row("note", "note", |h, d| d.note.clone_from(&h.note)),
];

/// InventoryList of CEB621.
#[rustfmt::skip]
const IMPORT_LINE: &[Row<import::InventoryList, GoodsLine>] = &[
    row("gnum", "gnum", |l, d| d.gnum = l.gnum),
    row("itemRecordNo", "item_record_no", |l, d| d.item_record_no.clone_from(&l.item_record_no)),
    row("itemNo", "item_no", |l, d| d.item_no.clone_from(&l.item_no)),
    row("itemName", "item_name", |l, d| d.item_name.clone_from(&l.item_name)),
    row("gcode", "gcode", |l, d| d.gcode.clone_from(&l.gcode)),
    row("gname", "gname", |l, d| d.gname.clone_from(&l.gname)),
    row("gmodel", "gmodel", |l, d| d.gmodel.clone_from(&l.gmodel)),
    row("barCode", "bar_code", |l, d| d.bar_code.clone_from(&l.bar_code)),
    row("country", "country", |l, d| d.country.clone_from(&l.country)),
    row("tradeCountry", "trade_country", |l, d| d.trade_country.clone_from(&l.trade_country)),
    row("currency", "price.currency total_price.currency", |l, d| { currency(&mut d.price, &l.currency); currency(&mut d.total_price, &l.currency); }),
    row("qty", "qty", |l, d| value(&mut d.qty, Some(l.qty))),
    row("unit", "qty.unit", |l, d| unit(&mut d.qty, &l.unit)),
    row("qty1", "qty1", |l, d| value(&mut d.qty1, Some(l.qty1))),
    row("unit1", "qty1.unit", |l, d| unit(&mut d.qty1, &l.unit1)),
    row("qty2", "qty2", |l, d| value(&mut d.qty2, l.qty2)),
    row("unit2", "qty2.unit", |l, d| unit(&mut d.qty2, &l.unit2)),
    row("price", "price", |l, d| amount(&mut d.price, l.price)),
    row("totalPrice", "total_price", |l, d| amount(&mut d.total_price, l.total_price)),
    row("note", "note", |l, d| d.note.clone_from(&l.note)),
];

/// InventoryHead of CEB603.
#[rustfmt::skip]
const EXPORT_HEAD: &[Row<export::InventoryHead, Declaration>] = &[
    row("guid", "guid", |h, d| d.guid.clone_from(&h.guid)),
    row("customsCode", "customs_code", |h, d| d.customs_code.clone_from(&h.customs_code)),
    row("ebpCode", "ebp.code", |h, d| code(&mut d.ebp, &h.ebp_code)),
    row("ebpName", "ebp.name", |h, d| name(&mut d.ebp, &h.ebp_name)),
    row("orderNo", "order_no", |h, d| d.order_no.clone_from(&h.order_no)),
    row("logisticsCode", "logistics.code", |h, d| code(&mut d.logistics, &h.logistics_code)),
    row("logisticsName", "logistics.name", |h, d| name(&mut d.logistics, &h.logistics_name)),
    row("logisticsNo", "logistics_no", |h, d| d.logistics_no.clone_from(&h.logistics_no)),
    row("copNo", "cop_no", |h, d| d.cop_no.clone_from(&h.cop_no)),
    row("ieFlag", "ie_flag", |_, _| {}),
    row("portCode", "port_code", |h, d| d.port_code.clone_from(&h.port_code)),
    row("ieDate", "ie_date", |h, d| d.ie_date.clone_from(&h.ie_date)),
    row("statisticsFlag", "statistics_flag", |h, d| d.statistics_flag.clone_from(&h.statistics_flag)),
    row("agentCode", "declarant.code", |h, d| code(&mut d.declarant, &h.agent_code)),
    row("agentName", "declarant.name", |h, d| name(&mut d.declarant, &h.agent_name)),
    row("ebcCode", "ebc.code", |h, d| code(&mut d.ebc, &h.ebc_code)),
    row("ebcName", "ebc.name", |h, d| name(&mut d.ebc, &h.ebc_name)),
    row("ownerCode", "owner.code", |h, d| code(&mut d.owner, &h.owner_code)),
    row("ownerName", "owner.name", |h, d| name(&mut d.owner, &h.owner_name)),
    row("iacCode", "iac.code", |h, d| code(&mut d.iac, &h.iac_code)),
    row("iacName", "iac.name", |h, d| name(&mut d.iac, &h.iac_name)),
    row("emsNo", "ems_no", |h, d| d.ems_no.clone_from(&h.ems_no)),
    row("tradeMode", "trade_mode", |h, d| d.trade_mode.clone_from(&h.trade_mode)),
    row("trafMode", "traf_mode", |h, d| d.traf_mode.clone_from(&h.traf_mode)),
    row("trafName", "traf_no", |h, d| d.traf_no.clone_from(&h.traf_name)),
    row("voyageNo", "voyage_no", |h, d| d.voyage_no.clone_from(&h.voyage_no)),
    row("billNo", "bill_no", |h, d| d.bill_no.clone_from(&h.bill_no)),
    row("totalPackageNo", "total_package_no", |h, d| d.total_package_no.clone_from(&h.total_package_no)),
    row("loctNo", "loct_no", |h, d| d.loct_no.clone_from(&h.loct_no)),
    row("licenseNo", "license_no", |h, d| d.license_no.clone_from(&h.license_no)),
    row("country", "country", |h, d| d.country.clone_from(&h.country)),
    row("POD", "pod", |h, d| d.pod.clone_from(&h.pod)),
    row("freight", "freight", |h, d| amount(&mut d.freight, h.freight)),
    row("fCurrency", "freight.currency", |h, d| currency(&mut d.freight, &h.f_currency)),
    row("fFlag", "f_flag", |h, d| d.f_flag.clone_from(&h.f_flag)),
    row("insuredFee", "insured_fee", |h, d| amount(&mut d.insured_fee, h.insured_fee)),
    row("iCurrency", "insured_fee.currency", |h, d| currency(&mut d.insured_fee, &h.i_currency)),
    row("iFlag", "i_flag", |h, d| d.i_flag.clone_from(&h.i_flag)),
    row("wrapType", "wrap_type", |h, d| d.wrap_type.clone_from(&h.wrap_type)),
    row("packNo", "pack_no", |h, d| d.pack_no = h.pack_no),
    row("grossWeight", "gross_weight_e5", |h, d| d.gross_weight_e5 = h.gross_weight),
    row("netWeight", "net_weight_e5", |h, d| d.net_weight_e5 = h.net_weight),
    row("note", "note", |h, d| d.note.clone_from(&h.note)),
];

/// InventoryList of CEB603.
#[rustfmt::skip]
const EXPORT_LINE: &[Row<export::InventoryList, GoodsLine>] = &[
    row("gnum", "gnum", |l, d| d.gnum = l.gnum),
    row("itemNo", "item_no", |l, d| d.item_no.clone_from(&l.item_no)),
    row("itemRecordNo", "item_record_no", |l, d| d.item_record_no.clone_from(&l.item_record_no)),
    row("itemName", "item_name", |l, d| d.item_name.clone_from(&l.item_name)),
    row("gcode", "gcode", |l, d| d.gcode.clone_from(&l.gcode)),
    row("gname", "gname", |l, d| d.gname.clone_from(&l.gname)),
    row("gmodel", "gmodel", |l, d| d.gmodel.clone_from(&l.gmodel)),
    row("barCode", "bar_code", |l, d| d.bar_code.clone_from(&l.bar_code)),
    row("country", "country", |l, d| d.country.clone_from(&l.country)),
    row("currency", "price.currency total_price.currency", |l, d| { currency(&mut d.price, &l.currency); currency(&mut d.total_price, &l.currency); }),
    row("qty", "qty", |l, d| value(&mut d.qty, Some(l.qty))),
    row("qty1", "qty1", |l, d| value(&mut d.qty1, Some(l.qty1))),
    row("qty2", "qty2", |l, d| value(&mut d.qty2, l.qty2)),
    row("unit", "qty.unit", |l, d| unit(&mut d.qty, &l.unit)),
    row("unit1", "qty1.unit", |l, d| unit(&mut d.qty1, &l.unit1)),
    row("unit2", "qty2.unit", |l, d| unit(&mut d.qty2, &l.unit2)),
    row("price", "price", |l, d| amount(&mut d.price, l.price)),
    row("totalPrice", "total_price", |l, d| amount(&mut d.total_price, l.total_price)),
    row("note", "note", |l, d| d.note.clone_from(&l.note)),
];

/// The declaration of an inventory, just read or stored; `None` for other documents.
pub fn declaration(document: &Document) -> Option<Declaration> {
    match document {
        Document::Ceb621(it) => {
            Some(filled(Direction::Import, (IMPORT_HEAD, &it.head), (IMPORT_LINE, &it.lines)))
        }
        Document::Ceb603(it) => {
            Some(filled(Direction::Export, (EXPORT_HEAD, &it.head), (EXPORT_LINE, &it.lines)))
        }
        _ => None,
    }
}

fn filled<H, L>(
    direction: Direction,
    (head_rows, head): (&[Row<H, Declaration>], &H),
    (line_rows, lines): (&[Row<L, GoodsLine>], &[L]),
) -> Declaration {
    let mut declaration = Declaration { ie_flag: direction.into(), ..Declaration::default() };
    for row in head_rows {
        (row.fill)(head, &mut declaration);
    }
    let line = |line: &L| {
        let mut goods = GoodsLine::default();
        for row in line_rows {
            (row.fill)(line, &mut goods);
        }
        goods
    };
    declaration.lines = lines.iter().map(line).collect();
    declaration
}

/// The element that fills a field of the declaration, in the group `head` or `lines`.
pub(super) fn element(message_type: MessageType, group: &str, field: &str) -> Option<&'static str> {
    match (message_type, group) {
        (MessageType::Ceb621, "head") => find(IMPORT_HEAD, field),
        (MessageType::Ceb621, "lines") => find(IMPORT_LINE, field),
        (MessageType::Ceb603, "head") => find(EXPORT_HEAD, field),
        (MessageType::Ceb603, "lines") => find(EXPORT_LINE, field),
        _ => None,
    }
}

/// The element that fills exactly the field, or what it is part of (`qty` for `qty.value_e5`), or else
/// the first of its parts (`buyerIdType` for `buyer`).
fn find<G, D>(rows: &[Row<G, D>], field: &str) -> Option<&'static str> {
    let fills = |test: &dyn Fn(&str) -> bool| {
        rows.iter().find(|row| row.fields.split_whitespace().any(test)).map(|row| row.element)
    };
    fills(&|path| path == field)
        .or_else(|| {
            let (whole, _) = field.rsplit_once('.')?;
            fills(&|path| path == whole)
        })
        .or_else(|| {
            fills(&|path| path.strip_prefix(field).is_some_and(|rest| rest.starts_with('.')))
        })
}

fn code(party: &mut Option<Party>, code: &str) {
    if !code.is_empty() {
        code.clone_into(&mut party.get_or_insert_default().code);
    }
}

fn name(party: &mut Option<Party>, name: &str) {
    if !name.is_empty() {
        name.clone_into(&mut party.get_or_insert_default().name);
    }
}

fn amount(money: &mut Option<Money>, amount_e5: i64) {
    money.get_or_insert_default().amount_e5 = amount_e5;
}

fn currency(money: &mut Option<Money>, currency: &str) {
    currency.clone_into(&mut money.get_or_insert_default().currency);
}

fn value(quantity: &mut Option<Quantity>, value_e5: Option<i64>) {
    if let Some(value_e5) = value_e5 {
        quantity.get_or_insert_default().value_e5 = value_e5;
    }
}

fn unit(quantity: &mut Option<Quantity>, unit: &str) {
    if !unit.is_empty() {
        unit.clone_into(&mut quantity.get_or_insert_default().unit);
    }
}
