//! Attachments as callers name them: by their digest, of a declaration or of those that a firm keeps.

use domain::Principal;
use domain::attachment::AttachmentDigest;
use domain::principal::Scope;
use domain::refusal::{Code, Refusal, Violation};

use crate::attachment_rows::{AttachmentOwner, StoredAttachment};

/// Something that a declaration names by its digest.
#[derive(Debug, Clone)]
pub(crate) struct NamedAttachment {
    pub(crate) sha256: AttachmentDigest,
    pub(crate) kind: String,
    pub(crate) name: String,
    pub(crate) version: u32,
    pub(crate) declared_bytes: u64,
}

/// An attachment that is kept, and whether it was before.
#[derive(Debug, Clone)]
pub(crate) struct UploadReceipt {
    pub(crate) attachment: StoredAttachment,
    pub(crate) repeated: bool,
}

/// Reads a digest as callers spell it.
pub(crate) fn digest(sha256: &str) -> Result<AttachmentDigest, Refusal> {
    AttachmentDigest::parse(sha256).ok_or_else(|| {
        Refusal::invalid(vec![Violation {
            code: Code::DigestWrong,
            field: "$.sha256".to_owned(),
            text: "a SHA-256 has 64 hexadecimal digits".to_owned(),
            text_zh: "SHA-256须为64位十六进制".to_owned(),
            customs_code: None,
        }])
    })
}

/// Where a firm or its agent keeps attachments: for a declarant that it may file for.
pub(crate) fn own_space(
    principal: &Principal,
    declarant: String,
) -> Result<AttachmentOwner, Refusal> {
    let code = if declarant.is_empty() { principal.customs_code.clone() } else { declarant };
    let scope: Scope = principal.scope();
    if !scope.covers(&code) {
        return Err(Refusal::of(Code::DeclarantForeign).with("declarant", code));
    }
    if code.is_empty() {
        return Err(required("declarant", "an agent says for which declarant"));
    }
    Ok(AttachmentOwner::of(&code))
}

/// What an upload has to say and does not.
pub(crate) fn required(field: &str, text: &str) -> Refusal {
    Refusal::invalid(vec![Violation {
        code: Code::Required,
        field: format!("$.{field}"),
        text: text.to_owned(),
        text_zh: "必填项为空".to_owned(),
        customs_code: None,
    }])
}
