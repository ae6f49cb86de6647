//! How the payment service hears of exports: from the same stream as of imports, taken in a transaction of their own
//! before any of the events is acknowledged.

use std::sync::Arc;

use domain::{DeclarationId, Slot};
use kit::deliver::{Delivery, Port};
use kit::react::{self, Reaction};
use prost::Message as _;
use proto::v1::{self, fact::Kind as Wire};
use store::Fault;
use store::queue::Item;
use store::share::Share;
use uuid::Uuid;

use super::settle;
use crate::Payments;
use crate::forex::commit::ForexCommand;
use crate::forex::sales::{EXPORTS, SaleChange, SaleEvent, sale};
use crate::transaction::id_of;

/// An event and, where it can be read, as far as it concerns the money for an export.
#[derive(Debug, Clone)]
struct ArrivedExport {
    event: Arc<v1::Event>,
    heard: Option<Arc<SaleEvent>>,
}

impl ArrivedExport {
    fn item_id(&self) -> Uuid {
        id_of(&format!("export/{}/{}", self.event.slot, self.event.position))
    }

    fn subject(&self) -> Uuid {
        // An event that names no declaration is about itself.
        Uuid::try_parse(&self.event.declaration_id).unwrap_or_else(|_| self.item_id())
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

struct ExportFrame<'a>(&'a Payments);

impl Reaction for ExportFrame<'_> {
    const QUEUE: &'static str = EXPORTS;
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
        let Self(payment) = self;
        let (readable, unreadable): (Vec<_>, Vec<_>) =
            take.into_iter().partition(|arrived| arrived.heard.is_some());
        behind.extend(unreadable);
        let now = payment.clock.now();
        let items = behind.iter().map(|arrived| arrived.item(now));
        let items = items.collect::<Result<Vec<_>, Fault>>()?;
        let events: Vec<_> = readable.into_iter().filter_map(|arrived| arrived.heard).collect();
        hear(payment, events, items).await
    }
}

async fn hear(
    payment: &Payments,
    events: Vec<Arc<SaleEvent>>,
    behind: Vec<Item>,
) -> Result<(), Fault> {
    if events.is_empty() && behind.is_empty() {
        return Ok(());
    }
    let command = |reply| ForexCommand::Hear(events, behind, reply);
    payment.forex.enqueue(Slot::of(""), &Share::Kept, command).await
}

/// Takes what concerns exports out of events that came.
pub(super) async fn take(payment: &Payments, events: &[Arc<v1::Event>]) -> Result<(), Fault> {
    let arrived = events.iter().filter_map(|event| {
        let heard = read(event);
        let is_idle = heard.as_ref().is_some_and(|heard| heard.changes.is_empty());
        let event = Arc::clone(event);
        (!is_idle).then(|| ArrivedExport { event, heard: heard.map(Arc::new) })
    });
    let arrived: Vec<_> = arrived.collect();
    if arrived.is_empty() {
        return Ok(());
    }
    react::take(&ExportFrame(payment), &payment.work, arrived).await
}

/// An event as far as it concerns the money for an export; `None` for one that cannot be read.
fn read(event: &v1::Event) -> Option<SaleEvent> {
    let id = DeclarationId::parse(&event.declaration_id)?;
    let time = event.time.and_then(proto::time)?;
    let mut changes = Vec::new();
    for fact in event.facts.as_ref()?.facts.iter().filter_map(|fact| fact.kind.as_ref()) {
        changes.extend(match fact {
            Wire::Filed(_) | Wire::Amended(_) => {
                let declared = event.declaration.as_ref()?;
                if declared.ie_flag() != v1::Direction::Export {
                    continue;
                }
                let sale = sale(id, (event.version, time), &declared.clone().into());
                sale.map(|sale| SaleChange::Filed(Box::new(sale)))
            }
            Wire::Released(_) => Some(SaleChange::Released),
            Wire::Rejected(_) | Wire::Returned(_) | Wire::Withdrawn(_) => Some(SaleChange::Ended),
            _ => None,
        });
    }
    Some(SaleEvent { id, version: event.version, time, changes })
}

/// Events that could not be taken when they came, one by one in the order of each declaration.
#[derive(Debug)]
pub(crate) struct LateSales(pub(crate) Arc<Payments>);

impl Port for LateSales {
    const QUEUE: &'static str = EXPORTS;

    async fn deliver(&self, items: &[Item]) -> Vec<Delivery> {
        let taken = items.iter().map(|item| async {
            match self.catch_up(item).await {
                Ok(()) => Delivery::Done,
                Err(became) => became,
            }
        });
        futures::future::join_all(taken).await
    }
}

impl LateSales {
    async fn catch_up(&self, item: &Item) -> Result<(), Delivery> {
        let Self(payment) = self;
        let unreadable = || Delivery::Failed("the event cannot be read".to_owned());
        let event = v1::Event::decode(item.body.as_slice()).map_err(|_| unreadable())?;
        let heard = Arc::new(read(&event).ok_or_else(unreadable)?);
        let heard = hear(payment, vec![heard], Vec::new()).await;
        heard.map_err(|fault| Delivery::of(&fault))?;
        settle(payment, EXPORTS, item).await
    }
}
