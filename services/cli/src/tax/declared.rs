//! Declarations of files, as `submit` and `ceb send` take them, for a calculation.

use std::path::Path;

use domain::{Code, Violation};
use proto::ceb::{self, ReadDocument};
use proto::status::Language;
use proto::v1;

use super::super::ceb::message;
use super::super::input;
use super::super::problem::{BrokenRule, Problem};
use super::super::words::pick;

/// A declaration of a file.
pub(crate) struct FileDeclaration {
    /// The file as texts call it.
    pub(crate) file: String,
    /// Its place in the file, from 1.
    pub(crate) number: usize,
    pub(crate) content: domain::Declaration,
    /// The same as a window is asked about it.
    pub(crate) message: v1::Declaration,
    /// Where its fields stand, when it is a document of a message.
    document: Option<ReadDocument>,
}

impl FileDeclaration {
    /// What is wrong with it, each with its place.
    pub(super) fn refusal(&self, violations: &[Violation], language: Language) -> Problem {
        let broken = violations.iter().map(|it| BrokenRule::of_violation(it, language)).collect();
        self.problem(broken, language)
    }

    /// The same, of what a window says.
    pub(crate) fn refusal_of(&self, violations: &[v1::Violation], language: Language) -> Problem {
        let of_item = |it: &v1::Violation| BrokenRule::of_item(it.clone(), language);
        self.problem(violations.iter().map(of_item).collect(), language)
    }

    fn problem(&self, mut broken: Vec<BrokenRule>, language: Language) -> Problem {
        broken.iter_mut().for_each(|broken| broken.place(self.document.as_ref()));
        let problem = Problem::local(Code::Invalid, language, broken).in_file(&self.file);
        problem.about("file", &self.file).about("order_no", &self.content.order_no)
    }
}

/// The declarations of a file: JSON, or the import inventories of a message.
///
/// # Errors
///
/// Why it has none.
pub(crate) fn read(path: &Path, language: Language) -> Result<Vec<FileDeclaration>, Problem> {
    let file = input::name(path);
    let found =
        if input::is_message(path) { inventories(path, language) } else { json(path, language) };
    found.map_err(|problem| problem.in_file(&file))
}

fn json(path: &Path, language: Language) -> Result<Vec<FileDeclaration>, Problem> {
    let items = input::read(path, language)?;
    let declared = items.into_iter().filter_map(|item| {
        let message = item.request.declaration?;
        Some(FileDeclaration {
            file: input::name(path),
            number: item.document,
            content: message.clone().into(),
            message,
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
        if let Some(message) = ceb::declaration(&document.document) {
            let (file, content) = (file.name.clone(), message.clone().into());
            let document = Some(document);
            declared.push(FileDeclaration { file, number, content, message, document });
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
