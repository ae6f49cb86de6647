//! A refusal as people and programs read it, whether it came as a status, in a stream, or from the
//! reading of a file.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use domain::Code;
use proto::ceb;
use proto::status::Language;
use proto::v1;
use serde::Serialize;
use tonic::{Code as Grpc, Status};
use tonic_types::StatusExt as _;

use super::{Exit, words};

/// A "no" with everything that helps to do better.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
#[error("{}", self.text())]
pub(super) struct Problem {
    /// Our code; empty when the transport failed in a way that has none.
    pub(super) code: String,
    title: String,
    data: BTreeMap<String, String>,
    violations: Vec<BrokenRule>,
    /// The file that lines belong to, when the refusal does not stand in a row with its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<Box<str>>,
    /// What it means for the command.
    #[serde(skip)]
    pub(super) exit: Exit,
}

/// A rule that is broken, and where.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(super) struct BrokenRule {
    pub(super) code: String,
    /// Path in the request, `declaration.lines[2].gcode`; empty when the file could not be read.
    field: String,
    text: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    customs_code: String,
    /// Path of the element in a CEB message.
    #[serde(skip_serializing_if = "Option::is_none")]
    element: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    column: Option<u32>,
}

impl Problem {
    /// A refusal that we say ourselves, before the window is asked.
    pub(super) fn local(code: Code, language: Language, violations: Vec<BrokenRule>) -> Self {
        let title = words::pick(language, code.title(), code.title_zh()).to_owned();
        // Who named a file that is not there has to write something else.
        let exit = if code == Code::FileUnreadable { Exit::Usage } else { Exit::Refused };
        let (code, data) = (code.id().to_owned(), BTreeMap::new());
        Self { code, title, data, violations, file: None, exit }
    }

    /// A refusal of a whole request.
    pub(super) fn of_status(status: &Status, language: Language) -> Self {
        let details = status.get_error_details();
        let exit = Exit::of_grpc(status.code());
        let Some(info) = details.error_info() else { return Self::of_transport(status, language) };
        let violations = details.bad_request().map_or(&[][..], |bad| &bad.field_violations[..]);
        Self {
            title: title(&info.reason, language, status.message()),
            code: info.reason.clone(),
            data: info.metadata.clone().into_iter().collect(),
            violations: violations.iter().map(BrokenRule::of_status).collect(),
            file: None,
            exit,
        }
    }

    /// A status that the window did not make: the way to it is cut, or something stands in between.
    fn of_transport(status: &Status, language: Language) -> Self {
        let exit = Exit::of_grpc(status.code());
        let mut causes = vec![status.message().to_owned()];
        let mut next = std::error::Error::source(status);
        while let Some(cause) = next {
            causes.push(cause.to_string());
            next = cause.source();
        }
        // Each cause in the chain repeats less of what is already said; the last one says why.
        let why = causes.pop().unwrap_or_default();
        let data = [("grpc_code", format!("{:?}", status.code())), ("cause", why)];
        let data = data.map(|(name, value)| (name.to_owned(), value)).into_iter().collect();
        if exit == Exit::Unreachable {
            return Self {
                data,
                exit,
                ..Self::local(Code::ConnectionFailed, language, Vec::new())
            };
        }
        let title = status.message().to_owned();
        Self { code: String::new(), title, data, violations: Vec::new(), file: None, exit }
    }

    /// A refusal of one item of a stream.
    pub(super) fn of_refusal(refusal: v1::Refusal, language: Language) -> Self {
        let v1::Refusal { grpc_code, code, message, message_zh, violations, metadata } = refusal;
        let text = match language {
            Language::English => message,
            Language::Chinese => message_zh,
        };
        Self {
            title: title(&code, language, &text),
            code,
            data: metadata.into_iter().collect(),
            violations: violations.into_iter().map(|v| BrokenRule::of_item(v, language)).collect(),
            file: None,
            exit: Exit::of_grpc(Grpc::from(grpc_code)),
        }
    }

    /// Why the way to the window is cut, or else what it says.
    pub(super) fn cause(&self) -> &str {
        self.data.get("cause").filter(|cause| !cause.is_empty()).unwrap_or(&self.title)
    }

    /// Adds something with its place.
    #[must_use]
    pub(super) fn with_place(mut self, code: Code, line: u32, column: u32, text: String) -> Self {
        let (line, column) = (Some(line), Some(column));
        self.violations.push(BrokenRule { line, column, ..BrokenRule::plain(code, text) });
        self
    }

    /// Adds what it is about.
    #[must_use]
    pub(super) fn about(mut self, name: &str, value: &str) -> Self {
        self.data.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Names the file that its lines belong to.
    #[must_use]
    pub(super) fn in_file(mut self, file: &str) -> Self {
        self.file = Some(file.into());
        self
    }

    /// For people, over several lines.
    pub(super) fn text(&self) -> String {
        let file = self.file.as_deref();
        let mut text = format!("{} {}", self.code, self.title).trim_start().to_owned();
        for (name, value) in &self.data {
            let _infallible = write!(text, "\n  {name}: {value}");
        }
        for broken in &self.violations {
            let _infallible = write!(text, "\n  {}", broken.text(file));
        }
        if self.code.starts_with("SW-") {
            let _infallible = write!(text, "\n  see docs/errors/{}.md", self.code);
        }
        text
    }
}

/// The title of our code in the caller's language, or else what was said.
fn title(code: &str, language: Language, text: &str) -> String {
    let known = known(code).map(|code| words::pick(language, code.title(), code.title_zh()));
    known.unwrap_or(text).to_owned()
}

/// A code of this version of the rules.
pub(super) fn known(code: &str) -> Option<Code> {
    Code::ALL.iter().copied().find(|known| known.id() == code)
}

impl BrokenRule {
    /// `[SW-2001] text (customs code)`, as `proto::status` writes it into a status.
    fn of_status(violation: &tonic_types::FieldViolation) -> Self {
        let text = violation.description.as_str();
        let split = text.strip_prefix('[').and_then(|rest| rest.split_once("] "));
        let (code, text) = split.unwrap_or(("", text));
        let (code, text) = (code.to_owned(), text.to_owned());
        Self { code, text, field: violation.field.clone(), ..Self::default() }
    }

    pub(super) fn of_item(violation: v1::Violation, language: Language) -> Self {
        let v1::Violation { code, field, text, text_zh, customs_code } = violation;
        let text = match language {
            Language::English => text,
            Language::Chinese => text_zh,
        };
        Self { code, field, text, customs_code, ..Self::default() }
    }

    /// What the reader of CEB messages found.
    pub(super) fn of_fault(fault: &ceb::MessageFault, language: Language) -> Self {
        let text = match language {
            Language::English => &fault.text,
            Language::Chinese => &fault.text_zh,
        };
        Self {
            element: Some(fault.element.clone()).filter(|element| !element.is_empty()),
            line: Some(fault.line),
            ..Self::plain(fault.code, text)
        }
    }

    /// What the window found in a national message.
    pub(super) fn of_message_fault(fault: v1::MessageFault, language: Language) -> Self {
        let v1::MessageFault { code, line, element, text, text_zh } = fault;
        let text = match language {
            Language::English => text,
            Language::Chinese => text_zh,
        };
        let element = Some(element).filter(|element| !element.is_empty());
        Self { code, text, element, line: Some(line), ..Self::default() }
    }

    /// A rule of a declaration that was checked here.
    pub(super) fn of_violation(violation: &domain::Violation, language: Language) -> Self {
        Self::of_item(violation.clone().into(), language)
    }

    /// Something that has no place.
    pub(super) fn plain(code: Code, text: impl Into<String>) -> Self {
        Self { code: code.id().to_owned(), text: text.into(), ..Self::default() }
    }

    /// A rule that is known by a name of its own, about an element of a message.
    pub(super) fn in_message(rule: &str, element: &str, line: u32, text: &str) -> Self {
        let (code, text) = (rule.to_owned(), text.to_owned());
        Self { code, text, element: Some(element.to_owned()), line: Some(line), ..Self::default() }
    }

    /// What the reader of JSON says.
    pub(super) fn of_json(text: String, line: usize, column: usize) -> Self {
        Self {
            line: u32::try_from(line).ok().filter(|line| *line > 0),
            column: u32::try_from(column).ok().filter(|column| *column > 0),
            ..Self::plain(Code::JsonMalformed, text)
        }
    }

    /// What the window lets pass but remarks.
    pub(super) fn of_warning(warning: v1::Warning, language: Language) -> Self {
        let v1::Warning { code, field, text, text_zh } = warning;
        let text = match language {
            Language::English => text,
            Language::Chinese => text_zh,
        };
        Self { code, field, text, ..Self::default() }
    }

    /// Adds where in the message the field stands.
    pub(super) fn place(&mut self, document: Option<&ceb::ReadDocument>) {
        let field = self.field.strip_prefix("declaration.");
        if let Some(place) = document.zip(field).and_then(|(document, field)| document.place(field))
        {
            self.element = Some(place.element);
            self.line = Some(place.line);
        }
    }

    /// One line for people.
    pub(super) fn text(&self, file: Option<&str>) -> String {
        format!("{} {}", self.code, self.placed_text(file)).trim_start().to_owned()
    }

    /// The same without the code: where, and what.
    pub(super) fn placed_text(&self, file: Option<&str>) -> String {
        let mut at = String::new();
        if let Some(line) = self.line {
            at = format!("{}:{line}", file.unwrap_or("line"));
            if let Some(column) = self.column {
                let _infallible = write!(at, ":{column}");
            }
        }
        let place = self.element.as_deref().unwrap_or(&self.field);
        if let Some(file) = file.filter(|file| at.is_empty() && !self.text.contains(*file))
            && place.is_empty()
        {
            // The whole file is meant.
            file.clone_into(&mut at);
        }
        let customs = match self.customs_code.as_str() {
            "" => String::new(),
            code => format!(" ({code})"),
        };
        let shown: Vec<_> = [&at, place].into_iter().filter(|part| !part.is_empty()).collect();
        let gap = if shown.is_empty() { "" } else { ": " };
        format!("{}{gap}{}{customs}", shown.join(" "), self.text)
    }
}

#[cfg(test)]
mod tests {
    use domain::refusal::{Refusal, Violation};

    use super::*;

    fn refusal() -> Refusal {
        Refusal::invalid(vec![Violation {
            code: Code::Required,
            field: "lines[0].gcode".to_owned(),
            text: "gcode is empty".to_owned(),
            text_zh: "gcode为空".to_owned(),
            customs_code: None,
        }])
    }

    #[test]
    fn a_status_and_an_item_of_a_stream_read_the_same() {
        for language in [Language::English, Language::Chinese] {
            let status = proto::status::refused(&refusal(), language);
            let unary = Problem::of_status(&status, language);
            let item = Problem::of_refusal(proto::status::refused_item(refusal()), language);
            assert_eq!(unary, item);
        }
    }

    #[test]
    fn a_refusal_names_code_field_and_page() {
        let text =
            Problem::of_refusal(proto::status::refused_item(refusal()), Language::English).text();
        assert!(text.contains("SW-2001 declaration.lines[0].gcode: gcode is empty"), "{text}");
        assert!(text.ends_with("see docs/errors/SW-1001.md"), "{text}");
    }

    #[test]
    fn a_cut_wire_is_said_with_its_cause() {
        let problem = Problem::of_status(&Status::unavailable("refused"), Language::English);
        assert_eq!((problem.code.as_str(), problem.exit), ("SW-4006", Exit::Unreachable));
        assert!(problem.text().contains("cause: refused"));
    }
}
