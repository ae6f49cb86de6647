//! A declaration on the wire becomes a domain value. Whole messages are destructured, so that a new
//! field of the schema stops the build here.

use domain::declaration as d;
use prost::Message as _;

use crate::v1;

impl From<v1::Money> for d::Money {
    fn from(v1::Money { currency, amount_e5 }: v1::Money) -> Self {
        Self { currency, amount_e5 }
    }
}

impl From<v1::Quantity> for d::Quantity {
    fn from(v1::Quantity { unit, value_e5 }: v1::Quantity) -> Self {
        Self { unit, value_e5 }
    }
}

impl From<v1::Party> for d::Party {
    fn from(v1::Party { code, name }: v1::Party) -> Self {
        Self { code, name }
    }
}

impl From<v1::Buyer> for d::Buyer {
    fn from(buyer: v1::Buyer) -> Self {
        let v1::Buyer { id_type, id_number, name, telephone, consignee_address } = buyer;
        Self { id_type, id_number, name, telephone, consignee_address }
    }
}

impl From<v1::Order> for d::Order {
    fn from(order: v1::Order) -> Self {
        let v1::Order {
            order_type,
            goods_value,
            freight,
            discount,
            tax_total,
            actural_paid,
            pay_code,
            pay_transaction_id,
        } = order;
        Self {
            order_type,
            goods_value: goods_value.map(Into::into),
            freight: freight.map(Into::into),
            discount: discount.map(Into::into),
            tax_total: tax_total.map(Into::into),
            actural_paid: actural_paid.map(Into::into),
            pay_code,
            pay_transaction_id,
        }
    }
}

impl From<v1::GoodsLine> for d::GoodsLine {
    fn from(line: v1::GoodsLine) -> Self {
        let v1::GoodsLine {
            gnum,
            item_record_no,
            item_no,
            item_name,
            gcode,
            gname,
            gmodel,
            bar_code,
            country,
            trade_country,
            qty,
            qty1,
            qty2,
            price,
            total_price,
            ciq_code,
            usage_code,
            note,
        } = line;
        Self {
            gnum,
            item_record_no,
            item_no,
            item_name,
            gcode,
            gname,
            gmodel,
            bar_code,
            country,
            trade_country,
            qty: qty.map(Into::into),
            qty1: qty1.map(Into::into),
            qty2: qty2.map(Into::into),
            price: price.map(Into::into),
            total_price: total_price.map(Into::into),
            ciq_code,
            usage_code,
            note,
        }
    }
}

impl From<v1::QuarantineData> for d::QuarantineData {
    fn from(data: v1::QuarantineData) -> Self {
        let v1::QuarantineData {
            storage_place,
            departure_port,
            marks,
            entry_port,
            accepting_authority,
            certificate_authority,
            port_authority,
            destination_authority,
            departure_date,
            wooden_packing,
        } = data;
        Self {
            storage_place,
            departure_port,
            marks,
            entry_port,
            accepting_authority,
            certificate_authority,
            port_authority,
            destination_authority,
            departure_date,
            wooden_packing,
        }
    }
}

impl From<v1::Attachment> for d::Attachment {
    fn from(attachment: v1::Attachment) -> Self {
        let v1::Attachment { kind, name, sha256, size_bytes } = attachment;
        Self { kind, name, sha256, size_bytes }
    }
}

impl From<v1::Declaration> for d::Declaration {
    fn from(declaration: v1::Declaration) -> Self {
        let v1::Declaration {
            ie_flag,
            trade_mode,
            customs_code,
            port_code,
            order_no,
            cop_no,
            logistics_no,
            declarant,
            agent,
            ebc,
            ebp,
            logistics,
            owner,
            iac,
            area,
            buyer,
            assure_code,
            ems_no,
            traf_mode,
            traf_no,
            voyage_no,
            bill_no,
            total_package_no,
            loct_no,
            license_no,
            country,
            pod,
            statistics_flag,
            decl_time,
            ie_date,
            freight,
            f_flag,
            insured_fee,
            i_flag,
            wrap_type,
            pack_no,
            gross_weight_e5,
            net_weight_e5,
            lines,
            order,
            quarantine,
            attachments,
            note,
            guid,
        } = declaration;
        Self {
            ie_flag: match v1::Direction::try_from(ie_flag) {
                Ok(v1::Direction::Import) => Some(d::Direction::Import),
                Ok(v1::Direction::Export) => Some(d::Direction::Export),
                Ok(v1::Direction::Unspecified) | Err(_) => None,
            },
            trade_mode,
            customs_code,
            port_code,
            order_no,
            cop_no,
            logistics_no,
            declarant: party(declarant),
            agent: agent.map(Into::into),
            ebc: party(ebc),
            ebp: party(ebp),
            logistics: party(logistics),
            owner: owner.map(Into::into),
            iac: iac.map(Into::into),
            area: area.map(Into::into),
            buyer: buyer.map(Into::into),
            assure_code,
            ems_no,
            traf_mode,
            traf_no,
            voyage_no,
            bill_no,
            total_package_no,
            loct_no,
            license_no,
            country,
            pod,
            statistics_flag,
            decl_time,
            ie_date,
            freight: freight.map(Into::into),
            f_flag,
            insured_fee: insured_fee.map(Into::into),
            i_flag,
            wrap_type,
            pack_no,
            gross_weight_e5,
            net_weight_e5,
            lines: lines.into_iter().map(Into::into).collect(),
            order: order.map(Into::into),
            quarantine: quarantine.map(Into::into),
            attachments: attachments.into_iter().map(Into::into).collect(),
            note,
            guid,
        }
    }
}

/// A party that must be there. One that is missing has no name and no code, and the rules name both.
fn party(wire: Option<v1::Party>) -> d::Party {
    wire.map_or_else(d::Party::default, Into::into)
}

/// Names the first field in which two encoded declarations differ, for the caller who used a
/// request id twice; `None` when they do not differ.
///
/// # Errors
///
/// When one of them is no declaration: then nothing can be said about how they differ.
pub fn first_difference(one: &[u8], other: &[u8]) -> Result<Option<String>, Incomparable> {
    let json =
        |bytes| Ok::<_, Incomparable>(serde_json::to_value(v1::Declaration::decode(bytes)?)?);
    Ok(differ(&json(one)?, &json(other)?, String::from("declaration")))
}

/// Why two declarations cannot be compared.
#[derive(Debug, thiserror::Error)]
pub enum Incomparable {
    /// One of them is no declaration.
    #[error(transparent)]
    Message(#[from] prost::DecodeError),
    /// One of them has no JSON: a time that no calendar has, for example.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
}

fn differ(one: &serde_json::Value, other: &serde_json::Value, path: String) -> Option<String> {
    use serde_json::Value::{Array, Object};
    if one == other {
        return None;
    }
    match (one, other) {
        (Object(a), Object(b)) => a.keys().chain(b.keys()).find_map(|key| {
            let missing = serde_json::Value::Null;
            let (x, y) = (a.get(key).unwrap_or(&missing), b.get(key).unwrap_or(&missing));
            differ(x, y, format!("{path}.{key}"))
        }),
        (Array(a), Array(b)) if a.len() == b.len() => a
            .iter()
            .zip(b)
            .enumerate()
            .find_map(|(index, (x, y))| differ(x, y, format!("{path}[{index}]"))),
        _ => Some(path),
    }
}
