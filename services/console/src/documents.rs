//! The documents of a declaration (随附单证): what it names and whether the files are here, files that are uploaded or
//! downloaded, and a firm's answer to an agency that asks for some (补充单证).

use std::collections::BTreeMap;
use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::body::Body;
use axum::extract::Path;
use axum::response::{IntoResponse as _, Redirect, Response};
use cli::words;
use domain::attachment::AttachmentDigest;
use domain::{Code, limits};
use futures::StreamExt as _;
use http::StatusCode;
use proto::v1;
use ring::digest::{Context, SHA256};

use crate::file_headers::file_headers;
use crate::problem::{FieldProblem, PageAnswer, RefusedCall, bare, settle};
use crate::story;
use crate::upload::{ChosenFile, FilePiece, FormPart};
use crate::visit::{NamedValues, Visit, page_with};

/// Something that the declaration names.
struct AttachmentRow {
    kind: String,
    name: String,
    sha256: String,
    media_type: String,
    size: String,
    since: String,
    is_here: bool,
}

/// A request for documents, as the form that answers it.
struct RequestedForm {
    id: String,
    /// After the names of its inputs in the page, where another form has them already.
    suffix: &'static str,
    agency: &'static str,
    until: String,
    items: Vec<RequestedItem>,
}

/// A document that is asked for, with what was said about it so far.
struct RequestedItem {
    kind: String,
    word: String,
    text: String,
    is_mandatory: bool,
    number: String,
    reason: String,
    kept: Vec<KeptFile>,
    problems: Vec<String>,
}

/// A file that was uploaded.
#[derive(Clone)]
struct KeptFile {
    sha256: String,
    name: String,
}

#[derive(Template)]
#[template(path = "documents.html")]
struct DocumentsPage<'a> {
    visit: &'a Visit,
    id: &'a str,
    title: String,
    version: u32,
    /// Who reads the declaration itself.
    has_story: bool,
    requests: Vec<RequestedForm>,
    attachments: Vec<AttachmentRow>,
    kept: Vec<KeptFile>,
    refused: Option<RefusedCall>,
    bytes_max: u64,
}

/// What was said so far: nothing before a form came.
#[derive(Default)]
struct DocumentForm {
    /// The request that is answered; empty when files are only uploaded.
    request: String,
    form: NamedValues,
    /// Files by the kind of document that they are for, in their order.
    kept: BTreeMap<String, Vec<KeptFile>>,
    problems: Vec<FieldProblem>,
}

/// `GET /console/declarations/{id}/documents`.
pub(crate) async fn show(
    Extension(visit): Extension<Arc<Visit>>,
    Path(id): Path<String>,
) -> Response {
    settle(&visit, shown(&visit, &id, DocumentForm::default(), None).await)
}

async fn shown(
    visit: &Visit,
    id: &str,
    sent: DocumentForm,
    refused: Option<RefusedCall>,
) -> PageAnswer {
    let name = format!("declarations/{id}");
    let has_story = visit.is_firm() || visit.is_operator();
    let record = if has_story { Some(story::read(visit, id).await?) } else { None };
    let request = v1::ListAttachmentsRequest { declaration: name };
    let named = visit.attachments().list_attachments(visit.call(request)).await?.into_inner();
    let row = |it: v1::AttachmentRecord| AttachmentRow {
        kind: words::document_kind(visit.language, &it.kind),
        name: it.name,
        sha256: it.sha256,
        media_type: it.media_type,
        size: kilobytes(it.size_bytes),
        is_here: it.stored_time.is_some(),
        since: words::minute(it.stored_time.and_then(proto::time)),
    };
    let status = refused.as_ref().map_or(StatusCode::OK, RefusedCall::status);
    let requests = record.iter().flat_map(|record| &record.document_requests);
    let requests = requests.filter(|_| visit.is_firm()).enumerate();
    // What is marked is in the form that was sent.
    let is_first = |index: usize, id: &str| {
        if sent.request.is_empty() { index == 0 } else { sent.request == id }
    };
    let page = DocumentsPage {
        visit,
        id,
        title: record.as_ref().map_or_else(|| id.to_owned(), |record| record.order_no.clone()),
        version: record.as_ref().map_or(0, |record| record.version), // nothing is answered there
        has_story,
        requests: requests
            .map(|(index, asked)| {
                let suffix = if is_first(index, &asked.document_request_id) { "" } else { ".2" };
                form(visit, asked, &sent, suffix)
            })
            .collect(),
        attachments: named.attachments.into_iter().map(row).collect(),
        kept: if sent.request.is_empty() {
            sent.kept.into_values().flatten().collect()
        } else {
            Vec::new()
        },
        refused,
        bytes_max: limits::ATTACHMENT_BYTES_MAX,
    };
    Ok(page_with(status, &page))
}

fn form(
    visit: &Visit,
    asked: &v1::DocumentsRequested,
    sent: &DocumentForm,
    suffix: &'static str,
) -> RequestedForm {
    let id = asked.document_request_id.clone();
    let is_sent = sent.request == id;
    let of = |input: &str, kind: &str| {
        if is_sent { sent.form.get(&format!("{input}.{kind}")).to_owned() } else { String::new() }
    };
    let item = |it: &v1::RequestedDocument| {
        let wrong = sent.problems.iter().filter(|problem| problem.field == input(&it.kind));
        RequestedItem {
            word: words::document_kind(visit.language, &it.kind),
            text: it.text.clone(),
            is_mandatory: it.mandatory,
            number: of("number", &it.kind),
            reason: of("reason", &it.kind),
            kept: sent.kept.get(&it.kind).filter(|_| is_sent).cloned().unwrap_or_default(), // none yet
            problems: wrong.filter(|_| is_sent).map(|problem| problem.text.clone()).collect(),
            kind: it.kind.clone(),
        }
    };
    let what = asked.asked.as_ref();
    RequestedForm {
        suffix,
        agency: words::agency(visit.language, asked.agency()),
        until: words::minute(what.and_then(|it| it.until_time).and_then(proto::time)),
        items: what.map_or_else(Vec::new, |it| it.items.iter().map(item).collect()),
        id,
    }
}

/// The name of the input for files of a kind.
fn input(kind: &str) -> String {
    format!("file.{kind}")
}

fn kilobytes(bytes: u64) -> String {
    format!("{} KB", bytes.div_ceil(1_000))
}

/// `POST /console/declarations/{id}/documents`: uploads files, and answers the request that they are for.
pub(crate) async fn send(
    Extension(visit): Extension<Arc<Visit>>,
    Path(id): Path<String>,
) -> Response {
    settle(&visit, sent(&visit, &id).await)
}

async fn sent(visit: &Visit, id: &str) -> PageAnswer {
    let record = story::read(visit, id).await?;
    let declarant = record.declaration.as_ref().and_then(|it| it.declarant.as_ref());
    // Then the window keeps it for the caller, or says that it has to be told for whom.
    let declarant = declarant.map_or_else(String::new, |it| it.code.clone());
    let mut sent = read(visit, &declarant).await?;
    sent.request = sent.form.get("request").to_owned();
    if sent.request.is_empty() {
        let refused = (!sent.problems.is_empty())
            .then(|| RefusedCall::local(Code::Invalid, visit.language, sent.problems.clone()));
        return shown(visit, id, sent, refused).await;
    }
    let documents = documents(&record, &sent);
    let request = v1::ProvideDocumentsRequest {
        request_id: sent.form.get("request_id").to_owned(),
        name: format!("declarations/{id}"),
        version: sent.form.get("version").parse().unwrap_or(0), // none that there is, and so refused
        document_request_id: sent.request.clone(),
        documents: documents.clone(),
        // Where a file was refused the rest is looked at all the same.
        validate_only: !sent.problems.is_empty(),
    };
    match visit.declarations().provide_documents(visit.call(request)).await {
        Ok(_) if sent.problems.is_empty() => {
            Ok(Redirect::to(&format!("/console/declarations/{id}")).into_response())
        }
        Ok(_) => {
            let refused = RefusedCall::local(Code::Invalid, visit.language, sent.problems.clone());
            shown(visit, id, sent, Some(refused)).await
        }
        Err(status) => {
            let mut refused: Box<RefusedCall> = status.into();
            for problem in &mut refused.violations {
                if let Some(kind) = kind(&problem.field, &documents) {
                    problem.field = input(kind);
                }
            }
            refused.violations.extend(sent.problems.clone());
            sent.problems.clone_from(&refused.violations);
            shown(visit, id, sent, Some(*refused)).await
        }
    }
}

/// Reads the form, and uploads its files as they come.
async fn read(visit: &Visit, declarant: &str) -> Result<DocumentForm, Box<RefusedCall>> {
    let mut sent = DocumentForm::default();
    let Some(mut form) = visit.upload() else { return Ok(sent) };
    while let Some(part) = form.next(visit).await? {
        match part {
            FormPart::Text(name, value) => {
                // Uploaded with this form before: digest, space, name.
                if let Some((kind, (sha256, file))) =
                    name.strip_prefix("kept.").zip(value.split_once(' '))
                {
                    let kept = KeptFile { sha256: sha256.to_owned(), name: file.to_owned() };
                    sent.kept.entry(kind.to_owned()).or_default().push(kept);
                }
                sent.form.add(name, value);
            }
            FormPart::File(input, file) => {
                let kind = input.strip_prefix("file.").unwrap_or_default(); // for no request
                match keep(visit, declarant, file).await {
                    Ok(kept) => sent.kept.entry(kind.to_owned()).or_default().push(kept),
                    Err(no) => {
                        let (code, text) = (no.code.clone(), no.title.clone());
                        sent.problems.push(FieldProblem { code, field: input, text });
                    }
                }
            }
        }
    }
    Ok(sent)
}

async fn keep(
    visit: &Visit,
    declarant: &str,
    ChosenFile { name, pieces }: ChosenFile,
) -> Result<KeptFile, Box<RefusedCall>> {
    let named = |mut refused: Box<RefusedCall>| {
        refused.title = format!("{name}: {}", refused.title);
        refused
    };
    let Some(pieces) = pieces else {
        let code = Code::AttachmentSizeWrong;
        return Err(named(Box::new(RefusedCall::local(code, visit.language, Vec::new()))));
    };
    let mut hash = Context::new(&SHA256);
    pieces.iter().for_each(|piece| hash.update(&piece.bytes));
    let sha256: String = hash.finish().as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    let first = v1::PutAttachmentRequest {
        sha256: sha256.clone(),
        declarant: declarant.to_owned(),
        ..Default::default()
    };
    let rest = pieces.into_iter().map(|FilePiece { bytes: content, .. }| {
        v1::PutAttachmentRequest { content, ..Default::default() }
    });
    let message = futures::stream::iter(std::iter::once(first).chain(rest));
    visit.attachments().put_attachment(visit.call(message)).await.map_err(|it| named(it.into()))?;
    Ok(KeptFile { sha256, name })
}

/// The answer that a form gives: what is there of each kind that was asked for, or why there is nothing.
fn documents(record: &v1::DeclarationRecord, sent: &DocumentForm) -> Vec<v1::ProvidedDocument> {
    let mut documents = Vec::new();
    for item in items(record, &sent.request) {
        let kind = &item.kind;
        let of = |input: &str| sent.form.get(&format!("{input}.{kind}"));
        let (mut number, mut reason) = (of("number").to_owned(), of("reason").to_owned());
        for KeptFile { sha256, name } in sent.kept.get(kind).into_iter().flatten() {
            documents.push(v1::ProvidedDocument {
                kind: kind.clone(),
                // Of the first of its kind.
                number: std::mem::take(&mut number),
                sha256: sha256.clone(),
                name: name.clone(),
                reason: std::mem::take(&mut reason),
            });
        }
        // A file that was refused is told by itself: it stands for the document while the rest is checked.
        let refused = sent.problems.iter().any(|problem| problem.field == input(kind));
        if refused && reason.is_empty() {
            reason = kind.clone();
        }
        if !reason.is_empty() {
            let kind = kind.clone();
            documents.push(v1::ProvidedDocument { kind, number, reason, ..Default::default() });
        }
    }
    documents
}

fn items<'a>(
    record: &'a v1::DeclarationRecord,
    request: &'a str,
) -> impl Iterator<Item = &'a v1::RequestedDocument> {
    let asked = record.document_requests.iter().filter(move |it| it.document_request_id == request);
    asked.filter_map(|it| it.asked.as_ref()).flat_map(|it| &it.items)
}

/// Which kind of document a problem is about: that of the document at its place, or the one that is missing there.
fn kind<'a>(field: &'a str, documents: &'a [v1::ProvidedDocument]) -> Option<&'a str> {
    let (place, _) = field.strip_prefix("documents[")?.split_once(']')?;
    place
        .parse()
        .map_or(Some(place), |index: usize| documents.get(index).map(|it| it.kind.as_str()))
}

/// `GET /console/declarations/{id}/documents/{sha256}`: the file.
pub(crate) async fn download(
    Extension(visit): Extension<Arc<Visit>>,
    Path((id, sha256)): Path<(String, String)>,
) -> Response {
    if AttachmentDigest::parse(&sha256).is_none() {
        return bare(&visit, StatusCode::NOT_FOUND);
    }
    settle(&visit, file(&visit, &id, sha256).await)
}

async fn file(visit: &Visit, id: &str, sha256: String) -> PageAnswer {
    let declaration = format!("declarations/{id}");
    let request = v1::GetAttachmentRequest { sha256, declaration, ..Default::default() };
    let mut pieces = visit.attachments().get_attachment(visit.call(request)).await?.into_inner();
    let first = pieces.message().await?.and_then(|first| first.attachment);
    // A status that comes amid the bytes cuts them, and whoever counts sees it.
    let bytes = pieces.map(|piece| piece.map(|piece| piece.content));
    let mut response = Response::new(Body::from_stream(bytes));
    if let Some(record) = first {
        response.headers_mut().extend(file_headers(&record));
    }
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_is_about_the_document_at_its_place_or_the_kind_that_is_missing() {
        let document =
            |kind: &str| v1::ProvidedDocument { kind: kind.to_owned(), ..Default::default() };
        let documents = [document("invoice"), document("photo")];
        for (field, expected) in [
            ("documents[1]", Some("photo")),
            ("documents[0].sha256", Some("invoice")),
            ("documents[contract]", Some("contract")),
            ("documents[2].kind", None),
            ("documents", None),
            ("version", None),
        ] {
            assert_eq!(kind(field, &documents), expected, "{field}");
        }
    }
}
