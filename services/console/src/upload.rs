//! Forms with files (multipart/form-data), read part by part as they come.
//!
//! The invariant: no more of a form is in memory than one file of [`limits::ATTACHMENT_BYTES_MAX`], for which the
//! caller answers, and what stands beside it.

use std::error::Error as _;

use bytes::Bytes;
use domain::refusal::Refusal;
use domain::{Code, limits};
use multer::Field;
use proto::memory::{self, Charge};
use proto::status;
use tonic::Status;

use crate::problem::RefusedCall;
use crate::upload_form::UploadForm;
use crate::visit::Visit;

/// A part of a form, with the name of its input.
pub(crate) enum FormPart {
    /// Something that was typed.
    Text(String, String),
    /// A file that was chosen.
    File(String, ChosenFile),
}

/// A file of a form.
pub(crate) struct ChosenFile {
    /// As the person calls it.
    pub(crate) name: String,
    /// `None` when it is larger than an attachment may be.
    pub(crate) pieces: Option<Vec<FilePiece>>,
}

/// A piece of a file, and what its caller answers for as long as it is here.
pub(crate) struct FilePiece {
    pub(crate) bytes: Bytes,
    _held: Option<Charge>,
}

impl UploadForm {
    /// The token of the form, which every form has before everything else; empty when this one has not.
    pub(crate) async fn token(&mut self, visit: &Visit) -> String {
        match self.next(visit).await {
            Ok(Some(FormPart::Text(name, value))) if name == "token" => value,
            _ => String::new(),
        }
    }

    /// The next part; an input without a file has none.
    pub(crate) async fn next(
        &mut self,
        visit: &Visit,
    ) -> Result<Option<FormPart>, Box<RefusedCall>> {
        loop {
            let part = self.parts.next_field().await.map_err(|error| unread(visit, &error))?;
            let Some(part) = part else { return Ok(None) };
            let name = part.name().unwrap_or_default().to_owned(); // nobody looks for it
            match part.file_name().map(str::to_owned) {
                None => return self.text(visit, name, part).await.map(Some),
                Some(file) if file.is_empty() => {}
                Some(file) => {
                    let pieces = pieces(visit, part).await?;
                    let file = ChosenFile { name: file, pieces };
                    return Ok(Some(FormPart::File(name, file)));
                }
            }
        }
    }

    async fn text(
        &mut self,
        visit: &Visit,
        name: String,
        mut part: Field<'static>,
    ) -> Result<FormPart, Box<RefusedCall>> {
        let mut text = Vec::new();
        while let Some(piece) = piece(visit, &mut part).await? {
            self.texts = self.texts.saturating_add(piece.len());
            if self.texts > limits::CONSOLE_FORM_BYTES_MAX {
                let title = visit.t("That is more than a form can have.");
                return Err(Box::new(RefusedCall::titled(title)));
            }
            text.extend_from_slice(&piece);
        }
        Ok(FormPart::Text(name, String::from_utf8_lossy(&text).trim().to_owned()))
    }
}

/// All of a file, while it is not too large; else its rest is read and forgotten, since a browser that is answered while
/// it still sends shows that the connection was cut, and not why.
async fn pieces(
    visit: &Visit,
    mut part: Field<'static>,
) -> Result<Option<Vec<FilePiece>>, Box<RefusedCall>> {
    let (mut pieces, mut length) = (Some(Vec::new()), 0_u64);
    while let Some(bytes) = piece(visit, &mut part).await? {
        length = length.saturating_add(bytes.len().try_into().unwrap_or(u64::MAX)); // a piece is small
        if length > limits::ATTACHMENT_BYTES_MAX {
            pieces = None;
        }
        if length > FORGOTTEN_MAX {
            let refusal = Refusal::of(Code::AttachmentSizeWrong);
            return Err(refused(visit, &refusal));
        }
        let Some(pieces) = &mut pieces else { continue };
        let held = memory::room(bytes.len()).map_err(|refusal| refused(visit, &refusal))?;
        pieces.push(FilePiece { bytes, _held: held });
    }
    Ok(pieces)
}

/// The next piece of a part. What is kept of it is counted where it is kept; what is not parsed yet counts as what came.
async fn piece(
    visit: &Visit,
    part: &mut Field<'static>,
) -> Result<Option<Bytes>, Box<RefusedCall>> {
    let piece = part.chunk().await.map_err(|error| unread(visit, &error))?;
    if let Some(piece) = &piece {
        // Less is never refused.
        let _less = memory::converted(piece.len(), 0);
    }
    Ok(piece)
}

/// Of a file that is too large no more is read.
const FORGOTTEN_MAX: u64 = 4 * limits::ATTACHMENT_BYTES_MAX;

fn refused(visit: &Visit, refusal: &Refusal) -> Box<RefusedCall> {
    status::refused(refusal, visit.language).into()
}

/// Why a form did not come whole: what the gate says of it, or else that it was cut.
fn unread(visit: &Visit, error: &multer::Error) -> Box<RefusedCall> {
    let mut cause = error.source();
    while let Some(it) = cause {
        if let Some(status) = it.downcast_ref::<Status>() {
            return status.clone().into();
        }
        cause = it.source();
    }
    refused(visit, &Refusal::of(Code::RequestIncomplete).with("reason", error))
}
