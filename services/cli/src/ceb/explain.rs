//! `ceb explain`: what a message says, line by line, and what is wrong with it, without a window.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use domain::Code;
use domain::declaration::Profile;
use domain::documents::{self, DocumentKind};
use proto::ceb::{self, Message, MessageFault, MessageType, ReadDocument};
use proto::status::Language;
use serde_json::{Value, json};

use super::super::problem::{BrokenRule, Problem};
use super::super::words::{self, pick};
use super::super::{Exit, Output, input, print_json, print_line, print_refusal};
use super::seal::Seal;
use super::set::{self, SetDocument};
use super::walk::{self, Leaf, shown};
use super::{FileArgs, glossary, message, standing};

/// Columns that a meaning takes.
const MEANING_COLUMNS: usize = 44;

/// Explain messages (CEB): every field with its meaning, and everything that is wrong. Asks no
/// window.
///
/// Says what the message is, who sends it, whether it is signed, each document with its fields, and
/// what breaks the schema, the sums or, for inventories, the rules of a declaration. Order, payment,
/// waybill and inventory of one parcel, given together, are compared as the window will compare them
/// (三单对碰), and the fields that differ are named. Personal data is shown: it is your own file. The
/// exit code is 0 when nothing is wrong.
#[derive(Debug, clap::Args)]
pub(super) struct MessageExplainArgs {
    #[command(flatten)]
    pub(super) files: FileArgs,
    /// Only what is wrong, not the fields.
    #[arg(long)]
    pub(super) brief: bool,
}

/// Explains files, one after the other.
///
/// # Errors
///
/// When the answer cannot be written.
pub(super) fn explain(
    output: Output,
    language: Language,
    args: &MessageExplainArgs,
) -> anyhow::Result<Exit> {
    let mut worst = Exit::Done;
    let mut read = Vec::new();
    for path in &args.files.files {
        let name = input::name(path);
        let opened = message::open(path, language);
        let unwrapped = opened.and_then(|file| {
            let unwrapped = message::unwrapped(&file.bytes);
            unwrapped.map_err(|faults| message::refusal(&faults, language))
        });
        let (text, envelope_id) = match unwrapped {
            Ok(unwrapped) => unwrapped,
            Err(problem) => {
                worst = worst.max(print_refusal(output, &problem.in_file(&name))?);
                continue;
            }
        };
        let explained = MessageExplanation::of(&text, envelope_id);
        match output {
            Output::Json => print_json(&explained.json(&name, language))?,
            Output::Table => print_line(explained.text(&name, language, args.brief).trim_end())?,
        }
        if explained.is_wrong() {
            worst = worst.max(Exit::Refused);
        }
        read.push((name, explained));
    }
    let sheets: Vec<_> = read.iter().flat_map(|(name, explained)| explained.sheets(name)).collect();
    for group in set::groups(&sheets) {
        match output {
            Output::Json => print_json(&group.json(language))?,
            Output::Table => print_line(&format!("\n{}", group.text(language).trim_end()))?,
        }
        if group.is_wrong() {
            worst = worst.max(Exit::Refused);
        }
    }
    Ok(worst)
}

/// A message with all that can be said of it.
struct MessageExplanation {
    envelope_id: Option<String>,
    message_type: Option<MessageType>,
    read: Result<Message, Vec<MessageFault>>,
    /// What each document breaks of the rules of its kind.
    own: Vec<Vec<documents::DocumentViolation>>,
    /// What each inventory breaks of the rules of a declaration.
    broken: Vec<Vec<domain::Violation>>,
    /// What is odd about each declaration.
    odd: Vec<Vec<domain::Violation>>,
    seal: Seal,
    leaves: Vec<Leaf>,
    /// Why it may be no XML.
    stray: Option<walk::StrayCharacter>,
}

impl MessageExplanation {
    fn of(text: &[u8], envelope_id: Option<String>) -> Self {
        let read = ceb::read(text);
        let is_malformed = |faults: &Vec<MessageFault>| {
            faults.iter().any(|fault| fault.code == Code::XmlMalformed)
        };
        let shown = String::from_utf8_lossy(text);
        let stray = if read.as_ref().is_err_and(is_malformed) { walk::stray(&shown) } else { None };
        let (mut own, mut broken, mut odd) = (Vec::new(), Vec::new(), Vec::new());
        if let Ok(message) = &read {
            for document in &message.documents {
                let (wrong, remarks) = rules(document);
                own.push(own_rules(document));
                broken.push(wrong);
                odd.push(remarks);
            }
        }
        Self {
            envelope_id,
            message_type: ceb::root(text).map(|root| root.message_type),
            own,
            broken,
            odd,
            seal: Seal::untrusting(text),
            leaves: walk::leaves(&shown),
            stray,
            read,
        }
    }

    /// A signature that should be there is one of the things that can be wrong.
    fn is_unsigned(&self) -> bool {
        self.seal.is_absent() && self.message_type.is_some_and(MessageType::signature_required)
    }

    fn is_wrong(&self) -> bool {
        let bad_seal = self.seal.is_bad() && !self.seal.is_absent();
        let rules = self.broken.iter().any(|broken| !broken.is_empty())
            || self.own.iter().any(|own| !own.is_empty());
        let alone = || self.sheets("").any(|sheet| !sheet.alone(Language::English).is_empty());
        self.read.is_err() || rules || bad_seal || self.is_unsigned() || alone()
    }

    /// The documents that the match looks at.
    fn sheets<'a>(&'a self, name: &'a str) -> impl Iterator<Item = SetDocument<'a>> {
        let documents = self.read.iter().flat_map(|message| &message.documents).enumerate();
        documents.filter_map(move |(index, read)| SetDocument::of(name, index, read, &self.leaves))
    }

    /// What is wrong with the message as a whole, or with its form.
    fn faults(&self, language: Language) -> Option<Problem> {
        let faults = self.read.as_ref().err()?;
        let problem = message::refusal(faults, language);
        let Some(walk::StrayCharacter { line, column, character }) = self.stray else {
            return Some(problem);
        };
        let written = if character == '&' { "&amp;" } else { "&lt;" };
        let why = match language {
            Language::English => format!("{character} must be written {written} in a text"),
            Language::Chinese => format!("文本中的“{character}”须写作{written}"),
        };
        Some(problem.with_place(Code::XmlMalformed, line, column, why))
    }

    /// What is wrong with a document, and what is odd, each with its place.
    fn remarks(&self, index: usize, language: Language) -> (Vec<BrokenRule>, Vec<BrokenRule>) {
        let Ok(message) = &self.read else { return Default::default() };
        let Some(document) = message.documents.get(index) else { return Default::default() };
        let place = |violation: &domain::Violation| {
            let mut broken = BrokenRule::of_violation(violation, language);
            broken.place(Some(document));
            broken
        };
        let of = |list: &[Vec<domain::Violation>]| {
            list.get(index).into_iter().flatten().map(place).collect::<Vec<_>>()
        };
        let own = self.own.get(index).into_iter().flatten();
        let mut wrong: Vec<_> =
            own.map(|violation| self.own_broken(index, document, violation, language)).collect();
        wrong.extend(of(&self.broken));
        let mut odd = of(&self.odd);
        odd.extend(document.warnings.iter().map(|fault| BrokenRule::of_fault(fault, language)));
        if let Some(sheet) = SetDocument::of("", index, document, &self.leaves) {
            wrong.extend(sheet.alone(language));
            odd.extend(sheet.odd(language));
        }
        (wrong, odd)
    }

    /// A broken rule of its kind, with the code that a receipt would have for it.
    fn own_broken(
        &self,
        index: usize,
        document: &ReadDocument,
        violation: &documents::DocumentViolation,
        language: Language,
    ) -> BrokenRule {
        let message_type = document.document.message_type();
        let kind = DocumentKind::from_number(message_type.number());
        let rule = kind.map_or_else(String::new, |kind| violation.receipt_code(kind).to_string());
        let is_own = |leaf: &&Leaf| {
            leaf.path.first().is_some_and(|(name, number)| {
                name == message_type.payload() && usize::try_from(*number) == Ok(index + 1)
            })
        };
        let is_meant = |leaf: &&Leaf| {
            let list = leaf.path.get(1).filter(|(name, _)| name.ends_with("List"));
            let line = list.and_then(|(_, number)| usize::try_from(*number).ok());
            leaf.name() == violation.element && line == violation.line
        };
        let text = match language {
            Language::English => &violation.text,
            Language::Chinese => &violation.text_zh,
        };
        match self.leaves.iter().filter(is_own).find(is_meant) {
            Some(leaf) => BrokenRule::in_message(&rule, &shown(&leaf.path), leaf.line, text),
            None => BrokenRule::in_message(&rule, violation.element, document.line, text),
        }
    }

    fn text(&self, name: &str, language: Language, brief: bool) -> String {
        let mut text = self.head(name, language);
        if let Some(problem) = self.faults(language) {
            let problem = problem.in_file(name).text().replace('\n', "\n  ");
            let _infallible = writeln!(text, "  {problem}");
        }
        for (number, leaves) in self.groups() {
            self.document(&mut text, name, number, &leaves, language, brief);
        }
        let verdict = if self.is_wrong() {
            pick(language, "something is wrong, see above", "存在问题，见上")
        } else {
            pick(
                language,
                "nothing is wrong as far as this file tells; the window compares it with the others",
                "单就本报文未发现问题；与其他单证的比对由单一窗口进行",
            )
        };
        let _infallible = writeln!(text, "  {verdict}");
        text
    }

    /// What it is, from whom, and what its signature is worth.
    fn head(&self, name: &str, language: Language) -> String {
        let mut text = format!("{name}: {}\n", self.title(language));
        if let Some(id) = &self.envelope_id {
            let envelope = pick(language, "in the envelope", "传输报文编号");
            let _infallible = writeln!(text, "  {envelope} {id}");
        }
        if let Ok(message) = &self.read {
            let transfer = &message.transfer;
            if !transfer.dxp_id.is_empty() {
                let (by, under) = match language {
                    Language::English => ("sent by", "under"),
                    Language::Chinese => ("传输企业", "传输编号"),
                };
                let (firm, code, id) = (&transfer.cop_name, &transfer.cop_code, &transfer.dxp_id);
                let _infallible = writeln!(text, "  {by} {firm} ({code}) {under} {id}");
            }
        }
        let label = pick(language, "signature", "签名");
        let needed = if self.is_unsigned() {
            pick(language, "; this type must be signed", "；该类报文须加签")
        } else {
            ""
        };
        let _infallible = writeln!(text, "  {label}: {}{needed}", self.seal.words(language));
        text
    }

    fn title(&self, language: Language) -> String {
        match self.message_type {
            Some(it) => format!("{} {}", it.name(), pick(language, it.title(), it.title_zh())),
            None => pick(language, "no message of release 202205", "不是202205版报文").to_owned(),
        }
    }

    /// The fields of each document; 0 for what belongs to none.
    fn groups(&self) -> BTreeMap<usize, Vec<&Leaf>> {
        let payload = self.message_type.map(MessageType::payload);
        let mut groups: BTreeMap<usize, Vec<&Leaf>> = BTreeMap::new();
        for leaf in &self.leaves {
            let first = leaf.path.first().filter(|(name, _)| Some(name.as_str()) == payload);
            let number = first.and_then(|(_, number)| usize::try_from(*number).ok());
            groups.entry(number.unwrap_or_default()).or_default().push(leaf); // 0: in no document
        }
        // BaseTransfer was said above.
        if self.read.is_ok() {
            groups.remove(&0);
        }
        groups
    }

    fn document(
        &self,
        text: &mut String,
        name: &str,
        number: usize,
        leaves: &[&Leaf],
        language: Language,
        brief: bool,
    ) {
        let index = number.wrapping_sub(1);
        let read = self.read.as_ref().ok().and_then(|message| message.documents.get(index));
        let heading = match (number, language) {
            (0, Language::English) => "besides documents".to_owned(),
            (0, Language::Chinese) => "单证以外".to_owned(),
            (_, Language::English) => format!("document {number}"),
            (_, Language::Chinese) => format!("第{number}份单证"),
        };
        let purpose = read.map(|read| purpose(read, language)).unwrap_or_default(); // of what could be read
        let _infallible = writeln!(text, "\n  {heading}{purpose}");
        if !brief {
            fields(text, leaves, language);
        }
        let (wrong, odd) = self.remarks(index, language);
        for (mark, list) in [("✗", wrong), ("!", odd)] {
            for broken in list {
                let _infallible = writeln!(text, "  {mark} {}", broken.text(Some(name)));
            }
        }
    }

    fn json(&self, name: &str, language: Language) -> Value {
        let documents = self.groups().into_iter().filter(|(number, _)| *number > 0);
        let documents = documents.map(|(number, leaves)| {
            let (wrong, odd) = self.remarks(number - 1, language);
            let fields = leaves.into_iter().map(|leaf| {
                json!({
                    "line": leaf.line,
                    "element": shown(&leaf.path),
                    "meaning": glossary::meaning(leaf.name(), language),
                    "value": leaf.value,
                })
            });
            json!({
                "document": number,
                "fields": fields.collect::<Vec<_>>(),
                "violations": wrong,
                "warnings": odd,
            })
        });
        let message = self.read.as_ref().ok();
        json!({
            "file": name,
            "message_type": self.message_type.map(MessageType::number),
            "title": self.title(language),
            "guid": message.map(|message| &message.guid),
            "envelope_id": self.envelope_id,
            "dxp_id": message.map(|message| &message.transfer.dxp_id),
            "cop_code": message.map(|message| &message.transfer.cop_code),
            "signature": self.seal.json(language),
            "signature_missing": self.is_unsigned(),
            "documents": documents.collect::<Vec<_>>(),
            "refusal": self.faults(language),
            "wrong": self.is_wrong(),
        })
    }
}

/// The rules of its kind that a document breaks.
fn own_rules(document: &ReadDocument) -> Vec<documents::DocumentViolation> {
    let kind = DocumentKind::from_number(document.document.message_type().number());
    kind.map_or_else(Vec::new, |kind| {
        documents::check(kind, &document.document, &sandbox_profile())
    })
}

/// The rules of a declaration that an inventory breaks, and what is odd about it.
fn rules(document: &ReadDocument) -> (Vec<domain::Violation>, Vec<domain::Violation>) {
    let Some(declaration) = ceb::declaration(&document.document) else { return Default::default() };
    let declaration = domain::Declaration::from(declaration);
    match declaration.check(&sandbox_profile()) {
        Ok(checked) => (Vec::new(), checked.warnings),
        Err(violations) => (violations, Vec::new()),
    }
}

/// Order numbers that script the sandbox are no mistake of a file that is tried out there, and neither is
/// what the published samples have of their own.
fn sandbox_profile() -> Profile {
    let samples = vec![domain::declaration::SAMPLE_DECLARANT.to_owned()];
    Profile { sandbox: true, sample_declarants: samples, ..Profile::default() }
}

/// `: new, declared`.
fn purpose(read: &ReadDocument, language: Language) -> String {
    if read.document.header().is_none() {
        return String::new();
    }
    let kind = match read.app_type() {
        ceb::AppType::New => pick(language, "new", "新增"),
        ceb::AppType::Change => pick(language, "change", "变更"),
        ceb::AppType::Delete => pick(language, "delete", "删除"),
    };
    let status = if read.draft() {
        pick(language, "draft, not declared", "暂存，未申报")
    } else {
        pick(language, "declared", "申报")
    };
    format!("{}{kind}{}{status}", pick(language, ": ", "："), pick(language, ", ", "，"))
}

/// A line a field, under a heading for each group.
fn fields(text: &mut String, leaves: &[&Leaf], language: Language) {
    let mut group = String::new();
    for leaf in leaves {
        let above = leaf.path.len().saturating_sub(1);
        let here = shown(&leaf.path[..above]);
        if here != group {
            let _infallible = writeln!(text, "  {here}");
            group = here;
        }
        let meaning = glossary::meaning(leaf.name(), language);
        let meaning = words::padded(meaning, MEANING_COLUMNS);
        let name = words::padded(leaf.name(), 20);
        let value = leaf.value.trim();
        let code = decoded(leaf.name(), value, language);
        let _infallible = writeln!(text, "  {:>6}  {name} {meaning} {value}{code}", leaf.line);
    }
}

/// What a code stands for, where that is known here.
fn decoded(element: &str, value: &str, language: Language) -> String {
    let word = match element {
        "returnStatus" => value.parse().ok().map(|status| standing::meaning(status, language)),
        "currency" | "fCurrency" | "iCurrency" => domain::codes::iso_currency(value),
        _ => None,
    };
    word.map(|word| format!(" ({word})")).unwrap_or_default() // most values are no codes
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAMPLE: &str = include_str!("../../../../proto/tests/messages/import-9610.xml");

    #[test]
    fn a_sample_is_explained_in_both_languages() {
        let explained = MessageExplanation::of(SAMPLE.as_bytes(), None);
        for (language, words) in
            [(Language::English, "declarant's code"), (Language::Chinese, "申报企业代码")]
        {
            let text = explained.text("a.xml", language, false);
            assert!(text.contains(words), "{text}");
            assert!(text.contains("Inventory[1]/InventoryList[1]"), "{text}");
            assert!(!explained.text("a.xml", language, true).contains(words));
        }
        let object = explained.json("a.xml", Language::English);
        assert_eq!(object["message_type"], 621);
        assert_eq!(object["documents"][0]["violations"], json!([]));
    }

    #[test]
    fn broken_rules_have_their_lines() {
        let line = SAMPLE.lines().position(|line| line.contains("<ceb:wrapType>"));
        let line = line.or_else(|| SAMPLE.lines().position(|line| line.contains(":packNo>")));
        let wrong = SAMPLE.replacen(":packNo>1<", ":packNo>2<", 1);
        let explained = MessageExplanation::of(wrong.as_bytes(), None);
        assert!(explained.is_wrong());
        let text = explained.text("a.xml", Language::English, true);
        assert!(text.contains("✗ SW-2016 a.xml:"), "{line:?} {text}");
    }

    #[test]
    fn rules_of_every_kind_are_told_with_the_code_of_a_receipt() {
        let payment = include_str!("../../../../docs/examples/ceb/ceb411.xml");
        let explained = MessageExplanation::of(payment.as_bytes(), None);
        assert!(!explained.is_wrong(), "{}", explained.text("a.xml", Language::English, true));
        let wrong = payment.replacen("<ceb:payerIdType>1<", "<ceb:payerIdType>2<", 1).replacen(
            "<ceb:amountPaid>",
            "<ceb:amountPaid>-",
            1,
        );
        let explained = MessageExplanation::of(wrong.as_bytes(), None);
        assert!(explained.is_wrong());
        for (language, words) in [(Language::English, "payerIdType"), (Language::Chinese, "填写")]
        {
            let text = explained.text("a.xml", language, true);
            assert!(text.contains("✗ -401009 a.xml:") && text.contains(words), "{text}");
            assert_eq!(text.matches("✗ ").count(), 2, "all at once: {text}");
        }
    }

    #[test]
    fn a_text_that_was_not_escaped_is_told_in_the_language_asked_for() {
        let wrong = SAMPLE.replacen(":gname>", ":gname>A & B ", 1);
        let explained = MessageExplanation::of(wrong.as_bytes(), None);
        for (language, words) in [
            (Language::English, "& must be written &amp; in a text"),
            (Language::Chinese, "文本中的“&”须写作&amp;"),
        ] {
            let text = explained.text("a.xml", language, true);
            assert!(text.contains(words) && text.contains("SW-3001 a.xml:"), "{text}");
        }
        let lt = SAMPLE.replacen(":gname>", ":gname>1 < 2 ", 1);
        let text =
            MessageExplanation::of(lt.as_bytes(), None).text("a.xml", Language::English, true);
        assert!(text.contains("< must be written &lt; in a text"), "{text}");
    }

    #[test]
    fn what_is_no_message_is_said_to_be_none() {
        let explained = MessageExplanation::of(b"<a><b>1</b></a>", None);
        assert!(explained.is_wrong());
        let text = explained.text("a.xml", Language::English, false);
        assert!(text.contains("no message of release 202205"), "{text}");
    }
}
