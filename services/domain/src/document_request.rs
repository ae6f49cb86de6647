//! Documents that an agency asks the firm for while it holds a declaration (补充单证), and the firm's answer. The
//! declaration itself does not change by either.
//!
//! When a request is open is decided by [`clearance`](crate::clearance): as long as its agency stands at
//! [`Stand::AwaitsDocuments`](crate::participant::Stand). Here are the rules about what is said.

use std::collections::BTreeSet;

use time::OffsetDateTime;

use crate::attachment::{AttachmentDigest, DOCUMENT_KINDS};
use crate::limits;
use crate::refusal::{Code, Violation};
use crate::rules::ViolationReport;

/// What an agency asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DocumentRequest {
    /// Each kind once.
    pub items: Vec<RequestedDocument>,
    /// Until when the agency waits. Nothing happens by itself then: the agency decides.
    pub until: Option<OffsetDateTime>,
}

/// A document that is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestedDocument {
    /// One of [`DOCUMENT_KINDS`].
    pub kind: String,
    /// What it has to show, in the agency's words.
    pub text: String,
    /// The answer must have it, or say why there is none.
    pub mandatory: bool,
}

/// A document of the answer, or why there is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProvidedDocument {
    /// The kind that was asked for.
    pub kind: String,
    /// Number of the document; empty when it has none.
    pub number: String,
    /// Digest of an attachment that was uploaded, 64 hexadecimal digits; empty when there is none.
    pub sha256: String,
    /// File name, for people.
    pub name: String,
    /// Why there is none; empty when there is one.
    pub reason: String,
}

impl DocumentRequest {
    /// Every rule that it breaks; fields are named as the schema's.
    pub fn check(&self, now: OffsetDateTime) -> Vec<Violation> {
        let mut report = ViolationReport::new(false);
        if self.items.is_empty() {
            let (text, text_zh) = ("at least one document is asked for", "须至少要求一份单证");
            report.refuse(Code::DocumentRequestWrong, "documents.items", text, text_zh);
        }
        let mut known = BTreeSet::new();
        for (index, RequestedDocument { kind, text, mandatory: _ }) in self.items.iter().enumerate()
        {
            let field = |name: &str| format!("documents.items[{index}].{name}");
            if !is_kind(kind) {
                let (text, text_zh) = one_of(kind);
                report.refuse(Code::CodeUnknown, field("kind"), text, text_zh);
            } else if !known.insert(kind) {
                report.refuse(
                    Code::DocumentRequestWrong,
                    field("kind"),
                    format!("{kind} is asked for twice; say everything about it in one text"),
                    format!("{kind}重复，请合并为一项说明"),
                );
            }
            if kind == OTHER && text.trim().is_empty() {
                let (text, text_zh) = ("say which other document", "须说明所需的其他单证");
                report.refuse(Code::Required, field("text"), text, text_zh);
            }
            too_long(&mut report, field("text"), text, limits::TEXT_MAX);
        }
        match self.until {
            None => {
                let (text, text_zh) = ("say until when you wait", "须填写补交期限");
                report.refuse(Code::Required, "documents.until_time", text, text_zh);
            }
            Some(until) if until <= now => {
                let (text, text_zh) = ("this time is over", "补交期限已过");
                report.refuse(Code::DocumentRequestWrong, "documents.until_time", text, text_zh);
            }
            Some(_) => {}
        }
        report.finish().0
    }

    /// Every rule that an answer to it breaks, given the attachments that are here. Fields begin at the root of the
    /// request (`$.`), which has no declaration: `documents[2]` is a document that is there, counted from 0, and
    /// `documents[invoice]` one of this kind that is missing.
    pub fn check_answer(
        &self,
        documents: &[ProvidedDocument],
        here: &BTreeSet<AttachmentDigest>,
    ) -> Vec<Violation> {
        let mut report = ViolationReport::new(false);
        if documents.len() > limits::ATTACHMENTS_MAX {
            let most = limits::ATTACHMENTS_MAX;
            let (text, text_zh) = (format!("at most {most} documents"), format!("最多{most}份"));
            report.refuse(Code::NumberOutOfRange, "$.documents", text, text_zh);
        }
        for (index, document) in documents.iter().enumerate() {
            self.check_document(&mut report, index, document, here);
        }
        let answered = |kind: &String| documents.iter().any(|it| it.kind == *kind);
        for missing in self.items.iter().filter(|it| it.mandatory && !answered(&it.kind)) {
            let kind = &missing.kind;
            report.refuse(
                Code::DocumentAnswerWrong,
                format!("$.documents[{kind}]"),
                format!("{kind} is missing: provide it, or say why there is none"),
                format!("缺少{kind}：须补交或说明原因"),
            );
        }
        if documents.is_empty() && !self.items.iter().any(|it| it.mandatory) {
            let (text, text_zh) = ("there is no document in it", "未提供任何单证");
            report.refuse(Code::DocumentAnswerWrong, "$.documents", text, text_zh);
        }
        report.finish().0
    }

    fn check_document(
        &self,
        report: &mut ViolationReport,
        index: usize,
        document: &ProvidedDocument,
        here: &BTreeSet<AttachmentDigest>,
    ) {
        let ProvidedDocument { kind, number, sha256, name, reason } = document;
        let field = |name: &str| format!("$.documents[{index}].{name}");
        if !self.items.iter().any(|it| it.kind == *kind) {
            let asked: Vec<&str> = self.items.iter().map(|it| it.kind.as_str()).collect();
            report.refuse(
                Code::DocumentAnswerWrong,
                field("kind"),
                format!("{kind:?} was not asked for; asked for: {}", asked.join(", ")),
                format!("未要求{kind:?}；要求的单证：{}", asked.join("、")),
            );
        }
        match (sha256.is_empty(), reason.trim().is_empty()) {
            (true, true) | (false, false) => report.refuse(
                Code::DocumentAnswerWrong,
                format!("$.documents[{index}]"),
                "either sha256 of an uploaded attachment, or reason, why there is none",
                "须填写已上传附件的sha256或说明原因（reason），二者择一",
            ),
            (false, true) => match AttachmentDigest::parse(sha256) {
                None => report.refuse(
                    Code::DigestWrong,
                    field("sha256"),
                    "a SHA-256 has 64 hexadecimal digits",
                    "SHA-256须为64位十六进制",
                ),
                Some(digest) if !here.contains(&digest) => report.refuse(
                    Code::AttachmentNotHere,
                    field("sha256"),
                    "no such attachment was uploaded for this declarant",
                    "该申报企业未上传该附件",
                ),
                Some(_) => {}
            },
            (true, false) => {}
        }
        too_long(report, field("number"), number, NUMBER_MAX);
        too_long(report, field("name"), name, NAME_MAX);
        too_long(report, field("reason"), reason, limits::TEXT_MAX);
    }
}

/// The kind that says nothing by itself.
const OTHER: &str = "other";
/// Characters of the number of a document.
const NUMBER_MAX: usize = 100;
/// Characters of a file name, as of attachments of declarations.
const NAME_MAX: usize = 255;

fn is_kind(kind: &str) -> bool {
    DOCUMENT_KINDS.iter().any(|(code, ..)| *code == kind)
}

fn one_of(kind: &str) -> (String, String) {
    let kinds = DOCUMENT_KINDS.map(|(code, ..)| code);
    (
        format!("{kind:?} is no kind of document; one of {}", kinds.join(", ")),
        format!("{kind:?}不是单证类型；可用：{}", kinds.join("、")),
    )
}

fn too_long(report: &mut ViolationReport, field: String, text: &str, max: usize) {
    let length = text.chars().count();
    if length > max {
        report.refuse(
            Code::TooLong,
            field,
            format!("{length} characters; at most {max} are allowed"),
            format!("长度为{length}，最多{max}个字符"),
        );
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    const NOW: OffsetDateTime = datetime!(2026-11-30 8:00 UTC);

    fn item(kind: &str, mandatory: bool) -> RequestedDocument {
        RequestedDocument { kind: kind.to_owned(), text: String::new(), mandatory }
    }

    fn request(items: Vec<RequestedDocument>) -> DocumentRequest {
        DocumentRequest { items, until: Some(datetime!(2026-12-07 8:00 UTC)) }
    }

    fn codes_and_fields(violations: &[Violation]) -> Vec<(Code, &str)> {
        violations.iter().map(|it| (it.code, it.field.as_str())).collect()
    }

    #[test]
    fn a_request_is_told_everything_that_is_wrong_with_it() {
        let fine = request(vec![item("invoice", true), item("contract", false)]);
        assert_eq!(fine.check(NOW), []);
        let until = fine.until.expect("it has one");
        assert_eq!(
            codes_and_fields(&fine.check(until))[..],
            [(Code::DocumentRequestWrong, "documents.until_time")]
        );
        let empty = DocumentRequest { items: Vec::new(), until: None };
        let expected = [
            (Code::DocumentRequestWrong, "documents.items"),
            (Code::Required, "documents.until_time"),
        ];
        assert_eq!(codes_and_fields(&empty.check(NOW))[..], expected);
        let long = RequestedDocument { text: "单".repeat(1_001), ..item("photo", true) };
        let items = vec![item("invoice", true), item("receipt", true), item("invoice", false)];
        let wrong = request(items.into_iter().chain([item("other", true), long]).collect());
        let expected = [
            (Code::CodeUnknown, "documents.items[1].kind"),
            (Code::DocumentRequestWrong, "documents.items[2].kind"),
            (Code::Required, "documents.items[3].text"),
            (Code::TooLong, "documents.items[4].text"),
        ];
        assert_eq!(codes_and_fields(&wrong.check(NOW))[..], expected);
    }

    fn document(kind: &str, sha256: &str, reason: &str) -> ProvidedDocument {
        ProvidedDocument {
            kind: kind.to_owned(),
            number: String::new(),
            sha256: sha256.to_owned(),
            name: String::new(),
            reason: reason.to_owned(),
        }
    }

    #[test]
    fn an_answer_is_told_everything_that_is_wrong_with_it() {
        let asked =
            request(vec![item("invoice", true), item("contract", true), item("photo", false)]);
        let digest = AttachmentDigest([0xa7; 32]);
        let (here, of_it) = (BTreeSet::from([digest]), digest.to_string());
        let fine = [
            document("invoice", &of_it, ""),
            document("invoice", &of_it.to_uppercase(), ""),
            document("contract", "", "there is none: the order stands for it"),
        ];
        assert_eq!(asked.check_answer(&fine, &here), []);
        let wrong = [
            document("licence", &of_it, ""),
            document("invoice", "", " "),
            document("invoice", &of_it, "and a reason"),
            document("photo", "a7", ""),
            document("photo", &"b8".repeat(32), ""),
        ];
        let expected = [
            (Code::DocumentAnswerWrong, "$.documents[0].kind"),
            (Code::DocumentAnswerWrong, "$.documents[1]"),
            (Code::DocumentAnswerWrong, "$.documents[2]"),
            (Code::DigestWrong, "$.documents[3].sha256"),
            (Code::AttachmentNotHere, "$.documents[4].sha256"),
            (Code::DocumentAnswerWrong, "$.documents[contract]"),
        ];
        assert_eq!(codes_and_fields(&asked.check_answer(&wrong, &here))[..], expected);
        let two_missing = ["$.documents[invoice]", "$.documents[contract]"];
        let two_missing = two_missing.map(|field| (Code::DocumentAnswerWrong, field));
        assert_eq!(codes_and_fields(&asked.check_answer(&[], &here))[..], two_missing);
        let nothing_needed = request(vec![item("photo", false)]);
        assert_eq!(
            codes_and_fields(&nothing_needed.check_answer(&[], &here))[..],
            [(Code::DocumentAnswerWrong, "$.documents")]
        );
    }
}
