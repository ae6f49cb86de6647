//! Joint orders, findings, credit and assessments: domain values on the wire and in the tables, which
//! keep them in the same spelling.

use std::collections::{BTreeMap, BTreeSet};

use domain::clearance::{Agency, Awaited};
use domain::inspection::credit::{self, Credit};
use domain::inspection::draw::{Candidate, Conflict};
use domain::inspection::finding::{Disposal, Finding, FindingKey, FoundResult};
use domain::inspection::order::{
    Appointment, Attendance, Duty, Examination, Fact, Instruction, InstructionKey, Method, Order,
    Sample, Stage, Treatment,
};
use domain::inspection::risk::{self, Effect};
use domain::inspection::{Source, Why, appointment};
use domain::refusal::{Code, Refusal, Violation};
use domain::{DeclarationId, OrderId};
use prost::Message as _;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;
use time::{Date, OffsetDateTime, Time, Weekday};

use crate::v1;

const DAY: &[BorrowedFormatItem<'static>] = format_description!("[year]-[month]-[day]");
const HOUR: &[BorrowedFormatItem<'static>] = format_description!("[hour]:[minute]");

/// Bytes that are not what they should be, which only a damaged database can cause.
#[derive(Debug, thiserror::Error)]
#[error("kept {what} cannot be read")]
pub struct Unreadable {
    what: &'static str,
}

/// Something said that means nothing: which field.
type Said<T> = Result<T, &'static str>;

/// A day as it is said: YYYY-MM-DD.
pub fn day(day: Date) -> String {
    format!("{:04}-{:02}-{:02}", day.year(), u8::from(day.month()), day.day())
}

/// Reads a day.
pub fn parse_day(text: &str) -> Option<Date> {
    Date::parse(text, DAY).ok()
}

/// The agency that is meant; `None` for the site and for nobody.
pub fn agency(wire: i32) -> Option<Agency> {
    match v1::Agency::try_from(wire) {
        Ok(v1::Agency::Customs) => Some(Agency::Customs),
        Ok(v1::Agency::Inspection) => Some(Agency::Inspection),
        Ok(v1::Agency::Site | v1::Agency::Unspecified) | Err(_) => None,
    }
}

fn wire(agency: Agency) -> i32 {
    v1::Agency::from(agency).into()
}

/// A refusal of one field.
pub fn wrong(code: Code, field: &str, text: &str, text_zh: &str) -> Refusal {
    Refusal::invalid(vec![Violation {
        code,
        field: field.to_owned(),
        text: text.to_owned(),
        text_zh: text_zh.to_owned(),
        customs_code: None,
    }])
}

// Orders.

const STAGES: [(Stage, v1::OrderStage); 12] = [
    (Stage::None, v1::OrderStage::Unspecified),
    (Stage::Ordered, v1::OrderStage::Ordered),
    (Stage::Appointed, v1::OrderStage::Appointed),
    (Stage::Presented, v1::OrderStage::Presented),
    (Stage::Examining, v1::OrderStage::Examining),
    (Stage::Sampled, v1::OrderStage::Sampled),
    (Stage::Laboratory, v1::OrderStage::Laboratory),
    (Stage::Found, v1::OrderStage::Found),
    (Stage::Treating, v1::OrderStage::Treating),
    (Stage::Disposed, v1::OrderStage::Disposed),
    (Stage::Closed, v1::OrderStage::Closed),
    (Stage::Cancelled, v1::OrderStage::Cancelled),
];

/// A stage as it is said.
pub fn stage(stage: Stage) -> v1::OrderStage {
    let found = STAGES.into_iter().find(|(domain, _)| *domain == stage);
    found.map_or(v1::OrderStage::Unspecified, |(_, wire)| wire)
}

/// The stage that is meant; `None` when none is.
pub fn parse_stage(said: i32) -> Option<Stage> {
    let wire = v1::OrderStage::try_from(said).ok()?;
    let found = STAGES.into_iter().find(|(_, known)| *known == wire);
    found.map(|(stage, _)| stage).filter(|stage| *stage != Stage::None)
}

/// The way of looking that is meant.
pub fn method(said: i32) -> Option<Method> {
    match v1::Method::try_from(said) {
        Ok(v1::Method::Machine) => Some(Method::Machine),
        Ok(v1::Method::Manual) => Some(Method::Manual),
        Ok(v1::Method::Unspecified) | Err(_) => None,
    }
}

fn wire_method(method: Method) -> i32 {
    match method {
        Method::Machine => v1::Method::Machine,
        Method::Manual => v1::Method::Manual,
    }
    .into()
}

/// Who is meant to have been there.
pub fn attendance(said: i32) -> Option<Attendance> {
    match v1::Attendance::try_from(said) {
        Ok(v1::Attendance::Declarant) => Some(Attendance::Declarant),
        Ok(v1::Attendance::SiteOperator) => Some(Attendance::SiteOperator),
        Ok(v1::Attendance::Unspecified) | Err(_) => None,
    }
}

fn wire_attendance(attendance: Option<Attendance>) -> i32 {
    match attendance {
        None => v1::Attendance::Unspecified,
        Some(Attendance::Declarant) => v1::Attendance::Declarant,
        Some(Attendance::SiteOperator) => v1::Attendance::SiteOperator,
    }
    .into()
}

fn wire_instruction(instruction: &Instruction, answered_on_version: u32) -> v1::Instruction {
    let Instruction { key, text, text_zh, lines, method, sampling } = instruction.clone();
    v1::Instruction {
        agency: wire(key.agency),
        id: key.id,
        text,
        text_zh,
        lines,
        method: wire_method(method),
        sampling,
        answered_on_version,
    }
}

fn instruction(said: v1::Instruction) -> Said<Instruction> {
    let agency = agency(said.agency).ok_or("instruction.agency")?;
    Ok(Instruction {
        key: InstructionKey { agency, id: said.id },
        text: said.text,
        text_zh: said.text_zh,
        lines: said.lines,
        method: method(said.method).ok_or("instruction.method")?,
        sampling: said.sampling,
    })
}

/// Where and when, as it is said.
pub fn wire_appointment(appointment: &Appointment) -> v1::Appointment {
    v1::Appointment {
        place: appointment.place.clone(),
        start: Some(crate::timestamp(appointment.window.start)),
        end: Some(crate::timestamp(appointment.window.end)),
        ..Default::default()
    }
}

fn appointment(said: v1::Appointment) -> Said<Appointment> {
    let time = |time: Option<_>| time.and_then(crate::time).ok_or("appointment");
    let window = appointment::TimeWindow { start: time(said.start)?, end: time(said.end)? };
    Ok(Appointment { place: said.place, window })
}

/// A sample that a site tells of.
///
/// # Errors
///
/// The field that means nothing.
pub fn sample(said: v1::Sample) -> Said<Sample> {
    let agency = agency(said.agency).ok_or("sample.agency")?;
    Ok(Sample {
        id: said.id,
        instruction: InstructionKey { agency, id: said.instruction },
        gnum: said.gnum,
        officer: said.officer,
    })
}

/// A finding that a site tells of.
///
/// # Errors
///
/// The field that means nothing.
pub fn finding(said: v1::ExaminationFinding) -> Said<Finding> {
    let agency = agency(said.agency).ok_or("findings.agency")?;
    let digest = |bytes: Vec<u8>| bytes.try_into().map_err(|_| "findings.evidence");
    Ok(Finding {
        key: FindingKey {
            instruction: InstructionKey { agency, id: said.instruction },
            gnum: said.gnum,
            sample: Some(said.sample).filter(|sample| !sample.is_empty()),
        },
        result: FoundResult::parse(&said.result).ok_or("findings.result")?,
        method: method(said.method).ok_or("findings.method")?,
        text: said.text,
        evidence: said.evidence.into_iter().map(digest).collect::<Said<_>>()?,
        officer: said.officer,
        revision: said.revision,
    })
}

fn wire_finding(finding: &Finding) -> v1::ExaminationFinding {
    let Finding { key, result, method, text, evidence, officer, revision } = finding.clone();
    v1::ExaminationFinding {
        agency: wire(key.instruction.agency),
        instruction: key.instruction.id,
        gnum: key.gnum,
        sample: crate::text(key.sample),
        result: result.code().to_owned(),
        method: wire_method(method),
        text,
        evidence: evidence.into_iter().map(Vec::from).collect(),
        officer,
        revision,
    }
}

/// A treatment that a site tells of.
///
/// # Errors
///
/// The field that means nothing.
pub fn treatment(said: v1::Treatment) -> Said<Treatment> {
    let digest = said.digest.try_into().map_err(|_| "treatment.digest")?;
    Ok(Treatment { certificate: said.certificate, digest, passed: said.passed })
}

fn wire_treatment(treatment: &Treatment) -> v1::Treatment {
    let Treatment { certificate, digest, passed } = treatment.clone();
    v1::Treatment { certificate, digest: digest.into(), passed }
}

fn wire_examination(work: &Examination) -> v1::Examination {
    let sample = |sample: &Sample| v1::Sample {
        id: sample.id.clone(),
        agency: wire(sample.instruction.agency),
        instruction: sample.instruction.id.clone(),
        gnum: sample.gnum,
        officer: sample.officer.clone(),
        // Empty until it is sent to one.
        laboratory: crate::text(work.sent.get(&sample.id).cloned()),
    };
    let duty = |(officer, duty): (&String, &Duty)| v1::Duty {
        officer: officer.clone(),
        replaced: *duty == Duty::Replaced,
    };
    v1::Examination {
        officers: work.officers.iter().map(duty).collect(),
        attendance: wire_attendance(work.attendance),
        methods: work.methods.iter().map(|method| wire_method(*method)).collect(),
        samples: work.samples.values().map(sample).collect(),
        findings: work.findings.values().map(wire_finding).collect(),
        treatment: work.treatment.as_ref().map(wire_treatment),
    }
}

fn examination(said: v1::Examination) -> Said<Examination> {
    let mut sent = BTreeMap::new();
    let mut samples = BTreeMap::new();
    for mut told in said.samples {
        let laboratory = std::mem::take(&mut told.laboratory);
        let sample = self::sample(told)?;
        if !laboratory.is_empty() {
            sent.insert(sample.id.clone(), laboratory);
        }
        samples.insert(sample.id.clone(), sample);
    }
    let duty =
        |duty: v1::Duty| (duty.officer, if duty.replaced { Duty::Replaced } else { Duty::On });
    let methods = said.methods.into_iter().map(|said| method(said).ok_or("methods"));
    let findings = said.findings.into_iter().map(|said| {
        let finding = finding(said)?;
        Ok((finding.key.clone(), finding))
    });
    Ok(Examination {
        officers: said.officers.into_iter().map(duty).collect(),
        attendance: match said.attendance {
            0 => None,
            said => Some(attendance(said).ok_or("attendance")?),
        },
        methods: methods.collect::<Said<BTreeSet<_>>>()?,
        samples,
        sent,
        findings: findings.collect::<Said<_>>()?,
        treatment: said.treatment.map(treatment).transpose()?,
    })
}

/// An order as it is said and kept.
pub fn state(order: &Order) -> v1::OrderState {
    let word = |disposal: Option<Disposal>| disposal.map_or("", Disposal::code).to_owned();
    v1::OrderState {
        stage: stage(order.stage).into(),
        version: order.version,
        examination: order.examination,
        instructions: order.instructions.values().map(|i| wire_instruction(i, 0)).collect(),
        late: order.late.values().map(|(on, i)| wire_instruction(i, *on)).collect(),
        appointments: order.appointments,
        appointment: order.appointment.as_ref().map(wire_appointment),
        reschedules: order.reschedules,
        no_shows: order.no_shows,
        work: Some(wire_examination(&order.work)),
        first: order.first.as_ref().map(wire_examination),
        by_customs: word(order.by_customs),
        by_inspection: word(order.by_inspection),
        disposal: word(order.disposal),
    }
}

fn order(said: v1::OrderState) -> Said<Order> {
    let decided = |word: &str, field| {
        if word.is_empty() {
            return Ok(None);
        }
        Disposal::parse(word).map(Some).ok_or(field)
    };
    let keyed = |said: v1::Instruction| {
        let instruction = instruction(said)?;
        Ok((instruction.key.clone(), instruction))
    };
    let late = |said: v1::Instruction| {
        let on = said.answered_on_version;
        let instruction = instruction(said)?;
        Ok((instruction.key.clone(), (on, instruction)))
    };
    Ok(Order {
        stage: parse_stage(said.stage).ok_or("stage")?,
        version: said.version,
        examination: said.examination,
        instructions: said.instructions.into_iter().map(keyed).collect::<Said<_>>()?,
        late: said.late.into_iter().map(late).collect::<Said<_>>()?,
        appointments: said.appointments,
        appointment: said.appointment.map(appointment).transpose()?,
        reschedules: said.reschedules,
        no_shows: said.no_shows,
        work: examination(said.work.ok_or("work")?)?,
        first: said.first.map(examination).transpose()?,
        by_customs: decided(&said.by_customs, "by_customs")?,
        by_inspection: decided(&said.by_inspection, "by_inspection")?,
        disposal: decided(&said.disposal, "disposal")?,
    })
}

/// An order as it is kept.
pub fn encode_order(order: &Order) -> Vec<u8> {
    state(order).encode_to_vec()
}

/// Reads an order that was kept.
///
/// # Errors
///
/// When the bytes are no order.
pub fn decode_order(bytes: &[u8]) -> Result<Order, Unreadable> {
    let said = v1::OrderState::decode(bytes).map_err(|_| Unreadable { what: "order" })?;
    order(said).map_err(|what| Unreadable { what })
}

/// A fact as it is said.
fn fact(fact: &Fact) -> v1::OrderFact {
    use v1::OrderFactKind as K;
    let of = |kind: K, agency: Option<Agency>, detail: String| v1::OrderFact {
        kind: kind.into(),
        agency: agency.map_or(0, wire),
        detail,
    };
    let plain = |kind| of(kind, None, String::new());
    match fact {
        Fact::Ordered(agency) => of(K::Ordered, Some(*agency), String::new()),
        Fact::Joined(agency) => of(K::Joined, Some(*agency), String::new()),
        Fact::Extended(agency) => of(K::Extended, Some(*agency), String::new()),
        Fact::Answered(agency) => of(K::Answered, Some(*agency), String::new()),
        Fact::Appointed => plain(K::Appointed),
        Fact::Rescheduled => plain(K::Rescheduled),
        Fact::NoShow(count) => of(K::NoShow, None, count.to_string()),
        Fact::Compelled => plain(K::Compelled),
        Fact::Assigned => plain(K::Assigned),
        Fact::Replaced => plain(K::Replaced),
        Fact::Presented(attendance) => {
            let word = match attendance {
                Attendance::Declarant => "DECLARANT",
                Attendance::SiteOperator => "SITE_OPERATOR",
            };
            of(K::Presented, None, word.to_owned())
        }
        Fact::Began(method) => {
            let word = match method {
                Method::Machine => "MACHINE",
                Method::Manual => "MANUAL",
            };
            of(K::Began, None, word.to_owned())
        }
        Fact::Taken(sample) => of(K::Taken, None, sample.clone()),
        Fact::Sent(sample) => of(K::Sent, None, sample.clone()),
        Fact::Found(key, result) => {
            let id = &key.instruction.id;
            let detail = format!("{id} line {}: {}", key.gnum, result.code());
            of(K::Found, Some(key.instruction.agency), detail)
        }
        Fact::Completed => plain(K::Completed),
        Fact::Objected => plain(K::Objected),
        Fact::Decided(agency, disposal) => {
            of(K::Decided, Some(*agency), disposal.code().to_owned())
        }
        Fact::TreatmentOrdered => plain(K::TreatmentOrdered),
        Fact::Treated(passed) => {
            of(K::Treated, None, if *passed { "PASSED" } else { "FAILED" }.to_owned())
        }
        Fact::Disposed(disposal) => of(K::Disposed, None, disposal.code().to_owned()),
        Fact::Closed => plain(K::Closed),
        Fact::Cancelled => plain(K::Cancelled),
    }
}

/// An order with everything around it.
#[derive(Debug, Clone, Copy)]
pub struct Shown<'a> {
    /// The declaration.
    pub id: DeclarationId,
    /// As the exchange names it.
    pub order_id: OrderId,
    /// Customs code.
    pub declarant_code: &'a str,
    /// Customs house.
    pub port_code: &'a str,
    /// Supervision mode.
    pub trade_mode: &'a str,
    /// Order number of the declaration.
    pub order_no: &'a str,
    /// Where it stands.
    pub order: &'a Order,
    /// Name of the place, in both languages.
    pub place: (&'a str, &'a str),
    /// The site that took it on.
    pub claimed_by: &'a str,
    /// An objection waits.
    pub objection_pending: bool,
    /// When it was ordered and when it changed.
    pub times: (OffsetDateTime, OffsetDateTime),
    /// Lines of goods, encoded.
    pub goods: &'a [u8],
    /// What the release of the declaration waits for.
    pub waits_for: &'a [Awaited],
}

/// An order as it is said.
///
/// # Errors
///
/// When its goods, which were encoded here, cannot be read.
pub fn record(shown: Shown<'_>) -> Result<v1::OrderRecord, Unreadable> {
    let goods = v1::Declaration::decode(shown.goods).map_err(|_| Unreadable { what: "goods" })?;
    Ok(v1::OrderRecord { lines: goods.lines, ..without_goods(shown) })
}

fn without_goods(shown: Shown<'_>) -> v1::OrderRecord {
    let mut state = state(shown.order);
    if let Some(appointment) = &mut state.appointment {
        let (en, zh) = shown.place;
        en.clone_into(&mut appointment.place_name);
        zh.clone_into(&mut appointment.place_name_zh);
    }
    v1::OrderRecord {
        name: order_name(shown.id),
        order_id: shown.order_id.0.to_string(),
        declarant_code: shown.declarant_code.to_owned(),
        port_code: shown.port_code.to_owned(),
        trade_mode: shown.trade_mode.to_owned(),
        order_no: shown.order_no.to_owned(),
        state: Some(state),
        claimed_by: shown.claimed_by.to_owned(),
        objection_pending: shown.objection_pending,
        ordered_time: Some(crate::timestamp(shown.times.0)),
        changed_time: Some(crate::timestamp(shown.times.1)),
        lines: Vec::new(),
        waits_for: crate::facts::awaited(shown.waits_for),
    }
}

/// An order as it is kept with an entry of the journal, without its goods.
pub fn encode_record(shown: Shown<'_>) -> Vec<u8> {
    without_goods(shown).encode_to_vec()
}

/// Reads an order that was kept with an entry.
///
/// # Errors
///
/// When the bytes are no order.
pub fn decode_record(bytes: &[u8]) -> Result<v1::OrderRecord, Unreadable> {
    v1::OrderRecord::decode(bytes).map_err(|_| Unreadable { what: "order" })
}

/// Reads facts that were kept.
///
/// # Errors
///
/// When the bytes are no facts.
pub fn decode_told(bytes: &[u8]) -> Result<Vec<v1::OrderFact>, Unreadable> {
    let facts = v1::OrderFacts::decode(bytes).map_err(|_| Unreadable { what: "facts" })?;
    Ok(facts.facts)
}

/// What an enterprise does not see: who examines, and by which system.
pub fn veil(record: &mut v1::OrderRecord) {
    record.claimed_by.clear();
    let Some(state) = &mut record.state else { return };
    for examination in [&mut state.work, &mut state.first].into_iter().flatten() {
        examination.officers.clear();
        examination.samples.iter_mut().for_each(|sample| sample.officer.clear());
        examination.findings.iter_mut().for_each(|finding| finding.officer.clear());
    }
}

/// A declaration as it came over the exchange: most of them are only counted, so it is turned into a
/// domain value where the rules ask for one.
#[derive(Debug, Clone)]
pub struct Declared(v1::Declaration);

impl Declared {
    /// What came.
    pub fn new(declaration: v1::Declaration) -> Self {
        Self(declaration)
    }

    /// What came, again.
    pub fn into_inner(self) -> v1::Declaration {
        self.0
    }

    /// Customs code of the declarant.
    pub fn declarant_code(&self) -> &str {
        self.0.declarant.as_ref().map_or("", |party| &party.code)
    }

    /// Customs house of the port.
    pub fn port_code(&self) -> &str {
        &self.0.port_code
    }

    /// Supervision mode.
    pub fn trade_mode(&self) -> &str {
        &self.0.trade_mode
    }

    /// Order number.
    pub fn order_no(&self) -> &str {
        &self.0.order_no
    }

    /// Headings (four digits) of its goods, each once.
    pub fn headings(&self) -> Vec<String> {
        let heading = |line: &v1::GoodsLine| line.gcode.get(..4).unwrap_or(&line.gcode).to_owned();
        let headings: BTreeSet<String> = self.0.lines.iter().map(heading).collect();
        headings.into_iter().collect()
    }

    /// Codes of every firm in it, each once.
    pub fn firms(&self) -> Vec<String> {
        let d = &self.0;
        let parties =
            [&d.declarant, &d.ebc, &d.ebp, &d.logistics, &d.agent, &d.owner, &d.iac, &d.area];
        let codes = parties.into_iter().flatten().map(|party| party.code.clone());
        let codes: BTreeSet<String> = codes.filter(|code| !code.is_empty()).collect();
        codes.into_iter().collect()
    }

    /// Its lines of goods, as they are kept with its order.
    pub fn encode_goods(&self) -> Vec<u8> {
        v1::Declaration { lines: self.0.lines.clone(), ..Default::default() }.encode_to_vec()
    }

    /// As the rules see it.
    pub fn declaration(&self) -> domain::declaration::Declaration {
        self.0.clone().into()
    }
}

/// Numbers of the lines of goods that were kept with an order.
///
/// # Errors
///
/// When the bytes are no goods.
pub fn line_numbers(goods: &[u8]) -> Result<BTreeSet<u32>, Unreadable> {
    let kept = v1::Declaration::decode(goods).map_err(|_| Unreadable { what: "goods" })?;
    Ok(kept.lines.iter().map(|line| line.gnum).collect())
}

/// Resource name of the order of a declaration.
pub fn order_name(id: DeclarationId) -> String {
    format!("{}/inspection", id.name())
}

/// Reads the name of an order, or of its declaration.
pub fn parse_order_name(name: &str) -> Option<DeclarationId> {
    DeclarationId::parse(name.strip_suffix("/inspection").unwrap_or(name))
}

// Places and officers.

/// A place that somebody puts.
///
/// # Errors
///
/// Everything that is wrong with it.
pub fn place(said: v1::Place) -> Result<(appointment::Place, Vec<String>), Refusal> {
    let mut violations = Vec::new();
    let mut wrong = |field: &str, text: &str, text_zh: &str| {
        violations.push(Violation {
            code: Code::CodeUnknown,
            field: field.to_owned(),
            text: text.to_owned(),
            text_zh: text_zh.to_owned(),
            customs_code: None,
        });
    };
    if !is_id(&said.id) {
        wrong("id", "letters, digits and hyphens, at most 40", "仅限字母、数字、连字符，最多40位");
    }
    let named = |name: &str| !name.trim().is_empty() && name.chars().count() <= 100;
    if !named(&said.name) || !named(&said.name_zh) {
        wrong("name", "a name in both languages, at most 100 characters", "须有中英文名称");
    }
    if said.capacity == 0 || said.capacity > CAPACITY_MAX {
        wrong("capacity", "1 to 10,000", "1至10000");
    }
    // What no u16 holds is out of range, like none.
    let minutes = u16::try_from(said.window_minutes).unwrap_or(0);
    if !(appointment::WINDOW_MINUTES_MIN..=1_440).contains(&minutes) {
        wrong("window_minutes", "10 to 1,440", "10至1440");
    }
    let hour = |text: &str| Time::parse(text, HOUR).ok();
    let (opens, closes) = (hour(&said.opens), hour(&said.closes));
    if opens.is_none() || closes.is_none() {
        wrong("opens", "opens and closes are HH:MM", "开放和关闭时间格式为HH:MM");
    }
    let rest_days: Option<Vec<Weekday>> = said.rest_days.iter().map(|day| weekday(*day)).collect();
    if rest_days.is_none() {
        wrong("rest_days", "1 Monday to 7 Sunday", "1（周一）至7（周日）");
    }
    let closed: Option<Vec<Date>> = said.closed.iter().map(|day| parse_day(day)).collect();
    if closed.is_none() {
        wrong("closed", "days are YYYY-MM-DD", "日期格式为YYYY-MM-DD");
    }
    let house = |code: &String| code.len() == 4 && code.bytes().all(|byte| byte.is_ascii_digit());
    if !said.port_codes.iter().all(house) {
        wrong("port_codes", "a customs house has four digits", "关区代码为4位数字");
    }
    let (Some(opens), Some(closes), Some(rest_days), Some(closed), true) =
        (opens, closes, rest_days, closed, violations.is_empty())
    else {
        return Err(Refusal::invalid(violations));
    };
    let place = appointment::Place {
        id: said.id,
        name: said.name,
        name_zh: said.name_zh,
        capacity: said.capacity,
        window_minutes: minutes,
        opens,
        closes,
        rest_days,
        closed,
    };
    Ok((place, said.port_codes))
}

/// Examinations at once at one place.
const CAPACITY_MAX: u32 = 10_000;

fn weekday(number: u32) -> Option<Weekday> {
    let from_monday = number.checked_sub(1).and_then(|n| u8::try_from(n).ok())?;
    (from_monday < 7).then(|| Weekday::Monday.nth_next(from_monday))
}

/// A place as it is said.
pub fn wire_place(place: &appointment::Place, port_codes: &[String]) -> v1::Place {
    let hour = |time: Time| format!("{:02}:{:02}", time.hour(), time.minute());
    v1::Place {
        id: place.id.clone(),
        name: place.name.clone(),
        name_zh: place.name_zh.clone(),
        capacity: place.capacity,
        window_minutes: place.window_minutes.into(),
        opens: hour(place.opens),
        closes: hour(place.closes),
        rest_days: place.rest_days.iter().map(|d| d.number_from_monday().into()).collect(),
        closed: place.closed.iter().map(|date| day(*date)).collect(),
        port_codes: port_codes.to_vec(),
    }
}

/// A place as it is kept.
pub fn encode_place(place: &appointment::Place, port_codes: &[String]) -> Vec<u8> {
    wire_place(place, port_codes).encode_to_vec()
}

/// Reads a place that was kept.
///
/// # Errors
///
/// When the bytes are no place.
pub fn decode_place(bytes: &[u8]) -> Result<(appointment::Place, Vec<String>), Unreadable> {
    let said = v1::Place::decode(bytes).map_err(|_| Unreadable { what: "place" })?;
    place(said).map_err(|_| Unreadable { what: "place" })
}

/// Whether something can be an id of a place or an officer.
fn is_id(text: &str) -> bool {
    let letter = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    (1..=40).contains(&text.len()) && text.bytes().all(letter)
}

/// An officer that somebody puts; whether the officer left.
///
/// # Errors
///
/// Everything that is wrong with it.
pub fn officer(said: v1::Officer) -> Result<(Candidate, bool), Refusal> {
    let agency = agency(said.agency).ok_or_else(|| {
        wrong(Code::Required, "officer.agency", "customs or inspection", "须为海关或国检")
    })?;
    if !is_id(&said.id) {
        let (en, zh) =
            ("letters, digits and hyphens, at most 40", "仅限字母、数字、连字符，最多40位");
        return Err(wrong(Code::CodeUnknown, "officer.id", en, zh));
    }
    let days = |leave: &v1::Leave| {
        let (first, last) = (parse_day(&leave.first)?, parse_day(&leave.last)?);
        (first <= last).then_some((first, last))
    };
    let leave: Option<Vec<_>> = said.leave.iter().map(days).collect();
    let leave = leave.ok_or_else(|| {
        let en = "days are YYYY-MM-DD, the first not after the last";
        wrong(Code::CodeUnknown, "officer.leave", en, "日期格式为YYYY-MM-DD，且起不晚于止")
    })?;
    let last_firm = Some(said.last_firm).filter(|firm| !firm.is_empty());
    let related_firms = said.related_firms;
    Ok((Candidate { officer: said.id, agency, leave, last_firm, related_firms }, said.left))
}

/// An officer as it is said.
pub fn wire_officer(candidate: &Candidate, left: bool) -> v1::Officer {
    let leave = |(first, last): &(Date, Date)| v1::Leave { first: day(*first), last: day(*last) };
    v1::Officer {
        agency: wire(candidate.agency),
        id: candidate.officer.clone(),
        leave: candidate.leave.iter().map(leave).collect(),
        related_firms: candidate.related_firms.clone(),
        last_firm: crate::text(candidate.last_firm.clone()),
        left,
    }
}

/// An officer as it is kept, without the firm that changes.
pub fn encode_officer(candidate: &Candidate, left: bool) -> Vec<u8> {
    let kept = Candidate { last_firm: None, ..candidate.clone() };
    wire_officer(&kept, left).encode_to_vec()
}

/// Reads an officer that was kept.
///
/// # Errors
///
/// When the bytes are no officer.
pub fn decode_officer(bytes: &[u8]) -> Result<(Candidate, bool), Unreadable> {
    let said = v1::Officer::decode(bytes).map_err(|_| Unreadable { what: "officer" })?;
    officer(said).map_err(|_| Unreadable { what: "officer" })
}

/// A conflict in words.
pub fn conflict(conflict: &Conflict) -> String {
    match conflict {
        Conflict::OnLeave { until } => format!("on leave until {}", day(*until)),
        Conflict::SameFirmAsLastTime { firm } => format!("examined goods of {firm} last time"),
        Conflict::Related { firm } => format!("related to {firm}"),
        Conflict::ExaminedBefore => "took part in the first examination".to_owned(),
    }
}

// Credit.

/// Credit as it is said and kept.
pub fn wire_credit(firm: &str, credit: &Credit) -> v1::CreditRecord {
    let entry = |(source, entry): (&String, &credit::Entry)| v1::CreditEntry {
        source: source.clone(),
        cause: match entry.cause {
            credit::Cause::Found(result) => result.code(),
            credit::Cause::NoShow => "NO_SHOW",
        }
        .to_owned(),
        date: day(entry.date),
        until: day(entry.until),
        status: match entry.status {
            credit::Status::Active => v1::CreditStatus::Active,
            credit::Status::Appealed => v1::CreditStatus::Appealed,
            credit::Status::Upheld => v1::CreditStatus::Upheld,
            credit::Status::Overturned => v1::CreditStatus::Overturned,
        }
        .into(),
        points: credit::Offence::of(entry.cause).map_or(0, |offence| offence.points),
    };
    let conforming =
        |(date, count): (&Date, &u32)| v1::ConformingDay { date: day(*date), count: *count };
    v1::CreditRecord {
        firm: firm.to_owned(),
        class: credit.class.word().to_owned(),
        points: credit.points,
        blacklisted: credit.blacklisted,
        certified: credit.certified,
        as_of: day(credit.as_of),
        entries: credit.entries.iter().map(entry).collect(),
        conforming: credit.conforming.iter().map(conforming).collect(),
    }
}

/// Credit as it is kept.
pub fn encode_credit(firm: &str, credit: &Credit) -> Vec<u8> {
    wire_credit(firm, credit).encode_to_vec()
}

/// Reads credit that was kept.
///
/// # Errors
///
/// When the bytes are no credit.
pub fn decode_credit(bytes: &[u8]) -> Result<Credit, Unreadable> {
    let unreadable = Unreadable { what: "credit" };
    let read = || -> Option<Credit> {
        let said = v1::CreditRecord::decode(bytes).ok()?;
        let entry = |said: v1::CreditEntry| {
            let cause = match said.cause.as_str() {
                "NO_SHOW" => credit::Cause::NoShow,
                other => credit::Cause::Found(FoundResult::parse(other)?),
            };
            let status = match said.status() {
                v1::CreditStatus::Unspecified => return None,
                v1::CreditStatus::Active => credit::Status::Active,
                v1::CreditStatus::Appealed => credit::Status::Appealed,
                v1::CreditStatus::Upheld => credit::Status::Upheld,
                v1::CreditStatus::Overturned => credit::Status::Overturned,
            };
            let (date, until) = (parse_day(&said.date)?, parse_day(&said.until)?);
            Some((said.source, credit::Entry { cause, date, until, status }))
        };
        let conforming = |said: v1::ConformingDay| Some((parse_day(&said.date)?, said.count));
        Some(Credit {
            class: credit::Class::parse(&said.class)?,
            points: said.points,
            blacklisted: said.blacklisted,
            certified: said.certified,
            as_of: parse_day(&said.as_of)?,
            entries: said.entries.into_iter().map(entry).collect::<Option<_>>()?,
            conforming: said.conforming.into_iter().map(conforming).collect::<Option<_>>()?,
        })
    };
    read().ok_or(unreadable)
}

/// One change of credit in words: what, and why.
pub fn change(change: &credit::Change) -> (String, Why) {
    use credit::Changed;
    let what = match &change.what {
        Changed::Entry(source) => format!("entry {source}"),
        Changed::Expired(source) => format!("expired {source}"),
        Changed::Conforming => "conforming finding".to_owned(),
        Changed::Certified(granted) => format!("certified {granted}"),
        Changed::Points { from, to } => format!("points {from} -> {to}"),
        Changed::Class { from, to } => format!("class {} -> {}", from.word(), to.word()),
        Changed::Blacklisted(on) => format!("blacklisted {on}"),
    };
    (what, change.because.clone())
}

// Assessments.

fn reasoning(why: &Why) -> v1::Reasoning {
    v1::Reasoning { text: why.en.clone(), text_zh: why.zh.clone() }
}

/// An assessment as it is said and kept.
pub fn wire_assessment(assessment: &risk::Assessment) -> v1::Assessment {
    let matched = |matched: &risk::Match| {
        let (law, unverified) = match &matched.source {
            Source::Ours => (String::new(), false),
            Source::Law { number, unverified } => (number.clone(), *unverified),
        };
        let draw = match &matched.effect {
            Effect::Demanded => None,
            Effect::Drawn { drawn, threshold_bp, .. } => Some(v1::RuleDraw {
                day: day(drawn.seed.day),
                key: drawn.key.clone(),
                counter: drawn.counter,
                number: drawn.number,
                below: drawn.below,
                threshold: *threshold_bp,
            }),
        };
        v1::RuleMatch {
            rule: matched.rule.clone(),
            title: matched.title.en.clone(),
            title_zh: matched.title.zh.clone(),
            law,
            unverified,
            lines: matched.lines.clone(),
            because: matched.because.iter().map(reasoning).collect(),
            effect: Some(reasoning(&matched.effect.explain())),
            selected: matched.effect.is_selected(),
            draw,
        }
    };
    v1::Assessment {
        agency: wire(assessment.agency),
        rule_set_version: assessment.version,
        sample: assessment.sample,
        selected: assessment.is_selected(),
        matched: assessment.matched.iter().map(matched).collect(),
        instructions: assessment.instructions().iter().map(|i| wire_instruction(i, 0)).collect(),
    }
}

/// What the rules said about one version, as it is kept.
pub fn encode_assessments(class: credit::Class, assessments: &[risk::Assessment]) -> Vec<u8> {
    let kept = v1::GetAssessmentResponse {
        class: class.word().to_owned(),
        assessments: assessments.iter().map(wire_assessment).collect(),
        ..Default::default()
    };
    kept.encode_to_vec()
}

/// What was demanded by an assessment that was kept, by agency.
///
/// # Errors
///
/// When the bytes are no assessment.
pub fn decode_instructions(bytes: &[u8]) -> Result<Vec<Instruction>, Unreadable> {
    let unreadable = |_| Unreadable { what: "assessment" };
    let kept = v1::GetAssessmentResponse::decode(bytes).map_err(unreadable)?;
    let all = kept.assessments.into_iter().flat_map(|assessment| assessment.instructions);
    all.map(|said| instruction(said).map_err(|what| Unreadable { what })).collect()
}

/// A time on the wire, when there is one.
pub fn some_time(time: Option<OffsetDateTime>) -> Option<pbjson_types::Timestamp> {
    time.map(crate::timestamp)
}

/// What is told of an order: what the rules of its life say, and what the service adds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    /// A fact of its life.
    Fact(Fact),
    /// A site took it on.
    Claimed(String),
    /// The enterprise objects; the declaration has to be stopped first.
    ObjectionMade,
    /// It could not be stopped any more.
    ObjectionRefused,
}

/// What happened at one time, as it is kept and said.
pub fn encode_told(told: &[Told]) -> bytes::Bytes {
    use v1::OrderFactKind as K;
    let plain = |kind: K, detail: String| v1::OrderFact { kind: kind.into(), agency: 0, detail };
    let facts = told.iter().map(|told| match told {
        Told::Fact(fact) => self::fact(fact),
        Told::Claimed(by) => plain(K::Claimed, by.clone()),
        Told::ObjectionMade => plain(K::ObjectionMade, String::new()),
        Told::ObjectionRefused => plain(K::ObjectionRefused, String::new()),
    });
    v1::OrderFacts { facts: facts.collect() }.encode_to_vec().into()
}
