//! The two loops that connect the national door with the declaration service: one runs errands, one
//! hears what became of declarations. Both speak the public schema, like every client, and go on after
//! any cut: errands are rows, and the news are heard from a kept token.

use std::time::Duration;

use client::Window;
use domain::DeclarationId;
use domain::ids::is_given_by_door;
use futures::StreamExt as _;
use proto::ceb;
use proto::status::is_worth_repeating;
use proto::v1;
use proto::v1::fact::Kind as Wire;
use proto::v1::submit_stream_response::Result as Item;
use store::lease::Lease;
use store::share::Share;
use store::{Fault, batch};
use tokio_util::sync::CancellationToken;
use tonic::Status;

use crate::Ceb;
use crate::commit::{Command, Done};
use crate::errand::{Answered, Outcome};
use crate::follow::{Fact, Heard, News, Progress};
use crate::paper::{Errand, Paper};
use crate::{errand, expire, follow, matching, shelf};

/// How often errands and time-outs are looked for without a hint.
const LOOK: Duration = Duration::from_secs(1);
/// The same for time-outs, which are hours.
const EXPIRE: Duration = Duration::from_secs(30);
/// After a failure.
const PAUSE: Duration = Duration::from_millis(500);
/// How often the lease of the news is extended.
const RENEW: Duration = Duration::from_secs(2);
/// How often the place in the news is kept when none of them is ours.
const KEEP: Duration = Duration::from_secs(5);

/// Runs errands and looks for time-outs until `closing`.
pub(crate) async fn run_errands(ceb: &Ceb, window: &Window, closing: &CancellationToken) {
    let mut expired = tokio::time::Instant::now();
    loop {
        let more = match errands(ceb, window, closing).await {
            Ok(more) => more,
            Err(error) => {
                tracing::warn!(error = %error, "errands to the declaration service wait");
                pause(closing, PAUSE).await;
                false
            }
        };
        if expired.elapsed() > EXPIRE {
            expired = tokio::time::Instant::now();
            if let Err(error) = time_out(ceb).await {
                tracing::warn!(error = %error, "time-outs were not looked for");
            }
        }
        if closing.is_cancelled() {
            return;
        }
        if !more {
            tokio::select! {
                () = ceb.errands.notified() => {}
                () = tokio::time::sleep(LOOK) => {}
                () = closing.cancelled() => return,
            }
        }
    }
}

/// Why errands wait.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error(transparent)]
    Fault(#[from] Fault),
    #[error("the declaration service: {0}")]
    Status(#[from] Status),
}

impl From<batch::Missed> for Trouble {
    fn from(missed: batch::Missed) -> Self {
        match missed {
            batch::Missed::Busy => Self::Fault(Fault::Away("too much waits".to_owned())),
            batch::Missed::Fault(fault) => Self::Fault(fault),
        }
    }
}

/// Runs what there is. True when there may be more.
async fn errands(ceb: &Ceb, window: &Window, closing: &CancellationToken) -> Result<bool, Trouble> {
    let most = domain::limits::ERRANDS_MAX;
    let file = shelf::with_errand(&ceb.reads, Errand::File, most).await?;
    if closing.is_cancelled() {
        return Ok(false);
    }
    let (count, filed) = (file.len(), file_all(ceb, window, file).await?);
    for paper in shelf::with_errand(&ceb.reads, Errand::Withdraw, most).await? {
        if closing.is_cancelled() {
            return Ok(false);
        }
        // One that cannot be told now does not hold up the others.
        if let Err(error) = self::withdraw(ceb, window, paper).await {
            tracing::warn!(error = %error, "a cancellation waits");
        }
    }
    Ok(filed > 0 && i64::try_from(count).is_ok_and(|count| count == most))
}

/// Files inventories over one stream, and takes the answers down together.
async fn file_all(ceb: &Ceb, window: &Window, papers: Vec<Paper>) -> Result<usize, Trouble> {
    if papers.is_empty() {
        return Ok(0);
    }
    let items: Vec<v1::SubmitRequest> = papers
        .iter()
        .map(|paper| v1::SubmitRequest {
            request_id: paper.id.to_string(),
            declaration: ceb::declared(&paper.document, paper.signed),
            validate_only: false,
            pre_no: paper.pre_no.clone(),
        })
        .collect();
    let mut answers: Vec<Option<Outcome>> = papers.iter().map(|_| None).collect();
    let sent = client::submit_all(window, items, |place, answer| {
        answers[place] = outcome(answer);
    })
    .await;
    let told = papers.iter().zip(answers).filter_map(|(paper, outcome)| {
        let answered = Answered::of(paper, outcome?);
        Some(ceb.batch.queue(answered.slot, &Share::Kept, Command::Errand(answered)))
    });
    let mut told = futures::future::join_all(told).await.into_iter();
    let count = told.len();
    told.try_for_each(|done| done.map(drop))?;
    sent?;
    Ok(count)
}

/// What an answer means; `None` when it is to be tried again.
fn outcome(answer: v1::SubmitStreamResponse) -> Option<Outcome> {
    match answer.result? {
        Item::Receipt(receipt) => {
            DeclarationId::parse(&receipt.name).map(|id| Outcome::Done(id.uuid()))
        }
        Item::Refusal(refusal) => {
            let code = tonic::Code::from(refusal.grpc_code);
            if is_worth_repeating(code) || code == tonic::Code::Internal {
                let reference = refusal.metadata.get("reference");
                tracing::warn!(refusal.code, ?reference, "an inventory is filed later");
                return None;
            }
            let texts: Vec<String> = refusal.violations.into_iter().map(|v| v.text_zh).collect();
            let text = if texts.is_empty() { refusal.message_zh } else { texts.join("；") };
            Some(Outcome::Refused { code: refusal.code, text })
        }
    }
}

/// Withdraws the inventory that a cancellation names, in whatever version it is.
async fn withdraw(ceb: &Ceb, window: &Window, paper: Paper) -> Result<(), Trouble> {
    let outcome = match errand::cancelled_inventory(&ceb.reads, &paper).await? {
        errand::Cancelled::Declaration(id) => try_withdraw(window, &paper, id).await?,
        errand::Cancelled::NotYet => None,
        errand::Cancelled::Ended => {
            let text = "清单已终结".to_owned();
            Some(Outcome::Refused { code: String::new(), text })
        }
    };
    let Some(outcome) = outcome else { return Ok(()) };
    let answered = Answered::of(&paper, outcome);
    ceb.batch.queue(answered.slot, &Share::Kept, Command::Errand(answered)).await?;
    Ok(())
}

async fn try_withdraw(
    window: &Window,
    paper: &Paper,
    id: uuid::Uuid,
) -> Result<Option<Outcome>, Trouble> {
    let name = format!("declarations/{id}");
    let got = window
        .declarations()
        .get(v1::GetRequest { name: name.clone(), ..Default::default() })
        .await?
        .into_inner();
    let version = got.record.map_or(1, |record| record.version);
    let reason = paper.document.value("reason").filter(|text| !text.trim().is_empty());
    let request = v1::WithdrawRequest {
        request_id: paper.id.to_string(),
        name,
        version,
        reason: reason.unwrap_or_else(|| "撤单".to_owned()),
        validate_only: false,
    };
    // What it says stands in a receipt.
    let mut request = tonic::Request::new(request);
    let language = tonic::metadata::MetadataValue::from_static("zh-CN");
    request.metadata_mut().insert("accept-language", language);
    match window.declarations().withdraw(request).await {
        Ok(_) => Ok(Some(Outcome::Done(id))),
        Err(status) if is_worth_repeating(status.code()) => Err(status.into()),
        // Somebody amended it meanwhile: read again.
        Err(status) if status.code() == tonic::Code::Aborted => Ok(None),
        Err(status) => {
            let text = status.message().to_owned();
            Ok(Some(Outcome::Refused { code: String::new(), text }))
        }
    }
}

async fn time_out(ceb: &Ceb) -> Result<(), Trouble> {
    let wait = time::Duration::seconds(matching::POLICY.wait_seconds);
    let expired = expire::find(&ceb.reads, ceb.clock.now() - wait).await?;
    if !expired.keys.is_empty() {
        ceb.batch.queue(domain::Slot::of(""), &Share::Kept, Command::Expire(expired)).await?;
    }
    Ok(())
}

/// Hears what became of declarations until `closing`. Of several processes one does; another goes on
/// when it is gone.
pub(crate) async fn follow(ceb: &Ceb, window: &Window, closing: &CancellationToken) {
    let lease = Lease::new(ceb.reads.clone(), "news");
    while !closing.is_cancelled() {
        let heard = tokio::select! {
            heard = hear(ceb, window, &lease) => heard,
            () = closing.cancelled() => break,
        };
        if let Err(error) = heard {
            tracing::warn!(error = %error, "the news of the declaration service wait");
        }
        pause(closing, PAUSE).await;
    }
    if let Err(error) = lease.release().await {
        tracing::warn!(error = %error, "the lease of the news runs out by itself");
    }
}

/// Most declarations come by gRPC and are none of ours: their news are dropped here, so that they cost
/// no transaction. Ours are known by the number that we gave, or were open when we began to listen.
async fn hear(ceb: &Ceb, window: &Window, lease: &Lease) -> Result<(), Trouble> {
    if !lease.hold().await? {
        return Ok(());
    }
    // The token first: what happens while the open ones are read is in the news after it.
    let mut from = follow::token(&ceb.reads).await?;
    let mut open = follow::open(&ceb.reads).await?;
    let request = v1::WatchRequest { resume_token: from.clone(), name: String::new() };
    let mut told = std::pin::pin!(client::watch(window.clone(), request));
    let mut news = Vec::new();
    let mut kept = tokio::time::Instant::now();
    let mut renewal = tokio::time::interval(RENEW);
    loop {
        let told = tokio::select! {
            told = told.next() => told,
            _ = renewal.tick() => {
                if lease.hold().await? {
                    continue;
                }
                return Ok(());
            }
        };
        let Some(told) = told.transpose()? else { return Ok(()) };
        let Some(id) = DeclarationId::parse(&told.name) else { continue };
        let declaration = id.uuid();
        for fact in told.facts.into_iter().filter_map(fact) {
            if matches!(&fact, Fact::Filed(pre_no) if is_given_by_door(pre_no)) {
                open.insert(declaration);
            }
            if open.contains(&declaration) {
                if fact.is_last() {
                    open.remove(&declaration);
                }
                news.push(News { declaration, fact });
            }
        }
        // Without a token a later answer of the same burst carries it.
        let token = told.resume_token;
        if !token.is_empty() && (!news.is_empty() || kept.elapsed() > KEEP) {
            let news = std::mem::take(&mut news);
            let heard = Heard { news, from, token: token.clone() };
            let done =
                ceb.batch.queue(domain::Slot::of(""), &Share::Kept, Command::Heard(heard)).await?;
            if matches!(done, Done::Outrun) {
                return Ok(());
            }
            from = token;
            kept = tokio::time::Instant::now();
        }
    }
}

/// The facts that receipts are made of.
fn fact(fact: v1::Fact) -> Option<Fact> {
    let customs = i32::from(v1::Agency::Customs);
    Some(match fact.kind? {
        Wire::Filed(filed) => Fact::Filed(filed.pre_no),
        Wire::Numbered(numbered) => Fact::Numbered(numbered.invt_no),
        Wire::StandChanged(changed) => {
            let stand = changed.stand();
            if stand == v1::Stand::Detained {
                return Some(Fact::Customs(Progress::Detained(detained(&changed.reasons))));
            }
            if changed.agency != customs {
                return None;
            }
            match stand {
                v1::Stand::ManualReview | v1::Stand::Held => Fact::Customs(Progress::ManualReview),
                v1::Stand::Concluded | v1::Stand::Cleared => Fact::Customs(Progress::Concluded),
                v1::Stand::Unspecified
                | v1::Stand::Pending
                | v1::Stand::Accepted
                | v1::Stand::WantsInspection
                | v1::Stand::Detained => return None,
            }
        }
        Wire::InspectionOrdered(ordered) => {
            Fact::Examined { for_customs: ordered.demanded_by == customs }
        }
        // Customs that asks to see the goods is done with the data; the order is told already.
        Wire::InspectionJoined(joined) if joined.demanded_by == customs => {
            Fact::Customs(Progress::Concluded)
        }
        Wire::Released(_) => Fact::Released,
        Wire::Rejected(rejected) => Fact::Rejected(reasons(&rejected.reasons)),
        Wire::Returned(returned) => Fact::Returned(reasons(&returned.reasons)),
        Wire::Withdrawn(_) => Fact::Withdrawn,
        Wire::Amended(_)
        | Wire::InspectionJoined(_)
        | Wire::InspectionCompleted(_)
        | Wire::InspectionAnswered(_)
        | Wire::InspectionCancelled(_)
        | Wire::InspectionReopened(_)
        | Wire::InspectionMoved(_)
        | Wire::Targeted(_) => return None,
    })
}

/// 501, 502 or 503 when the agency says so, otherwise 599.
fn detained(reasons: &[v1::Reason]) -> i32 {
    use domain::documents::status;
    let known =
        [status::DETAINED_CLEARANCE, status::DETAINED_ANTISMUGGLING, status::DETAINED_LEGAL];
    let said = reasons.iter().find_map(|reason| reason.code.parse::<i32>().ok());
    said.filter(|code| known.contains(code)).unwrap_or(status::DETAINED_OTHER)
}

fn reasons(reasons: &[v1::Reason]) -> String {
    let text = |reason: &v1::Reason| {
        if reason.code.is_empty() || reason.text.starts_with("[Code:") {
            reason.text.clone()
        } else {
            format!("[Code:{};Desc:{}]", reason.code, reason.text)
        }
    };
    reasons.iter().map(text).collect::<Vec<_>>().join(",")
}

async fn pause(closing: &CancellationToken, time: Duration) {
    tokio::select! {
        () = tokio::time::sleep(time) => {}
        () = closing.cancelled() => {}
    }
}
