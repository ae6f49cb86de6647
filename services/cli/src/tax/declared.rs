//! Declarations of files, as `submit` and `ceb send` take them, for a calculation.

use std::path::Path;

use domain::{Code, Violation};
use proto::ceb::{self, ReadDocument};
use proto::status::Language;

use super::super::ceb::message;
use super::super::input;
use super::super::problem::{BrokenRule, Problem};
use super::super::words::pick;

/// A declaration of a file.
pub(super) struct FileDeclaration {
    /// The file as texts call it.
    pub(super) file: String,
    /// Its place in the file, from 1.
    pub(super) number: usize,
    pub(super) content: domain::Declaration,
    /// Where its fields stand, when it is a document of a message.
    document: Option<ReadDocument>,
}

impl FileDeclaration {
    /// What is wrong with it, each with its place.
    pub(super) fn refusal(&self, violations: &[Violation], language: Language) -> Problem {
        let place = |violation: &Violation| {
            let mut broken = BrokenRule::of_violation(violation, language);
            broken.place(self.document.as_ref());
            broken
        };
        let broken = violations.iter().map(place).collect();
        let problem = Problem::local(Code::Invalid, language, broken).in_file(&self.file);
        problem.about("file", &self.file).about("order_no", &self.content.order_no)
    }
}

/// The declarations of a file: JSON, or the import inventories of a message.
///
/// # Errors
///
/// Why it has none.
pub(super) fn read(path: &Path, language: Language) -> Result<Vec<FileDeclaration>, Problem> {
    let file = input::name(path);
    let found =
        if input::is_message(path) { inventories(path, language) } else { json(path, language) };
    found.map_err(|problem| problem.in_file(&file))
}

fn json(path: &Path, language: Language) -> Result<Vec<FileDeclaration>, Problem> {
    let items = input::read(path, language)?;
    let declared = items.into_iter().filter_map(|item| {
        let content = item.request.declaration?.into();
        Some(FileDeclaration {
            file: input::name(path),
            number: item.document,
            content,
            document: None,
        })
    });
    Ok(declared.collect())
}

fn inventories(path: &Path, language: Language) -> Result<Vec<FileDeclaration>, Problem> {
    let file = message::open(path, language)?;
    let read = message::contents(&file.bytes);
    let message = read.map_err(|faults| message::refusal(&faults, language))?;
    let mut declared = Vec::new();
    for (number, document) in (1..).zip(message.documents) {
        if let Some(content) = ceb::declaration(&document.document) {
            let (file, content) = (file.name.clone(), content.into());
            declared.push(FileDeclaration { file, number, content, document: Some(document) });
        }
    }
    if declared.is_empty() {
        let text = pick(
            language,
            "only inventories are taxed: give a CEB621 message, or a declaration as JSON",
            "只有清单可以计税，请给出CEB621报文或JSON清单",
        );
        let why = BrokenRule::plain(Code::XmlTypeUnsupported, text);
        return Err(Problem::local(Code::XmlTypeUnsupported, language, vec![why]));
    }
    Ok(declared)
}
