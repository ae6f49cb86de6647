//! The loops that connect the national door with the declaration service, a file each: what is to be done about
//! documents ([`filing`], [`withdrawal`], [`matching`]), what is told of exports ([`export_news`]), and what became
//! of declarations ([`events`]). All speak the public schema, like every client, and go on after any cut: what is
//! to be done are rows, and what was not acknowledged comes again.

pub(crate) mod events;
pub(crate) mod export_news;
pub(crate) mod filing;
pub(crate) mod matching;
pub(crate) mod withdrawal;

use kit::deliver::{Delivery, settle};
use store::queue;
use store::share::Share;

use crate::Ceb;
use crate::commit::CebCommand;
use crate::document_rows;
use crate::filing_answer::{FilingAnswer, FilingOutcome};
use crate::stored_document::StoredDocument;

/// Has the documents of items handled; one that cannot be read fails alone, and one that is gone needs
/// nothing any more.
async fn each(
    ceb: &Ceb,
    queue: &str,
    items: &[queue::Item],
    handle: impl AsyncFnOnce(Vec<StoredDocument>) -> Vec<Delivery>,
) -> Vec<Delivery> {
    let found = match document_rows::of_items(&ceb.reads, ceb.tail.cipher(), items).await {
        Ok(found) => found,
        Err(fault) => return Delivery::shared(&fault, items),
    };
    let mut documents = Vec::new();
    let mut became: Vec<Option<Delivery>> = Vec::with_capacity(items.len());
    for (item, found) in items.iter().zip(found) {
        became.push(match found {
            Some(Ok(stored)) => {
                documents.push(stored);
                None
            }
            Some(Err(fault)) => Some(Delivery::of(&fault)),
            None => Some(match settle(&ceb.reads, queue, item).await {
                Ok(()) => Delivery::Done,
                Err(became) => became,
            }),
        });
    }
    let handled = if documents.is_empty() { Vec::new() } else { handle(documents).await };
    let mut handled = handled.into_iter();
    let no_answer = || Delivery::Suspect("nobody said what became of it".to_owned());
    let became = became.into_iter();
    became.map(|it| it.unwrap_or_else(|| handled.next().unwrap_or_else(no_answer))).collect()
}

/// Takes down how the filing or the withdrawal of a document went.
async fn take_down(ceb: &Ceb, stored: &StoredDocument, outcome: FilingOutcome) -> Delivery {
    let answered = FilingAnswer::of(stored, outcome);
    let slot = answered.slot;
    let command = |reply| CebCommand::Filing(answered, reply);
    Delivery::settled(ceb.batch.enqueue(slot, &Share::Kept, command).await)
}
