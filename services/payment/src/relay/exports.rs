//! How the payment service hears of exports: from the same stream as of imports, taken in a transaction of their own
//! before any of the events is acknowledged.

use std::sync::Arc;

use domain::history::ExportProgress;
use domain::payment::ledger::Currency;
use domain::{DeclarationId, Slot};
use kit::deliver::{Delivery, settle};
use kit::event_head::{EventFact, EventHead};
use kit::listen::{Listener, UnreadableEvent};
use proto::v1::{self, fact::Kind as Wire};
use sqlx::PgPool;
use store::Fault;
use store::queue::Item;
use store::share::Share;
use time::OffsetDateTime;

use crate::Payments;
use crate::forex::announced_rows::AnnouncedReceipt;
use crate::forex::commit::ForexCommand;
use crate::forex::sales::{SaleChange, SaleEvent, sale};
use crate::queues::EXPORTS;

/// What comes about exports, for which money comes.
#[derive(Debug)]
pub(crate) struct SaleEvents(pub(crate) Arc<Payments>);

impl Listener for SaleEvents {
    const QUEUE: &'static str = EXPORTS;
    type Event = Arc<SaleEvent>;
    type Outcome = ();

    fn read(&self, event: &Arc<v1::Event>) -> Result<Option<Arc<SaleEvent>>, UnreadableEvent> {
        let read = read(event).ok_or(UnreadableEvent)?;
        Ok((!read.changes.is_empty()).then(|| Arc::new(read)))
    }

    fn queue(&self) -> (&PgPool, OffsetDateTime) {
        (&self.0.work, self.0.clock.now())
    }

    async fn take(&self, events: Vec<Arc<SaleEvent>>, behind: Vec<Item>) -> Result<Vec<()>, Fault> {
        let taken = vec![(); events.len()];
        let command = |reply| ForexCommand::ApplyEvents(events, behind, reply);
        self.0.forex.enqueue(Slot::of(""), &Share::Kept, command).await.map(|()| taken)
    }

    async fn take_late(&self, item: &Item, event: Arc<SaleEvent>) -> Result<(), Delivery> {
        let taken = self.take(vec![event], Vec::new()).await;
        taken.map_err(|fault| Delivery::of(&fault))?;
        settle(&self.0.work, EXPORTS, item).await
    }
}

/// Money that is announced; nothing where it is in a currency that is not settled here.
fn announced(declaration: DeclarationId, moved: &v1::ExportProgress) -> Option<SaleChange> {
    let moved = ExportProgress::try_from(moved.clone()).ok()?;
    let money = moved.money?;
    let currency = Currency::ALL.into_iter().find(|it| it.customs_code() == money.currency)?;
    let one = 10_i64.pow(5 - currency.minor_digits());
    Some(SaleChange::Announced(AnnouncedReceipt {
        declaration,
        pay_no: money.pay_no,
        pay_code: money.pay_code,
        currency,
        amount: money.amount_e5 / one,
        day: moved.day,
    }))
}

/// An event as far as it concerns the money for an export; `None` for one that cannot be read.
fn read(event: &v1::Event) -> Option<SaleEvent> {
    let head = EventHead::read_in(v1::Direction::Export, event)?;
    let EventHead { id, version, time, .. } = head;
    let mut changes = Vec::new();
    for fact in head.facts() {
        changes.extend(match fact? {
            EventFact::Filed(declared) => {
                let sale = sale(id, (version, time), &declared.clone().into());
                sale.map(|sale| SaleChange::Filed(Box::new(sale)))
            }
            EventFact::Released(_) => Some(SaleChange::Released),
            EventFact::Ended => Some(SaleChange::Ended),
            EventFact::Other(Wire::ExportProgress(moved)) => announced(id, moved),
            EventFact::Other(_) => None,
        });
    }
    Some(SaleEvent { id, version, time, changes })
}
