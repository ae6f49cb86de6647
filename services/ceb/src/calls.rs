//! What answers each call: a message in, a message out.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use domain::documents::DocumentKind;
use domain::refusal::{Code, Refusal};
use domain::{Slot, limits};
use futures::Stream;
use futures::future::join_all;
use kit::rpc::Call;
use proto::ceb::{self, MessageType};
use proto::v1;
use proto::v1::send_stream_response::Result as Item;
use proto::{memory, status, turn};
use store::commit_queue::WhenFull;
use store::share::Share;
use store::tail::{Reader, Signal};
use store::{Fault, ServiceError, journal};

use crate::commit::CebCommand;
use crate::receipt::IssuedReceipt;
use crate::wire::{fault, grouped, logged, outgoing, own_log, record};
use crate::{Ceb, issue, message, read};

impl Ceb {
    /// Takes one message or envelope.
    pub(crate) async fn send(
        &self,
        call: &Call,
        request: v1::SendRequest,
    ) -> Result<v1::SendResponse, ServiceError> {
        self.take(call, &request.message, WhenFull::Refuse).await
    }

    /// Takes one of a stream, whose own flow control bounds it.
    pub(crate) async fn send_item(
        self: Arc<Self>,
        call: Call,
        number: u64,
        item: v1::SendStreamRequest,
    ) -> v1::SendStreamResponse {
        // An item without a request is an empty message, and refused as one.
        let bytes = item.item.unwrap_or_default().message;
        let result = match self.take(&call, &bytes, WhenFull::Wait).await {
            Ok(answer) => Item::Answer(answer),
            Err(error) => {
                let v1::Refusal { grpc_code, code, message, message_zh, .. } =
                    status::refused_item(error.into());
                Item::Refusal(v1::ItemRefusal { grpc_code, code, message, message_zh })
            }
        };
        v1::SendStreamResponse { item: number, result: Some(result) }
    }

    async fn take(
        &self,
        call: &Call,
        bytes: &[u8],
        when_full: WhenFull,
    ) -> Result<v1::SendResponse, ServiceError> {
        let principal = &call.principal;
        memory::need(bytes.len().saturating_mul(limits::MEMORY_PER_CEB_BYTE)).map_err(|no| *no)?;
        let read = message::read(&self.policy, principal, bytes, &call.trace, self.clock.now())?;
        let share = Share::of(principal);
        let documents = match read {
            message::IncomingMessage::Documents(documents) => documents,
            message::IncomingMessage::Broken(broken) => {
                let message::SchemaBreach { malformed, faults, envelope_id, answer } = *broken;
                if !malformed.dxp_id.is_empty() {
                    let slot = Slot::of(&malformed.dxp_id);
                    let command = |reply| CebCommand::Malformed(malformed, reply);
                    self.batch.enqueue(slot, &share, command).await?;
                }
                return Ok(v1::SendResponse {
                    envelope_id,
                    messages: vec![outgoing(MessageType::Ceb900, &[answer])],
                    faults: faults.into_iter().map(fault).collect(),
                    ..v1::SendResponse::default()
                });
            }
        };
        let message::DocumentMessage { guid, message_type, envelope_id, documents } = documents;
        let share = &share;
        let waiting = documents.into_iter().map(|document| {
            let slot = document.slot;
            let command = |reply| CebCommand::Receive(Box::new(document), reply);
            self.batch.send(slot, share, command, when_full)
        });
        let mut receipts: Vec<IssuedReceipt> = Vec::new();
        for done in join_all(waiting).await {
            // What was refused for lack of room is sent again whole: documents are known by guid.
            receipts.extend(done?);
        }
        Ok(v1::SendResponse {
            guid,
            message_type: message_type.number().into(),
            envelope_id,
            messages: grouped(receipts),
            faults: Vec::new(),
        })
    }

    /// A page of the log of an exchange number; waits for what comes first, when it is asked to.
    pub(crate) async fn list_receipts(
        &self,
        call: &Call,
        request: v1::ListReceiptsRequest,
    ) -> Result<v1::ListReceiptsResponse, ServiceError> {
        let v1::ListReceiptsRequest { dxp_id, after, page_size, wait_seconds, order_no, key } =
            request;
        own_log(&call.principal, &dxp_id)?;
        let wait = u64::from(wait_seconds).min(limits::RECEIPTS_WAIT_SECONDS_MAX);
        // Whoever waits is like a stream, and is counted like one.
        let _turn = (wait > 0).then(|| self.pulls.enter(&call.principal.name)).transpose()?;
        // Behind every position there is nothing.
        let from = i64::try_from(after).unwrap_or(i64::MAX);
        let page = (page_size, limits::RECEIPTS_PAGE_BYTES);
        let about = read::ReceiptSelection { order_no, key };
        let messages = self.log(&dxp_id, &about, from, page, Duration::from_secs(wait)).await?;
        let next_after = messages.last().map_or(after, |last| last.position);
        Ok(v1::ListReceiptsResponse { messages, next_after })
    }

    /// The log of an exchange number without end.
    pub(crate) fn follow_receipts(
        self: Arc<Self>,
        call: &Call,
        request: v1::FollowReceiptsRequest,
    ) -> Result<
        impl Stream<Item = Result<v1::FollowReceiptsResponse, ServiceError>> + Send + use<>,
        ServiceError,
    > {
        let v1::FollowReceiptsRequest { dxp_id, after } = request;
        own_log(&call.principal, &dxp_id)?;
        Ok(follow_log(self, dxp_id, after))
    }

    /// A page of documents with what each waits for, newest first.
    pub(crate) async fn list_documents(
        &self,
        call: &Call,
        request: v1::ListDocumentsRequest,
    ) -> Result<v1::ListDocumentsResponse, ServiceError> {
        let v1::ListDocumentsRequest {
            order_no,
            message_type,
            waiting,
            page_size,
            page_token,
            number,
        } = request;
        let kind = u16::try_from(message_type).ok().and_then(DocumentKind::from_number);
        if message_type != 0 && kind.is_none() {
            return Err(Refusal::of(Code::CodeUnknown).with("message_type", message_type).into());
        }
        let principal = &call.principal;
        let everything = principal.holds("");
        let filter = read::DocumentFilter {
            order_no: Some(order_no).filter(|no| !no.is_empty()),
            kind,
            waiting,
            number: Some(number.trim().to_owned()).filter(|number| !number.is_empty()),
            dxp_ids: (!everything).then(|| principal.dxp_ids.clone()),
        };
        let (found, next_page_token) =
            read::documents(self, &principal.name, filter, (page_size, &page_token)).await?;
        let documents = found.into_iter().map(record).collect();
        Ok(v1::ListDocumentsResponse { documents, next_page_token })
    }

    /// Takes what customs issues, document by document.
    pub(crate) async fn issue(
        &self,
        request: v1::IssueRequest,
    ) -> Result<v1::IssueResponse, ServiceError> {
        let read = ceb::read(&request.message).map_err(|faults| {
            Refusal::invalid(faults.into_iter().map(message::violation).collect())
        })?;
        if !matches!(read.message_type, MessageType::Ceb816 | MessageType::Ceb818) {
            let refusal = Refusal::of(Code::XmlTypeUnsupported);
            return Err(refusal.with("type", read.message_type.name()).into());
        }
        let mut taken = 0;
        for document in read.documents {
            let document = document.document;
            let value = |element| document.text(element);
            let guid = uuid::Uuid::now_v7().to_string().to_uppercase();
            let body = ceb::write(read.message_type, &guid, std::slice::from_ref(&document));
            // The schema lets one digit through.
            let status = value("status")
                .parse()
                .map_err(|_| Refusal::of(Code::CodeUnknown).with("field", "status"))?;
            let issued = issue::IssuedDocument {
                message_type: read.message_type,
                guid: value("guid"),
                invt_no: value("invtNo"),
                status,
                body: Bytes::from(body),
            };
            let slot = Slot::of(&issued.invt_no);
            let command = |reply| CebCommand::Issue(Box::new(issued), reply);
            taken += u32::from(self.batch.enqueue(slot, &Share::Kept, command).await?);
        }
        Ok(v1::IssueResponse { taken })
    }

    /// Messages of an exchange number after a position; waits for the first one.
    async fn log(
        &self,
        dxp_id: &str,
        about: &read::ReceiptSelection,
        after: i64,
        (most, bytes): (i32, i64),
        wait: Duration,
    ) -> Result<Vec<v1::OutgoingMessage>, ServiceError> {
        let most =
            if most == 0 { limits::RECEIPTS_PAGE_DEFAULT } else { most.clamp(1, limits::PAGE_MAX) };
        let most = i64::from(most);
        let until = tokio::time::Instant::now() + wait;
        let mut tail = if wait.is_zero() { None } else { Some(self.listen(dxp_id).await?) };
        loop {
            let found =
                read::log(&self.reads, &self.tail, dxp_id, about, after, (most, bytes)).await?;
            let Some(tail) = tail.as_mut().filter(|_| found.is_empty()) else {
                return Ok(found.into_iter().map(logged).collect());
            };
            loop {
                // Others read meanwhile.
                let next = turn::rest(async {
                    tokio::select! {
                        next = tokio::time::timeout_at(until, tail.next()) => next.ok(),
                        () = self.draining.cancelled() => None,
                    }
                });
                let Some(entries) = next.await else { return Ok(Vec::new()) };
                if entries?.iter().any(|entry| entry.owner == dxp_id) {
                    break;
                }
            }
        }
    }

    /// Hears of what comes into the log of an exchange number from now on. Listening begins before looking, so
    /// that nothing falls between; and at the head, because what is behind is found by its reader's name.
    async fn listen(&self, dxp_id: &str) -> Result<Reader, ServiceError> {
        Ok(self.tail.read(self.reads.clone(), self.heads(dxp_id).await?))
    }

    async fn heads(&self, dxp_id: &str) -> Result<Vec<(Slot, i64)>, Fault> {
        let _turn = self.tail.turn().await;
        journal::heads(&self.reads, &[Slot::of(dxp_id).column()]).await
    }
}

/// The log of an exchange number without end.
fn follow_log(
    ceb: Arc<Ceb>,
    dxp_id: String,
    after: u64,
) -> impl Stream<Item = Result<v1::FollowReceiptsResponse, ServiceError>> + Send {
    async_stream::try_stream! {
        let mut position = after;
        let (listens, own) = (Arc::clone(&ceb), dxp_id.clone());
        let heads = ceb.tail.drive(async move { listens.heads(&own).await });
        let mut tail = ceb.tail.read(ceb.reads.clone(), heads.await?);
        loop {
            // Behind every position there is nothing.
            let from = i64::try_from(position).unwrap_or(i64::MAX);
            let page = (0, limits::RECEIPTS_FOLLOWED_BYTES);
            let (reads, own) = (Arc::clone(&ceb), dxp_id.clone());
            let messages = ceb.tail.drive(async move {
                let _turn = reads.tail.turn().await;
                let everything = read::ReceiptSelection::default();
                reads.log(&own, &everything, from, page, Duration::ZERO).await.map_err(Refusal::from)
            });
            let messages = messages.await?;
            let is_all = messages.is_empty();
            for message in messages {
                position = message.position;
                yield v1::FollowReceiptsResponse { message: Some(message), position };
            }
            if !is_all {
                continue;
            }
            loop {
                let signal = tokio::select! {
                    signal = tail.next_signal() => Some(signal),
                    () = ceb.draining.cancelled() => None,
                };
                let drains = || Refusal::of(Code::Unavailable).with("reason", "the window drains");
                match signal.ok_or_else(drains)?? {
                    Signal::Entries(entries) if entries.iter().all(|it| it.owner != dxp_id) => {}
                    Signal::Entries(_) => break,
                    Signal::Beat => yield v1::FollowReceiptsResponse { message: None, position },
                }
            }
        }
    }
}
