//! What the declaration service told becomes consignments, assessments and orders.
//!
//! Everything here may come again: rows are written once, an order knows what it was told, and what the
//! rules said is read from where it was kept.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use domain::clearance::{Agency, ReleaseCondition};
use domain::history::Reason;
use domain::inspection::finding::Disposal;
use domain::inspection::joint::{DeclarationEvent, JointCase, ReviewRound};
use domain::inspection::order::{Instruction, InstructionKey, Method};
use domain::inspection::risk::RuleSet;
use domain::{DeclarationId, OrderId};
use proto::inspection::DeclarationView;
use store::Fault;
use time::OffsetDateTime;

use crate::consignment::{self, Consignment, ConsignmentChange, ConsignmentEnd, DocumentWait};
use crate::credits::blacklist;
use crate::orders::OrderRow;
use crate::risk::{self, DeclarantStanding, WireDemands};
use crate::transaction::InspectionTransaction;

/// One entry of the declaration service's journal.
#[derive(Debug)]
pub(crate) struct InboundEvent {
    pub(crate) id: DeclarationId,
    pub(crate) version: u32,
    /// Round of review after it.
    pub(crate) round: u32,
    /// Where it is in its slot: dense, in the order of commit.
    pub(crate) position: i64,
    pub(crate) time: OffsetDateTime,
    /// It may have been told before.
    pub(crate) again: bool,
    pub(crate) facts: Vec<InboundChange>,
    /// What the release waits for after it.
    pub(crate) waits_for: Vec<ReleaseCondition>,
    /// What was declared, where it came along.
    pub(crate) content: Option<DeclarationView>,
}

/// What happened to a declaration, as far as it concerns inspection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum InboundChange {
    Filed,
    Amended,
    /// An agency opened or joined the order.
    Demanded(OrderId, Agency, Vec<Reason>),
    /// An agency that came late was answered from the record.
    Answered(Agency),
    /// The objection was followed.
    Reopened(OrderId),
    Cancelled,
    Detained(Agency, Vec<Reason>),
    Released,
    Rejected(Agency),
    Returned(Agency),
    Withdrawn,
    /// Documents are awaited, or no longer: what the release waits for says which.
    Documents,
}

impl InboundEvent {
    /// Headings of its goods, each once.
    fn headings(&self) -> Vec<String> {
        self.content.as_ref().map_or_else(Vec::new, DeclarationView::headings)
    }

    /// Whether an order is opened or changed by it for certain.
    pub(crate) fn is_about_order(&self) -> bool {
        self.facts.iter().any(|what| match what {
            InboundChange::Demanded(..)
            | InboundChange::Answered(_)
            | InboundChange::Reopened(_)
            | InboundChange::Cancelled => true,
            InboundChange::Filed
            | InboundChange::Amended
            | InboundChange::Detained(..)
            | InboundChange::Released
            | InboundChange::Rejected(_)
            | InboundChange::Returned(_)
            | InboundChange::Withdrawn
            | InboundChange::Documents => false,
        })
    }

    /// Whether an order, if there is one, is decided about by it.
    pub(crate) fn may_end_order(&self) -> bool {
        self.facts.iter().any(|what| match what {
            InboundChange::Detained(..)
            | InboundChange::Released
            | InboundChange::Rejected(_)
            | InboundChange::Returned(_)
            | InboundChange::Withdrawn => true,
            InboundChange::Filed
            | InboundChange::Amended
            | InboundChange::Demanded(..)
            | InboundChange::Answered(_)
            | InboundChange::Reopened(_)
            | InboundChange::Cancelled
            | InboundChange::Documents => false,
        })
    }
}

/// Takes events down, in order. For each with a new content: what the rules demand.
pub(crate) async fn apply(
    step: &mut InspectionTransaction<'_>,
    events: &[Arc<InboundEvent>],
) -> Result<Vec<Option<WireDemands>>, Fault> {
    let demands = assess(step, events).await?;
    for event in events {
        step.waits.insert(event.id, event.waits_for.clone());
        if let Some(filed) = step.orders.get_mut(&event.id) {
            filed.waits_for.clone_from(&event.waits_for);
        }
        for what in &event.facts {
            apply_change(step, event, what)?;
        }
    }
    Ok(demands)
}

/// New contents: consignments, and what the rules say.
async fn assess(
    step: &mut InspectionTransaction<'_>,
    events: &[Arc<InboundEvent>],
) -> Result<Vec<Option<WireDemands>>, Fault> {
    let new = |event: &InboundEvent| {
        event.facts.iter().any(|what| matches!(what, InboundChange::Filed | InboundChange::Amended))
    };
    let contents: Vec<(&InboundEvent, &DeclarationView)> = events
        .iter()
        .map(Arc::as_ref)
        .filter(|event| new(event))
        .map(|event| {
            let content = event.content.as_ref();
            let missing = || Fault::Broken(format!("{} is new and came without content", event.id));
            Ok((event, content.ok_or_else(missing)?))
        })
        .collect::<Result<_, Fault>>()?;
    if contents.is_empty() {
        return Ok(events.iter().map(|_| None).collect());
    }
    file(step, &contents).await?;
    let (sets, read) = step.known.in_force(step.tx).await?;
    step.read.extend(read);
    if !sets.is_empty() {
        ask_rules(step, &sets, &contents).await?;
    }
    let demands = events.iter().map(|event| {
        if !new(event) {
            return Ok(None);
        }
        match step.instructed.get(&(event.id, event.version)) {
            Some(known) => Ok(Some(risk::demands(known))),
            None if sets.is_empty() => Ok(Some(WireDemands::new())),
            // Without an answer nothing is released; an empty one would release it.
            None => Err(Fault::Broken(format!("the rules said nothing about {}", event.id))),
        }
    });
    demands.collect()
}

/// A row for each declaration, so that clearance can be measured.
async fn file(
    step: &mut InspectionTransaction<'_>,
    contents: &[(&InboundEvent, &DeclarationView)],
) -> Result<(), Fault> {
    let today = step.today();
    let filed = contents.iter().filter(|(event, _)| event.facts.contains(&InboundChange::Filed));
    let filed: Vec<Consignment> = filed
        .map(|(event, declared)| Consignment {
            id: event.id,
            declarant_code: declared.declarant_code().to_owned(),
            port_code: declared.port_code().to_owned(),
            trade_mode: declared.trade_mode().to_owned(),
            class: step.credits.on(declared.declarant_code(), today).class,
            headings: declared.headings(),
            filed_time: event.time,
        })
        .collect();
    consignment::insert(step.tx, &filed).await
}

/// Asks the rules about every version that they were not asked about before. What was said first counts,
/// also when another process said it.
async fn ask_rules(
    step: &mut InspectionTransaction<'_>,
    sets: &[Arc<RuleSet>],
    contents: &[(&InboundEvent, &DeclarationView)],
) -> Result<(), Fault> {
    let today = step.today();
    let declarants: BTreeSet<String> =
        contents.iter().map(|(_, declared)| declared.declarant_code().to_owned()).collect();
    let shipments = risk::shipments(step.tx, &declarants).await?;
    let listed = blacklist(step.tx, today).await?;
    let seed = step.seed().await?;
    let mut assessed = Vec::new();
    for (event, declared) in contents {
        let key = (event.id, event.version);
        if step.instructed.contains_key(&key) {
            continue;
        }
        let declarant = declared.declarant_code();
        let standing = DeclarantStanding {
            class: step.credits.on(declarant, today).class,
            blacklist: &listed,
            // Who has shipped nothing yet has no row.
            earlier_shipments: shipments.get(declarant).cloned().unwrap_or_default(),
        };
        assessed.push(risk::ask(sets, seed, key, &declared.declaration(), standing));
    }
    let first = risk::write(step.tx, &assessed, step.now).await?;
    let mut assessed_before = BTreeSet::new();
    for assessed in assessed {
        let key = (assessed.id, assessed.version);
        if first.contains(&key) {
            step.instructed.insert(key, assessed.instructions());
        } else {
            assessed_before.insert(key);
        }
    }
    step.instructed.extend(risk::instructed(step.tx, &assessed_before).await?);
    Ok(())
}

fn apply_change(
    step: &mut InspectionTransaction<'_>,
    event: &InboundEvent,
    what: &InboundChange,
) -> Result<(), Fault> {
    let id = event.id;
    let declaration_event = match what {
        InboundChange::Filed => return Ok(()),
        InboundChange::Amended => {
            let change =
                ConsignmentChange::Amended(event.version, event.headings(), document_wait(event));
            step.changes.push((id, change));
            return Ok(());
        }
        InboundChange::Demanded(order_id, agency, reasons) => {
            show(step, event, *order_id);
            DeclarationEvent::Demanded(*agency, instructions(step, event, *agency, reasons))
        }
        InboundChange::Answered(agency) => {
            DeclarationEvent::Answered(*agency, instructions(step, event, *agency, &[]))
        }
        InboundChange::Reopened(order_id) => {
            show(step, event, *order_id);
            DeclarationEvent::Reopened
        }
        InboundChange::Cancelled => DeclarationEvent::Cancelled,
        InboundChange::Detained(agency, reasons) => {
            let code = reasons.iter().find_map(|reason| reason.code.parse::<i32>().ok());
            let disposal = Disposal::ALL
                .into_iter()
                .find(|disposal| disposal.is_detention() && disposal.status() == code);
            DeclarationEvent::Detained(*agency, disposal.unwrap_or(Disposal::DetainOther))
        }
        InboundChange::Released => {
            end(step, event, ConsignmentEnd::Released);
            DeclarationEvent::Released
        }
        InboundChange::Rejected(agency) => {
            end(step, event, ConsignmentEnd::Rejected);
            DeclarationEvent::Rejected(*agency)
        }
        InboundChange::Returned(agency) => {
            end(step, event, ConsignmentEnd::Returned);
            DeclarationEvent::Returned(*agency)
        }
        InboundChange::Withdrawn => {
            end(step, event, ConsignmentEnd::Withdrawn);
            return Ok(());
        }
        InboundChange::Documents => {
            step.changes.push((id, ConsignmentChange::Documents(document_wait(event))));
            return Ok(());
        }
    };
    step.apply_declaration_event(
        id,
        ReviewRound { version: event.version, round: event.round },
        &declaration_event,
    )
}

fn document_wait(event: &InboundEvent) -> DocumentWait {
    let is_awaited = event.waits_for.contains(&ReleaseCondition::Documents);
    DocumentWait { is_awaited, at: event.time, position: event.position }
}

fn end(step: &mut InspectionTransaction<'_>, event: &InboundEvent, how: ConsignmentEnd) {
    step.changes.push((event.id, ConsignmentChange::Ended(how, event.time)));
}

/// Keeps what is declared with the order, as it was shown: the newest content counts.
fn show(step: &mut InspectionTransaction<'_>, event: &InboundEvent, order_id: OrderId) {
    // Who joins an order that is open shows nothing new.
    let Some(content) = &event.content else { return };
    let fresh = filed(step, event, order_id, content);
    let filed = match step.orders.remove(&event.id) {
        None => fresh,
        Some(known) if event.version < known.case.order.version => known,
        Some(known) => OrderRow {
            port_code: fresh.port_code,
            trade_mode: fresh.trade_mode,
            firms: fresh.firms,
            goods: fresh.goods,
            ..known
        },
    };
    step.orders.insert(event.id, filed);
}

fn filed(
    step: &InspectionTransaction<'_>,
    event: &InboundEvent,
    order_id: OrderId,
    declared: &DeclarationView,
) -> OrderRow {
    OrderRow {
        id: event.id,
        order_id,
        declarant_code: declared.declarant_code().to_owned(),
        port_code: declared.port_code().to_owned(),
        trade_mode: declared.trade_mode().to_owned(),
        order_no: declared.order_no().to_owned(),
        firms: declared.firms(),
        goods: declared.encode_goods(),
        case: JointCase { newest_version: event.version, ..JointCase::none() },
        booked: None,
        place_name: String::new(),
        place_name_zh: String::new(),
        claimed_by: String::new(),
        waits_for: event.waits_for.clone(),
        ordered_time: step.now,
        changed_time: step.now,
    }
}

/// What an agency wants looked at: in full where our rules demanded it, otherwise as it said. A demand that
/// names one instruction of the rules stands for all of them, since a verdict has room for a hundred.
fn instructions(
    step: &InspectionTransaction<'_>,
    event: &InboundEvent,
    agency: Agency,
    reasons: &[Reason],
) -> Vec<Instruction> {
    let ours = step.instructed.get(&(event.id, event.version)).into_iter().flatten();
    let ours: Vec<&Instruction> = ours.filter(|i| i.key.agency == agency).collect();
    let is_ours = |code: &str| ours.iter().any(|i| i.key.id == code);
    let mut instructions: BTreeMap<String, Instruction> = BTreeMap::new();
    if reasons.iter().any(|reason| is_ours(&reason.code)) {
        instructions.extend(ours.iter().map(|i| (i.key.id.clone(), (*i).clone())));
    }
    for reason in reasons.iter().filter(|reason| !is_ours(&reason.code)) {
        let id: String = reason.code.chars().filter(|c| !c.is_control()).collect();
        let id = if id.is_empty() { "GENERAL".to_owned() } else { id };
        let instruction = Instruction {
            key: InstructionKey { agency, id: id.clone() },
            text: reason.text.clone(),
            text_zh: reason.text.clone(),
            lines: Vec::new(),
            method: Method::Manual,
            sampling: false,
        };
        // One code, one instruction: what is said under it twice is said in one text.
        instructions
            .entry(id)
            .and_modify(|first| {
                if !first.text.contains(&reason.text) {
                    first.text = format!("{}; {}", first.text, reason.text);
                    first.text_zh = format!("{}；{}", first.text_zh, reason.text);
                }
            })
            .or_insert(instruction);
    }
    instructions.into_values().collect()
}
