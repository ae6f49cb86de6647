//! The two inventory messages: CEB621 (import) and CEB603 (export), row by row as the schema of
//! release 202205 has them, and where each value goes in the declaration.
//!
//! Import and export differ in order and in lengths (copNo 20 and 30, logisticsNo 60 and 32), so each
//! has its own tables. The export schema allows nearly every mandatory text to be empty; that it must
//! not be is a rule of the declaration and not of the reader. The schema fixes the currency of imports,
//! and fFlag and iFlag of exports to 3 (total), although the text of the specification knows 1 and 2.

use domain::codes::CNY;
use domain::{Code, limits};

use super::fault::shown;
use super::reader::{Open, Reader, Stop};
use super::table::Need::{May, Must};
use super::table::{Element, Trouble, code, count, decimal, fixed, group, text, word};
use super::{AppType, Draft, value};
use crate::v1::{Buyer, CebSource, Declaration, GoodsLine, Money, Party, Quantity};

/// Inventory of CEB621.
pub(super) const IMPORT: &[Element<Draft>] = &[
    group("InventoryHead", Must, |reader, draft, open| reader.sequence(IMPORT_HEAD, draft, open)),
    group("InventoryList", Must, |reader, draft, open| line(reader, IMPORT_LINE, draft, open))
        .times(rows(limits::LINES_MAX_IMPORT), Code::TooManyLines),
];

/// Inventory of CEB603.
pub(super) const EXPORT: &[Element<Draft>] = &[
    group("InventoryHead", Must, |reader, draft, open| reader.sequence(EXPORT_HEAD, draft, open)),
    group("InventoryList", Must, |reader, draft, open| line(reader, EXPORT_LINE, draft, open))
        .times(rows(limits::LINES_MAX_EXPORT), Code::TooManyLines),
];

fn line(
    reader: &mut Reader<'_>,
    table: &'static [Element<GoodsLine>],
    draft: &mut Draft,
    open: &Open<'_>,
) -> Result<(), Stop> {
    let mut line = GoodsLine::default();
    reader.sequence(table, &mut line, open)?;
    draft.it.lines.push(line);
    Ok(())
}

/// A bound of the window as a column of a table.
pub(super) const fn rows(max: usize) -> u8 {
    assert!(max < 255, "tables count to 254");
    max.to_le_bytes()[0]
}

/// InventoryHead of CEB621.
#[rustfmt::skip]
pub(super) const IMPORT_HEAD: &[Element<Draft>] = &[
    code("guid", Must, (36, 36), "ceb.guid", |d, v| ceb(d).guid = v),
    word("appType", "", app_type),
    code("appTime", Must, (14, 14), "ceb.app_time", |d, v| ceb(d).app_time = v),
    word("appStatus", "", app_status),
    code("orderNo", Must, (1, 60), "order_no", |d, v| d.it.order_no = v),
    code("ebpCode", Must, (1, 18), "ebp.code", |d, v| party(&mut d.it.ebp).code = v),
    text("ebpName", Must, (1, 100), "ebp.name", |d, v| party(&mut d.it.ebp).name = v),
    code("ebcCode", Must, (1, 18), "ebc.code", |d, v| party(&mut d.it.ebc).code = v),
    text("ebcName", Must, (1, 100), "ebc.name", |d, v| party(&mut d.it.ebc).name = v),
    code("logisticsNo", Must, (1, 60), "logistics_no", |d, v| d.it.logistics_no = v),
    code("logisticsCode", Must, (1, 18), "logistics.code", |d, v| party(&mut d.it.logistics).code = v),
    text("logisticsName", Must, (1, 100), "logistics.name", |d, v| party(&mut d.it.logistics).name = v),
    code("copNo", May, (0, 20), "cop_no", |d, v| d.it.cop_no = v),
    code("preNo", May, (0, 18), "", |_, _| {}),
    code("assureCode", Must, (1, 30), "assure_code", |d, v| d.it.assure_code = v),
    code("emsNo", May, (0, 30), "ems_no", |d, v| d.it.ems_no = v),
    code("invtNo", May, (0, 18), "", |_, _| {}),
    word("ieFlag", "ie_flag", |_, v| direction(v, "I", "E", "CEB621")),
    code("declTime", Must, (8, 8), "decl_time", |d, v| d.it.decl_time = v),
    code("customsCode", Must, (4, 4), "customs_code", |d, v| d.it.customs_code = v),
    code("portCode", Must, (4, 4), "port_code", |d, v| d.it.port_code = v),
    code("ieDate", May, (8, 8), "ie_date", |d, v| d.it.ie_date = v),
    code("buyerIdType", Must, (1, 1), "buyer.id_type", |d, v| buyer(d).id_type = v),
    code("buyerIdNumber", Must, (1, 60), "buyer.id_number", |d, v| buyer(d).id_number = v),
    text("buyerName", Must, (1, 60), "buyer.name", |d, v| buyer(d).name = v),
    code("buyerTelephone", Must, (1, 30), "buyer.telephone", |d, v| buyer(d).telephone = v),
    text("consigneeAddress", Must, (1, 200), "buyer.consignee_address", |d, v| buyer(d).consignee_address = v),
    code("agentCode", Must, (1, 18), "declarant.code", |d, v| party(&mut d.it.declarant).code = v),
    text("agentName", Must, (1, 100), "declarant.name", |d, v| party(&mut d.it.declarant).name = v),
    code("areaCode", May, (0, 18), "area.code", |d, v| party(&mut d.it.area).code = v),
    text("areaName", May, (0, 100), "area.name", |d, v| party(&mut d.it.area).name = v),
    code("tradeMode", Must, (4, 4), "trade_mode", |d, v| d.it.trade_mode = v),
    code("trafMode", Must, (1, 1), "traf_mode", |d, v| d.it.traf_mode = v),
    text("trafNo", May, (0, 100), "traf_no", |d, v| d.it.traf_no = v),
    code("voyageNo", May, (0, 32), "voyage_no", |d, v| d.it.voyage_no = v),
    code("billNo", May, (0, 37), "bill_no", |d, v| d.it.bill_no = v),
    code("loctNo", May, (0, 10), "loct_no", |d, v| d.it.loct_no = v),
    code("licenseNo", May, (0, 19), "license_no", |d, v| d.it.license_no = v),
    code("country", Must, (3, 3), "country", |d, v| d.it.country = v),
    decimal("freight", Must, "freight", |d, v| money(&mut d.it.freight).amount_e5 = v),
    decimal("insuredFee", Must, "insured_fee", |d, v| money(&mut d.it.insured_fee).amount_e5 = v),
    fixed("currency", CNY, Code::CurrencyWrong, "freight.currency insured_fee.currency", |d, v| {
        money(&mut d.it.freight).currency.clone_from(&v);
        money(&mut d.it.insured_fee).currency = v;
    }),
    code("wrapType", May, (1, 1), "wrap_type", |d, v| d.it.wrap_type = v),
    count("packNo", 9, "pack_no", |d, v| d.it.pack_no = v),
    decimal("grossWeight", Must, "gross_weight_e5", |d, v| d.it.gross_weight_e5 = v),
    decimal("netWeight", Must, "net_weight_e5", |d, v| d.it.net_weight_e5 = v),
    text("note", May, (0, 1000), "note", |d, v| d.it.note = v),
];

/// InventoryList of CEB621.
#[rustfmt::skip]
pub(super) const IMPORT_LINE: &[Element<GoodsLine>] = &[
    count("gnum", 10, "gnum", |l, v| l.gnum = v),
    code("itemRecordNo", May, (0, 30), "item_record_no", |l, v| l.item_record_no = v),
    code("itemNo", May, (0, 20), "item_no", |l, v| l.item_no = v),
    text("itemName", May, (0, 250), "item_name", |l, v| l.item_name = v),
    code("gcode", Must, (10, 10), "gcode", |l, v| l.gcode = v),
    text("gname", Must, (1, 250), "gname", |l, v| l.gname = v),
    text("gmodel", Must, (1, 510), "gmodel", |l, v| l.gmodel = v),
    code("barCode", May, (0, 50), "bar_code", |l, v| l.bar_code = v),
    code("country", Must, (3, 3), "country", |l, v| l.country = v),
    code("tradeCountry", May, (1, 3), "trade_country", |l, v| l.trade_country = v),
    fixed("currency", CNY, Code::CurrencyWrong, "price.currency total_price.currency", currency),
    decimal("qty", Must, "qty", |l, v| quantity(&mut l.qty).value_e5 = v),
    code("unit", Must, (3, 3), "qty.unit", |l, v| quantity(&mut l.qty).unit = v),
    decimal("qty1", Must, "qty1", |l, v| quantity(&mut l.qty1).value_e5 = v),
    code("unit1", Must, (3, 3), "qty1.unit", |l, v| quantity(&mut l.qty1).unit = v),
    decimal("qty2", May, "qty2", |l, v| quantity(&mut l.qty2).value_e5 = v),
    code("unit2", May, (3, 3), "qty2.unit", |l, v| quantity(&mut l.qty2).unit = v),
    decimal("price", Must, "price", |l, v| money(&mut l.price).amount_e5 = v),
    decimal("totalPrice", Must, "total_price", |l, v| money(&mut l.total_price).amount_e5 = v),
    text("note", May, (0, 1000), "note", |l, v| l.note = v),
];

/// InventoryHead of CEB603.
#[rustfmt::skip]
pub(super) const EXPORT_HEAD: &[Element<Draft>] = &[
    code("guid", Must, (36, 36), "ceb.guid", |d, v| ceb(d).guid = v),
    word("appType", "", app_type),
    code("appTime", Must, (14, 14), "ceb.app_time", |d, v| ceb(d).app_time = v),
    word("appStatus", "", app_status),
    code("customsCode", Must, (4, 4), "customs_code", |d, v| d.it.customs_code = v),
    code("ebpCode", Must, (0, 18), "ebp.code", |d, v| party(&mut d.it.ebp).code = v),
    text("ebpName", Must, (0, 100), "ebp.name", |d, v| party(&mut d.it.ebp).name = v),
    code("orderNo", Must, (0, 60), "order_no", |d, v| d.it.order_no = v),
    code("logisticsCode", Must, (0, 18), "logistics.code", |d, v| party(&mut d.it.logistics).code = v),
    text("logisticsName", Must, (0, 100), "logistics.name", |d, v| party(&mut d.it.logistics).name = v),
    code("logisticsNo", Must, (0, 32), "logistics_no", |d, v| d.it.logistics_no = v),
    code("copNo", Must, (0, 30), "cop_no", |d, v| d.it.cop_no = v),
    code("preNo", May, (18, 18), "", |_, _| {}),
    code("invtNo", May, (0, 20), "", |_, _| {}),
    word("ieFlag", "ie_flag", |_, v| direction(v, "E", "I", "CEB603")),
    code("portCode", Must, (4, 4), "port_code", |d, v| d.it.port_code = v),
    code("ieDate", Must, (8, 8), "ie_date", |d, v| d.it.ie_date = v),
    code("statisticsFlag", Must, (1, 1), "statistics_flag", |d, v| d.it.statistics_flag = v),
    code("agentCode", Must, (0, 18), "declarant.code", |d, v| party(&mut d.it.declarant).code = v),
    text("agentName", Must, (0, 100), "declarant.name", |d, v| party(&mut d.it.declarant).name = v),
    code("ebcCode", Must, (0, 18), "ebc.code", |d, v| party(&mut d.it.ebc).code = v),
    text("ebcName", Must, (0, 100), "ebc.name", |d, v| party(&mut d.it.ebc).name = v),
    code("ownerCode", Must, (0, 18), "owner.code", |d, v| party(&mut d.it.owner).code = v),
    text("ownerName", Must, (0, 100), "owner.name", |d, v| party(&mut d.it.owner).name = v),
    code("iacCode", May, (0, 18), "iac.code", |d, v| party(&mut d.it.iac).code = v),
    text("iacName", May, (0, 100), "iac.name", |d, v| party(&mut d.it.iac).name = v),
    code("emsNo", May, (0, 30), "ems_no", |d, v| d.it.ems_no = v),
    code("tradeMode", Must, (4, 4), "trade_mode", |d, v| d.it.trade_mode = v),
    code("trafMode", Must, (1, 1), "traf_mode", |d, v| d.it.traf_mode = v),
    text("trafName", May, (0, 100), "traf_no", |d, v| d.it.traf_no = v),
    code("voyageNo", May, (0, 32), "voyage_no", |d, v| d.it.voyage_no = v),
    code("billNo", May, (0, 37), "bill_no", |d, v| d.it.bill_no = v),
    code("totalPackageNo", May, (0, 37), "total_package_no", |d, v| d.it.total_package_no = v),
    code("loctNo", May, (0, 10), "loct_no", |d, v| d.it.loct_no = v),
    code("licenseNo", May, (0, 19), "license_no", |d, v| d.it.license_no = v),
    code("country", Must, (3, 3), "country", |d, v| d.it.country = v),
    code("POD", Must, (3, 4), "pod", |d, v| d.it.pod = v),
    decimal("freight", Must, "freight", |d, v| money(&mut d.it.freight).amount_e5 = v),
    code("fCurrency", Must, (3, 3), "freight.currency", |d, v| money(&mut d.it.freight).currency = v),
    fixed("fFlag", "3", Code::XmlValueUnreadable, "f_flag", |d, v| d.it.f_flag = v),
    decimal("insuredFee", Must, "insured_fee", |d, v| money(&mut d.it.insured_fee).amount_e5 = v),
    code("iCurrency", Must, (3, 3), "insured_fee.currency", |d, v| money(&mut d.it.insured_fee).currency = v),
    fixed("iFlag", "3", Code::XmlValueUnreadable, "i_flag", |d, v| d.it.i_flag = v),
    code("wrapType", Must, (1, 1), "wrap_type", |d, v| d.it.wrap_type = v),
    count("packNo", 9, "pack_no", |d, v| d.it.pack_no = v),
    decimal("grossWeight", Must, "gross_weight_e5", |d, v| d.it.gross_weight_e5 = v),
    decimal("netWeight", Must, "net_weight_e5", |d, v| d.it.net_weight_e5 = v),
    text("note", May, (0, 1000), "note", |d, v| d.it.note = v),
];

/// InventoryList of CEB603. The schema collapses white space in gmodel, so it is read as a code.
#[rustfmt::skip]
pub(super) const EXPORT_LINE: &[Element<GoodsLine>] = &[
    count("gnum", 5, "gnum", |l, v| l.gnum = v),
    code("itemNo", Must, (0, 20), "item_no", |l, v| l.item_no = v),
    code("itemRecordNo", May, (0, 30), "item_record_no", |l, v| l.item_record_no = v),
    text("itemName", May, (0, 250), "item_name", |l, v| l.item_name = v),
    code("gcode", Must, (10, 10), "gcode", |l, v| l.gcode = v),
    text("gname", Must, (0, 250), "gname", |l, v| l.gname = v),
    code("gmodel", Must, (0, 250), "gmodel", |l, v| l.gmodel = v),
    code("barCode", Must, (0, 50), "bar_code", |l, v| l.bar_code = v),
    code("country", Must, (3, 3), "country", |l, v| l.country = v),
    code("currency", Must, (3, 3), "price.currency total_price.currency", currency),
    decimal("qty", Must, "qty", |l, v| quantity(&mut l.qty).value_e5 = v),
    decimal("qty1", Must, "qty1", |l, v| quantity(&mut l.qty1).value_e5 = v),
    decimal("qty2", May, "qty2", |l, v| quantity(&mut l.qty2).value_e5 = v),
    code("unit", Must, (3, 3), "qty.unit", |l, v| quantity(&mut l.qty).unit = v),
    code("unit1", Must, (3, 3), "qty1.unit", |l, v| quantity(&mut l.qty1).unit = v),
    code("unit2", May, (0, 3), "qty2.unit", |l, v| quantity(&mut l.qty2).unit = v),
    decimal("price", Must, "price", |l, v| money(&mut l.price).amount_e5 = v),
    decimal("totalPrice", Must, "total_price", |l, v| money(&mut l.total_price).amount_e5 = v),
    text("note", May, (0, 1000), "note", |l, v| l.note = v),
];

fn ceb(draft: &mut Draft) -> &mut CebSource {
    draft.it.ceb.get_or_insert_default()
}

fn buyer(draft: &mut Draft) -> &mut Buyer {
    draft.it.buyer.get_or_insert_default()
}

fn party(party: &mut Option<Party>) -> &mut Party {
    party.get_or_insert_default()
}

fn money(money: &mut Option<Money>) -> &mut Money {
    money.get_or_insert_default()
}

fn quantity(quantity: &mut Option<Quantity>) -> &mut Quantity {
    quantity.get_or_insert_default()
}

fn currency(line: &mut GoodsLine, code: String) {
    money(&mut line.price).currency.clone_from(&code);
    money(&mut line.total_price).currency = code;
}

fn app_type(draft: &mut Draft, word: &str) -> Result<(), Trouble> {
    draft.app_type = match word {
        "1" => AppType::New,
        "2" => AppType::Change,
        "3" => AppType::Delete,
        _ => return Err(not_a_word("appType", word, "1, 2 or 3", "1、2或3")),
    };
    Ok(())
}

fn app_status(draft: &mut Draft, word: &str) -> Result<(), Trouble> {
    draft.draft = match word {
        "1" => true,
        "2" => false,
        _ => return Err(not_a_word("appStatus", word, "1 or 2", "1或2")),
    };
    Ok(())
}

fn not_a_word(name: &str, word: &str, known: &str, known_zh: &str) -> Trouble {
    let word = shown(word);
    Trouble {
        code: Code::XmlValueUnreadable,
        warning: false,
        text: format!("{name} is {word}; it must be {known}"),
        text_zh: format!("{name}为{word}，须为{known_zh}"),
    }
}

/// The message type says the direction. The opposite flag is a contradiction; the letter `a` stands
/// in the official export sample and hurts nobody.
fn direction(flag: &str, own: &str, opposite: &str, message: &str) -> Result<(), Trouble> {
    if flag == own {
        return Ok(());
    }
    let letter = value::length(flag) == 1;
    let contradiction = flag.eq_ignore_ascii_case(opposite);
    let flag = shown(flag);
    Err(Trouble {
        code: if letter { Code::DirectionUnclear } else { Code::WrongLength },
        warning: letter && !contradiction,
        text: format!("ieFlag is {flag}; {message} is always {own}"),
        text_zh: format!("ieFlag为{flag}，{message}须为{own}"),
    })
}

/// What a declaration of this direction begins with.
pub(super) fn blank(direction: crate::v1::Direction) -> Declaration {
    Declaration { ie_flag: direction.into(), ..Declaration::default() }
}
