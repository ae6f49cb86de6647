//! The text fields: when each must be filled, how long it may be, and what may not stand in it.
//!
//! Source: the field lists of the message specification 202205, InventoryHead and InventoryList of
//! CEB621 and CEB603. Lengths count characters.

use super::ViolationReport;
use crate::declaration::{Attachment, Declaration, Direction, GoodsLine, Order, QuarantineData};
use crate::refusal::Code;
use crate::text::{flaw_in_sentence, flaw_in_word};

/// When a text field must be filled.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Need {
    Always,
    Import,
    Export,
    Optional,
}

/// One text field: its path, its Chinese name, when it must be filled, its longest value in
/// characters on imports and exports, and where it is.
pub(super) struct TextField<T> {
    pub(super) name: &'static str,
    zh: &'static str,
    pub(super) need: Need,
    pub(super) max: (usize, usize),
    pub(super) of: fn(&T) -> &str,
}

const fn field<T>(
    name: &'static str,
    zh: &'static str,
    need: Need,
    max: (usize, usize),
    of: fn(&T) -> &str,
) -> TextField<T> {
    TextField { name, zh, need, max, of }
}

/// The text fields of the head (InventoryHead of CEB621 and CEB603).
#[rustfmt::skip]
pub(super) const HEAD: &[TextField<Declaration>] = &[
    field("trade_mode", "监管方式", Need::Always, (4, 4), |d| &d.trade_mode),
    field("customs_code", "申报海关代码", Need::Always, (4, 4), |d| &d.customs_code),
    field("port_code", "口岸海关代码", Need::Always, (4, 4), |d| &d.port_code),
    field("order_no", "订单编号", Need::Always, (60, 60), |d| &d.order_no),
    field("cop_no", "企业内部编号", Need::Export, (20, 30), |d| &d.cop_no),
    field("logistics_no", "物流运单编号", Need::Always, (60, 32), |d| &d.logistics_no),
    field("declarant.code", "申报企业代码", Need::Always, (18, 18), |d| &d.declarant.code),
    field("declarant.name", "申报企业名称", Need::Always, (100, 100), |d| &d.declarant.name),
    field("agent.code", "代理企业代码", Need::Optional, (18, 18), |d| d.agent.as_ref().map_or("", |p| &p.code)),
    field("agent.name", "代理企业名称", Need::Optional, (100, 100), |d| d.agent.as_ref().map_or("", |p| &p.name)),
    field("ebc.code", "电商企业代码", Need::Always, (18, 18), |d| &d.ebc.code),
    field("ebc.name", "电商企业名称", Need::Always, (100, 100), |d| &d.ebc.name),
    field("ebp.code", "电商平台代码", Need::Always, (18, 18), |d| &d.ebp.code),
    field("ebp.name", "电商平台名称", Need::Always, (100, 100), |d| &d.ebp.name),
    field("logistics.code", "物流企业代码", Need::Always, (18, 18), |d| &d.logistics.code),
    field("logistics.name", "物流企业名称", Need::Always, (100, 100), |d| &d.logistics.name),
    field("owner.code", "生产销售单位代码", Need::Export, (18, 18), |d| d.owner.as_ref().map_or("", |p| &p.code)),
    field("owner.name", "生产销售单位名称", Need::Export, (100, 100), |d| d.owner.as_ref().map_or("", |p| &p.name)),
    field("iac.code", "区内企业代码", Need::Optional, (18, 18), |d| d.iac.as_ref().map_or("", |p| &p.code)),
    field("iac.name", "区内企业名称", Need::Optional, (100, 100), |d| d.iac.as_ref().map_or("", |p| &p.name)),
    field("area.code", "区内企业代码", Need::Optional, (18, 18), |d| d.area.as_ref().map_or("", |p| &p.code)),
    field("area.name", "区内企业名称", Need::Optional, (100, 100), |d| d.area.as_ref().map_or("", |p| &p.name)),
    field("buyer.id_type", "订购人证件类型", Need::Import, (1, 1), |d| d.buyer.as_ref().map_or("", |b| &b.id_type)),
    field("buyer.id_number", "订购人证件号码", Need::Import, (60, 60), |d| d.buyer.as_ref().map_or("", |b| &b.id_number)),
    field("buyer.name", "订购人姓名", Need::Import, (60, 60), |d| d.buyer.as_ref().map_or("", |b| &b.name)),
    field("buyer.telephone", "订购人电话", Need::Import, (30, 30), |d| d.buyer.as_ref().map_or("", |b| &b.telephone)),
    field("buyer.consignee_address", "收件地址", Need::Import, (200, 200), |d| d.buyer.as_ref().map_or("", |b| &b.consignee_address)),
    field("assure_code", "担保企业编号", Need::Import, (30, 30), |d| &d.assure_code),
    field("ems_no", "账册编号", Need::Optional, (30, 30), |d| &d.ems_no),
    field("traf_mode", "运输方式", Need::Always, (1, 1), |d| &d.traf_mode),
    field("traf_no", "运输工具", Need::Optional, (100, 100), |d| &d.traf_no),
    field("voyage_no", "航班航次号", Need::Optional, (32, 32), |d| &d.voyage_no),
    field("bill_no", "提运单号", Need::Optional, (37, 37), |d| &d.bill_no),
    field("total_package_no", "总包号", Need::Optional, (37, 37), |d| &d.total_package_no),
    field("loct_no", "监管场所代码", Need::Optional, (10, 10), |d| &d.loct_no),
    field("license_no", "许可证件号", Need::Optional, (19, 19), |d| &d.license_no),
    field("country", "起运国或运抵国", Need::Always, (3, 3), |d| &d.country),
    field("pod", "指运港", Need::Export, (4, 4), |d| &d.pod),
    field("statistics_flag", "申报业务类型", Need::Export, (1, 1), |d| &d.statistics_flag),
    field("decl_time", "申报日期", Need::Import, (8, 8), |d| &d.decl_time),
    field("ie_date", "进出口日期", Need::Export, (8, 8), |d| &d.ie_date),
    field("f_flag", "运费标志", Need::Export, (1, 1), |d| &d.f_flag),
    field("i_flag", "保费标志", Need::Export, (1, 1), |d| &d.i_flag),
    field("wrap_type", "包装种类", Need::Export, (1, 1), |d| &d.wrap_type),
    field("note", "备注", Need::Optional, (1000, 1000), |d| &d.note),
    field("guid", "系统唯一序号", Need::Optional, (36, 36), |d| &d.guid),
];

/// The text fields of a line (InventoryList).
#[rustfmt::skip]
pub(super) const LINE: &[TextField<GoodsLine>] = &[
    field("item_record_no", "账册备案料号", Need::Optional, (30, 30), |l| &l.item_record_no),
    field("item_no", "企业商品货号", Need::Export, (20, 20), |l| &l.item_no),
    field("item_name", "企业商品品名", Need::Optional, (250, 250), |l| &l.item_name),
    field("gcode", "商品编码", Need::Always, (10, 10), |l| &l.gcode),
    field("gname", "商品名称", Need::Always, (250, 250), |l| &l.gname),
    field("gmodel", "商品规格型号", Need::Always, (510, 250), |l| &l.gmodel),
    field("bar_code", "条形码", Need::Export, (50, 50), |l| &l.bar_code),
    field("country", "原产国或最终目的国", Need::Always, (3, 3), |l| &l.country),
    field("trade_country", "贸易国", Need::Optional, (3, 3), |l| &l.trade_country),
    field("ciq_code", "检验检疫编码", Need::Optional, (13, 13), |l| &l.ciq_code),
    field("usage_code", "用途代码", Need::Optional, (10, 10), |l| &l.usage_code),
    field("note", "备注", Need::Optional, (1000, 1000), |l| &l.note),
];

#[rustfmt::skip]
const ORDER: &[TextField<Order>] = &[
    field("order.order_type", "电子订单类型", Need::Always, (1, 1), |o| &o.order_type),
    field("order.pay_code", "支付企业代码", Need::Optional, (18, 18), |o| &o.pay_code),
    field("order.pay_transaction_id", "支付交易编号", Need::Optional, (60, 60), |o| &o.pay_transaction_id),
];

#[rustfmt::skip]
const QUARANTINE: &[TextField<QuarantineData>] = &[
    field("quarantine.storage_place", "存放地点", Need::Optional, (100, 100), |i| &i.storage_place),
    field("quarantine.departure_port", "启运口岸", Need::Optional, (8, 8), |i| &i.departure_port),
    field("quarantine.marks", "标记唛码", Need::Optional, (400, 400), |i| &i.marks),
    field("quarantine.entry_port", "入境口岸", Need::Optional, (8, 8), |i| &i.entry_port),
    field("quarantine.accepting_authority", "检验检疫受理机关", Need::Optional, (10, 10), |i| &i.accepting_authority),
    field("quarantine.certificate_authority", "领证机关", Need::Optional, (10, 10), |i| &i.certificate_authority),
    field("quarantine.port_authority", "口岸检验检疫机关", Need::Optional, (10, 10), |i| &i.port_authority),
    field("quarantine.destination_authority", "目的地检验检疫机关", Need::Optional, (10, 10), |i| &i.destination_authority),
    field("quarantine.departure_date", "启运日期", Need::Optional, (8, 8), |i| &i.departure_date),
];

#[rustfmt::skip]
const ATTACHMENT: &[TextField<Attachment>] = &[
    field("kind", "单证类型", Need::Always, (30, 30), |a| &a.kind),
    field("name", "文件名", Need::Always, (255, 255), |a| &a.name),
];

pub(super) fn text<T>(
    report: &mut ViolationReport,
    direction: Option<Direction>,
    path: &str,
    field: &TextField<T>,
    value: &str,
) {
    let needed = match field.need {
        Need::Always => true,
        Need::Import => direction == Some(Direction::Import),
        Need::Export => direction == Some(Direction::Export),
        Need::Optional => false,
    };
    if value.trim().is_empty() {
        if needed {
            report.refuse(
                Code::Required,
                path,
                format!("{path} is required"),
                format!("{}必填", field.zh),
            );
        }
        return;
    }
    let max = match direction {
        Some(Direction::Import) => field.max.0,
        Some(Direction::Export) => field.max.1,
        None => field.max.0.max(field.max.1),
    };
    // Counting characters is only needed when there are more bytes than allowed characters.
    let length = if value.len() <= max { value.len() } else { value.chars().count() };
    if length > max {
        report.refuse(
            Code::TooLong,
            path,
            format!("{length} characters; at most {max} are allowed"),
            format!("{}长度为{length}，最多{max}个字符", field.zh),
        );
    }
    // Long texts are sentences, short ones numbers, codes and names.
    let flaw = if max > 100 { flaw_in_sentence(value) } else { flaw_in_word(value) };
    if let Some((flaw, c)) = flaw {
        let ((what, what_zh), code) = (flaw.words(), u32::from(c));
        report.refuse(
            Code::BadCharacter,
            path,
            format!("{what} (U+{code:04X}) is not allowed"),
            format!("{}含有{what_zh}（U+{code:04X}）", field.zh),
        );
    }
}

/// The text fields of what is optional as a whole.
pub(super) fn optional_parts(d: &Declaration, report: &mut ViolationReport) {
    for field in d.order.iter().flat_map(|_| ORDER) {
        let value = d.order.as_ref().map_or("", |order| (field.of)(order));
        text(report, d.ie_flag, field.name, field, value);
    }
    for field in d.quarantine.iter().flat_map(|_| QUARANTINE) {
        let value = d.quarantine.as_ref().map_or("", |data| (field.of)(data));
        text(report, d.ie_flag, field.name, field, value);
    }
    for (index, attachment) in d.attachments.iter().enumerate() {
        for field in ATTACHMENT {
            let path = format!("attachments[{index}].{}", field.name);
            text(report, d.ie_flag, &path, field, (field.of)(attachment));
        }
    }
}
