//! `provide`: the firm's answer to an agency that asks for documents (补交单证). It uploads the files and names them;
//! repeating the command is the same request.

use std::path::{Path, PathBuf};

use proto::v1;
use proto::v1::fact::Kind;

use super::words::pick;
use super::{BilingualText, Exit, Session, attachments, input, read};

/// Provide documents that an agency asks for: upload the files, and answer its request. The declaration keeps its
/// version.
#[derive(Debug, clap::Args)]
pub struct ProvideArgs {
    /// Name (declarations/UUID), UUID, or any of its numbers.
    pub name: String,
    /// A document and its file, for example invoice=invoice.pdf. May be given several times, also for one kind.
    #[arg(long, value_name = "KIND=FILE", value_parser = pair)]
    document: Vec<(String, String)>,
    /// The number of a document, for example invoice=INV-1: of the first of this kind, then of the next.
    #[arg(long, value_name = "KIND=NUMBER", value_parser = pair)]
    number: Vec<(String, String)>,
    /// Why there is none, for example contract="the order stands for it".
    #[arg(long, value_name = "KIND=REASON", value_parser = pair)]
    without: Vec<(String, String)>,
    /// The request that is answered, where two agencies ask [default: the one that is open].
    #[arg(long, value_name = "UUID")]
    request: Option<String>,
    /// Only check: files are uploaded, and no request is answered.
    #[arg(long)]
    check: bool,
}

fn pair(text: &str) -> Result<(String, String), String> {
    let (kind, value) = text.split_once('=').ok_or("KIND=… is expected, for example invoice=…")?;
    Ok((kind.to_owned(), value.to_owned()))
}

/// Uploads what is to be provided, and answers.
///
/// # Errors
///
/// What kept it from doing so.
pub async fn run(session: &Session, args: ProvideArgs) -> anyhow::Result<Exit> {
    let ProvideArgs { name, document, number, without, request, check } = args;
    let name = read::resolve(session, &name).await?;
    let record = read::fetch(session, &name).await?;
    let asked = asked(&record, request)?;
    // Whoever may file for several says for whom a file is kept.
    let declarant = record.declaration.and_then(|it| it.declarant);
    let declarant = declarant.map(|it| it.code).unwrap_or_default(); // then it is the caller's own
    let mut numbers = number;
    let mut documents = Vec::new();
    for (kind, file) in document {
        let file = PathBuf::from(file);
        let kept = attachments::put(session, &file, (&declarant, "")).await?;
        let at = numbers.iter().position(|(of, _)| *of == kind);
        let number = at.map(|at| numbers.remove(at).1).unwrap_or_default(); // it has none
        documents.push(v1::ProvidedDocument {
            kind,
            number,
            sha256: kept.sha256,
            name: file_name(&file),
            reason: String::new(),
        });
    }
    if let Some((kind, number)) = numbers.first() {
        anyhow::bail!(BilingualText::new(
            format!("--number {kind}={number}: there is no --document {kind} for it"),
            format!("--number {kind}={number}：没有对应的 --document {kind}"),
        ));
    }
    let reasons = without.into_iter();
    documents.extend(reasons.map(|(kind, reason)| v1::ProvidedDocument {
        kind,
        reason,
        ..Default::default()
    }));
    let provided = v1::DocumentsProvided {
        document_request_id: asked.clone(),
        documents: documents.clone(),
        ..Default::default()
    };
    let content = prost::Message::encode_to_vec(&provided);
    let request = v1::ProvideDocumentsRequest {
        request_id: input::change_id("provide", &name, record.version, &content),
        name,
        version: record.version,
        document_request_id: asked,
        documents,
        validate_only: check,
    };
    let call = async |it: &client::Window, ask| it.declarations().provide_documents(ask).await;
    let answer = session.ask(request, call).await?;
    if check {
        return session.print_sentence(&answer, "correct, nothing is kept", "校验通过，未保存");
    }
    session.print_one(&answer, |answer, language| {
        format!("{}  {}", answer.name, pick(language, "documents provided", "已补交单证"))
    })
}

/// The request that is meant. Where none is open it is the one that was answered last, which may be this answer; where
/// none ever was, the window says why nothing can be provided.
fn asked(record: &v1::DeclarationRecord, named: Option<String>) -> anyhow::Result<String> {
    let open: Vec<&str> =
        record.document_requests.iter().map(|it| it.document_request_id.as_str()).collect();
    match (named, &open[..]) {
        (Some(named), _) => Ok(named),
        (None, []) => Ok(answered(record)),
        (None, [one]) => Ok((*one).to_owned()),
        (None, several) => anyhow::bail!(BilingualText::new(
            format!("two agencies ask; say which you answer: --request {}", several.join(" or ")),
            format!("有两个机关要求补交，请用 --request 指明：{}", several.join("、")),
        )),
    }
}

fn answered(record: &v1::DeclarationRecord) -> String {
    let facts = record.history.iter().rev().flat_map(|entry| entry.facts.iter().rev());
    let mut provided = facts.filter_map(|fact| match &fact.kind {
        Some(Kind::DocumentsProvided(provided)) => Some(provided.document_request_id.clone()),
        _ => None,
    });
    provided.next().unwrap_or_default() // and so refused
}

fn file_name(file: &Path) -> String {
    // A path that names no file was not uploaded.
    file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}
