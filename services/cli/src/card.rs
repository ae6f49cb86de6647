//! A declaration as people read it: a card, its goods, its history, and rows of a list.
//!
//! Personal data of the buyer is masked: a card is looked at, copied and sent on.

use std::fmt::Write as _;

use domain::codes::Mode;
use proto::status::Language;
use proto::v1;
use proto::v1::fact::Kind;

use super::facts::describe_all;
use super::session::TableRow;
use super::table;
use super::words::{self, decimal, mask_name, mask_number, money, pick, when};

/// Everything about one declaration.
pub(super) fn whole(record: &v1::DeclarationRecord, language: Language) -> String {
    let mut fields = standing(record, language);
    let content = record.declaration.as_ref();
    fields.extend(content.map(|it| content_rows(it, language)).unwrap_or_default()); // a list holds no content
    let (english, chinese) = words::state(record.state());
    let columns = table::columns();
    let first = table::wrapped(&format!("{}  {english} {chinese}", record.name), columns);
    let mut text = first.join("\n") + "\n";
    text.push_str(&table::fields(&fields, columns));
    if let Some(declaration) = content.filter(|it| !it.lines.is_empty()) {
        let _infallible = write!(text, "\n{}", goods(&declaration.lines, language));
    }
    for asked in &record.document_requests {
        let fact = v1::Fact { kind: Some(Kind::DocumentsRequested(asked.clone())) };
        let described = describe_all(&[fact], language);
        let how =
            pick(language, "answer with: single-window provide", "答复命令：single-window provide");
        let _infallible = write!(text, "\n{described} ({how})");
    }
    for entry in &record.history {
        let time = when(entry.time.and_then(proto::time));
        let facts = describe_all(&entry.facts, language);
        // One line an entry, however long: people look for words in it.
        let actor = words::acted(&entry.actor);
        let _infallible = write!(text, "\n{time}  v{}  {facts}{actor}", entry.version);
    }
    text
}

type Rows = Vec<(&'static str, String)>;

/// Where it stands.
fn standing(record: &v1::DeclarationRecord, language: Language) -> Rows {
    let none = || pick(language, "none", "无").to_owned();
    let or_none = |id: &str| if id.is_empty() { none() } else { id.to_owned() };
    let release = match record.released_time.and_then(proto::time) {
        Some(time) => format!("{}, {}", record.release_id, when(Some(time))),
        None => none(),
    };
    let waits_for = words::awaited(language, record.waits_for());
    let mut rows = vec![
        (pick(language, "pre-entry no. (preNo)", "预录入编号"), record.pre_no.clone()),
        (pick(language, "customs no. (invtNo)", "清单编号"), or_none(&record.invt_no)),
        (
            pick(language, "version, round", "版本、轮次"),
            format!("{}, {}", record.version, record.round),
        ),
        (pick(language, "customs", "海关"), words::stand(language, record.customs()).to_owned()),
        (
            pick(language, "quarantine", "国检"),
            words::stand(language, record.quarantine()).to_owned(),
        ),
        (pick(language, "joint inspection", "联合查验"), or_none(&record.inspection_order_id)),
        (pick(language, "release", "放行"), release),
        (pick(language, "waits for", "尚待"), waits_for),
        (pick(language, "filed", "申报时间"), when(record.filed_time.and_then(proto::time))),
        (
            pick(language, "archived", "归档时间"),
            record.archived_time.map(|it| when(proto::time(it))).unwrap_or_default(), // an empty row
        ),
        (pick(language, "order no.", "订单编号"), record.order_no.clone()),
        (pick(language, "mode", "监管方式"), mode(&record.trade_mode)),
    ];
    // Nothing is missing once it is over.
    rows.retain(|(_, value)| !value.is_empty());
    rows
}

/// The mode with its name in the customs' own words.
fn mode(code: &str) -> String {
    match Mode::find(code) {
        Some(mode) => format!("{code} {}", mode.name_zh),
        None => code.to_owned(),
    }
}

/// What was declared, apart from the goods. Empty rows are left out.
fn content_rows(it: &v1::Declaration, language: Language) -> Rows {
    let direction = match it.ie_flag() {
        v1::Direction::Import => pick(language, "import", "进口"),
        v1::Direction::Export => pick(language, "export", "出口"),
        v1::Direction::Unspecified => "",
    };
    let party = |party: &Option<v1::Party>| {
        party.as_ref().map(|p| format!("{} {}", p.code, p.name)).unwrap_or_default() // an empty row
    };
    let buyer = it
        .buyer
        .as_ref()
        .map(|buyer| format!("{} {}", mask_name(&buyer.name), mask_number(&buyer.id_number)));
    let weights = format!("{} / {} kg", decimal(it.gross_weight_e5), decimal(it.net_weight_e5));
    let attached = it.attachments.len();
    let mut rows = vec![
        (pick(language, "direction", "进出口"), direction.to_owned()),
        (pick(language, "own no. (copNo)", "企业内部编号"), it.cop_no.clone()),
        (pick(language, "way-bill", "物流运单编号"), it.logistics_no.clone()),
        (pick(language, "customs house", "申报海关"), it.customs_code.clone()),
        (pick(language, "declarant", "申报企业"), party(&it.declarant)),
        (pick(language, "agent", "代理企业"), party(&it.agent)),
        (pick(language, "e-commerce firm", "电商企业"), party(&it.ebc)),
        (pick(language, "buyer", "订购人"), buyer.unwrap_or_default()), // exports have none
        (pick(language, "weight, gross / net", "毛重／净重"), weights),
        (pick(language, "packages", "件数"), it.pack_no.to_string()),
    ];
    if attached > 0 {
        rows.push((pick(language, "attachments", "随附单证"), attached.to_string()));
    }
    rows.retain(|(_, value)| !value.trim().is_empty());
    rows
}

fn goods(lines: &[v1::GoodsLine], language: Language) -> String {
    let header = match language {
        Language::English => ["line", "code", "goods", "quantity", "price", "total", "country"],
        Language::Chinese => ["序号", "商品编码", "品名", "数量", "单价", "总价", "国别"],
    };
    let mut table = words::table(&header, Some(2));
    for line in lines {
        let quantity = line.qty.as_ref().map(|q| format!("{} ({})", decimal(q.value_e5), q.unit));
        table.add_row([
            line.gnum.to_string(),
            line.gcode.clone(),
            line.gname.clone(),
            quantity.unwrap_or_default(), // an empty cell
            money(line.price.as_ref()),
            money(line.total_price.as_ref()),
            line.country.clone(),
        ]);
    }
    table.to_string()
}

impl TableRow for v1::DeclarationRecord {
    const HEADER: &'static [(&'static str, &'static str)] = &[
        ("id", "编号"),
        ("preNo", "预录入编号"),
        ("order no.", "订单编号"),
        ("mode", "监管方式"),
        ("state", "状态"),
        ("filed (+08:00)", "申报时间 (+08:00)"),
    ];
    const NONE: (&'static str, &'static str) = ("no declarations", "没有符合条件的清单");

    fn cells(&self, language: Language) -> Vec<String> {
        vec![
            words::id(&self.name).to_owned(),
            self.pre_no.clone(),
            self.order_no.clone(),
            self.trade_mode.clone(),
            words::state_in(language, self.state()).to_owned(),
            words::minute(self.filed_time.and_then(proto::time)),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_card_shows_both_languages_and_no_personal_data() {
        let declaration: v1::Declaration =
            serde_json::from_str(include_str!("../../../docs/examples/import-9610.json"))
                .expect("the example fits the schema");
        let buyer = declaration.buyer.clone().expect("imports name the buyer");
        let record = v1::DeclarationRecord {
            name: "declarations/0190a6e1-0000-7000-8000-0000000000ab".to_owned(),
            state: v1::State::Released.into(),
            trade_mode: "9610".to_owned(),
            declaration: Some(declaration),
            ..Default::default()
        };
        for language in [Language::English, Language::Chinese] {
            let text = whole(&record, language);
            assert!(text.contains("RELEASED 放行") && text.contains("9610 跨境贸易电子商务"));
            assert!(text.contains("张* ****1237"), "{text}");
            for secret in
                [&buyer.name, &buyer.id_number, &buyer.telephone, &buyer.consignee_address]
            {
                assert!(!text.contains(secret.as_str()), "{text}");
            }
        }
    }
}
