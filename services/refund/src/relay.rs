//! How the refund service hears of exports: over the exchange, like every agency. It says nothing there.
//!
//! An event is taken down before it is acknowledged. One that cannot be taken down waits in a queue, and with it
//! what comes about the same declaration. What follows from it, and from what firms and the tax office ask, are
//! items of queues as well.

use std::sync::Arc;

use domain::Slot;
use domain::tax_refund::entitlement::{ExportMode, MoneyStatus};
use kit::deliver::{Delivery, Port, settle};
use kit::event_head::{EventFact, EventHead};
use kit::listen::{self, EVENTS, ExchangeSeat, Listener, UnreadableEvent};
use proto::v1::{self, fact::Kind as Wire};
use sqlx::PgPool;
use store::Fault;
use store::queue::Item;
use store::share::Share;
use time::OffsetDateTime;

use crate::Refunds;
use crate::apply_events::{ExportChange, ExportEvent, FiledExport, FiledLine};
use crate::commit::RefundCommand;
use crate::export_row::Goods;
use crate::invalid_invoice::InvalidInvoice;
use crate::judging::Judgement;
use crate::names::ClaimName;
use crate::queues::{CLAIMS, INVALID_INVOICES, JUDGEMENTS, MATCHES};

/// Transactions for one item before others have their turn, and the loop says that it gets on.
const STEPS_MAX: usize = 10;

/// What comes about exports, whose tax is refunded.
#[derive(Debug)]
pub(crate) struct ExportEvents(pub(crate) Arc<Refunds>);

impl ExchangeSeat for ExportEvents {
    async fn take(&self, events: &[Arc<v1::Event>]) -> Result<Vec<(usize, v1::Answer)>, Fault> {
        listen::take_events(self, events).await.map(|_| Vec::new())
    }

    fn handle_result(&self, _: &v1::Result) {}
}

impl Listener for ExportEvents {
    type Event = Arc<ExportEvent>;
    type Outcome = ();

    fn read(&self, event: &Arc<v1::Event>) -> Result<Option<Arc<ExportEvent>>, UnreadableEvent> {
        let read = read(event).ok_or(UnreadableEvent)?;
        Ok((!read.changes.is_empty()).then(|| Arc::new(read)))
    }

    fn queue(&self) -> (&PgPool, OffsetDateTime) {
        (&self.0.work, self.0.clock.now())
    }

    async fn take(
        &self,
        events: Vec<Arc<ExportEvent>>,
        behind: Vec<Item>,
    ) -> Result<Vec<()>, Fault> {
        let taken = vec![(); events.len()];
        let command = |reply| RefundCommand::ApplyEvents(events, behind, reply);
        self.0.events.enqueue(Slot::of(""), &Share::Kept, command).await.map(|()| taken)
    }

    async fn take_late(&self, item: &Item, event: Arc<ExportEvent>) -> Result<(), Delivery> {
        let taken = Listener::take(self, vec![event], Vec::new()).await;
        taken.map_err(|fault| Delivery::of(&fault))?;
        settle(&self.0.work, EVENTS, item).await
    }
}

/// An event as far as it concerns the refund; `None` for one that cannot be read.
fn read(event: &v1::Event) -> Option<ExportEvent> {
    let head = EventHead::read(event)?;
    let mut changes = Vec::new();
    for fact in head.facts() {
        changes.push(match fact? {
            EventFact::Filed(declared) => ExportChange::Filed(Box::new(filed(declared)?)),
            EventFact::Released(_) => ExportChange::Released,
            EventFact::Ended => ExportChange::Ended,
            EventFact::Other(Wire::ReceiptProgress(moved)) => ExportChange::Money(money(moved)),
            EventFact::Other(Wire::ExportProgress(moved)) => {
                ExportChange::Moved(moved.clone().try_into().ok()?)
            }
            EventFact::Other(_) => continue,
        });
    }
    let version = i32::try_from(head.version).ok()?;
    Some(ExportEvent { id: head.id, version, time: head.time, changes })
}

/// How its money stands: what came and what was settled of it, beside what the goods cost.
fn money(moved: &v1::ReceiptProgress) -> MoneyStatus {
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

/// Goods of which exports and invoices are brought together. The last step takes out all that waits about them: what
/// comes while one is on its way is done together.
#[derive(Debug)]
pub(crate) struct Matches(pub(crate) Arc<Refunds>);

impl Port for Matches {
    const QUEUE: &'static str = MATCHES;

    async fn deliver(&self, items: &[Item]) -> Vec<Delivery> {
        let mut became = Vec::with_capacity(items.len());
        for item in items {
            became.push(self.bring_together(item).await.into());
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
            let command = |reply| RefundCommand::Match(goods.clone(), item.subject, reply);
            let more = refunds.requests.enqueue(item.slot, &Share::Kept, command).await;
            if !more.map_err(|fault| Delivery::of(&fault))? {
                return Ok(());
            }
        }
        refunds.writer.matches.notify_one();
        Err(Delivery::NotYet)
    }
}

/// Claims to which lines are added, or whose lines are freed; in the same way.
#[derive(Debug)]
pub(crate) struct ClaimsUnderWay(pub(crate) Arc<Refunds>);

impl Port for ClaimsUnderWay {
    const QUEUE: &'static str = CLAIMS;

    async fn deliver(&self, items: &[Item]) -> Vec<Delivery> {
        let mut became = Vec::with_capacity(items.len());
        for item in items {
            became.push(self.advance(item).await.into());
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
            let command = |reply| RefundCommand::Advance(claim.clone(), item.subject, reply);
            let more = refunds.requests.enqueue(item.slot, &Share::Kept, command).await;
            if !more.map_err(|fault| Delivery::of(&fault))? {
                return Ok(());
            }
        }
        refunds.writer.claims.notify_one();
        Err(Delivery::NotYet)
    }
}

/// Firms whose lines are judged anew.
#[derive(Debug)]
pub(crate) struct Judgements(pub(crate) Arc<Refunds>);

impl Port for Judgements {
    const QUEUE: &'static str = JUDGEMENTS;

    async fn deliver(&self, items: &[Item]) -> Vec<Delivery> {
        let judged = items.iter().map(async |item| self.judge(item).await.into());
        futures::future::join_all(judged).await
    }
}

impl Judgements {
    /// A step takes its item out of the queue and puts the next one in.
    async fn judge(&self, item: &Item) -> Result<(), Delivery> {
        let Self(refunds) = self;
        let unreadable = || Delivery::Failed("the firm cannot be read".to_owned());
        let judgement = Judgement::of(item).ok_or_else(unreadable)?;
        let judged = Box::new((item.clone(), judgement));
        let command = |reply| RefundCommand::Judge(judged, reply);
        let judged = refunds.requests.enqueue(item.slot, &Share::Kept, command).await;
        judged.map_err(|fault| Delivery::of(&fault))?;
        refunds.writer.judgements.notify_one();
        Ok(())
    }
}

/// Invoices that are not good any more, taken from what they bought.
#[derive(Debug)]
pub(crate) struct InvalidInvoices(pub(crate) Arc<Refunds>);

impl Port for InvalidInvoices {
    const QUEUE: &'static str = INVALID_INVOICES;

    async fn deliver(&self, items: &[Item]) -> Vec<Delivery> {
        let taken = items.iter().map(async |item| self.take(item).await.into());
        futures::future::join_all(taken).await
    }
}

impl InvalidInvoices {
    /// A step takes its item out of the queue and puts the next one in.
    async fn take(&self, item: &Item) -> Result<(), Delivery> {
        let Self(refunds) = self;
        let unreadable = || Delivery::Failed("the invoice cannot be read".to_owned());
        let invoice = InvalidInvoice::of(item).ok_or_else(unreadable)?;
        let invalid = Box::new((item.clone(), invoice));
        let command = |reply| RefundCommand::Invalidate(invalid, reply);
        let taken = refunds.requests.enqueue(item.slot, &Share::Kept, command).await;
        taken.map_err(|fault| Delivery::of(&fault))?;
        refunds.writer.invalid_invoices.notify_one();
        Ok(())
    }
}

fn body(item: &Item) -> Result<String, Delivery> {
    let text = std::str::from_utf8(&item.body);
    text.map(str::to_owned).map_err(|_| Delivery::Failed("the item cannot be read".to_owned()))
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
