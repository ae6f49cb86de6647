//! What answers each call: a message in, a message out.

use std::sync::Arc;

use domain::refusal::{Code, Refusal};
use domain::{DeclarationId, Kind, Principal};
use futures::{Stream, StreamExt as _};
use kit::rpc::Call;
use kit::watch::{self, Journal, Subject, Watcher};
use proto::status;
use proto::v1::{self, submit_stream_response::Result as Item};
use store::commit_queue::WhenFull;
use store::journal::JournalEntry;
use store::share::Share;
use tonic::{Status, Streaming};

use crate::commit::DeclarationCommand;
use crate::get_attachment::AttachmentContent;
use crate::put_attachment::UploadHead;
use crate::submission::Submission;
use crate::wire::{
    attachment, filter, record, unreadable, upload, warnings, watch_response, whole,
};
use crate::{
    Declarations, Error, amend, archive, get_attachment, provide, put_attachment, read, submit,
    withdraw,
};

impl Declarations {
    /// Files one.
    pub(crate) async fn submit(
        &self,
        call: &Call,
        request: v1::SubmitRequest,
    ) -> Result<v1::SubmitResponse, Error> {
        let submission = self.parse(call, request)?;
        self.file(submission, &call.principal, WhenFull::Refuse).await
    }

    /// Files one of a stream, whose own flow control bounds it. It is parsed at once: a thousand of them may
    /// wait, and what waits is a submission and not the frames of everything that made it.
    pub(crate) fn submit_item(
        self: Arc<Self>,
        call: Call,
        item: v1::SubmitStreamRequest,
    ) -> impl Future<Output = v1::SubmitStreamResponse> + Send + use<> {
        // An item without a request has no request id, and is refused for it.
        let item = item.item.unwrap_or_default();
        let request_id = item.request_id.clone();
        let parsed = match proto::text::check(&item) {
            Ok(()) => self.parse(&call, item),
            Err(refusal) => Err(refusal.into()),
        };
        async move {
            let done = match parsed {
                Ok(submission) => self.file(submission, &call.principal, WhenFull::Wait).await,
                Err(error) => Err(error),
            };
            let result = match done {
                Ok(receipt) => Item::Receipt(receipt),
                Err(error) => Item::Refusal(status::refused_item(error.into())),
            };
            v1::SubmitStreamResponse { request_id, result: Some(result) }
        }
    }

    fn parse(&self, call: &Call, request: v1::SubmitRequest) -> Result<Box<Submission>, Error> {
        let v1::SubmitRequest { request_id, declaration, validate_only, pre_no } = request;
        let about = (validate_only, call.origin());
        let asked = (request_id.as_str(), pre_no);
        submit::parse(self, &call.principal, asked, declaration, about).map(Box::new)
    }

    async fn file(
        &self,
        submission: Box<Submission>,
        principal: &Principal,
        when_full: WhenFull,
    ) -> Result<v1::SubmitResponse, Error> {
        let (slot, validate_only) = (submission.slot, submission.only_check);
        let warnings = warnings(&submission.checked.warnings);
        // The national door files for many firms: each has its own turn.
        let share = match principal.kind {
            Kind::Gateway => Share::firm(&submission.checked.declaration.declarant.code),
            _ => Share::of(principal),
        };
        let command = |reply| DeclarationCommand::Submit(submission, reply);
        let receipt = self.run((&share, slot), command, when_full, validate_only).await?;
        let kept = !validate_only;
        Ok(v1::SubmitResponse {
            name: if kept { receipt.id.name() } else { String::new() },
            pre_no: if kept { receipt.pre_no } else { String::new() },
            version: 1,
            state: v1::State::UnderReview.into(),
            filed_time: Some(proto::timestamp(receipt.filed_time)),
            warnings,
            repeated: receipt.repeated,
        })
    }

    /// Reads the one that has this name, or the one or several that have this number.
    pub(crate) async fn get(
        &self,
        call: &Call,
        request: v1::GetRequest,
    ) -> Result<v1::GetResponse, Error> {
        let scope = call.principal.scope();
        let v1::GetRequest { name, number, number_kind } = request;
        let one = |found| {
            let record = Some(whole(&call.principal, found)?);
            Ok(v1::GetResponse { record, candidates: Vec::new() })
        };
        if number.is_empty() {
            return one(read::get(self, &scope, &name).await?);
        }
        if !name.is_empty() {
            return Err(Refusal::of(Code::NameMalformed).with("field", "name and number").into());
        }
        if number.chars().any(char::is_control) {
            return Err(Refusal::of(Code::BadCharacter).with("field", "number").into());
        }
        let kind = v1::NumberKind::try_from(number_kind)
            .map_err(|_| Refusal::of(Code::CodeUnknown).with("field", "number_kind"))?;
        match read::by_number(self, &scope, &number, kind.kind()).await? {
            read::LookupResult::One(found) => one(*found),
            read::LookupResult::Several(found) => {
                let candidates = found.into_iter().map(record).collect();
                Ok(v1::GetResponse { record: None, candidates })
            }
        }
    }

    /// A page of them, newest first.
    pub(crate) async fn list(
        &self,
        call: &Call,
        asked: v1::ListRequest,
    ) -> Result<v1::ListResponse, Error> {
        let (size, token) = (asked.page_size, asked.page_token.clone());
        let filter = filter(asked)?;
        let (records, next_page_token) =
            read::list(self, &call.principal, filter, (size, &token)).await?;
        let records = records.into_iter().map(record).collect();
        Ok(v1::ListResponse { records, next_page_token })
    }

    /// Follows what a caller may see; one declaration from its beginning.
    pub(crate) async fn watch(
        &self,
        call: &Call,
        request: v1::WatchRequest,
    ) -> Result<impl Stream<Item = Result<v1::WatchResponse, Error>> + Send + use<>, Error> {
        let v1::WatchRequest { resume_token, name } = request;
        let only = if name.is_empty() { None } else { Some(read::parse_name(&name)?) };
        let scope = call.principal.scope();
        let journal = Journal {
            reads: &self.pool,
            tail: &self.tail,
            tokens: &self.tokens,
            draining: &self.draining,
        };
        let watcher = Watcher {
            caller: &call.principal.name,
            token: &resume_token,
            only: only.map(|id| Subject { slot: id.slot(), id: id.uuid() }),
        };
        let positions = async |it: Subject| {
            let id = DeclarationId::from_uuid(it.id);
            Ok(read::locate(&self.pool, &scope, id).await?.1)
        };
        let own = scope.clone();
        let concerns = move |entry: &JournalEntry| own.covers(&entry.owner);
        let news = journal.watch(watcher, scope.slots(), positions, concerns).await?;
        let tail = self.tail.clone();
        Ok(news.map(move |news| watch::answer(&tail, news?, watch_response, unreadable)))
    }

    /// What may be archived.
    pub(crate) async fn list_archivable(
        &self,
        call: &Call,
        request: v1::ListArchivableRequest,
    ) -> Result<v1::ListArchivableResponse, Error> {
        let v1::ListArchivableRequest { older_than_days, after } = request;
        let page = archive::list(self, older_than_days, &after).await?;
        let shown = |found| whole(&call.principal, found);
        let records = page.records.into_iter().map(shown).collect::<Result<_, _>>()?;
        let next = proto::text(page.next.map(|id| id.name()));
        Ok(v1::ListArchivableResponse { records, waiting: page.waiting, next })
    }

    /// Archives.
    pub(crate) async fn archive(
        &self,
        request: v1::ArchiveRequest,
    ) -> Result<v1::ArchiveResponse, Error> {
        let v1::ArchiveRequest { older_than_days, names } = request;
        let archived = archive::archive(self, older_than_days, &names).await?;
        Ok(v1::ArchiveResponse { archived })
    }

    /// A new version.
    pub(crate) async fn amend(
        &self,
        call: Call,
        request: v1::AmendRequest,
    ) -> Result<v1::AmendResponse, Error> {
        let v1::AmendRequest { request_id, name, version, declaration, validate_only } = request;
        let (origin, principal) = (call.origin(), call.principal);
        let asked = (request_id.as_str(), name.as_str(), version);
        let amendment = amend::parse(self, &principal, asked, declaration, origin)?;
        let (id, checked) = (amendment.id, &amendment.checked);
        let warnings = warnings(&checked.warnings);
        let whose = (&Share::of(&principal), id.slot());
        let command = |reply| DeclarationCommand::Amend(Box::new(amendment), reply);
        let version = self.run(whose, command, WhenFull::Refuse, validate_only).await?;
        let state = v1::State::UnderReview.into();
        Ok(v1::AmendResponse { name: id.name(), version, state, warnings })
    }

    /// Takes one back.
    pub(crate) async fn withdraw(
        &self,
        call: Call,
        request: v1::WithdrawRequest,
    ) -> Result<v1::WithdrawResponse, Error> {
        let v1::WithdrawRequest { request_id, name, version, reason, validate_only } = request;
        let (origin, principal) = (call.origin(), call.principal);
        let asked = (request_id.as_str(), name.as_str(), version);
        let withdrawal = withdraw::parse(&principal, asked, reason, origin)?;
        let id: DeclarationId = withdrawal.id;
        let whose = (&Share::of(&principal), id.slot());
        let command = |reply| DeclarationCommand::Withdraw(withdrawal, reply);
        self.run(whose, command, WhenFull::Refuse, validate_only).await?;
        Ok(v1::WithdrawResponse { name: id.name(), state: v1::State::Withdrawn.into() })
    }

    /// Answers a request for documents.
    pub(crate) async fn provide_documents(
        &self,
        call: Call,
        request: v1::ProvideDocumentsRequest,
    ) -> Result<v1::ProvideDocumentsResponse, Error> {
        let v1::ProvideDocumentsRequest {
            request_id,
            name,
            version,
            document_request_id,
            documents,
            validate_only,
        } = request;
        let (origin, principal) = (call.origin(), call.principal);
        let asked = (request_id.as_str(), name.as_str(), version);
        let documents = documents.into_iter().map(Into::into).collect();
        let answer = (document_request_id.as_str(), documents);
        let provision = provide::parse(self, &principal, asked, answer, origin).await?;
        let id: DeclarationId = provision.id;
        let whose = (&Share::of(&principal), id.slot());
        let command = |reply| DeclarationCommand::Provide(Box::new(provision), reply);
        self.run(whose, command, WhenFull::Refuse, validate_only).await?;
        Ok(v1::ProvideDocumentsResponse { name: id.name(), version, document_request_id })
    }

    /// Keeps the bytes of an attachment.
    pub(crate) async fn put_attachment(
        &self,
        call: &Call,
        mut items: Streaming<v1::PutAttachmentRequest>,
    ) -> Result<v1::PutAttachmentResponse, Error> {
        // A stream without items names nothing, and is refused for it.
        let first = items.message().await.map_err(|status| cut(&status))?.unwrap_or_default();
        proto::text::check(&first)?;
        let v1::PutAttachmentRequest { sha256, declarant, declaration, content } = first;
        let rest = items.map(|item| match item {
            Ok(item) => Ok(item.content),
            Err(status) => Err(cut(&status)),
        });
        let pieces = futures::stream::iter([Ok(content)]).chain(rest).boxed();
        let head = UploadHead { sha256, declarant, declaration };
        put_attachment::put(self, &call.principal, head, pieces).await.map(upload)
    }

    /// Gives the bytes of an attachment.
    pub(crate) async fn get_attachment(
        self: Arc<Self>,
        call: &Call,
        request: v1::GetAttachmentRequest,
    ) -> Result<impl Stream<Item = Result<v1::GetAttachmentResponse, Error>> + Send + use<>, Error>
    {
        let v1::GetAttachmentRequest { sha256, declaration, declarant } = request;
        let asked = (declaration, declarant);
        let found = get_attachment::get(self, &call.principal, &sha256, asked).await?;
        let AttachmentContent { named, stored, parts } = found;
        let described = attachment(named, Some(&stored));
        let first = v1::GetAttachmentResponse { attachment: Some(described), ..Default::default() };
        let rest = parts
            .map(|content| Ok(v1::GetAttachmentResponse { attachment: None, content: content? }));
        Ok(futures::stream::iter([Ok(first)]).chain(rest))
    }

    /// Lists what a declaration names by its digest.
    pub(crate) async fn list_attachments(
        &self,
        call: &Call,
        request: v1::ListAttachmentsRequest,
    ) -> Result<v1::ListAttachmentsResponse, Error> {
        let named = get_attachment::list(self, &call.principal, &request.declaration).await?;
        let attachments = named.into_iter().map(|(named, here)| attachment(named, here.as_ref()));
        Ok(v1::ListAttachmentsResponse { attachments: attachments.collect() })
    }
}

/// Why no more of a stream can be read: what refused it has a code; a cut has none, and no hearer.
fn cut(status: &Status) -> Refusal {
    let code = status::code_of(status).unwrap_or(Code::RequestIncomplete); // why: nobody of ours said it
    Refusal::of(code).with("reason", status.message())
}
