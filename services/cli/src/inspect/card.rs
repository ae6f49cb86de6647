//! An order as people read it: a card with instructions, samples, findings and history, rows of a list,
//! and the few lines that follow a change.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use comfy_table::{Table, presets};
use domain::clearance::Agency;
use domain::inspection::order::{InstructionKey, JointOrder};
use prost::Message as _;
use proto::v1;

use super::super::Language;
use super::super::session::TableRow;
use super::super::words::{self as shared, decimal, pick, when};
use super::{either, stage, state, words};

/// Everything about one order.
pub(super) fn whole(found: &v1::GetOrderResponse, language: Language) -> String {
    let empty = v1::OrderRecord::default();
    let order = found.order.as_ref().unwrap_or(&empty);
    let state = state(order);
    let mut card = Table::new();
    card.load_style(presets::NOTHING);
    for (label, value) in standing(order, &state, language) {
        card.add_row([label, &value]);
    }
    let (english, chinese) = words::stage(stage(order));
    let mut text = format!("{}  {english} {chinese}\n", order.name);
    text.push_str(&card.trim_fmt());
    let mut add = |table: Option<shared::Table>| {
        if let Some(table) = table {
            let _infallible = write!(text, "\n{table}");
        }
    };
    add(instructions(&state, language));
    let (now, first) = (state.work.as_ref(), state.first.as_ref());
    add(now.and_then(|work| samples(work, language)));
    add(now.and_then(|work| findings(work, language)));
    add(goods(&order.lines, language));
    if let Some(table) = first.and_then(|first| findings(first, language)) {
        let heading = pick(language, "first examination", "首次查验");
        let _infallible = write!(text, "\n{heading}\n{table}");
    }
    for entry in &found.history {
        let time = when(entry.time.and_then(proto::time));
        let facts = words::facts(&entry.facts, language);
        let actor = shared::acted(&entry.actor);
        let _infallible = write!(text, "\n{time}  v{}  {facts}{actor}", entry.version);
    }
    text
}

type Rows = Vec<(&'static str, String)>;

/// Where it stands. Empty rows are left out.
fn standing(order: &v1::OrderRecord, state: &v1::OrderState, language: Language) -> Rows {
    let work = state.work.clone().unwrap_or_default(); // nobody has claimed it
    let duty = |duty: &v1::Duty| match (duty.replaced, language) {
        (false, _) => duty.officer.clone(),
        (true, Language::English) => format!("{} (replaced)", duty.officer),
        (true, Language::Chinese) => format!("{}（已更换）", duty.officer),
    };
    let separator = pick(language, ", ", "、");
    let officers: Vec<_> = work.officers.iter().map(duty).collect();
    let methods: Vec<_> = work.methods().map(|method| words::method(language, method)).collect();
    let treatment = work.treatment.as_ref().map(|it| {
        let passed = pick(language, "clean", "合格");
        let failed = pick(language, "failed", "不合格");
        format!("{}, {}", it.certificate, if it.passed { passed } else { failed })
    });
    let moved = match language {
        Language::English => format!(
            "{} appointments, {} moved by the enterprise, {} times nobody came",
            state.appointments, state.reschedules, state.no_shows
        ),
        Language::Chinese => format!(
            "预约{}次，企业改期{}次，未到场{}次",
            state.appointments, state.reschedules, state.no_shows
        ),
    };
    let pending = if order.objection_pending {
        pick(language, "waits for the declaration to be stopped", "待暂停放行")
    } else {
        ""
    };
    let mut rows = vec![
        (pick(language, "order", "查验单编号"), order.order_id.clone()),
        (pick(language, "order no.", "订单编号"), order.order_no.clone()),
        (pick(language, "declarant", "申报企业"), order.declarant_code.clone()),
        (
            pick(language, "port, mode", "口岸、监管方式"),
            format!("{}, {}", order.port_code, order.trade_mode),
        ),
        (
            pick(language, "version, examination", "版本、查验次数"),
            format!("{}, {}", state.version, state.examination),
        ),
        (pick(language, "appointment", "预约"), appointed(state, language)),
        (pick(language, "so far", "累计"), moved),
        (pick(language, "taken on by", "受理场地"), order.claimed_by.clone()),
        (pick(language, "officers", "查验人员"), officers.join(separator)),
        (
            pick(language, "with the goods", "在场"),
            words::attendance(language, work.attendance()).to_owned(),
        ),
        (pick(language, "looked at", "查验方式"), methods.join(separator)),
        (pick(language, "treatment", "除害处理"), treatment.unwrap_or_default()), // an empty row
        (pick(language, "customs decided", "海关处置"), decided(&state.by_customs, language)),
        (pick(language, "quarantine decided", "国检处置"), decided(&state.by_quarantine, language)),
        (pick(language, "what happens", "处置结论"), decided(&state.disposal, language)),
        // What was decided about the goods is no verdict.
        (
            pick(language, "release waits for", "放行尚待"),
            shared::awaited(language, order.waits_for()),
        ),
        (pick(language, "objection", "异议"), pending.to_owned()),
        (pick(language, "ordered", "开立时间"), when(order.ordered_time.and_then(proto::time))),
        (pick(language, "changed", "最近变动"), when(order.changed_time.and_then(proto::time))),
    ];
    rows.retain(|(_, value)| !value.is_empty());
    rows
}

/// A decision with its code, which is what one types.
fn decided(code: &str, language: Language) -> String {
    if code.is_empty() {
        return String::new();
    }
    format!("{code} {}", words::disposal(language, code))
}

/// Place and window: `Qingdao 1 (QD-1), 2026-11-26 09:00 to 2026-11-26 10:00`; empty without one.
fn appointed(state: &v1::OrderState, language: Language) -> String {
    let Some(it) = &state.appointment else { return String::new() };
    let name = match language {
        Language::English => &it.place_name,
        Language::Chinese => &it.place_name_zh,
    };
    let place = if name.is_empty() { it.place.clone() } else { format!("{name} ({})", it.place) };
    let start = shared::minute(it.start.and_then(proto::time));
    let end = shared::minute(it.end.and_then(proto::time));
    format!("{place}, {start} {} {end}", pick(language, "to", "至"))
}

/// Instructions that no result answers yet. What cannot be read here counts as answered: the service
/// has the last word.
pub(super) fn unanswered(state: &v1::OrderState) -> BTreeSet<InstructionKey> {
    let order = proto::inspection::decode_order(&state.encode_to_vec());
    let order = order.unwrap_or_else(|_| JointOrder::none());
    order.unanswered().into_iter().map(|instruction| instruction.key.clone()).collect()
}

fn is_in(keys: &BTreeSet<InstructionKey>, agency: v1::Agency, id: &str) -> bool {
    keys.iter().any(|key| v1::Agency::from(key.agency) == agency && key.id == id)
}

fn instructions(state: &v1::OrderState, language: Language) -> Option<shared::Table> {
    let open = unanswered(state);
    let english = ["instruction", "what for", "lines", "at least", "laboratory", "answered"];
    let chinese = ["布控指令", "要求", "商品项", "方式", "送检", "已有结果"];
    let mut table = shared::table(&either(language, english, chinese), Some(1));
    let all = state.instructions.iter().chain(&state.late);
    for it in all {
        let text = match language {
            Language::English => &it.text,
            Language::Chinese => &it.text_zh,
        };
        let answered = match it.answered_on_version {
            0 => words::yes(language, !is_in(&open, it.agency(), &it.id)).to_owned(),
            version => words::either_text(
                language,
                format!("from the record, version {version}"),
                format!("以记录答复（第{version}版）"),
            ),
        };
        table.add_row([
            words::key(it.agency(), &it.id),
            text.clone(),
            words::lines(language, &it.lines),
            words::method(language, it.method()).to_owned(),
            words::yes(language, it.sampling).to_owned(),
            answered,
        ]);
    }
    (!table.is_empty()).then_some(table)
}

fn samples(work: &v1::Examination, language: Language) -> Option<shared::Table> {
    let english = ["sample", "instruction", "line", "taken by", "laboratory"];
    let chinese = ["样品", "布控指令", "商品项", "取样人员", "实验室"];
    let mut table = shared::table(&either(language, english, chinese), None);
    for it in &work.samples {
        table.add_row([
            it.id.clone(),
            words::key(it.agency(), &it.instruction),
            line(it.gnum, language),
            it.officer.clone(),
            it.laboratory.clone(),
        ]);
    }
    (!table.is_empty()).then_some(table)
}

fn line(gnum: u32, language: Language) -> String {
    if gnum == 0 { pick(language, "all", "整批").to_owned() } else { gnum.to_string() }
}

fn findings(work: &v1::Examination, language: Language) -> Option<shared::Table> {
    let english = ["answers", "line", "result", "looked at", "by", "revision", "in words"];
    let chinese = ["布控指令", "商品项", "结果", "方式", "人员", "修订", "说明"];
    let mut table = shared::table(&either(language, english, chinese), Some(6));
    for it in &work.findings {
        let how = words::method(language, it.method());
        let how = if it.sample.is_empty() {
            how.to_owned()
        } else {
            format!("{} {}", pick(language, "sample", "样品"), it.sample)
        };
        let mut text = it.text.clone();
        for digest in &it.evidence {
            // The beginning tells files apart; `--output json` has the whole digest.
            let shown: String = super::hex(digest).chars().take(12).collect();
            let _infallible = write!(text, " [{shown}…]");
        }
        table.add_row([
            words::key(it.agency(), &it.instruction),
            line(it.gnum, language),
            format!("{} {}", it.result, words::result(language, &it.result)),
            how,
            it.officer.clone(),
            it.revision.to_string(),
            text.trim().to_owned(),
        ]);
    }
    (!table.is_empty()).then_some(table)
}

fn goods(lines: &[v1::GoodsLine], language: Language) -> Option<shared::Table> {
    let english = ["line", "code", "goods", "quantity"];
    let chinese = ["序号", "商品编码", "品名", "数量"];
    let mut table = shared::table(&either(language, english, chinese), Some(2));
    for it in lines {
        let quantity = it.qty.as_ref().map(|q| format!("{} ({})", decimal(q.value_e5), q.unit));
        table.add_row([
            it.gnum.to_string(),
            it.gcode.clone(),
            it.gname.clone(),
            quantity.unwrap_or_default(), // an empty cell
        ]);
    }
    (!table.is_empty()).then_some(table)
}

impl TableRow for v1::OrderRecord {
    const HEADER: &'static [(&'static str, &'static str)] = &[
        ("declaration", "清单"),
        ("order no.", "订单编号"),
        ("declarant", "申报企业"),
        ("port", "口岸"),
        ("stage", "环节"),
        ("place", "场地"),
        ("window (+08:00)", "时段 (+08:00)"),
    ];
    const NONE: (&'static str, &'static str) = ("no inspection orders", "没有符合条件的查验单");

    fn cells(&self, language: Language) -> Vec<String> {
        let appointment = self.state.as_ref().and_then(|state| state.appointment.clone());
        let appointment = appointment.unwrap_or_default(); // empty cells
        vec![
            shared::id(&self.name).trim_end_matches("/inspection").to_owned(),
            self.order_no.clone(),
            self.declarant_code.clone(),
            self.port_code.clone(),
            words::stage_in(language, stage(self)).to_owned(),
            appointment.place,
            shared::minute(appointment.start.and_then(proto::time)),
        ]
    }
}

/// What follows a change: where the order stands now, and what it waits for.
pub(super) fn brief(order: &v1::OrderRecord, language: Language) -> String {
    let state = state(order);
    let (english, chinese) = words::stage(stage(order));
    let mut text = format!("{}  {english} {chinese}", order.name);
    let mut add = |label: &str, value: String| {
        if !value.is_empty() {
            let _infallible = write!(text, "\n  {label}{}{value}", pick(language, ": ", "："));
        }
    };
    let at = appointed(&state, language);
    match stage(order) {
        v1::OrderStage::Appointed => add(pick(language, "appointment", "预约"), at),
        v1::OrderStage::Presented
        | v1::OrderStage::Examining
        | v1::OrderStage::Sampled
        | v1::OrderStage::Laboratory => {
            let open: Vec<_> = unanswered(&state)
                .into_iter()
                .map(|key| words::key(key.agency.into(), &key.id))
                .collect();
            add(pick(language, "without a final result", "待出结果"), open.join(", "));
        }
        v1::OrderStage::Found => {
            let open: Vec<_> = undecided(&state)
                .into_iter()
                .map(|agency| super::agency(language, agency))
                .collect();
            add(pick(language, "decision awaited from", "待处置"), open.join(", "));
        }
        v1::OrderStage::Disposed | v1::OrderStage::Closed => {
            add(pick(language, "what happens", "处置结论"), decided(&state.disposal, language));
        }
        v1::OrderStage::Unspecified
        | v1::OrderStage::Ordered
        | v1::OrderStage::Treating
        | v1::OrderStage::Cancelled => {}
    }
    let waits_for = shared::awaited(language, order.waits_for());
    add(pick(language, "release waits for", "放行尚待"), waits_for);
    if order.objection_pending {
        let waits = pick(language, "waits for the declaration to be stopped", "待暂停放行");
        add(pick(language, "objection", "异议"), waits.to_owned());
    }
    text
}

/// Agencies with an instruction that have not decided.
fn undecided(state: &v1::OrderState) -> Vec<Agency> {
    let open = |agency: &Agency| {
        let decided = match agency {
            Agency::Customs => &state.by_customs,
            Agency::Quarantine => &state.by_quarantine,
        };
        let wire = v1::Agency::from(*agency);
        decided.is_empty() && state.instructions.iter().any(|it| it.agency() == wire)
    };
    [Agency::Customs, Agency::Quarantine].into_iter().filter(open).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order() -> v1::OrderRecord {
        let instruction = |agency: v1::Agency, id: &str| v1::Instruction {
            agency: agency.into(),
            id: id.to_owned(),
            text: "open the box".to_owned(),
            text_zh: "开箱".to_owned(),
            method: v1::Method::Manual.into(),
            ..Default::default()
        };
        let found = v1::ExaminationFinding {
            agency: v1::Agency::Customs.into(),
            instruction: "C-1".to_owned(),
            result: "CONFORM".to_owned(),
            method: v1::Method::Manual.into(),
            evidence: vec![vec![7; 32]],
            officer: "K-1".to_owned(),
            revision: 1,
            ..Default::default()
        };
        let state = v1::OrderState {
            stage: v1::OrderStage::Examining.into(),
            version: 1,
            examination: 1,
            instructions: vec![
                instruction(v1::Agency::Customs, "C-1"),
                instruction(v1::Agency::Quarantine, "I-1"),
            ],
            work: Some(v1::Examination {
                methods: vec![v1::Method::Manual.into()],
                findings: vec![found],
                ..Default::default()
            }),
            ..Default::default()
        };
        v1::OrderRecord {
            name: "declarations/0190a6e1-0000-7000-8000-0000000000ab/inspection".to_owned(),
            state: Some(state),
            ..Default::default()
        }
    }

    #[test]
    fn a_card_tells_what_is_answered_and_by_what() {
        let found = v1::GetOrderResponse { order: Some(order()), history: Vec::new() };
        for language in [Language::English, Language::Chinese] {
            let text = whole(&found, language);
            assert!(text.contains("EXAMINING 查验中"), "{text}");
            assert!(text.contains("customs/C-1") && text.contains("[070707070707"), "{text}");
        }
        let text = brief(&order(), Language::English);
        assert!(text.ends_with("without a final result: quarantine/I-1"), "{text}");
    }

    #[test]
    fn a_found_order_waits_for_those_who_instructed() {
        let mut order = order();
        let state = order.state.as_mut().expect("it has one");
        state.stage = v1::OrderStage::Found.into();
        state.by_customs = "RELEASE".to_owned();
        let text = brief(&order, Language::English);
        assert!(text.ends_with("decision awaited from: quarantine"), "{text}");
        // What was decided about the goods is no verdict.
        order.waits_for = vec![v1::Awaited::CustomsVerdict.into()];
        let text = brief(&order, Language::English);
        assert!(text.ends_with("release waits for: verdict of customs"), "{text}");
        let found = v1::GetOrderResponse { order: Some(order), history: Vec::new() };
        assert!(whole(&found, Language::Chinese).contains("放行尚待"));
    }
}
