//! Joint inspection orders, and what is told of them.

use domain::clearance::{Agency, ReleaseCondition};
use domain::inspection::finding::Disposal;
use domain::inspection::order::{Attendance, JointOrder, Method, OrderFact, Stage};
use domain::{DeclarationId, OrderId};
use prost::Message as _;
use time::OffsetDateTime;

use super::declared::decode_goods;
use super::examination::{
    appointment_from_wire, appointment_to_wire, examination_from_wire, examination_to_wire,
    instruction_from_wire, instruction_to_wire,
};
use super::{StoredBytesError, WireResult, agency_to_wire};
use crate::v1;

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
pub fn stage_to_wire(stage: Stage) -> v1::OrderStage {
    let found = STAGES.into_iter().find(|(domain, _)| *domain == stage);
    found.map_or(v1::OrderStage::Unspecified, |(_, wire)| wire)
}

/// The stage that is meant; `None` when none is.
pub fn stage_from_wire(wire: i32) -> Option<Stage> {
    let wire = v1::OrderStage::try_from(wire).ok()?;
    let found = STAGES.into_iter().find(|(_, known)| *known == wire);
    found.map(|(stage, _)| stage).filter(|stage| *stage != Stage::None)
}

/// An order as it is said and kept.
pub fn order_to_wire(order: &JointOrder) -> v1::OrderState {
    let word = |disposal: Option<Disposal>| disposal.map_or("", Disposal::code).to_owned();
    v1::OrderState {
        stage: stage_to_wire(order.stage).into(),
        version: order.version,
        examination: order.examination,
        instructions: order.instructions.values().map(|i| instruction_to_wire(i, 0)).collect(),
        late: order.late.values().map(|(on, i)| instruction_to_wire(i, *on)).collect(),
        appointments: order.appointments,
        appointment: order.appointment.as_ref().map(appointment_to_wire),
        reschedules: order.reschedules,
        no_shows: order.no_shows,
        work: Some(examination_to_wire(&order.work)),
        first: order.first.as_ref().map(examination_to_wire),
        by_customs: word(order.by_customs),
        by_quarantine: word(order.by_quarantine),
        disposal: word(order.disposal),
    }
}

fn order_from_wire(wire: v1::OrderState) -> WireResult<JointOrder> {
    let decided = |word: &str, field| {
        if word.is_empty() {
            return Ok(None);
        }
        Disposal::parse(word).map(Some).ok_or(field)
    };
    let keyed = |wire: v1::Instruction| {
        let instruction = instruction_from_wire(wire)?;
        Ok((instruction.key.clone(), instruction))
    };
    let late = |wire: v1::Instruction| {
        let on = wire.answered_on_version;
        let instruction = instruction_from_wire(wire)?;
        Ok((instruction.key.clone(), (on, instruction)))
    };
    Ok(JointOrder {
        stage: stage_from_wire(wire.stage).ok_or("stage")?,
        version: wire.version,
        examination: wire.examination,
        instructions: wire.instructions.into_iter().map(keyed).collect::<WireResult<_>>()?,
        late: wire.late.into_iter().map(late).collect::<WireResult<_>>()?,
        appointments: wire.appointments,
        appointment: wire.appointment.map(appointment_from_wire).transpose()?,
        reschedules: wire.reschedules,
        no_shows: wire.no_shows,
        work: examination_from_wire(wire.work.ok_or("work")?)?,
        first: wire.first.map(examination_from_wire).transpose()?,
        by_customs: decided(&wire.by_customs, "by_customs")?,
        by_quarantine: decided(&wire.by_quarantine, "by_quarantine")?,
        disposal: decided(&wire.disposal, "disposal")?,
    })
}

/// An order as it is kept.
pub fn encode_order(order: &JointOrder) -> Vec<u8> {
    order_to_wire(order).encode_to_vec()
}

/// Reads an order that was kept.
///
/// # Errors
///
/// When the bytes are no order.
pub fn decode_order(bytes: &[u8]) -> Result<JointOrder, StoredBytesError> {
    let wire = v1::OrderState::decode(bytes).map_err(|_| StoredBytesError { what: "order" })?;
    order_from_wire(wire).map_err(|what| StoredBytesError { what })
}

/// A fact as it is said.
fn fact_to_wire(fact: &OrderFact) -> v1::OrderFact {
    use v1::OrderFactKind as K;
    let of = |kind: K, agency: Option<Agency>, detail: String| v1::OrderFact {
        kind: kind.into(),
        agency: agency.map_or(0, agency_to_wire),
        detail,
    };
    let plain = |kind| of(kind, None, String::new());
    match fact {
        OrderFact::Ordered(agency) => of(K::Ordered, Some(*agency), String::new()),
        OrderFact::Joined(agency) => of(K::Joined, Some(*agency), String::new()),
        OrderFact::Extended(agency) => of(K::Extended, Some(*agency), String::new()),
        OrderFact::Answered(agency) => of(K::Answered, Some(*agency), String::new()),
        OrderFact::Appointed => plain(K::Appointed),
        OrderFact::Rescheduled => plain(K::Rescheduled),
        OrderFact::NoShow(count) => of(K::NoShow, None, count.to_string()),
        OrderFact::Compelled => plain(K::Compelled),
        OrderFact::Assigned => plain(K::Assigned),
        OrderFact::Replaced => plain(K::Replaced),
        OrderFact::Presented(attendance) => {
            let word = match attendance {
                Attendance::Declarant => "DECLARANT",
                Attendance::SiteOperator => "SITE_OPERATOR",
            };
            of(K::Presented, None, word.to_owned())
        }
        OrderFact::Began(method) => {
            let word = match method {
                Method::Machine => "MACHINE",
                Method::Manual => "MANUAL",
            };
            of(K::Began, None, word.to_owned())
        }
        OrderFact::Taken(sample) => of(K::Taken, None, sample.clone()),
        OrderFact::Sent(sample) => of(K::Sent, None, sample.clone()),
        OrderFact::Found(key, result) => {
            let id = &key.instruction.id;
            let detail = format!("{id} line {}: {}", key.gnum, result.code());
            of(K::Found, Some(key.instruction.agency), detail)
        }
        OrderFact::Completed => plain(K::Completed),
        OrderFact::Objected => plain(K::Objected),
        OrderFact::Decided(agency, disposal) => {
            of(K::Decided, Some(*agency), disposal.code().to_owned())
        }
        OrderFact::TreatmentOrdered => plain(K::TreatmentOrdered),
        OrderFact::Treated(passed) => {
            of(K::Treated, None, if *passed { "PASSED" } else { "FAILED" }.to_owned())
        }
        OrderFact::Disposed(disposal) => of(K::Disposed, None, disposal.code().to_owned()),
        OrderFact::Closed => plain(K::Closed),
        OrderFact::Cancelled => plain(K::Cancelled),
    }
}

/// An order with everything around it.
#[derive(Debug, Clone, Copy)]
pub struct OrderView<'a> {
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
    pub order: &'a JointOrder,
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
    pub waits_for: &'a [ReleaseCondition],
}

/// An order as it is said.
///
/// # Errors
///
/// When its goods, which were encoded here, cannot be read.
pub fn record_to_wire(shown: OrderView<'_>) -> Result<v1::OrderRecord, StoredBytesError> {
    Ok(v1::OrderRecord { lines: decode_goods(shown.goods)?, ..record_without_goods(shown) })
}

fn record_without_goods(shown: OrderView<'_>) -> v1::OrderRecord {
    let mut state = order_to_wire(shown.order);
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
pub fn encode_record(shown: OrderView<'_>) -> Vec<u8> {
    record_without_goods(shown).encode_to_vec()
}

/// Reads an order that was kept with an entry.
///
/// # Errors
///
/// When the bytes are no order.
pub fn decode_record(bytes: &[u8]) -> Result<v1::OrderRecord, StoredBytesError> {
    v1::OrderRecord::decode(bytes).map_err(|_| StoredBytesError { what: "order" })
}

/// Reads facts that were kept.
///
/// # Errors
///
/// When the bytes are no facts.
pub fn decode_order_facts(bytes: &[u8]) -> Result<Vec<v1::OrderFact>, StoredBytesError> {
    let facts = v1::OrderFacts::decode(bytes).map_err(|_| StoredBytesError { what: "facts" })?;
    Ok(facts.facts)
}

/// What an enterprise does not see: who examines, and by which system.
pub fn redact_for_enterprise(record: &mut v1::OrderRecord) {
    record.claimed_by.clear();
    let Some(state) = &mut record.state else { return };
    for examination in [&mut state.work, &mut state.first].into_iter().flatten() {
        examination.officers.clear();
        examination.samples.iter_mut().for_each(|sample| sample.officer.clear());
        examination.findings.iter_mut().for_each(|finding| finding.officer.clear());
    }
}

/// Resource name of the order of a declaration.
pub fn order_name(id: DeclarationId) -> String {
    format!("{}/inspection", id.name())
}

/// Reads the name of an order, or of its declaration.
pub fn parse_order_name(name: &str) -> Option<DeclarationId> {
    DeclarationId::parse(name.strip_suffix("/inspection").unwrap_or(name))
}

/// What is told of an order: what the rules of its life say, and what the service adds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OrderNotice {
    /// A fact of its life.
    Fact(OrderFact),
    /// A site took it on.
    Claimed(String),
    /// The enterprise objects; the declaration has to be stopped first.
    ObjectionMade,
    /// It could not be stopped any more.
    ObjectionRefused,
}

/// What happened at one time, as it is kept and said.
pub fn encode_order_facts(notices: &[OrderNotice]) -> bytes::Bytes {
    use v1::OrderFactKind as K;
    let plain = |kind: K, detail: String| v1::OrderFact { kind: kind.into(), agency: 0, detail };
    let facts = notices.iter().map(|notices| match notices {
        OrderNotice::Fact(fact) => self::fact_to_wire(fact),
        OrderNotice::Claimed(by) => plain(K::Claimed, by.clone()),
        OrderNotice::ObjectionMade => plain(K::ObjectionMade, String::new()),
        OrderNotice::ObjectionRefused => plain(K::ObjectionRefused, String::new()),
    });
    v1::OrderFacts { facts: facts.collect() }.encode_to_vec().into()
}
