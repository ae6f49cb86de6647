//! The fields of a declaration as a form has them: their order, their names in both languages, and the way
//! from what was typed to the JSON of the schema and back.
//!
//! An input is named by the path of its field, `lines[0].gcode`, as refusals name it; so what was refused is
//! marked where it was typed.

use std::collections::BTreeMap;

use proto::status::Language;
use serde_json::{Map, Value};

use crate::problem::FieldProblem;

/// How a field is typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FieldShape {
    Text,
    /// In the schema in 1/100000.
    Decimal,
    Whole,
    Direction,
    YesNo,
    /// An amount and the customs code of its currency.
    Amount,
    /// A number and the customs code of its unit.
    Quantity,
    /// A code and a name.
    Firm,
}

/// A field of the schema.
struct SchemaField {
    path: &'static str,
    english: &'static str,
    chinese: &'static str,
    shape: FieldShape,
    /// Most declarations have it.
    usual: bool,
}

const fn usual(
    path: &'static str,
    english: &'static str,
    chinese: &'static str,
    shape: FieldShape,
) -> SchemaField {
    SchemaField { path, english, chinese, shape, usual: true }
}

const fn rare(
    path: &'static str,
    english: &'static str,
    chinese: &'static str,
    shape: FieldShape,
) -> SchemaField {
    SchemaField { path, english, chinese, shape, usual: false }
}

use FieldShape::{Amount, Decimal, Direction, Firm, Quantity, Text, Whole, YesNo};

/// Groups of a form with their fields.
const GROUPS: &[(&str, &str, &[SchemaField])] = &[
    (
        "Declaration",
        "清单",
        &[
            usual("ie_flag", "direction", "进出口", Direction),
            usual("trade_mode", "supervision mode", "监管方式", Text),
            usual("customs_code", "customs house declared to", "申报海关", Text),
            usual("port_code", "customs house of the port", "口岸海关", Text),
            usual("order_no", "order no.", "订单编号", Text),
            usual("cop_no", "own no. (copNo)", "企业内部编号", Text),
            usual("logistics_no", "way-bill", "物流运单编号", Text),
            usual("decl_time", "declared on (YYYYMMDD)", "申报日期", Text),
            usual("ie_date", "in or out on (YYYYMMDD)", "进出口日期", Text),
            rare("statistics_flag", "kind of declaration", "申报业务类型", Text),
            rare("license_no", "licence", "许可证件号", Text),
            rare("ems_no", "bonded book", "账册编号", Text),
            rare("note", "note", "备注", Text),
            rare("guid", "guid", "系统唯一序号", Text),
        ],
    ),
    (
        "Firms",
        "企业",
        &[
            usual("declarant", "declarant", "申报企业", Firm),
            usual("ebc", "e-commerce firm", "电商企业", Firm),
            usual("ebp", "platform", "电商平台", Firm),
            usual("logistics", "carrier", "物流企业", Firm),
            usual("assure_code", "guarantor of the tax", "担保企业编号", Text),
            rare("agent", "agent", "代理企业", Firm),
            rare("owner", "owner of the goods", "生产销售单位", Firm),
            rare("iac", "consolidator", "区内企业代理", Firm),
            rare("area", "firm in the bonded area", "区内企业", Firm),
        ],
    ),
    (
        "Buyer",
        "订购人",
        &[
            usual("buyer.name", "name", "姓名", Text),
            usual("buyer.id_type", "kind of document", "证件类型", Text),
            usual("buyer.id_number", "number of the document", "证件号码", Text),
            usual("buyer.telephone", "telephone", "电话", Text),
            usual("buyer.consignee_address", "address", "收货地址", Text),
        ],
    ),
    (
        "Transport",
        "运输",
        &[
            usual("traf_mode", "means of transport", "运输方式", Text),
            usual("traf_no", "vehicle", "运输工具编号", Text),
            usual("voyage_no", "voyage", "航班航次号", Text),
            usual("bill_no", "bill of lading", "提运单号", Text),
            usual("country", "country", "起运国或运抵国", Text),
            usual("wrap_type", "packing", "包装种类", Text),
            usual("pack_no", "packages", "件数", Whole),
            usual("gross_weight_e5", "gross weight (kg)", "毛重（公斤）", Decimal),
            usual("net_weight_e5", "net weight (kg)", "净重（公斤）", Decimal),
            usual("freight", "freight", "运费", Amount),
            usual("insured_fee", "insurance", "保费", Amount),
            rare("total_package_no", "number of the whole package", "总包号", Text),
            rare("loct_no", "supervised place", "监管场所代码", Text),
            rare("pod", "port abroad", "指运港", Text),
            rare("f_flag", "freight is of kind", "运费标志", Text),
            rare("i_flag", "insurance is of kind", "保费标志", Text),
        ],
    ),
    (
        "Order and payment",
        "订单与支付",
        &[
            usual("order.order_type", "kind of order", "订单类型", Text),
            usual("order.goods_value", "goods", "商品价格", Amount),
            usual("order.freight", "freight", "运杂费", Amount),
            usual("order.discount", "discount", "优惠减免", Amount),
            usual("order.tax_total", "tax", "代扣税款", Amount),
            usual("order.actural_paid", "paid", "实际支付", Amount),
            usual("order.pay_code", "payment firm", "支付企业代码", Text),
            usual("order.pay_transaction_id", "payment no.", "支付流水号", Text),
        ],
    ),
    (
        "Quarantine",
        "检验检疫",
        &[
            rare("quarantine.storage_place", "place of storage", "存放地点", Text),
            rare("quarantine.departure_port", "port of departure", "启运口岸", Text),
            rare("quarantine.marks", "marks", "标记唛码", Text),
            rare("quarantine.entry_port", "port of entry", "入境口岸", Text),
            rare("quarantine.accepting_authority", "accepting authority", "检验检疫受理机关", Text),
            rare("quarantine.certificate_authority", "issuing authority", "领证机关", Text),
            rare("quarantine.port_authority", "authority of the port", "口岸检验检疫机关", Text),
            rare("quarantine.destination_authority", "authority there", "目的地机关", Text),
            rare("quarantine.departure_date", "departed on (YYYYMMDD)", "启运日期", Text),
            rare("quarantine.wooden_packing", "wooden packing", "木质包装", YesNo),
        ],
    ),
];

/// Those of a line of goods.
const LINE: &[SchemaField] = &[
    usual("gcode", "goods code", "商品编码", Text),
    usual("gname", "goods", "商品名称", Text),
    usual("gmodel", "specification", "规格型号", Text),
    usual("qty", "quantity, unit", "数量、单位", Quantity),
    usual("qty1", "first legal quantity, unit", "法定数量、单位", Quantity),
    usual("price", "price, currency", "单价、币制", Amount),
    usual("total_price", "total, currency", "总价、币制", Amount),
    usual("country", "country", "国别", Text),
    usual("item_no", "item no.", "企业商品货号", Text),
    usual("item_name", "item", "企业商品品名", Text),
    usual("bar_code", "bar code", "条形码", Text),
    rare("qty2", "second legal quantity, unit", "第二数量、单位", Quantity),
    rare("item_record_no", "record no.", "账册备案料号", Text),
    rare("trade_country", "country of trade", "贸易国", Text),
    rare("ciq_code", "CIQ code", "检验检疫编码", Text),
    rare("usage_code", "use", "用途代码", Text),
    rare("note", "note", "备注", Text),
];

/// Paths with their values as they are typed.
pub(crate) type TypedValues = BTreeMap<String, String>;

/// What a person types into.
pub(crate) struct FormInput {
    /// The path of its field.
    pub(crate) name: String,
    pub(crate) value: String,
    /// What it takes: `text`, `number`, `direction` or `flag`.
    pub(crate) takes: &'static str,
    /// Narrow, beside another one.
    pub(crate) is_code: bool,
}

/// A field with its inputs.
pub(crate) struct FormField {
    pub(crate) label: &'static str,
    pub(crate) inputs: Vec<FormInput>,
    /// What was refused about it.
    pub(crate) problems: Vec<FieldProblem>,
}

impl FormField {
    /// For `for` of the label.
    pub(crate) fn first(&self) -> &str {
        self.inputs.first().map_or("", |input| &input.name)
    }
}

/// A part of the form.
pub(crate) struct FormGroup {
    pub(crate) title: String,
    pub(crate) usual: Vec<FormField>,
    pub(crate) rare: Vec<FormField>,
    /// Something rare is filled in or refused.
    pub(crate) is_open: bool,
}

/// The form with these values and refusals. What has no field of its own is in the last list, for hidden
/// inputs, so that it is not lost.
pub(crate) fn form(
    language: Language,
    values: &TypedValues,
    problems: &[FieldProblem],
) -> (Vec<FormGroup>, Vec<(String, String)>) {
    let mut groups = Vec::new();
    let mut shown = std::collections::BTreeSet::new();
    let mut add = |title: String, prefix: &str, fields: &[SchemaField]| {
        let (mut group, mut is_open) = ((Vec::new(), Vec::new()), false);
        for field in fields {
            let path = format!("{prefix}{}", field.path);
            let inputs = inputs(field.shape, &path, values);
            shown.extend(inputs.iter().map(|input| input.name.clone()));
            let about = |it: &&FieldProblem| {
                it.field == path || it.field.strip_prefix(&path).is_some_and(|r| r.starts_with('.'))
            };
            let problems: Vec<_> = problems.iter().filter(about).cloned().collect();
            let label = cli::words::title(language, (field.english, field.chinese));
            let filled = inputs.iter().any(|input| !input.value.is_empty());
            is_open |= !field.usual && (filled || !problems.is_empty());
            let list = if field.usual { &mut group.0 } else { &mut group.1 };
            list.push(FormField { label, inputs, problems });
        }
        groups.push(FormGroup { title, usual: group.0, rare: group.1, is_open });
    };
    for (english, chinese, fields) in GROUPS {
        add(cli::words::title(language, (english, chinese)).to_owned(), "", fields);
    }
    for index in 0..line_count(values).max(1) {
        let number = index + 1;
        let title = match language {
            Language::English => format!("Line {number}"),
            Language::Chinese => format!("第{number}项商品"),
        };
        add(title, &format!("lines[{index}]."), LINE);
    }
    let hidden = values.iter().filter(|(name, value)| {
        !shown.contains(*name) && !value.is_empty() && !name.ends_with(".gnum")
    });
    let hidden = hidden.map(|(name, value)| (name.clone(), value.clone())).collect();
    (groups, hidden)
}

/// Lines that have a value.
pub(crate) fn line_count(values: &TypedValues) -> usize {
    let numbers = values.keys().filter_map(|path| line_of(path));
    numbers.max().map_or(0, |last| last + 1)
}

/// The index of the line that a path is in.
pub(crate) fn line_of(path: &str) -> Option<usize> {
    path.strip_prefix("lines[")?.split_once(']')?.0.parse().ok()
}

fn inputs(shape: FieldShape, path: &str, values: &TypedValues) -> Vec<FormInput> {
    let input = |name: String, takes, is_code| {
        let mut value = values.get(&name).cloned().unwrap_or_default(); // an empty input
        // JSON leaves a nothing out that has a currency or a unit.
        let has_unit =
            |unit: &str| values.get(&format!("{path}.{unit}")).is_some_and(|it| !it.is_empty());
        if value.is_empty() && name.ends_with("_e5") && (has_unit("currency") || has_unit("unit")) {
            value = "0".to_owned();
        }
        FormInput { name, value, takes, is_code }
    };
    let sub = |name: &str| format!("{path}.{name}");
    match shape {
        Text => vec![input(path.to_owned(), "text", false)],
        Decimal | Whole => vec![input(path.to_owned(), "number", false)],
        Direction => vec![input(path.to_owned(), "direction", false)],
        YesNo => vec![input(path.to_owned(), "flag", false)],
        Amount => {
            vec![input(sub("amount_e5"), "number", false), input(sub("currency"), "text", true)]
        }
        Quantity => {
            vec![input(sub("value_e5"), "number", false), input(sub("unit"), "text", true)]
        }
        Firm => vec![input(sub("code"), "text", true), input(sub("name"), "text", false)],
    }
}

/// What is typed for a declaration.
pub(crate) fn typed(declaration: &Value) -> TypedValues {
    let mut values = TypedValues::new();
    flatten(String::new(), declaration, &mut values);
    values
}

fn flatten(path: String, value: &Value, values: &mut TypedValues) {
    let join = |name: &str| {
        if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
    };
    match value {
        Value::Object(object) => {
            for (name, value) in object {
                flatten(join(name), value, values);
            }
        }
        Value::Array(list) => {
            for (index, value) in list.iter().enumerate() {
                flatten(format!("{path}[{index}]"), value, values);
            }
        }
        Value::Null => {}
        Value::String(text) => {
            let text = decimal_of(&path, text);
            values.insert(path, text);
        }
        Value::Number(number) => {
            let text = decimal_of(&path, &number.to_string());
            values.insert(path, text);
        }
        Value::Bool(is) => {
            values.insert(path, is.to_string());
        }
    }
}

/// A number in 1/100000 as people write it; what is none stays as it is.
fn decimal_of(path: &str, text: &str) -> String {
    match text.parse() {
        Ok(e5) if path.ends_with("_e5") => cli::words::decimal(e5),
        _ => text.to_owned(),
    }
}

/// The declaration that was typed, as the JSON of the schema.
///
/// # Errors
///
/// What is no number where one belongs.
pub(crate) fn declaration(
    language: Language,
    values: &TypedValues,
) -> Result<Value, Vec<FieldProblem>> {
    let (mut whole, mut problems) = (Value::Object(Map::new()), Vec::new());
    for (path, text) in values.iter().filter(|(_, text)| !text.is_empty()) {
        match leaf(path, text) {
            Some(value) => set(&mut whole, path, value),
            None => problems.push(FieldProblem {
                code: domain::Code::JsonMalformed.id().to_owned(),
                field: path.clone(),
                text: cli::words::title(
                    language,
                    (
                        "is no number of at most five digits after the point",
                        "不是有效的数字，小数点后最多五位",
                    ),
                )
                .to_owned(),
            }),
        }
    }
    if let Some(Value::Array(lines)) = whole.get_mut("lines") {
        for (index, line) in lines.iter_mut().enumerate() {
            match line {
                Value::Object(line) => drop(line.insert("gnum".to_owned(), (index + 1).into())),
                other => *other = Value::Object(Map::new()),
            }
        }
    }
    if problems.is_empty() { Ok(whole) } else { Err(problems) }
}

/// A value as the schema has it.
fn leaf(path: &str, text: &str) -> Option<Value> {
    let name = path.rsplit('.').next().unwrap_or(path); // a path has a last name
    match name {
        _ if name.ends_with("_e5") => parse_decimal(text).map(|e5| e5.to_string().into()),
        "gnum" | "pack_no" => text.parse::<u32>().ok().map(Into::into),
        "wooden_packing" => Some(Value::Bool(text == "true")),
        _ => Some(text.into()),
    }
}

/// A decimal in 1/100000, exactly.
fn parse_decimal(text: &str) -> Option<i64> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text),
    };
    let (whole, part) = digits.split_once('.').unwrap_or((digits, "0"));
    let is_number = |it: &str| !it.is_empty() && it.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number(whole) || !is_number(part) || part.len() > 5 {
        return None;
    }
    format!("{whole}{part:0<5}").parse::<i64>().ok()?.checked_mul(sign)
}

/// As many lines and attachments as a form may have.
const INDEX_MAX: usize = 200;

/// Puts a value at its path; one that leads nowhere is left out.
fn set(whole: &mut Value, path: &str, value: Value) {
    let mut place = whole;
    for step in path.split('.') {
        let (name, index) = match step.strip_suffix(']').and_then(|it| it.split_once('[')) {
            Some((name, index)) => (name, Some(index)),
            None => (step, None),
        };
        let Value::Object(object) = place else { return };
        place = object.entry(name).or_insert(Value::Null);
        if let Some(index) = index {
            let Some(index) = index.parse().ok().filter(|index: &usize| *index < INDEX_MAX) else {
                return;
            };
            if place.is_null() {
                *place = Value::Array(Vec::new());
            }
            let Value::Array(list) = place else { return };
            while list.len() <= index {
                list.push(Value::Null);
            }
            place = &mut list[index];
        }
        if place.is_null() {
            *place = Value::Object(Map::new());
        }
    }
    *place = value;
}

#[cfg(test)]
mod tests {
    use proto::v1;

    use super::*;

    const EXAMPLES: [&str; 5] = [
        include_str!("../../../docs/examples/import-9610.json"),
        include_str!("../../../docs/examples/import-1210.json"),
        include_str!("../../../docs/examples/export-9610.json"),
        include_str!("../../../docs/examples/export-9710.json"),
        include_str!("../../../docs/examples/export-9810.json"),
    ];

    #[test]
    fn a_declaration_comes_back_from_its_form() {
        for example in EXAMPLES {
            let before: v1::Declaration = serde_json::from_str(example).expect("it fits");
            let values = typed(&serde_json::to_value(&before).expect("JSON"));
            let (groups, hidden) = form(Language::English, &values, &[]);
            let inputs = groups.iter().flat_map(|it| it.usual.iter().chain(&it.rare));
            let inputs = inputs.flat_map(|field| &field.inputs);
            let mut sent: TypedValues =
                inputs.map(|input| (input.name.clone(), input.value.clone())).collect();
            sent.extend(hidden);
            let after = declaration(Language::English, &sent).expect("numbers");
            let after: v1::Declaration = serde_json::from_value(after).expect("it fits");
            assert_eq!(after, before);
        }
    }

    #[test]
    fn a_refusal_is_marked_at_its_field() {
        let problem = |field: &str| FieldProblem {
            code: "SW-1001".to_owned(),
            field: field.to_owned(),
            text: "wrong".to_owned(),
        };
        let values = typed(&serde_json::json!({ "lines": [{ "gcode": "1" }, { "gcode": "2" }] }));
        let problems = [problem("lines[1].gcode"), problem("freight.amount_e5"), problem("pod")];
        let (groups, _) = form(Language::English, &values, &problems);
        let marked: Vec<_> = groups
            .iter()
            .flat_map(|group| group.usual.iter().chain(&group.rare))
            .filter(|field| !field.problems.is_empty())
            .map(FormField::first)
            .collect();
        assert_eq!(marked, ["freight.amount_e5", "pod", "lines[1].gcode"]);
        assert!(groups.iter().any(|group| group.is_open), "a rare one that is refused is seen");
    }

    #[test]
    fn what_is_typed_becomes_exact_numbers() {
        for (text, e5) in [("12.34", 1_234_000), ("0", 0), ("0.00001", 1), ("-3.5", -350_000)] {
            assert_eq!(parse_decimal(text), Some(e5), "{text}");
        }
        for text in ["", "1e3", "1.234567", ".5", "1.", "--1", "99999999999999999999"] {
            assert_eq!(parse_decimal(text), None, "{text}");
        }
        let values = TypedValues::from([("freight.amount_e5".to_owned(), "ten".to_owned())]);
        let problems = declaration(Language::English, &values).expect_err("no number");
        assert_eq!(problems[0].field, "freight.amount_e5");
        let far = TypedValues::from([
            ("lines[99999999].gcode".to_owned(), "1".to_owned()),
            ("order_no[x]".to_owned(), "1".to_owned()),
        ]);
        assert!(declaration(Language::English, &far).is_ok(), "what leads nowhere is left out");
    }
}
