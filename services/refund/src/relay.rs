//! How the refund service hears of exports: over the exchange, like every agency. It says nothing there.
//!
//! An event is taken down before it is acknowledged. One that cannot be taken down waits in a queue, and with it
//! what comes about the same declaration. What follows from it, and from what firms and the tax office ask, are
//! items of queues as well.

use std::sync::Arc;

use client::{Consumer, ConsumerAnswer, Handler, Window};
use domain::tax_refund::entitlement::{ExportMode, MoneyStatus};
use domain::{DeclarationId, Slot};
use kit::deliver::{Delivery, Port};
use kit::progress::Progress;
use kit::react::{self, Reaction};
use prost::Message as _;
use proto::v1::{self, fact::Kind as Wire};
use store::queue::Item;
use store::share::Share;
use store::{Fault, queue};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tonic::Status;
use uuid::Uuid;

use crate::Refunds;
use crate::commit::{CLAIMS, MATCHES, RefundCommand};
use crate::export_rows::Goods;
use crate::hear::{EVENTS, ExportChange, ExportEvent, FiledExport, FiledLine};
use crate::names::{ClaimName, id_of};

/// Transactions for one item before others have their turn, and the loop says that it gets on.
const STEPS_MAX: usize = 10;

/// Listens until `closing`.
pub(crate) async fn listen(
    refunds: &Arc<Refunds>,
    window: &Window,
    said: mpsc::Receiver<ConsumerAnswer>,
    progress: &Progress,
    closing: &CancellationToken,
) {
    let consumer = Consumer {
        window: window.clone(),
        subscriber: v1::Subscriber::RefundService,
        name: refunds.consumer.clone(),
        topics: Vec::new(),
        without_content: false,
        from: Vec::new(),
        progress_seconds: 0,
    };
    // Heartbeats come when nothing else does, so a stream that says nothing stands still.
    progress.begin();
    let ear =
        ExportConsumer { refunds: Arc::clone(refunds), progress: progress.clone(), fails: false };
    match consumer.serve(ear, said, closing.clone()).await {
        Ok(()) => {}
        Err(status) => tracing::error!(%status, "the refund service may not listen"),
    }
}

/// An event as it came and, where it can be read, as far as it concerns the refund.
#[derive(Debug, Clone)]
struct ArrivedExport {
    event: Arc<v1::Event>,
    heard: Option<Arc<ExportEvent>>,
}

impl ArrivedExport {
    /// An event that names no declaration is about itself.
    fn subject(&self) -> Uuid {
        let named = Uuid::try_parse(&self.event.declaration_id);
        named.unwrap_or_else(|_| self.item_id())
    }

    /// The same when it comes again.
    fn item_id(&self) -> Uuid {
        id_of(&format!("event/{}/{}", self.event.slot, self.event.position))
    }

    fn item(&self, now: time::OffsetDateTime) -> Result<Item, Fault> {
        let (slot, position) = (self.event.slot, self.event.position);
        let strange = || Fault::Broken(format!("an event stands at {position} of slot {slot}"));
        Ok(Item {
            slot: Slot::new(slot).ok_or_else(strange)?,
            id: self.item_id(),
            kind: 0,
            subject: self.subject(),
            place: i64::try_from(position).map_err(|_| strange())?,
            body: self.event.encode_to_vec(),
            due: now,
            tries: 0,
        })
    }
}

struct ExportConsumer {
    refunds: Arc<Refunds>,
    progress: Progress,
    /// Events came and could not even be put aside.
    fails: bool,
}

/// The events that came together.
struct ExportFrame<'a>(&'a Refunds);

impl Reaction for ExportFrame<'_> {
    const QUEUE: &'static str = EVENTS;
    type Event = ArrivedExport;
    type Taken = ();

    fn subject(&self, event: &ArrivedExport) -> Uuid {
        event.subject()
    }

    async fn commit(
        &self,
        take: Vec<ArrivedExport>,
        mut behind: Vec<ArrivedExport>,
    ) -> Result<(), Fault> {
        let Self(refunds) = self;
        let (readable, unreadable): (Vec<_>, Vec<_>) =
            take.into_iter().partition(|arrived| arrived.heard.is_some());
        behind.extend(unreadable);
        let now = refunds.clock.now();
        let items = behind.iter().map(|arrived| arrived.item(now));
        let items = items.collect::<Result<Vec<_>, Fault>>()?;
        let events: Vec<_> = readable.into_iter().filter_map(|arrived| arrived.heard).collect();
        if events.is_empty() && items.is_empty() {
            return Ok(());
        }
        hear(refunds, events, items).await
    }
}

async fn hear(
    refunds: &Refunds,
    events: Vec<Arc<ExportEvent>>,
    behind: Vec<Item>,
) -> Result<(), Fault> {
    let command = |reply| RefundCommand::Hear(events, behind, reply);
    refunds.hearing.enqueue(Slot::of(""), &Share::Kept, command).await
}

impl Handler for ExportConsumer {
    async fn handle(&mut self, events: Vec<v1::Event>) -> Result<Vec<Vec<ConsumerAnswer>>, Status> {
        let replies = events.iter().map(|_| Vec::new()).collect();
        let refunds = Arc::clone(&self.refunds);
        let arrived = events.into_iter().filter_map(|event| {
            let heard = read(&event);
            // Nothing of it concerns the refund.
            let idle = heard.as_ref().is_some_and(|heard| heard.changes.is_empty());
            let heard = heard.map(Arc::new);
            (!idle).then(|| ArrivedExport { event: Arc::new(event), heard })
        });
        let arrived: Vec<ArrivedExport> = arrived.collect();
        let taken = react::take(&ExportFrame(&refunds), &refunds.work, arrived).await;
        self.fails = taken.is_err();
        // The lane has logged it; the events come again.
        taken.map_err(|fault| Status::unavailable(fault.to_string()))?;
        Ok(replies)
    }

    fn result(&mut self, _: &v1::Result) {}

    fn alive(&mut self) {
        if !self.fails {
            self.progress.advance();
        }
    }
}

/// An event as far as it concerns the refund; `None` for one that cannot be read.
fn read(event: &v1::Event) -> Option<ExportEvent> {
    let id = DeclarationId::parse(&event.declaration_id)?;
    let time = event.time.and_then(proto::time)?;
    let version = i32::try_from(event.version).ok()?;
    let facts = &event.facts.as_ref()?.facts;
    let mut changes = Vec::new();
    // A kind that this program does not know is none that concerns it.
    for fact in facts.iter().filter_map(|fact| fact.kind.as_ref()) {
        changes.push(match fact {
            Wire::Filed(_) | Wire::Amended(_) => {
                let declared = event.declaration.as_ref()?;
                if declared.ie_flag() != v1::Direction::Export {
                    continue;
                }
                ExportChange::Filed(Box::new(filed(declared)?))
            }
            Wire::Released(_) => ExportChange::Released,
            Wire::Rejected(_) | Wire::Returned(_) | Wire::Withdrawn(_) => ExportChange::Ended,
            Wire::ReceiptMoved(moved) => ExportChange::Money(money(moved)),
            Wire::ExportMoved(moved) => ExportChange::Moved(moved.clone().try_into().ok()?),
            Wire::Numbered(_)
            | Wire::StandChanged(_)
            | Wire::InspectionOrdered(_)
            | Wire::InspectionJoined(_)
            | Wire::InspectionCompleted(_)
            | Wire::InspectionAnswered(_)
            | Wire::InspectionCancelled(_)
            | Wire::InspectionReopened(_)
            | Wire::InspectionMoved(_)
            | Wire::DutyMoved(_)
            | Wire::BankTold(_) => continue,
        });
    }
    Some(ExportEvent { id, version, time, changes })
}

/// How its money stands: what came and what was settled of it, beside what the goods cost.
fn money(moved: &v1::ReceiptMoved) -> MoneyStatus {
    match moved.due {
        due if moved.settled >= due => MoneyStatus::Settled,
        due if moved.received >= due => MoneyStatus::Received,
        _ => MoneyStatus::Awaited,
    }
}

/// What of an export concerns the refund. It is the consignor's: the e-commerce firm, or its domestic agent.
fn filed(declared: &v1::Declaration) -> Option<FiledExport> {
    let line = |line: &v1::GoodsLine| {
        let (qty, total) = (line.qty.as_ref()?, line.total_price.as_ref()?);
        Some(FiledLine {
            line: i32::try_from(line.gnum).ok()?,
            gcode: line.gcode.clone(),
            gname: line.gname.clone(),
            unit: qty.unit.clone(),
            qty_e5: qty.value_e5,
            currency: total.currency.clone(),
            amount_e5: total.amount_e5,
        })
    };
    Some(FiledExport {
        firm: declared.ebc.as_ref()?.code.clone(),
        order_no: declared.order_no.clone(),
        mode: mode(&declared.trade_mode, &declared.statistics_flag),
        lines: declared.lines.iter().map(line).collect::<Option<_>>()?,
    })
}

/// How goods leave, by the supervision mode and the flag of statistics.
fn mode(trade_mode: &str, statistics_flag: &str) -> ExportMode {
    match (trade_mode, statistics_flag) {
        ("9610", "A") => ExportMode::StatisticsOnly,
        ("9810", _) => ExportMode::Overseas,
        ("9610" | "1210" | "1239", _) => ExportMode::Summarised,
        _ => ExportMode::WithForm,
    }
}

/// Events that could not be taken when they came, one by one in the order of each declaration.
#[derive(Debug)]
pub(crate) struct LateExports(pub(crate) Arc<Refunds>);

impl Port for LateExports {
    const QUEUE: &'static str = EVENTS;

    async fn deliver(&self, items: &[Item]) -> Vec<Delivery> {
        let mut became = Vec::with_capacity(items.len());
        for item in items {
            became.push(done(self.catch_up(item).await));
        }
        became
    }
}

impl LateExports {
    async fn catch_up(&self, item: &Item) -> Result<(), Delivery> {
        let Self(refunds) = self;
        let unreadable = || Delivery::Failed("the event cannot be read".to_owned());
        let event = v1::Event::decode(item.body.as_slice()).map_err(|_| unreadable())?;
        let heard = Arc::new(read(&event).ok_or_else(unreadable)?);
        let heard = hear(refunds, vec![heard], Vec::new()).await;
        heard.map_err(|fault| Delivery::of(&fault))?;
        settle(refunds, EVENTS, item).await
    }
}

/// Goods of which exports and invoices are brought together.
#[derive(Debug)]
pub(crate) struct Matches(pub(crate) Arc<Refunds>);

impl Port for Matches {
    const QUEUE: &'static str = MATCHES;

    async fn deliver(&self, items: &[Item]) -> Vec<Delivery> {
        let mut became = Vec::with_capacity(items.len());
        for item in items {
            became.push(done(self.bring_together(item).await));
        }
        became
    }
}

impl Matches {
    async fn bring_together(&self, item: &Item) -> Result<(), Delivery> {
        let Self(refunds) = self;
        let text = body(item)?;
        let mut words = text.splitn(3, '\n').map(str::to_owned);
        let (Some(firm), Some(gcode), Some(unit)) = (words.next(), words.next(), words.next())
        else {
            return Err(Delivery::Failed("the goods cannot be read".to_owned()));
        };
        let goods = Goods { firm, gcode, unit };
        for _ in 0..STEPS_MAX {
            let command = |reply| RefundCommand::Match(goods.clone(), reply);
            let slot = Slot::of(&goods.firm);
            let more = refunds.asking.enqueue(slot, &Share::Kept, command).await;
            if !more.map_err(|fault| Delivery::of(&fault))? {
                return settle(refunds, MATCHES, item).await;
            }
        }
        refunds.writer.matches.notify_one();
        Err(Delivery::NotYet)
    }
}

/// Claims to which lines are added, or whose lines are freed.
#[derive(Debug)]
pub(crate) struct ClaimsUnderWay(pub(crate) Arc<Refunds>);

impl Port for ClaimsUnderWay {
    const QUEUE: &'static str = CLAIMS;

    async fn deliver(&self, items: &[Item]) -> Vec<Delivery> {
        let mut became = Vec::with_capacity(items.len());
        for item in items {
            became.push(done(self.advance(item).await));
        }
        became
    }
}

impl ClaimsUnderWay {
    async fn advance(&self, item: &Item) -> Result<(), Delivery> {
        let Self(refunds) = self;
        let unreadable = || Delivery::Failed("the claim cannot be read".to_owned());
        let claim = ClaimName::parse(&body(item)?).ok_or_else(unreadable)?;
        for _ in 0..STEPS_MAX {
            let command = |reply| RefundCommand::Advance(claim.clone(), reply);
            let more = refunds.asking.enqueue(claim.slot(), &Share::Kept, command).await;
            if !more.map_err(|fault| Delivery::of(&fault))? {
                return settle(refunds, CLAIMS, item).await;
            }
        }
        refunds.writer.claims.notify_one();
        Err(Delivery::NotYet)
    }
}

fn done(done: Result<(), Delivery>) -> Delivery {
    done.map_or_else(|became| became, |()| Delivery::Done)
}

fn body(item: &Item) -> Result<String, Delivery> {
    let text = std::str::from_utf8(&item.body);
    text.map(str::to_owned).map_err(|_| Delivery::Failed("the item cannot be read".to_owned()))
}

/// Takes an item out of its queue.
async fn settle(refunds: &Refunds, name: &str, item: &Item) -> Result<(), Delivery> {
    let settled = async {
        let mut connection = refunds.work.acquire().await?;
        queue::settle(&mut connection, name, &[(item.slot, item.id)]).await
    };
    settled.await.map(drop).map_err(|fault: Fault| Delivery::of(&fault))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mode_says_whether_there_will_be_a_form() {
        for (trade_mode, flag, expected) in [
            ("9610", "A", ExportMode::StatisticsOnly),
            ("9610", "B", ExportMode::Summarised),
            ("1210", "", ExportMode::Summarised),
            ("9710", "", ExportMode::WithForm),
            ("9810", "", ExportMode::Overseas),
        ] {
            assert_eq!(mode(trade_mode, flag), expected, "{trade_mode} {flag}");
        }
    }
}
