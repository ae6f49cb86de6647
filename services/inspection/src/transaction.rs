//! A transaction under way: what was loaded, what happened, and what will be written.
//!
//! The invariant: what happened to an order becomes an entry of the journal in the same transaction as the
//! rows that it describes.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use bytes::Bytes;
use domain::CHINA;
use domain::DeclarationId;
use domain::clearance::ReleaseCondition;
use domain::inspection::draw::{Candidate, Seed};
use domain::inspection::joint::{self, ReviewRound, Transition};
use domain::inspection::order::{Appointment, Instruction, OrderEvent, OrderFact, SiteAct};
use domain::refusal::{Code, Refusal};
use proto::inspection::{OrderNotice, encode_order, encode_order_facts, encode_record};
use sqlx::PgConnection;
use store::Fault;
use store::cipher::Cipher;
use store::column::integer;
use store::journal::{Heads, JournalEntry, Origin};
use store::request::Requests;
use time::{Date, OffsetDateTime};
use uuid::Uuid;

use crate::consignment::{self, ConsignmentChange};
use crate::credits::Credits;
use crate::orders::{self, OrderRow, stage_column};
use crate::outgoing_answers::{self, OutgoingAnswer};
use crate::reference::{self, SitePlace};
use crate::risk;

/// What a transaction loads before it decides.
pub(crate) struct LoadedRows {
    pub(crate) orders: BTreeMap<DeclarationId, OrderRow>,
    pub(crate) credits: Credits,
    pub(crate) instructed: HashMap<(DeclarationId, u32), Vec<Instruction>>,
    pub(crate) requests: Requests,
}

/// A transaction under way.
pub(crate) struct InspectionTransaction<'t> {
    pub(crate) tx: &'t mut PgConnection,
    pub(crate) now: OffsetDateTime,
    pub(crate) known: &'t risk::RuleCache,
    pub(crate) orders: BTreeMap<DeclarationId, OrderRow>,
    pub(crate) credits: Credits,
    /// Instructions of assessments that were made before, by declaration and version.
    pub(crate) instructed: HashMap<(DeclarationId, u32), Vec<Instruction>>,
    /// What happened to orders and is not an entry yet.
    notices: BTreeMap<DeclarationId, (Vec<OrderNotice>, Origin)>,
    /// Orders that have to be written.
    touched: BTreeSet<DeclarationId>,
    pub(crate) answers: Vec<OutgoingAnswer>,
    pub(crate) changes: Vec<(DeclarationId, ConsignmentChange)>,
    /// What the releases of declarations wait for that were heard of.
    pub(crate) waits: BTreeMap<DeclarationId, Vec<ReleaseCondition>>,
    /// Rule sets that were read, until they are durable.
    pub(crate) read: Vec<risk::RuleSetVersion>,
    pub(crate) requests: Requests,
    candidates: Option<Vec<Candidate>>,
    /// Some of them have got work.
    examined: bool,
    sites: BTreeMap<String, Option<SitePlace>>,
    seed: Option<Seed>,
    /// Orders in the windows of a place.
    taken: BTreeMap<String, BookedWindows>,
}

/// Bytes of an order: it is told whole, in one message, and clients take four times as much.
const ORDER_BYTES_MAX: usize = 1024 * 1024;

/// Orders by the beginning of their window.
type BookedWindows = BTreeMap<OffsetDateTime, u32>;

impl<'t> InspectionTransaction<'t> {
    pub(crate) fn new(
        tx: &'t mut PgConnection,
        now: OffsetDateTime,
        known: &'t risk::RuleCache,
        loaded: LoadedRows,
    ) -> Self {
        let LoadedRows { orders, credits, instructed, requests } = loaded;
        Self {
            tx,
            now,
            known,
            orders,
            credits,
            instructed,
            notices: BTreeMap::new(),
            touched: BTreeSet::new(),
            answers: Vec::new(),
            changes: Vec::new(),
            waits: BTreeMap::new(),
            read: Vec::new(),
            requests,
            candidates: None,
            examined: false,
            sites: BTreeMap::new(),
            seed: None,
            taken: BTreeMap::new(),
        }
    }

    /// The day in China.
    pub(crate) fn today(&self) -> Date {
        self.now.to_offset(CHINA).date()
    }

    /// The day's seed.
    pub(crate) async fn seed(&mut self) -> Result<Seed, Fault> {
        if let Some(seed) = self.seed {
            return Ok(seed);
        }
        let seed = self.known.seed(self.tx, self.today()).await?;
        self.seed = Some(seed);
        Ok(seed)
    }

    /// Officers who may be drawn.
    pub(crate) async fn candidates(&mut self) -> Result<Vec<Candidate>, Fault> {
        if let Some(known) = &self.candidates {
            return Ok(known.clone());
        }
        let read = reference::candidates(self.tx).await?;
        Ok(self.candidates.insert(read).clone())
    }

    /// A place; whoever books one of its windows holds it until the commit.
    pub(crate) async fn site(&mut self, id: &str) -> Result<Option<SitePlace>, Fault> {
        if !self.sites.contains_key(id) {
            let site = reference::site(self.tx, id).await?;
            self.sites.insert(id.to_owned(), site);
        }
        Ok(self.sites.get(id).cloned().flatten())
    }

    /// Officers have got work: the next draw must know it.
    pub(crate) fn examined(&mut self, officers: &[String], firm: &str) {
        self.examined = true;
        for candidate in self.candidates.iter_mut().flatten() {
            if officers.contains(&candidate.officer) {
                candidate.last_firm = Some(firm.to_owned());
            } else if candidate.last_firm.as_deref() == Some(firm) {
                candidate.last_firm = None;
            }
        }
    }

    /// Orders in the windows of a place that can still be booked, those of this transaction included.
    pub(crate) async fn taken(&mut self, place: &str) -> Result<BookedWindows, Fault> {
        if let Some(known) = self.taken.get(place) {
            return Ok(known.clone());
        }
        // A window that began yesterday may still be running.
        let from = self.now - time::Duration::DAY;
        let taken = orders::taken(self.tx, place, from).await?;
        self.taken.insert(place.to_owned(), taken.clone());
        Ok(taken)
    }

    /// An order has another window.
    pub(crate) fn move_booking(&mut self, from: Option<&Appointment>, to: &Appointment) {
        let freed =
            from.and_then(|from| self.taken.get_mut(&from.place)?.get_mut(&from.window.start));
        if let Some(count) = freed {
            *count = count.saturating_sub(1);
        }
        if let Some(taken) = self.taken.get_mut(&to.place) {
            *taken.entry(to.window.start).or_default() += 1;
        }
    }

    /// An order that was loaded or opened.
    pub(crate) fn order(&mut self, id: DeclarationId) -> Result<&mut OrderRow, Fault> {
        let found = self.orders.get_mut(&id);
        found.ok_or_else(|| Fault::Broken(format!("the order of {id} was not loaded")))
    }

    /// Does to an order what somebody asks.
    pub(crate) fn apply(
        &mut self,
        id: DeclarationId,
        event: &OrderEvent,
    ) -> Result<Result<Vec<OrderFact>, Refusal>, Fault> {
        let then = match joint::on_order_event(&self.order(id)?.case, event) {
            Ok(then) => then,
            Err(refusal) => return Ok(Err(refusal)),
        };
        if matches!(event, OrderEvent::Site { act: SiteAct::Report { .. }, .. }) {
            // It is shown and told whole, in one message.
            let size = encode_order(&then.case.order).len();
            if size > ORDER_BYTES_MAX {
                let refusal = Refusal::of(Code::OrderTooLarge).with("bytes", size);
                return Ok(Err(refusal.with("most", ORDER_BYTES_MAX)));
            }
        }
        self.take(id, then).map(Ok)
    }

    /// Takes down what the declaration service tells of an order.
    pub(crate) fn apply_declaration_event(
        &mut self,
        id: DeclarationId,
        at: ReviewRound,
        event: &joint::DeclarationEvent,
    ) -> Result<(), Fault> {
        let filed = match event {
            // Few of those that end have an order.
            joint::DeclarationEvent::Detained(..)
            | joint::DeclarationEvent::Released
            | joint::DeclarationEvent::Rejected(_)
            | joint::DeclarationEvent::Returned(_) => {
                let Some(filed) = self.orders.get(&id) else { return Ok(()) };
                filed
            }
            joint::DeclarationEvent::Demanded(..)
            | joint::DeclarationEvent::Answered(..)
            | joint::DeclarationEvent::Reopened
            | joint::DeclarationEvent::Cancelled => self.order(id)?,
        };
        let then = joint::on_declaration_event(&filed.case, at, event);
        if let Some(refusal) = &then.misfit {
            let code = refusal.code.id();
            tracing::info!(declaration = %id, code, ?event, "an event does not fit the order");
        }
        self.take(id, then).map(drop)
    }

    /// Everything that follows from a step of an order.
    pub(crate) fn take(
        &mut self,
        id: DeclarationId,
        then: Transition,
    ) -> Result<Vec<OrderFact>, Fault> {
        let (today, now) = (self.today(), self.now);
        let filed = self.order(id)?;
        let before = std::mem::replace(&mut filed.case, then.case);
        if then.facts.is_empty() && then.messages.is_empty() {
            // What it heard without an effect is not worth a row, unless something waits for it.
            let asked = before.asked != filed.case.asked;
            if asked {
                self.touched.insert(id);
            }
            return Ok(then.facts);
        }
        filed.changed_time = now;
        if then.facts.iter().any(frees) {
            filed.claimed_by.clear();
        }
        let filed = filed.clone();
        let whose = (filed.order_id, &filed.case.order);
        self.credits.feed(&filed.declarant_code, whose, &then.facts, today);
        self.answers.extend(outgoing_answers::news(&filed, before.order.stage, &then.facts));
        self.answers
            .extend(then.messages.iter().map(|message| outgoing_answers::of(&filed, *message, "")));
        self.record_notices(id, then.facts.iter().cloned().map(OrderNotice::Fact));
        Ok(then.facts)
    }

    /// Writes down what happened to an order.
    pub(crate) fn record_notices(
        &mut self,
        id: DeclarationId,
        notices: impl IntoIterator<Item = OrderNotice>,
    ) {
        self.touched.insert(id);
        let mut notices = notices.into_iter().peekable();
        if notices.peek().is_some() {
            self.notices.entry(id).or_default().0.extend(notices);
        }
    }

    /// Names the call that caused it.
    pub(crate) fn name_origin(&mut self, id: DeclarationId, origin: &Origin) {
        // A call without an effect caused nothing.
        if let Some((_, known)) = self.notices.get_mut(&id) {
            origin.clone_into(known);
        }
    }

    /// Writes everything.
    pub(crate) async fn write(
        self,
        cipher: &Cipher,
        heads: &mut Heads,
    ) -> Result<InspectionCommit, Fault> {
        let Self {
            tx,
            now,
            orders,
            notices,
            touched,
            answers,
            credits,
            changes,
            waits,
            requests,
            candidates,
            examined,
            seed,
            read,
            ..
        } = self;
        let loaded = |id: &DeclarationId| {
            let found = orders.get(id);
            found.ok_or_else(|| Fault::Broken(format!("the order of {id} was not loaded")))
        };
        let changed: Vec<&OrderRow> = touched.iter().map(loaded).collect::<Result<_, _>>()?;
        orders::write(&mut *tx, &changed).await?;
        orders::wait(&mut *tx, &waits).await?;
        let mut entries = Vec::with_capacity(notices.len());
        for (id, (notices, Origin { trace, actor })) in notices {
            let filed = loaded(&id)?;
            entries.push(JournalEntry {
                slot: id.slot(),
                position: heads.next(id.slot())?,
                event_id: Uuid::now_v7(),
                subject: id.uuid(),
                owner: filed.declarant_code.clone(),
                version: integer(filed.case.order.version)?,
                round: integer(filed.case.order.examination)?,
                phase: stage_column(filed.case.order.stage),
                topics: 1,
                recorded_time: now,
                trace,
                actor: actor.as_str().to_owned(),
                facts: encode_order_facts(&notices),
                shows_content: false,
                body: Ok(Some(Bytes::from(encode_record(filed.shown())))),
            });
        }
        heads.append(&mut *tx, cipher, &entries).await?;
        if examined {
            let drawn = candidates.ok_or_else(|| Fault::Broken("nobody was drawn".to_owned()))?;
            reference::examined(&mut *tx, &drawn).await?;
        }
        credits.write(&mut *tx, now).await?;
        consignment::update(&mut *tx, &changes).await?;
        requests.write(&mut *tx, now).await?;
        outgoing_answers::insert(&mut *tx, cipher, &answers, now).await?;
        Ok(InspectionCommit { entries, answers: !answers.is_empty(), seed, read })
    }
}

/// Whether an order is free for another site: it has another place, or another examination.
fn frees(fact: &OrderFact) -> bool {
    match fact {
        OrderFact::Ordered(_)
        | OrderFact::Rescheduled
        | OrderFact::NoShow(_)
        | OrderFact::Objected => true,
        OrderFact::Joined(_)
        | OrderFact::Extended(_)
        | OrderFact::Answered(_)
        | OrderFact::Appointed
        | OrderFact::Compelled
        | OrderFact::Assigned
        | OrderFact::Replaced
        | OrderFact::Presented(_)
        | OrderFact::Began(_)
        | OrderFact::Taken(_)
        | OrderFact::Sent(_)
        | OrderFact::Found(..)
        | OrderFact::Completed
        | OrderFact::Decided(..)
        | OrderFact::TreatmentOrdered
        | OrderFact::Treated(_)
        | OrderFact::Disposed(_)
        | OrderFact::Closed
        | OrderFact::Cancelled => false,
    }
}

/// What is told after the commit.
#[derive(Debug)]
pub(crate) struct InspectionCommit {
    pub(crate) entries: Vec<JournalEntry>,
    /// There is something to say to the declaration service.
    pub(crate) answers: bool,
    pub(crate) seed: Option<Seed>,
    pub(crate) read: Vec<risk::RuleSetVersion>,
}
