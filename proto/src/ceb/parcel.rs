//! National documents as the rules see them: from typed elements to domain values.

use domain::documents::matching::{
    Consignee, InventoryLine, OrderLine, ParcelInventory, ParcelOrder, Payment, Person, Waybill,
};
use domain::documents::refund::{LineQuantity, ReturnLine};

use super::{Document, export, import};

/// An order (303, 311).
pub fn order(document: &Document) -> Option<ParcelOrder> {
    match document {
        Document::Ceb311(order) => Some(import_order(order)),
        Document::Ceb303(order) => Some(export_order(order)),
        _ => None,
    }
}

fn import_order(import::Order { head, lines }: &import::Order) -> ParcelOrder {
    ParcelOrder {
        order_no: head.order_no.clone(),
        ebp_code: head.ebp_code.clone(),
        ebc_code: head.ebc_code.clone(),
        pay_code: head.pay_code.clone(),
        pay_transaction_id: head.pay_transaction_id.clone(),
        currency: head.currency.clone(),
        goods_value_e5: head.goods_value,
        freight_e5: head.freight,
        discount_e5: head.discount,
        tax_total_e5: head.tax_total,
        actural_paid_e5: head.actural_paid,
        buyer: Person {
            name: head.buyer_name.clone(),
            id_type: head.buyer_id_type.clone(),
            id_number: head.buyer_id_number.clone(),
            telephone: head.buyer_telephone.clone(),
        },
        consignee: Consignee {
            name: head.consignee.clone(),
            telephone: head.consignee_telephone.clone(),
            address: head.consignee_address.clone(),
        },
        lines: lines
            .iter()
            .map(|line| OrderLine {
                gnum: line.gnum,
                item_no: line.item_no.clone(),
                currency: line.currency.clone(),
                qty_e5: line.qty,
                price_e5: line.price,
                total_price_e5: line.total_price,
            })
            .collect(),
    }
}

fn export_order(export::Order { head, lines }: &export::Order) -> ParcelOrder {
    ParcelOrder {
        order_no: head.order_no.clone(),
        ebp_code: head.ebp_code.clone(),
        ebc_code: head.ebc_code.clone(),
        currency: head.currency.clone(),
        goods_value_e5: head.goods_value,
        freight_e5: head.freight,
        lines: lines
            .iter()
            .map(|line| OrderLine {
                gnum: line.gnum,
                item_no: line.item_no.clone(),
                currency: line.currency.clone(),
                qty_e5: line.qty,
                price_e5: line.price,
                total_price_e5: line.total_price,
            })
            .collect(),
        ..ParcelOrder::default()
    }
}

/// A payment (411).
pub fn payment(document: &Document) -> Option<Payment> {
    let Document::Ceb411(import::Payment { head }) = document else { return None };
    Some(Payment {
        order_no: head.order_no.clone(),
        ebp_code: head.ebp_code.clone(),
        pay_code: head.pay_code.clone(),
        pay_transaction_id: head.pay_transaction_id.clone(),
        currency: head.currency.clone(),
        amount_paid_e5: head.amount_paid,
        payer: Person {
            name: head.payer_name.clone(),
            id_type: head.payer_id_type.clone(),
            id_number: head.payer_id_number.clone(),
            telephone: head.telephone.clone(),
        },
    })
}

/// A waybill (505, 511).
pub fn waybill(document: &Document) -> Option<Waybill> {
    match document {
        Document::Ceb511(import::Logistics { head }) => Some(Waybill {
            logistics_code: head.logistics_code.clone(),
            logistics_no: head.logistics_no.clone(),
            order_no: head.order_no.clone(),
            consignee: Consignee {
                name: head.consignee.clone(),
                telephone: head.consignee_telephone.clone(),
                address: head.consignee_address.clone(),
            },
        }),
        Document::Ceb505(waybill) => Some(Waybill {
            logistics_code: waybill.logistics_code.clone(),
            logistics_no: waybill.logistics_no.clone(),
            ..Waybill::default()
        }),
        _ => None,
    }
}

/// An inventory (603, 621).
pub fn inventory(document: &Document) -> Option<ParcelInventory> {
    match document {
        Document::Ceb621(import::Inventory { head, lines }) => Some(ParcelInventory {
            order_no: head.order_no.clone(),
            ebp_code: head.ebp_code.clone(),
            ebc_code: head.ebc_code.clone(),
            agent_code: head.agent_code.clone(),
            logistics_code: head.logistics_code.clone(),
            logistics_no: head.logistics_no.clone(),
            assure_code: head.assure_code.clone(),
            trade_mode: head.trade_mode.clone(),
            country: head.country.clone(),
            ems_no: head.ems_no.clone(),
            area_code: head.area_code.clone(),
            area_name: head.area_name.clone(),
            buyer: Person {
                name: head.buyer_name.clone(),
                id_type: head.buyer_id_type.clone(),
                id_number: head.buyer_id_number.clone(),
                telephone: head.buyer_telephone.clone(),
            },
            lines: lines
                .iter()
                .map(|line| InventoryLine {
                    gnum: line.gnum,
                    item_no: line.item_no.clone(),
                    item_record_no: line.item_record_no.clone(),
                    gcode: line.gcode.clone(),
                    qty_e5: line.qty,
                    price_e5: line.price,
                    total_price_e5: line.total_price,
                })
                .collect(),
        }),
        Document::Ceb603(export::Inventory { head, .. }) => Some(ParcelInventory {
            order_no: head.order_no.clone(),
            ebp_code: head.ebp_code.clone(),
            ebc_code: head.ebc_code.clone(),
            agent_code: head.agent_code.clone(),
            logistics_code: head.logistics_code.clone(),
            logistics_no: head.logistics_no.clone(),
            trade_mode: head.trade_mode.clone(),
            ..ParcelInventory::default()
        }),
        _ => None,
    }
}

/// The lines of an inventory (603, 621) or of goods that come back (213, 625).
pub fn goods(document: &Document) -> Vec<ReturnLine> {
    let of = |qty_e5: i64, unit: &str| Some(LineQuantity { qty_e5, unit: unit.to_owned() });
    // A second quantity of nothing in no unit is none.
    let second = |qty: Option<i64>, unit: &str| match qty {
        None | Some(0) if unit.is_empty() => None,
        qty => of(qty.unwrap_or(0), unit),
    };
    match document {
        Document::Ceb603(export::Inventory { lines, .. }) => lines
            .iter()
            .map(|line| ReturnLine {
                gnum: line.gnum,
                gcode: line.gcode.clone(),
                gname: line.gname.clone(),
                gmodel: Some(line.gmodel.clone()),
                quantities: [
                    of(line.qty, &line.unit),
                    of(line.qty1, &line.unit1),
                    second(line.qty2, &line.unit2),
                ],
            })
            .collect(),
        Document::Ceb213(export::InvtRefund { lines, .. }) => lines
            .iter()
            .map(|line| ReturnLine {
                gnum: line.gnum,
                gcode: line.gcode.clone(),
                gname: line.gname.clone(),
                gmodel: Some(line.gmodel.clone()),
                quantities: [
                    of(line.qty, &line.unit),
                    of(line.qty1, &line.unit1),
                    second(line.qty2, &line.unit2),
                ],
            })
            .collect(),
        Document::Ceb621(import::Inventory { lines, .. }) => lines
            .iter()
            .map(|line| ReturnLine {
                gnum: line.gnum,
                gcode: line.gcode.clone(),
                gname: line.gname.clone(),
                gmodel: Some(line.gmodel.clone()),
                quantities: [
                    of(line.qty, &line.unit),
                    of(line.qty1, &line.unit1),
                    second(line.qty2, &line.unit2),
                ],
            })
            .collect(),
        Document::Ceb625(import::InvtRefund { lines, .. }) => lines
            .iter()
            .map(|line| ReturnLine {
                gnum: line.gnum,
                gcode: line.gcode.clone(),
                gname: line.gname.clone(),
                gmodel: None,
                quantities: [of(line.qty, &line.unit), None, None],
            })
            .collect(),
        _ => Vec::new(),
    }
}
