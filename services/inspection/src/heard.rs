//! What the declaration service told becomes consignments, assessments and orders.
//!
//! Everything here may come again: rows are written once, an order knows what it was told, and what the
//! rules said is read from where it was kept.

use std::collections::{BTreeMap, BTreeSet};

use domain::clearance::Agency;
use domain::declaration::Declaration;
use domain::history::Reason;
use domain::inspection::finding::Disposal;
use domain::inspection::order::{Event, Fact, Instruction, InstructionKey, Method, Order, Stage};
use domain::{DeclarationId, OrderId};
use store::Fault;
use time::OffsetDateTime;

use crate::commit::Step;
use crate::consignment::{self, Change, Consignment, Ended};
use crate::credits::blacklist;
use crate::errand;
use crate::orders::Filed;
use crate::risk::{self, Demands, Standing};

/// One entry of the declaration service's journal.
#[derive(Debug)]
pub(crate) struct Heard {
    pub(crate) id: DeclarationId,
    pub(crate) version: u32,
    pub(crate) time: OffsetDateTime,
    /// It may have been told before.
    pub(crate) again: bool,
    pub(crate) facts: Vec<What>,
    /// What was declared, where it came along.
    pub(crate) content: Option<Box<Content>>,
}

/// What was declared.
#[derive(Debug)]
pub(crate) struct Content {
    pub(crate) declaration: Declaration,
    /// The lines of goods, encoded.
    pub(crate) goods: Vec<u8>,
}

/// What happened to a declaration, as far as it concerns inspection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum What {
    Filed,
    Amended,
    /// An agency opened or joined the order.
    Demanded(OrderId, Agency, Vec<Reason>),
    /// An agency that came late was answered from the record.
    Answered(Agency),
    /// The objection was followed.
    Reopened,
    Cancelled,
    Detained(Agency, Vec<Reason>),
    Released,
    Rejected(Agency),
    Returned(Agency),
    Withdrawn,
}

impl Heard {
    /// Whether an order is opened or changed by it for certain.
    pub(crate) fn is_about_order(&self) -> bool {
        self.facts.iter().any(|what| match what {
            What::Demanded(..) | What::Answered(_) | What::Reopened | What::Cancelled => true,
            What::Filed
            | What::Amended
            | What::Detained(..)
            | What::Released
            | What::Rejected(_)
            | What::Returned(_)
            | What::Withdrawn => false,
        })
    }

    /// Whether an order, if there is one, is decided about by it.
    pub(crate) fn may_end_order(&self) -> bool {
        self.facts.iter().any(|what| match what {
            What::Detained(..)
            | What::Released
            | What::Rejected(_)
            | What::Returned(_)
            | What::Withdrawn => true,
            What::Filed
            | What::Amended
            | What::Demanded(..)
            | What::Answered(_)
            | What::Reopened
            | What::Cancelled => false,
        })
    }
}

/// Takes events down, in order. For each with a new content: what the rules demand.
pub(crate) async fn hear(
    step: &mut Step<'_>,
    events: &[Heard],
) -> Result<Vec<Option<Demands>>, Fault> {
    let demands = assess(step, events).await?;
    for heard in events {
        for what in &heard.facts {
            happen(step, heard, what);
        }
    }
    Ok(demands)
}

/// New contents: consignments, counts of shipments, and what the rules say.
async fn assess(step: &mut Step<'_>, events: &[Heard]) -> Result<Vec<Option<Demands>>, Fault> {
    let new =
        |heard: &&Heard| heard.facts.iter().any(|what| matches!(what, What::Filed | What::Amended));
    let today = step.today();
    let contents: Vec<(&Heard, &Content)> = events
        .iter()
        .filter(new)
        .filter_map(|heard| Some((heard, heard.content.as_deref()?)))
        .collect();
    if contents.is_empty() {
        return Ok(events.iter().map(|_| None).collect());
    }
    let filed: Vec<Consignment> = contents
        .iter()
        .filter(|(heard, _)| heard.facts.contains(&What::Filed))
        .map(|(heard, content)| {
            let d = &content.declaration;
            Consignment {
                id: heard.id,
                declarant_code: d.declarant.code.clone(),
                port_code: d.port_code.clone(),
                trade_mode: d.trade_mode.clone(),
                class: step.credits.on(&d.declarant.code, today).class,
                filed_time: heard.time,
            }
        })
        .collect();
    let fresh = consignment::insert(step.tx, &filed).await?;

    let sets = step.known.in_force(step.tx).await?;
    let mut shipments = risk::Shipments::new();
    let mut listed = Vec::new();
    let mut seed = None;
    if !sets.is_empty() {
        let declarants: BTreeSet<String> =
            contents.iter().map(|(_, c)| c.declaration.declarant.code.clone()).collect();
        shipments = risk::shipments(step.tx, &declarants).await?;
        listed = blacklist(step.tx, today).await?;
        seed = Some(step.seed().await?);
    }
    let mut counts: BTreeMap<(String, String), i64> = BTreeMap::new();
    let mut demands = Vec::with_capacity(events.len());
    for heard in events {
        let Some(content) = heard.content.as_deref().filter(|_| new(&heard)) else {
            demands.push(None);
            continue;
        };
        let declaration = &content.declaration;
        let declarant = &declaration.declarant.code;
        let key = (heard.id, heard.version);
        let demanded = match (seed, step.instructed.get(&key).filter(|_| heard.again)) {
            // Nobody has rules, or nobody had when it was told first.
            (None, None) => Demands::new(),
            (_, Some(instructions)) => risk::demanded(instructions),
            (Some(seed), None) => {
                let standing = Standing {
                    class: step.credits.on(declarant, today).class,
                    blacklist: &listed,
                    earlier_shipments: shipments.get(declarant).cloned().unwrap_or_default(),
                };
                let assessed = risk::ask(&sets, seed, key, declaration, standing);
                let demanded = assessed.demands();
                // The order may be opened within the same transaction.
                let instructions = assessed.assessments.iter();
                let instructions = instructions.flat_map(|a| a.instructions()).collect();
                step.instructed.insert(key, instructions);
                step.assessed.push(assessed);
                demanded
            }
        };
        demands.push(Some(demanded));
        if fresh.contains(&heard.id.uuid()) {
            let headings: BTreeSet<String> =
                declaration.lines.iter().map(|line| risk::heading(&line.gcode)).collect();
            for heading in headings {
                let earlier = shipments.entry(declarant.clone()).or_default();
                let earlier = earlier.entry(heading.clone()).or_default();
                *earlier = earlier.saturating_add(1);
                *counts.entry((declarant.clone(), heading)).or_default() += 1;
            }
        }
    }
    risk::count_shipments(step.tx, &counts).await?;
    Ok(demands)
}

fn happen(step: &mut Step<'_>, heard: &Heard, what: &What) {
    let id = heard.id;
    match what {
        What::Filed => {}
        What::Amended => step.changes.push((id, Change::Amended(heard.version))),
        What::Demanded(order_id, agency, reasons) => {
            demand(step, heard, *order_id, *agency, reasons)
        }
        What::Answered(agency) => {
            let instructions = instructions(step, heard, *agency, &[]);
            let (agency, version) = (*agency, heard.version);
            try_apply(step, id, &Event::Demand { agency, version, instructions });
        }
        What::Reopened => {
            try_apply(step, id, &Event::Object { examination: 1 });
        }
        What::Cancelled => {
            try_apply(step, id, &Event::Cancel { version: heard.version });
        }
        What::Detained(agency, reasons) => {
            let code = reasons.iter().find_map(|reason| reason.code.parse::<i32>().ok());
            let disposal = Disposal::ALL
                .into_iter()
                .find(|disposal| disposal.is_detention() && disposal.status() == code)
                .unwrap_or(Disposal::DetainOther);
            dispose(step, id, *agency, &[disposal]);
        }
        What::Released => {
            end(step, heard, Ended::Released);
            for agency in [Agency::Customs, Agency::Inspection] {
                dispose(step, id, agency, &[Disposal::Release, Disposal::AmendAndRelease]);
            }
            close(step, id);
        }
        What::Rejected(agency) => {
            end(step, heard, Ended::Rejected);
            dispose(step, id, *agency, &[Disposal::AmendAndRelease]);
        }
        What::Returned(agency) => {
            end(step, heard, Ended::Returned);
            dispose(step, id, *agency, &[Disposal::Return]);
        }
        What::Withdrawn => end(step, heard, Ended::Withdrawn),
    }
}

fn end(step: &mut Step<'_>, heard: &Heard, how: Ended) {
    step.changes.push((heard.id, Change::Ended(how, heard.time)));
}

/// An event of another service can be late or repeated: what does not fit any more is left out.
fn try_apply(step: &mut Step<'_>, id: DeclarationId, event: &Event) -> Vec<Fact> {
    match step.apply(id, event) {
        Ok(facts) => facts,
        Err(refusal) => {
            let code = refusal.code.id();
            tracing::info!(declaration = %id, code, ?event, "an event does not fit the order");
            Vec::new()
        }
    }
}

/// Opens the order, or joins it. Told of an order that is past its examination, the declaration waits
/// for the record: it is told again.
fn demand(
    step: &mut Step<'_>,
    heard: &Heard,
    order_id: OrderId,
    agency: Agency,
    reasons: &[Reason],
) {
    let id = heard.id;
    if let Some(content) = &heard.content {
        let fresh = filed(step, heard, order_id, content);
        let filed = match step.orders.remove(&id) {
            None => fresh,
            // Opened again on a later version: what is declared now counts.
            Some(known) => Filed {
                port_code: fresh.port_code,
                trade_mode: fresh.trade_mode,
                firms: fresh.firms,
                goods: fresh.goods,
                newest_version: fresh.newest_version,
                ..known
            },
        };
        step.orders.insert(id, filed);
    }
    if !step.orders.contains_key(&id) {
        tracing::warn!(declaration = %id, "an order was joined that never came");
        return;
    }
    let instructions = instructions(step, heard, agency, reasons);
    let version = heard.version;
    let facts = try_apply(step, id, &Event::Demand { agency, version, instructions });
    let answered = facts.iter().any(|fact| matches!(fact, Fact::Answered(_)));
    if let Some(filed) = step.orders.get(&id).filter(|_| answered) {
        let report = errand::findings(filed, version);
        step.errands.push(report);
    }
}

fn filed(step: &Step<'_>, heard: &Heard, order_id: OrderId, content: &Content) -> Filed {
    let d = &content.declaration;
    let optional = [&d.agent, &d.owner, &d.iac, &d.area].map(Option::as_ref);
    let parties = [Some(&d.declarant), Some(&d.ebc), Some(&d.ebp), Some(&d.logistics)];
    let firms: BTreeSet<String> = parties
        .into_iter()
        .chain(optional)
        .flatten()
        .map(|party| party.code.clone())
        .filter(|code| !code.is_empty())
        .collect();
    Filed {
        id: heard.id,
        order_id,
        declarant_code: d.declarant.code.clone(),
        port_code: d.port_code.clone(),
        trade_mode: d.trade_mode.clone(),
        order_no: d.order_no.clone(),
        firms: firms.into_iter().collect(),
        goods: content.goods.clone(),
        order: Order::none(),
        newest_version: heard.version,
        place_name: String::new(),
        place_name_zh: String::new(),
        claimed_by: String::new(),
        objection_pending: false,
        ordered_time: step.now,
        changed_time: step.now,
    }
}

/// What an agency wants looked at: in full where our rules demanded it, otherwise as it said.
fn instructions(
    step: &Step<'_>,
    heard: &Heard,
    agency: Agency,
    reasons: &[Reason],
) -> Vec<Instruction> {
    let known = step.instructed.get(&(heard.id, heard.version));
    let known = |code: &str| {
        let mut known = known.into_iter().flatten();
        known.find(|i| i.key.agency == agency && i.key.id == code).cloned()
    };
    let mut instructions: BTreeMap<String, Instruction> = BTreeMap::new();
    for reason in reasons {
        let id = if reason.code.is_empty() { "GENERAL" } else { &reason.code };
        let said = Instruction {
            key: InstructionKey { agency, id: id.to_owned() },
            text: reason.text.clone(),
            text_zh: reason.text.clone(),
            lines: Vec::new(),
            method: Method::Manual,
            sampling: false,
        };
        // One code, one instruction: what is said under it twice is said in one text.
        instructions
            .entry(id.to_owned())
            .and_modify(|first| {
                if !first.text.contains(&reason.text) {
                    first.text = format!("{}; {}", first.text, reason.text);
                    first.text_zh = format!("{}；{}", first.text_zh, reason.text);
                }
            })
            .or_insert_with(|| known(id).unwrap_or(said));
    }
    instructions.into_values().collect()
}

/// An agency's word about the declaration says what becomes of the goods, where the findings carry
/// that; so nobody has to say it twice. The first of these that fits counts.
fn dispose(step: &mut Step<'_>, id: DeclarationId, agency: Agency, disposals: &[Disposal]) {
    let Some(filed) = step.orders.get(&id) else { return };
    let examination = filed.order.examination;
    let asked = filed.order.has(agency) && filed.order.decision(agency).is_none();
    if filed.order.stage != Stage::Found || !asked {
        return;
    }
    for disposal in disposals {
        let event = Event::Dispose { agency, examination, disposal: *disposal };
        if step.apply(id, &event).is_ok_and(|facts| !facts.is_empty()) {
            return;
        }
    }
}

/// Released goods are gone: nothing more is to be done.
fn close(step: &mut Step<'_>, id: DeclarationId) {
    let Some(filed) = step.orders.get(&id) else { return };
    let gone = matches!(filed.order.disposal, Some(Disposal::Release | Disposal::AmendAndRelease));
    if gone && filed.order.stage == Stage::Disposed {
        try_apply(step, id, &Event::Close { examination: filed.order.examination });
    }
}
