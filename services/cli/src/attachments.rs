//! `attachment`: the bytes of documents that declarations name by their digest (随附单证).

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use domain::attachment::AttachmentDigest;
use domain::limits::ATTACHMENT_PART_BYTES;
use proto::v1;
use sha2::{Digest as _, Sha256};

use super::read::resolve;
use super::session::TableRow;
use super::words;
use super::{BilingualText, Exit, Language, Session};

/// The bytes of documents that declarations name by their digest (随附单证).
#[derive(Debug, clap::Args)]
pub struct AttachmentArgs {
    #[command(subcommand)]
    verb: AttachmentVerb,
}

#[derive(Debug, clap::Subcommand)]
enum AttachmentVerb {
    Upload(UploadArgs),
    List(ListAttachmentsArgs),
    Download(DownloadArgs),
}

/// Upload files: invoices, contracts, licences, photographs. What is there already is not kept twice, so the command
/// may be repeated.
#[derive(Debug, clap::Args)]
struct UploadArgs {
    /// Files of at most 20 MiB.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Customs code of the declarant that they are kept for; agents say it.
    #[arg(long, value_name = "CODE")]
    declarant: Option<String>,
    /// The declaration whose declarant they are kept for; sites and agencies say it.
    #[arg(long, value_name = "NAME", conflicts_with = "declarant")]
    declaration: Option<String>,
}

/// List what a declaration names by its digest, and whether its bytes are here.
#[derive(Debug, clap::Args)]
struct ListAttachmentsArgs {
    /// Resource name of the declaration, or one of its numbers.
    #[arg(value_name = "NAME")]
    declaration: String,
}

/// Download what a declaration names. The bytes are compared with their digest.
#[derive(Debug, clap::Args)]
struct DownloadArgs {
    /// Resource name of the declaration, or one of its numbers.
    #[arg(value_name = "NAME")]
    declaration: String,
    /// Only these (SHA-256, 64 hexadecimal digits) [default: all whose bytes are here].
    #[arg(value_name = "SHA256", value_parser = digest)]
    digests: Vec<String>,
    /// The directory that they are written to, each under its digest.
    #[arg(long, value_name = "DIR", default_value = ".")]
    to: PathBuf,
}

fn digest(text: &str) -> Result<String, String> {
    let digest = AttachmentDigest::parse(text).map(|digest| digest.to_string());
    digest.ok_or_else(|| "64 hexadecimal digits are expected".to_owned())
}

/// Does what the verb says.
///
/// # Errors
///
/// What kept it from doing so.
pub async fn run(session: &Session, args: AttachmentArgs) -> anyhow::Result<Exit> {
    match args.verb {
        AttachmentVerb::Upload(args) => upload(session, args).await,
        AttachmentVerb::List(args) => list(session, &args.declaration).await,
        AttachmentVerb::Download(args) => download(session, args).await,
    }
}

async fn upload(session: &Session, args: UploadArgs) -> anyhow::Result<Exit> {
    let UploadArgs { files, declarant, declaration } = args;
    let declarant = proto::text(declarant);
    let declaration = match declaration {
        Some(named) => resolve(session, &named).await?,
        None => String::new(),
    };
    let mut kept = Vec::new();
    for file in files {
        let space = (declarant.as_str(), declaration.as_str());
        kept.push(put(session, &file, space).await?);
    }
    session.print(&kept)
}

/// Uploads a file for a declarant, or for that of a declaration; both may be empty.
pub(super) async fn put(
    session: &Session,
    file: &Path,
    (declarant, declaration): (&str, &str),
) -> anyhow::Result<v1::PutAttachmentResponse> {
    let sha256 = sha256(file).with_context(|| BilingualText::unreadable(file))?;
    let first = v1::PutAttachmentRequest {
        sha256: sha256.to_string(),
        declarant: declarant.to_owned(),
        declaration: declaration.to_owned(),
        ..Default::default()
    };
    // The same bytes have the same effect however often they are sent.
    let once = async || {
        let pieces = pieces(first.clone(), file);
        session.window.attachments().put_attachment(session.request(pieces)).await
    };
    Ok(client::repeat(once).await?.into_inner())
}

fn sha256(file: &Path) -> io::Result<AttachmentDigest> {
    let mut sha256 = Sha256::new();
    io::copy(&mut File::open(file)?, &mut sha256)?;
    Ok(AttachmentDigest(sha256.finalize().into()))
}

/// What is sent: what it is, and then the bytes of the file. One that cannot be read any more is cut, and refused for
/// its digest.
fn pieces(
    first: v1::PutAttachmentRequest,
    file: &Path,
) -> impl futures::Stream<Item = v1::PutAttachmentRequest> + Send + 'static {
    let opened = File::open(file).ok();
    let rest = futures::stream::unfold(opened, |opened| async move {
        let mut opened = opened?;
        let mut piece = vec![0; ATTACHMENT_PART_BYTES];
        let read = opened.read(&mut piece).ok().filter(|read| *read > 0)?;
        piece.truncate(read);
        let content = piece.into();
        Some((v1::PutAttachmentRequest { content, ..Default::default() }, Some(opened)))
    });
    futures::StreamExt::chain(futures::stream::iter([first]), rest)
}

async fn list(session: &Session, named: &str) -> anyhow::Result<Exit> {
    let declaration = resolve(session, named).await?;
    session.print(&of(session, &declaration).await?)
}

/// The attachments of a declaration, also those whose bytes are not here.
pub(crate) async fn of(
    session: &Session,
    declaration: &str,
) -> anyhow::Result<Vec<v1::AttachmentRecord>> {
    let request = v1::ListAttachmentsRequest { declaration: declaration.to_owned() };
    let call = async |it: &client::Window, ask| it.attachments().list_attachments(ask).await;
    Ok(session.ask(request, call).await?.attachments)
}

async fn download(session: &Session, args: DownloadArgs) -> anyhow::Result<Exit> {
    let DownloadArgs { declaration, mut digests, to } = args;
    let declaration = resolve(session, &declaration).await?;
    if digests.is_empty() {
        let named = of(session, &declaration).await?.into_iter();
        digests = named.filter(|it| it.stored_time.is_some()).map(|it| it.sha256).collect();
    }
    let mut written = Vec::new();
    for sha256 in digests {
        written.push(fetch(session, &declaration, sha256, &to).await?);
    }
    session.print(&written)
}

/// Writes the bytes beside their place, and puts them there when they are whole and what they should be.
pub(crate) async fn fetch(
    session: &Session,
    declaration: &str,
    sha256: String,
    to: &Path,
) -> anyhow::Result<v1::AttachmentRecord> {
    let (place, beside) = (to.join(&sha256), to.join(format!("{sha256}.part")));
    let declaration = declaration.to_owned();
    let request =
        v1::GetAttachmentRequest { sha256: sha256.clone(), declaration, ..Default::default() };
    let call = async |it: &client::Window, ask| it.attachments().get_attachment(ask).await;
    let mut pieces = session.ask(request, call).await?;
    let unwritable = || BilingualText::unwritable(&place);
    // Others on this machine need not read a firm's documents.
    let opened = File::options().write(true).create(true).truncate(true).mode(0o600).open(&beside);
    let mut file = opened.with_context(unwritable)?;
    let (mut record, mut hash) = (v1::AttachmentRecord::default(), Sha256::new());
    while let Some(piece) = pieces.message().await? {
        if let Some(described) = piece.attachment {
            record = described;
        }
        hash.update(&piece.content);
        file.write_all(&piece.content).with_context(unwritable)?;
    }
    let came = AttachmentDigest(hash.finalize().into()).to_string();
    anyhow::ensure!(
        came == sha256,
        BilingualText::new(
            format!("{sha256}: other bytes came, {came}"),
            format!("{sha256}：收到的文件与摘要不符（{came}）"),
        )
    );
    file.sync_all().with_context(unwritable)?;
    std::fs::rename(&beside, &place).with_context(unwritable)?;
    Ok(record)
}

impl TableRow for v1::PutAttachmentResponse {
    const HEADER: &'static [(&'static str, &'static str)] =
        &[("sha256", "SHA-256"), ("type", "类型"), ("bytes", "字节数"), ("since", "上传时间")];
    const NONE: (&'static str, &'static str) = ("there are no attachments", "没有随附单证");
    const FLEXIBLE: Option<usize> = None;

    fn cells(&self, _: Language) -> Vec<String> {
        vec![
            self.sha256.clone(),
            self.media_type.clone(),
            self.size_bytes.to_string(),
            words::when(self.stored_time.and_then(proto::time)),
        ]
    }
}

impl TableRow for v1::AttachmentRecord {
    const HEADER: &'static [(&'static str, &'static str)] = &[
        ("sha256", "SHA-256"),
        ("kind", "种类"),
        ("name", "文件名"),
        ("version", "版本"),
        ("type", "类型"),
        ("bytes", "字节数"),
        ("since", "上传时间"),
    ];
    const NONE: (&'static str, &'static str) = ("there are no attachments", "没有随附单证");
    const FLEXIBLE: Option<usize> = Some(2);

    fn cells(&self, _: Language) -> Vec<String> {
        vec![
            self.sha256.clone(),
            self.kind.clone(),
            self.name.clone(),
            self.version.to_string(),
            self.media_type.clone(),
            self.size_bytes.to_string(),
            words::when(self.stored_time.and_then(proto::time)),
        ]
    }
}
