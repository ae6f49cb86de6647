//! Import tax and the limits of buyers, until a payment service takes them over: the books hear the
//! same events as the agency does, tell their bills by [`CebService.Issue`], and hear of returned
//! goods in the log of the exchange number [`CUSTOMS_LOG`].
//!
//! What is told and what was heard may come twice: a bill has the same guid whenever it is told, and
//! a return is counted once. What is still to be told stands in the books, not here, so a restart
//! forgets nothing. Nothing of this begins before the first import.
//!
//! [`CebService.Issue`]: v1::ceb_service_client::CebServiceClient::issue

use std::collections::HashSet;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use client::{ConsumerAnswer, Window};
use domain::principal::CUSTOMS_LOG;
use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use proto::ceb::{self, Document, MessageType};
use proto::status::is_worth_repeating;
use proto::v1;
use tokio::sync::Notify;
use tokio_util::time::DelayQueue;
use tonic::Status;

use crate::bill::{self, SUMMARISED_AFTER};
use crate::books::{Books, ImportCase, Notice};
use crate::ledger::BooksFile;

/// Notices on their way at once.
const IN_FLIGHT_MAX: usize = 8;
/// Pauses between attempts: doubled from the first to the longest.
const PAUSE: Duration = Duration::from_millis(250);
const PAUSE_MAX: Duration = Duration::from_secs(30);
/// The window follows its own journal for national messages, so its first answers may come before it
/// knows the number of the inventory. After so many attempts, about two minutes, nobody filed it there.
const UNKNOWN_MAX: u32 = 10;

/// The part of customs that collects.
#[derive(Debug)]
pub(crate) struct DutyCollector {
    ledger: Mutex<BooksFile>,
    /// Something may be due.
    news: Notify,
    /// Declarations of which something may be due; each waits here until the teller takes it.
    fresh: Mutex<HashSet<String>>,
    /// The door for national messages is missing, and that was said.
    missed: AtomicBool,
}

impl DutyCollector {
    /// Opens the books; without a file they end with this run.
    pub(crate) fn open(books: Option<&Path>) -> Self {
        let ledger = match books.map(BooksFile::open).transpose() {
            // Without a file they begin empty.
            Ok(ledger) => ledger.unwrap_or_default(),
            Err(error) => {
                tracing::warn!(%error, ?books, "customs' books cannot be kept; they end with this run");
                BooksFile::default()
            }
        };
        let fresh = Mutex::new(ledger.books.due().into_iter().collect());
        Self {
            ledger: Mutex::new(ledger),
            news: Notify::new(),
            fresh,
            missed: AtomicBool::new(false),
        }
    }

    fn ledger(&self) -> MutexGuard<'_, BooksFile> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What customs says to an event, and what the books make of it.
    pub(crate) fn replies(&self, event: &v1::Event) -> Vec<ConsumerAnswer> {
        let heard = {
            let mut ledger = self.ledger();
            let heard = ledger.books.hear(event);
            if heard.changed {
                ledger.keep(&event.declaration_id);
            }
            heard
        };
        if heard.changed {
            self.wake(event.declaration_id.clone());
        }
        crate::customs(event, heard.refusal)
    }

    fn wake(&self, declaration_id: String) {
        if self.due(&declaration_id).is_some() {
            let mut fresh = self.fresh.lock().unwrap_or_else(PoisonError::into_inner);
            fresh.insert(declaration_id);
        }
        self.news.notify_one();
    }

    fn take_fresh(&self) -> HashSet<String> {
        std::mem::take(&mut *self.fresh.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Tells and listens; never ends.
    pub(crate) async fn serve(&self, window: &Window) -> std::convert::Infallible {
        while self.ledger().books.is_empty() {
            self.news.notified().await;
        }
        tokio::join!(self.tell(window), self.listen(window));
        std::future::pending().await
    }

    /// Tells what is due, until the window turns out to have no door for it.
    async fn tell(&self, window: &Window) {
        let mut later: DelayQueue<Turn> = DelayQueue::new();
        let mut running = FuturesUnordered::new();
        // Whose turn is in one of the two.
        let mut queued = HashSet::new();
        loop {
            for id in self.take_fresh() {
                if queued.insert(id.clone()) {
                    later.insert(Turn::of(id), Duration::ZERO);
                }
            }
            tokio::select! {
                () = self.news.notified() => {}
                Some(due) = later.next(), if !later.is_empty() && running.len() < IN_FLIGHT_MAX => {
                    running.push(self.tell_one(window, due.into_inner()));
                }
                Some((turn, told)) = running.next(), if !running.is_empty() => match told {
                    Told::Away => {
                        let pause = turn.pause();
                        later.insert(Turn { failed: turn.failed + 1, ..turn }, pause);
                    }
                    Told::Unknown if self.insists(&turn) => {
                        let pause = turn.pause();
                        let (failed, unknown) = (turn.failed + 1, turn.unknown + 1);
                        later.insert(Turn { failed, unknown, ..turn }, pause);
                    }
                    Told::Unknown => {
                        tracing::debug!(declaration_id = turn.id, "nobody wants the bill");
                        self.change(&turn.id, |books| books.forget(&turn.id));
                        queued.remove(&turn.id);
                    }
                    Told::Done(told) => {
                        if let Some(told) = told {
                            self.change(&turn.id, |books| books.told(&turn.id, told));
                        }
                        // What became due meanwhile did not queue: its turn was on its way.
                        match self.due(&turn.id) {
                            Some(Notice::Summarised) => {
                                later.insert(Turn::of(turn.id), SUMMARISED_AFTER);
                            }
                            Some(Notice::Bill | Notice::Void) => {
                                later.insert(Turn::of(turn.id), Duration::ZERO);
                            }
                            None => {
                                queued.remove(&turn.id);
                            }
                        }
                    }
                    Told::NoDoor => return,
                },
            }
        }
    }

    /// Tells what is due next of a declaration.
    async fn tell_one(&self, window: &Window, turn: Turn) -> (Turn, Told) {
        let due = {
            let ledger = self.ledger();
            let case = ledger.books.case(&turn.id);
            case.and_then(|case| Some((case.due()?, bill::message(case, case.due()?))))
        };
        let Some((notice, message)) = due else { return (turn, Told::Done(None)) };
        let message = match message {
            Ok(message) => message.into_bytes(),
            Err(error) => {
                tracing::warn!(declaration_id = turn.id, %error, "an import cannot be taxed");
                return (turn, Told::Done(Some(notice)));
            }
        };
        let told = match window.ceb().issue(v1::IssueRequest { message }).await {
            Ok(answer) if answer.get_ref().taken > 0 => Told::Done(Some(notice)),
            Ok(_) => Told::Unknown,
            Err(status) if is_no_door(&status) => {
                self.miss(&status);
                Told::NoDoor
            }
            Err(status) if is_worth_repeating(status.code()) => Told::Away,
            Err(status) => {
                tracing::warn!(declaration_id = turn.id, ?notice, %status, "a notice was refused");
                Told::Done(Some(notice))
            }
        };
        (turn, told)
    }

    /// Whether the window may come to know an inventory: not when the national door did not file it.
    fn insists(&self, turn: &Turn) -> bool {
        let ledger = self.ledger();
        let national = ledger.books.case(&turn.id).is_some_and(|case| case.national);
        national && turn.unknown < UNKNOWN_MAX
    }

    fn due(&self, declaration_id: &str) -> Option<Notice> {
        self.ledger().books.case(declaration_id).and_then(ImportCase::due)
    }

    fn change(&self, declaration_id: &str, change: impl FnOnce(&mut Books)) {
        let mut ledger = self.ledger();
        change(&mut ledger.books);
        ledger.keep(declaration_id);
    }

    /// Follows the log of [`CUSTOMS_LOG`], until the window turns out to have none for us.
    async fn listen(&self, window: &Window) {
        loop {
            let after = self.ledger().books.log_position;
            let news = client::receipts(window.clone(), CUSTOMS_LOG.to_owned(), after);
            let mut news = std::pin::pin!(news);
            while let Some(told) = news.next().await {
                match told {
                    Ok(message) => self.take_back(&message),
                    Err(status) if is_no_door(&status) => return self.miss(&status),
                    Err(status) => tracing::warn!(%status, "the log of customs cannot be read"),
                }
            }
            tokio::time::sleep(PAUSE_MAX).await;
        }
    }

    /// A message of the log: goods that come back.
    fn take_back(&self, message: &v1::OutgoingMessage) {
        let xml = message.xml.as_bytes();
        let is_return = ceb::root(xml).is_some_and(|root| root.message_type == MessageType::Ceb625);
        let documents = match is_return.then(|| ceb::read_verified(xml)) {
            // The window verified the signature; its copy is without.
            Some(Ok(read)) => read.documents,
            Some(Err(faults)) => {
                let fault = faults.first();
                tracing::warn!(message.position, ?fault, "a return in the log cannot be read");
                Vec::new()
            }
            None => Vec::new(),
        };
        let time = message.time.and_then(proto::time);
        let mut changed = Vec::new();
        {
            let mut ledger = self.ledger();
            for read in &documents {
                if let Document::Ceb625(refund) = &read.document
                    && let Some(id) = ledger.books.give_back(refund, time)
                {
                    ledger.keep(&id);
                    changed.push(id);
                }
            }
            ledger.keep_log_position(message.position);
        }
        for id in changed {
            self.wake(id);
        }
    }

    fn miss(&self, status: &Status) {
        if !self.missed.swap(true, Ordering::Relaxed) {
            tracing::info!(%status, "the window has no door for tax bills; none are issued");
        }
    }
}

/// The window will not answer otherwise before it is another one.
fn is_no_door(status: &Status) -> bool {
    use tonic::Code::{PermissionDenied, Unauthenticated, Unimplemented};
    matches!(status.code(), Unimplemented | PermissionDenied | Unauthenticated)
}

/// An attempt to tell what is due of a declaration.
#[derive(Debug)]
struct Turn {
    id: String,
    /// Attempts that failed.
    failed: u32,
    /// Those that failed because the window does not know the inventory.
    unknown: u32,
}

impl Turn {
    fn of(id: String) -> Self {
        Self { id, failed: 0, unknown: 0 }
    }

    fn pause(&self) -> Duration {
        PAUSE.saturating_mul(1 << self.failed.min(10)).min(PAUSE_MAX)
    }
}

/// How an attempt went.
#[derive(Debug)]
enum Told {
    /// It was told, or cannot be told ever; `None` when there was nothing to tell any more.
    Done(Option<Notice>),
    /// The window knows no such inventory.
    Unknown,
    /// The window is away.
    Away,
    /// The window has no door for it.
    NoDoor,
}
