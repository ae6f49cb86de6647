//! What a service said to the window by itself and is not answered yet: an item of its queue is done when it
//! is.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use client::ConsumerAnswer;
use proto::v1;
use tokio::sync::{mpsc, watch};

use crate::deliver::Delivery;

/// How long the answer to something that was said is waited for before others get their turn.
const ANSWER_TIME: Duration = Duration::from_secs(10);
/// Replies that wait to be said.
const REPLIES_WAITING_MAX: usize = 256;

/// What was said to the window by itself, until it is answered.
#[derive(Debug)]
pub struct PendingAnswers {
    sender: mpsc::Sender<ConsumerAnswer>,
    under_way: Mutex<HashMap<String, watch::Sender<Option<v1::Result>>>>,
}

impl PendingAnswers {
    /// A board, and what is said through it.
    pub fn new() -> (Self, mpsc::Receiver<ConsumerAnswer>) {
        let (sender, answers) = mpsc::channel(REPLIES_WAITING_MAX);
        (Self { sender, under_way: Mutex::default() }, answers)
    }

    /// Says something once, however often it is asked for, and waits for the answer. What has none in time is
    /// still under way.
    ///
    /// # Errors
    ///
    /// What that means for the item: the other side is away, or failed over it.
    pub async fn ask(&self, answer_sent: v1::Answer) -> Result<v1::Result, Delivery> {
        let request_id = answer_sent.request_id.as_str();
        let late = || Delivery::Away("the declaration service has not answered".to_owned());
        let (mut answer, is_new) = {
            let mut under_way = lock(&self.under_way);
            match under_way.get(request_id) {
                Some(sender) => (sender.subscribe(), false),
                None => {
                    let (sender, answer) = watch::channel(None);
                    under_way.insert(request_id.to_owned(), sender);
                    (answer, true)
                }
            }
        };
        if is_new && self.sender.send(ConsumerAnswer::now(answer_sent.clone())).await.is_err() {
            lock(&self.under_way).remove(request_id);
            return Err(late());
        }
        let answered = tokio::time::timeout(ANSWER_TIME, answer.wait_for(Option::is_some)).await;
        let result = match answered {
            Ok(Ok(result)) => result.clone(),
            Ok(Err(_)) | Err(_) => None,
        };
        let result = result.ok_or_else(late)?;
        lock(&self.under_way).remove(request_id);
        if result.result() == v1::ResultCode::Retry {
            let (code, message) = (result.code, result.message);
            return Err(Delivery::Failed(format!("the declaration service: {code} {message}")));
        }
        Ok(result)
    }

    /// An answer came.
    pub fn answer(&self, result: &v1::Result) {
        if let Some(sender) = lock(&self.under_way).get(&result.request_id) {
            sender.send_replace(Some(result.clone()));
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
