//! Messages become questions, and answers become messages.

use domain::attachment::AttachmentDigest;
use domain::clearance::{Agency, Phase, awaited};
use domain::refusal::{Code, Refusal, Violation};
use domain::{DeclarationId, Principal};
use prost::Message as _;
use proto::v1::{self, fact::Kind as FactKind};
use store::follow::JournalUpdate;
use store::journal::JournalEntry;
use store::{Fault, column};

use crate::attachment::{NamedAttachment, UploadReceipt};
use crate::attachment_rows::StoredAttachment;
use crate::{Content, Error, read, row};

/// Rules that were broken without stopping it.
pub(crate) fn warnings(found: &[Violation]) -> Vec<v1::Warning> {
    found.iter().map(Into::into).collect()
}

/// A filter that cannot be read is refused: dropped, it would widen the list.
pub(crate) fn filter(asked: v1::ListRequest) -> Result<read::DeclarationFilter, Refusal> {
    let v1::ListRequest {
        page_size: _,
        page_token: _,
        state,
        trade_mode,
        order_no,
        declarant_code,
        filed_from_time,
        filed_until_time,
    } = asked;
    let refuse = |code: Code, field: &str| Refusal::of(code).with("field", field);
    let state = v1::State::try_from(state).map_err(|_| refuse(Code::CodeUnknown, "state"))?;
    let text = |value: String| (!value.is_empty()).then_some(value);
    let time = |wire: Option<pbjson_types::Timestamp>, field: &str| {
        let read = wire.map(|wire| proto::time(wire).ok_or_else(|| refuse(Code::DateWrong, field)));
        read.transpose()
    };
    Ok(read::DeclarationFilter {
        only: None,
        phase: state.phase(),
        trade_mode: text(trade_mode),
        order_no: text(order_no),
        declarants: text(declarant_code).map(|code| vec![code]),
        filed_from: time(filed_from_time, "filed_from_time")?,
        filed_until: time(filed_until_time, "filed_until_time")?,
    })
}

pub(crate) fn record(record: read::DeclarationOverview) -> v1::DeclarationRecord {
    let id = |id: Option<uuid::Uuid>| proto::text(id.map(|id| id.to_string()));
    v1::DeclarationRecord {
        name: record.id.name(),
        pre_no: record.pre_no,
        invt_no: proto::text(record.invt_no),
        version: record.clearance.version,
        round: record.clearance.round,
        state: v1::State::from(record.clearance.phase).into(),
        customs: v1::Stand::from(record.clearance.stand(Agency::Customs)).into(),
        quarantine: v1::Stand::from(record.clearance.stand(Agency::Quarantine)).into(),
        inspection_order_id: id(record.order_id),
        release_id: id(record.release_id),
        filed_time: Some(proto::timestamp(record.filed_time)),
        released_time: record.released_time.map(proto::timestamp),
        declaration: None,
        history: Vec::new(),
        order_no: record.order_no,
        trade_mode: record.trade_mode,
        waits_for: proto::facts::awaited(&awaited(&record.clearance)),
        archived_time: record.archived_time.map(proto::timestamp),
        document_requests: Vec::new(),
    }
}

fn damaged(error: impl std::fmt::Display) -> Error {
    Fault::Broken(format!("a stored message cannot be read: {error}")).into()
}

pub(crate) fn whole(
    principal: &Principal,
    whole: read::DeclarationDetails,
) -> Result<v1::DeclarationRecord, Error> {
    let read::DeclarationDetails { record: kept, content, history } = whole;
    let mut shown = record(kept);
    shown.declaration = content.map(Content::decode).transpose().map_err(damaged)?;
    for entry in history {
        shown.history.push(v1::HistoryEntry {
            time: Some(proto::timestamp(entry.recorded_time)),
            version: column::number(entry.version)?,
            facts: proto::facts::decode(&entry.facts).map_err(damaged)?.facts,
            actor: principal.actor_shown(&entry.actor).to_owned(),
        });
    }
    if shown.waits_for.contains(&v1::Awaited::Documents.into()) {
        shown.document_requests = open_requests(&shown.history);
    }
    Ok(shown)
}

/// The requests for documents of the current version that were neither answered nor waived nor made anew.
fn open_requests(history: &[v1::HistoryEntry]) -> Vec<v1::DocumentsRequested> {
    let mut open: Vec<v1::DocumentsRequested> = Vec::new();
    let facts = history.iter().flat_map(|entry| &entry.facts);
    for kind in facts.filter_map(|fact| fact.kind.as_ref()) {
        match kind {
            FactKind::DocumentsRequested(asked) => {
                open.retain(|it| it.agency != asked.agency);
                open.push(asked.clone());
            }
            FactKind::DocumentsProvided(done) => open.retain(|it| it.agency != done.agency),
            FactKind::DocumentsWaived(done) => open.retain(|it| it.agency != done.agency),
            FactKind::Amended(_) => open.clear(),
            _ => {}
        }
    }
    open
}

pub(crate) fn watch_response(news: JournalUpdate) -> Result<v1::WatchResponse, Error> {
    match news {
        JournalUpdate::Quiet(resume_token) => {
            Ok(v1::WatchResponse { resume_token, ..Default::default() })
        }
        JournalUpdate::Entry(entry, token) => {
            let JournalEntry {
                subject, version, phase, facts, recorded_time, owner, event_id, ..
            } = &*entry;
            let phase: Phase = row::phase(*phase)?;
            let v1::Facts { facts, waits_for } = proto::facts::decode(facts).map_err(damaged)?;
            Ok(v1::WatchResponse {
                name: DeclarationId::from_uuid(*subject).name(),
                version: column::number(*version)?,
                state: v1::State::from(phase).into(),
                facts,
                waits_for,
                time: Some(proto::timestamp(*recorded_time)),
                resume_token: proto::text(token),
                unreadable: false,
                declarant: owner.clone(),
                event_id: event_id.to_string(),
            })
        }
    }
}

/// What is told of an entry that cannot be read.
pub(crate) fn unreadable(entry: &JournalEntry, token: Option<String>) -> v1::WatchResponse {
    v1::WatchResponse {
        name: DeclarationId::from_uuid(entry.subject).name(),
        time: Some(proto::timestamp(entry.recorded_time)),
        resume_token: proto::text(token),
        unreadable: true,
        declarant: entry.owner.clone(),
        event_id: entry.event_id.to_string(),
        ..Default::default()
    }
}

fn facts(entry: &JournalEntry) -> Result<Vec<FactKind>, Fault> {
    let facts = proto::facts::decode(&entry.facts);
    let facts = facts.map_err(|error| Fault::Broken(format!("facts cannot be read: {error}")))?;
    Ok(facts.facts.into_iter().filter_map(|fact| fact.kind).collect())
}

/// Where the inspection of a declaration is appointed; `None` before.
pub(crate) fn place(history: &[JournalEntry]) -> Result<Option<String>, Fault> {
    for entry in history.iter().rev() {
        let places = facts(entry)?.into_iter().rev().filter_map(|fact| match fact {
            FactKind::InspectionProgress(progress) => Some(progress.place),
            _ => None,
        });
        if let Some(place) = places.into_iter().find(|place| !place.is_empty()) {
            return Ok(Some(place));
        }
    }
    Ok(None)
}

/// Everything that a declaration names by its digest, each digest once, in the order in which they were named.
pub(crate) fn named(history: &[JournalEntry]) -> Result<Vec<NamedAttachment>, Fault> {
    let mut all: Vec<NamedAttachment> = Vec::new();
    // What has not 32 bytes names nothing; the rules let none in.
    let mut add = |sha256: Vec<u8>, kind: String, name: String, (version, declared_bytes)| {
        if let Ok(sha256) = sha256.try_into().map(AttachmentDigest)
            && all.iter().all(|known| known.sha256 != sha256)
        {
            all.push(NamedAttachment { sha256, kind, name, version, declared_bytes });
        }
    };
    for entry in history {
        let version = column::number(entry.version)?;
        if let Some(body) = entry.body.clone()?.filter(|_| entry.shows_content) {
            let content = Content::decode(body)
                .map_err(|error| Fault::Broken(format!("a content cannot be read: {error}")))?;
            for v1::Attachment { kind, name, sha256, size_bytes } in content.attachments {
                add(sha256, kind, name, (version, size_bytes));
            }
        }
        let findings = facts(entry)?.into_iter().flat_map(|fact| match fact {
            FactKind::InspectionCompleted(completed) => completed.findings,
            FactKind::InspectionAnswered(answered) => answered.findings,
            _ => Vec::new(),
        });
        for document in facts(entry)?.into_iter().flat_map(|fact| match fact {
            FactKind::DocumentsProvided(provided) => provided.documents,
            _ => Vec::new(),
        }) {
            let v1::ProvidedDocument { kind, name, sha256, .. } = document;
            if let Some(AttachmentDigest(sha256)) = AttachmentDigest::parse(&sha256) {
                add(sha256.to_vec(), kind, name, (version, 0));
            }
        }
        for sha256 in findings.flat_map(|finding| finding.evidence) {
            add(sha256, "evidence".to_owned(), String::new(), (version, 0));
        }
    }
    Ok(all)
}

pub(crate) fn attachment(
    named: NamedAttachment,
    here: Option<&StoredAttachment>,
) -> v1::AttachmentRecord {
    let NamedAttachment { sha256, kind, name, version, declared_bytes } = named;
    v1::AttachmentRecord {
        sha256: sha256.to_string(),
        kind,
        name,
        version,
        size_bytes: here.map_or(declared_bytes, |here| here.size_bytes.into()),
        media_type: proto::text(here.map(|here| here.media_type.clone())),
        stored_time: here.map(|here| proto::timestamp(here.stored_time)),
    }
}

pub(crate) fn upload(receipt: UploadReceipt) -> v1::PutAttachmentResponse {
    let UploadReceipt { attachment, repeated } = receipt;
    let StoredAttachment { sha256, upload_id: _, size_bytes, media_type, stored_time } = attachment;
    v1::PutAttachmentResponse {
        sha256: sha256.to_string(),
        size_bytes: size_bytes.into(),
        media_type,
        stored_time: Some(proto::timestamp(stored_time)),
        repeated,
    }
}
