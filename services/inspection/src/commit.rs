//! The one transaction of the inspection service. What the declaration service told, what sites,
//! enterprises and agencies ask, and answers to our errands go through it together.
//!
//! Order: find what is concerned; lock the heads of the slots in which an order or a credit may change;
//! load; decide in memory by `order::next`; write. One lane does all of it, so that two transactions of
//! one process never wait for each other.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use bytes::Bytes;
use domain::inspection::appointment::CHINA;
use domain::inspection::draw::{Candidate, Seed};
use domain::inspection::order::{self, Appointment, Event, Fact, Instruction};
use domain::refusal::Refusal;
use domain::{DeclarationId, Slot};
use proto::inspection::{Told, encode_record, encode_told};
use sqlx::PgConnection;
use store::batch::Work;
use store::journal::{Entry, Heads, Tail};
use store::{Clock, Fault};
use time::{Date, OffsetDateTime};
use tokio::sync::Notify;
use uuid::Uuid;

use crate::appeal::{self, Appealed};
use crate::ask::{self, Asked};
use crate::consignment::{self, Change};
use crate::credits::Credits;
use crate::errand::{self, Errand, Settled};
use crate::heard::{self, Heard};
use crate::orders::{self, Filed, stage_column};
use crate::reference::{self, Put};
use crate::risk::{self, Assessed, Demands};

/// What waits for its transaction.
#[derive(Debug)]
pub(crate) enum Command {
    /// The declaration service told something.
    Hear(Vec<Heard>),
    /// Somebody asks something of an order.
    Ask(Box<Asked>),
    /// Something about the credit of a firm.
    Appeal(Box<Appealed>),
    /// Reference data.
    Put(Box<Put>),
    /// The declaration service answered errands.
    Settle(Vec<Settled>),
    /// The declaration service did not take what the rules demand.
    Refused(DeclarationId, u32, String),
}

/// What was done.
#[derive(Debug)]
pub(crate) enum Done {
    /// For each event: what the rules demand, where they were asked.
    Heard(Vec<Option<Demands>>),
    /// The order as it stands now, with the draw when there was one.
    Order(Box<Filed>, ask::Draws),
    /// The credit of a firm as it stands now, as it is kept.
    Credit(Vec<u8>),
    /// Kept.
    Kept,
}

/// The answer to a command.
pub(crate) type Answer = Result<Done, Refusal>;

/// The work of the service.
#[derive(Debug)]
pub(crate) struct Desk {
    pub(crate) tail: Tail,
    pub(crate) clock: Clock,
    pub(crate) known: risk::Known,
    /// Wakes whoever runs the errands.
    pub(crate) errands: Arc<Notify>,
}

/// A transaction under way.
pub(crate) struct Step<'t> {
    pub(crate) tx: &'t mut PgConnection,
    pub(crate) now: OffsetDateTime,
    pub(crate) known: &'t risk::Known,
    pub(crate) orders: BTreeMap<DeclarationId, Filed>,
    pub(crate) credits: Credits,
    /// Instructions of assessments that were made before, by declaration and version.
    pub(crate) instructed: HashMap<(DeclarationId, u32), Vec<Instruction>>,
    /// What happened to orders and is not an entry yet.
    told: BTreeMap<DeclarationId, (Vec<Told>, String)>,
    pub(crate) errands: Vec<Errand>,
    pub(crate) changes: Vec<(DeclarationId, Change)>,
    pub(crate) assessed: Vec<Assessed>,
    pub(crate) requests: Vec<ask::Kept>,
    candidates: Option<Vec<Candidate>>,
    seed: Option<Seed>,
    /// Orders in the windows of a place.
    taken: BTreeMap<String, Taken>,
}

/// Orders by the beginning of their window.
type Taken = BTreeMap<OffsetDateTime, u32>;

impl Step<'_> {
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
        if self.candidates.is_none() {
            self.candidates = Some(reference::candidates(self.tx).await?);
        }
        Ok(self.candidates.clone().unwrap_or_default())
    }

    /// Officers have got work: the next draw of this transaction must know it.
    pub(crate) async fn examined(&mut self, officers: &[String], firm: &str) -> Result<(), Fault> {
        reference::examined(self.tx, officers, firm).await?;
        for candidate in self.candidates.iter_mut().flatten() {
            if officers.contains(&candidate.officer) {
                candidate.last_firm = Some(firm.to_owned());
            } else if candidate.last_firm.as_deref() == Some(firm) {
                candidate.last_firm = None;
            }
        }
        Ok(())
    }

    /// Orders in the windows of a place that can still be booked, those of this transaction included.
    pub(crate) async fn taken(&mut self, place: &str) -> Result<Taken, Fault> {
        if !self.taken.contains_key(place) {
            // A window that began yesterday may still be running.
            let from = self.now - time::Duration::DAY;
            let taken = orders::taken(self.tx, place, from).await?;
            self.taken.insert(place.to_owned(), taken);
        }
        Ok(self.taken.get(place).cloned().unwrap_or_default())
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

    /// Applies an event to an order, with everything that follows from its facts.
    pub(crate) fn apply(&mut self, id: DeclarationId, event: &Event) -> Result<Vec<Fact>, Refusal> {
        let Some(filed) = self.orders.get(&id) else { return Ok(Vec::new()) };
        let (then, facts) = order::next(&filed.order, event)?;
        if facts.is_empty() {
            return Ok(facts);
        }
        let before = filed.order.stage;
        let today = self.today();
        let Some(filed) = self.orders.get_mut(&id) else { return Ok(Vec::new()) };
        filed.order = then;
        filed.changed_time = self.now;
        if facts.iter().any(frees) {
            filed.claimed_by.clear();
        }
        if facts.contains(&Fact::Objected) {
            filed.objection_pending = false;
        }
        let filed = filed.clone();
        let whose = (filed.order_id, &filed.order);
        self.credits.feed(&filed.declarant_code, whose, &facts, today);
        self.errands.extend(errand::of(&filed, before, &facts));
        self.tell(id, facts.iter().cloned().map(Told::Fact));
        Ok(facts)
    }

    /// Writes down what happened to an order.
    pub(crate) fn tell(&mut self, id: DeclarationId, told: impl IntoIterator<Item = Told>) {
        self.told.entry(id).or_default().0.extend(told);
    }

    /// Names the call that caused it.
    pub(crate) fn trace(&mut self, id: DeclarationId, trace: &str) {
        if let Some((_, known)) = self.told.get_mut(&id) {
            trace.clone_into(known);
        }
    }

    async fn write(self, heads: &mut Heads) -> Result<(Vec<Entry>, bool), Fault> {
        let Self { tx, now, orders, told, errands, credits, changes, assessed, requests, .. } =
            self;
        let changed: Vec<&Filed> = told.keys().filter_map(|id| orders.get(id)).collect();
        orders::write(&mut *tx, &changed).await?;
        let mut entries = Vec::with_capacity(told.len());
        for (id, (told, trace)) in told {
            let Some(filed) = orders.get(&id) else { continue };
            entries.push(Entry {
                slot: id.slot(),
                position: heads.next(id.slot()),
                event_id: Uuid::now_v7(),
                subject: id.uuid(),
                owner: filed.declarant_code.clone(),
                version: i32::try_from(filed.order.version).unwrap_or(i32::MAX),
                round: i32::try_from(filed.order.examination).unwrap_or(i32::MAX),
                phase: stage_column(filed.order.stage),
                topics: 1,
                recorded_time: now,
                trace,
                facts: encode_told(&told),
                body: Some(Bytes::from(encode_record(filed.shown()))),
            });
        }
        heads.append(&mut *tx, &entries).await?;
        credits.write(&mut *tx, now).await?;
        consignment::update(&mut *tx, &changes).await?;
        risk::write(&mut *tx, &assessed, now).await?;
        ask::keep(&mut *tx, &requests, now).await?;
        errand::insert(&mut *tx, &errands).await?;
        Ok((entries, !errands.is_empty()))
    }
}

/// Whether an order is free for another site: it has another place, or another examination.
fn frees(fact: &Fact) -> bool {
    match fact {
        Fact::Ordered(_) | Fact::Rescheduled | Fact::NoShow(_) | Fact::Objected => true,
        Fact::Joined(_)
        | Fact::Extended(_)
        | Fact::Answered(_)
        | Fact::Appointed
        | Fact::Compelled
        | Fact::Assigned
        | Fact::Replaced
        | Fact::Presented(_)
        | Fact::Began(_)
        | Fact::Taken(_)
        | Fact::Sent(_)
        | Fact::Found(..)
        | Fact::Completed
        | Fact::Decided(..)
        | Fact::TreatmentOrdered
        | Fact::Treated(_)
        | Fact::Disposed(_)
        | Fact::Closed
        | Fact::Cancelled => false,
    }
}

/// What a batch is about.
#[derive(Default)]
struct Wanted {
    /// Orders that may change for certain.
    orders: BTreeSet<DeclarationId>,
    /// Declarations that ended: few of them have an order.
    ended: BTreeSet<DeclarationId>,
    instructed: BTreeSet<(DeclarationId, u32)>,
    firms: BTreeSet<String>,
    slots: BTreeSet<i16>,
}

impl Wanted {
    fn of(commands: &[Command]) -> Self {
        let mut wanted = Self::default();
        for command in commands {
            match command {
                Command::Hear(heard) => heard.iter().for_each(|heard| wanted.hear(heard)),
                Command::Ask(asked) => {
                    wanted.orders.insert(asked.id);
                }
                Command::Appeal(appealed) => {
                    wanted.firms.insert(appealed.firm.clone());
                    wanted.slots.insert(Slot::of(&appealed.firm).column());
                }
                Command::Settle(settled) => {
                    wanted.orders.extend(settled.iter().filter_map(Settled::changes));
                }
                Command::Put(_) | Command::Refused(..) => {}
            }
        }
        wanted
    }

    fn hear(&mut self, heard: &Heard) {
        if let Some(content) = &heard.content {
            self.firms.insert(content.declaration.declarant.code.clone());
        }
        if heard.is_about_order() {
            self.orders.insert(heard.id);
            self.instructed.insert((heard.id, heard.version));
        } else if heard.again && heard.content.is_some() {
            self.instructed.insert((heard.id, heard.version));
        }
        if heard.may_end_order() {
            self.ended.insert(heard.id);
        }
    }
}

impl Work for Desk {
    type Command = Command;
    type Answer = Answer;
    type Told = (Vec<Entry>, bool, Option<Seed>);

    async fn work(
        &self,
        tx: &mut PgConnection,
        commands: &[Command],
    ) -> Result<(Vec<Answer>, Self::Told), Fault> {
        let mut wanted = Wanted::of(commands);
        wanted.orders.extend(orders::known(&mut *tx, &wanted.ended).await?);
        wanted.slots.extend(orders::slots(&wanted.orders));
        let slots: Vec<i16> = wanted.slots.iter().copied().collect();
        let mut heads = Heads::default();
        heads.lock_more(&mut *tx, &slots).await?;
        let orders = orders::load(&mut *tx, &wanted.orders).await?;
        wanted.firms.extend(orders.values().map(|filed| filed.declarant_code.clone()));
        let credits = Credits::load(&mut *tx, &wanted.firms).await?;
        let instructed = risk::instructed(&mut *tx, &wanted.instructed).await?;
        let asked_before = ask::before(&mut *tx, commands).await?;
        let mut step = Step {
            tx,
            now: self.clock.now(),
            known: &self.known,
            orders,
            credits,
            instructed,
            told: BTreeMap::new(),
            errands: Vec::new(),
            changes: Vec::new(),
            assessed: Vec::new(),
            requests: Vec::new(),
            candidates: None,
            seed: None,
            taken: BTreeMap::new(),
        };
        let mut answers = Vec::with_capacity(commands.len());
        for command in commands {
            answers.push(match command {
                Command::Hear(events) => Ok(Done::Heard(heard::hear(&mut step, events).await?)),
                Command::Ask(asked) => ask::ask(&mut step, asked, &asked_before).await?,
                Command::Appeal(appealed) => appeal::appeal(&mut step, appealed, &asked_before),
                Command::Put(put) => {
                    reference::put(step.tx, put, step.now).await?.map(|()| Done::Kept)
                }
                Command::Settle(settled) => {
                    errand::settle(&mut step, settled).await?;
                    Ok(Done::Kept)
                }
                Command::Refused(id, version, code) => {
                    errand::refused(step.tx, (*id, *version), code).await?;
                    Ok(Done::Kept)
                }
            });
        }
        let seed = step.seed;
        let (entries, errands) = step.write(&mut heads).await?;
        Ok((answers, (entries, errands, seed)))
    }

    fn tell(&self, (entries, errands, seed): Self::Told) {
        if let Some(seed) = seed {
            self.known.remember(seed);
        }
        self.tail.tell(entries);
        if errands {
            self.errands.notify_one();
        }
    }
}
