//! A firm gets its refunds in another way: its lines are judged anew, some hundred in a transaction, so that the list
//! shows where each of them stands now. A step takes its item out of the queue and puts the next one in, so it goes
//! on behind the last line whatever dies.

use domain::Slot;
use store::Fault;
use store::cipher::Cipher;
use store::queue::{self, Item};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::export_rows;
use crate::names::id_of;
use crate::queues::JUDGEMENTS;
use crate::transaction::RefundTransaction;

/// Lines that are judged in one transaction.
pub(crate) const LINES_MAX: i64 = 500;

/// A firm whose lines are judged, behind a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Judgement {
    pub(crate) firm: String,
    after: (Uuid, i32),
}

impl Judgement {
    /// As an item that is due then.
    fn item(&self, due: OffsetDateTime) -> Item {
        let (id, line) = self.after;
        Item {
            slot: Slot::of(&self.firm),
            // Each is one of its own: more may be said of a firm while its lines are judged.
            id: Uuid::now_v7(),
            kind: 0,
            subject: id_of(&format!("judgement/{}", self.firm)),
            place: 0,
            body: format!("{}\n{id}\n{line}", self.firm).into_bytes(),
            due,
            tries: 0,
        }
    }

    /// Reads an item; `None` when it is none.
    pub(crate) fn of(item: &Item) -> Option<Self> {
        let mut words = std::str::from_utf8(&item.body).ok()?.split('\n');
        let firm = words.next()?.to_owned();
        let after = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
        Some(Self { firm, after })
    }
}

/// All lines of a firm. What has not left is judged by the terms of the day on which it leaves.
pub(crate) fn all_of(firm: &str, now: OffsetDateTime) -> Item {
    Judgement { firm: firm.to_owned(), after: (Uuid::nil(), 0) }.item(now)
}

/// Judges some of them.
pub(crate) async fn judge(
    step: &mut RefundTransaction<'_>,
    cipher: &Cipher,
    item: &Item,
    judgement: &Judgement,
) -> Result<(), Fault> {
    let settled = queue::settle(&mut *step.tx, JUDGEMENTS, &[(item.slot, item.id)]).await?;
    if settled.is_empty() {
        // Another process did it.
        return Ok(());
    }
    let Judgement { firm, after } = judgement;
    let rows = export_rows::of_firm(&mut *step.tx, firm, *after, LINES_MAX).await?;
    step.write_exports(&rows).await?;
    if let Some(last) = rows.last().filter(|_| i64::try_from(rows.len()) == Ok(LINES_MAX)) {
        let after = (last.name.id.uuid(), last.name.line);
        let next = Judgement { firm: firm.clone(), after }.item(step.now);
        queue::enqueue(&mut *step.tx, cipher, JUDGEMENTS, &[next]).await?;
    }
    Ok(())
}
