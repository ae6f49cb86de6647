//! Several files as one set: which documents belong to one parcel, and whether they fit each other
//! (三单对碰), with the fields that differ. The window does the same once all of them were sent.

use std::fmt::Write as _;

use domain::Code;
use domain::documents::MissingDocument;
use domain::documents::comparison::{self, ComparedField, Discrepancy, FieldDifference, Member};
use domain::documents::matching::{
    MatchOutcome, MatchPolicy, ParcelDocuments, ParcelInventory, ParcelOrder, Payment, Set,
    Waybill, match_export, match_import,
};
use proto::ceb::{Document, ReadDocument, parcel};
use proto::status::Language;
use serde_json::{Value, json};

use super::super::problem::BrokenRule;
use super::super::words::pick;
use super::walk::{Leaf, shown};

/// Where the rules of the match are explained.
const MATCH_PAGE: &str = "docs/ceb.md#three-document-match-三单对碰";

/// A document of a file, as the match sees it.
pub(super) struct SetDocument<'a> {
    file: &'a str,
    /// Its place in the message, from 1.
    number: usize,
    line: u32,
    payload: &'static str,
    leaves: &'a [Leaf],
    export: bool,
    value: MatchValue,
}

/// The value of the match that a document became.
enum MatchValue {
    Inventory(ParcelInventory),
    Order(ParcelOrder),
    Payment(Payment),
    Waybill(Waybill),
}

impl MatchValue {
    fn of(document: &Document) -> Option<Self> {
        let inventory = parcel::inventory(document).map(Self::Inventory);
        let order = || parcel::order(document).map(Self::Order);
        let payment = || parcel::payment(document).map(Self::Payment);
        let waybill = || parcel::waybill(document).map(Self::Waybill);
        inventory.or_else(order).or_else(payment).or_else(waybill)
    }
}

impl<'a> SetDocument<'a> {
    /// `None` for a document that no match looks at.
    pub(super) fn of(
        file: &'a str,
        index: usize,
        read: &ReadDocument,
        leaves: &'a [Leaf],
    ) -> Option<Self> {
        let value = MatchValue::of(&read.document)?;
        let message_type = read.document.message_type();
        Some(Self {
            file,
            number: index + 1,
            line: read.line,
            payload: message_type.payload(),
            leaves,
            export: matches!(message_type.number(), 303 | 505 | 603),
            value,
        })
    }

    fn member(&self) -> Member {
        match self.value {
            MatchValue::Inventory(_) => Member::Inventory,
            MatchValue::Order(_) => Member::Order,
            MatchValue::Payment(_) => Member::Payment,
            MatchValue::Waybill(_) => Member::Waybill,
        }
    }

    fn put_into(&'a self, parts: &mut ParcelDocuments<'a>) {
        match &self.value {
            MatchValue::Inventory(inventory) => parts.inventory = Some(inventory),
            MatchValue::Order(order) => parts.order = Some(order),
            MatchValue::Payment(payment) => parts.payment = Some(payment),
            MatchValue::Waybill(waybill) => parts.waybill = Some(waybill),
        }
    }

    /// What the document contradicts by itself, as far as the match knows: sums of an order, and what an
    /// inventory must have.
    pub(super) fn alone(&self, language: Language) -> Vec<BrokenRule> {
        let mut broken = Vec::new();
        for finding in self.own_findings() {
            for difference in &finding.differences {
                let text =
                    format!("{}: {}", titled(&finding, language), against(difference, language));
                broken.push(self.broken(finding.broken.rule, &difference.left, &text));
            }
        }
        broken
    }

    /// What is odd about it and stops nothing.
    pub(super) fn odd(&self, language: Language) -> Vec<BrokenRule> {
        let MatchValue::Order(order) = &self.value else { return Vec::new() };
        let sum = comparison::goods_value(order).filter(|_| self.export);
        let odd = sum.into_iter().chain(comparison::line_totals(order));
        let code = Code::LinePriceWrong.id();
        odd.map(|it| self.broken(code, &it.left, &against(&it, language))).collect()
    }

    fn own_findings(&self) -> Vec<Discrepancy> {
        let mut parts = ParcelDocuments::default();
        self.put_into(&mut parts);
        if self.export { Vec::new() } else { comparison::findings(&parts, &MatchPolicy::default()) }
    }

    fn broken(&self, rule: &str, field: &ComparedField, text: &str) -> BrokenRule {
        let (line, element) = self.place(field);
        BrokenRule::in_message(rule, &element, line, text)
    }

    /// Line and path of a field; for one that is not there, those of what should hold it.
    fn place(&self, field: &ComparedField) -> (u32, String) {
        let own = |leaf: &&Leaf| {
            leaf.path.first().is_some_and(|(name, number)| {
                name == self.payload && usize::try_from(*number).ok() == Some(self.number)
            })
        };
        let leaves = || self.leaves.iter().filter(own);
        let list =
            |leaf: &Leaf| leaf.path.get(1).filter(|(name, _)| name.ends_with("List")).cloned();
        // The group that has the line's number.
        let group = field.gnum.and_then(|gnum| {
            let gnum = gnum.to_string();
            let of_line = |leaf: &&Leaf| leaf.name() == "gnum" && leaf.value.trim() == gnum;
            leaves().find(of_line).and_then(list)
        });
        let fits = |leaf: &&Leaf| leaf.name() == field.element && list(leaf) == group;
        match leaves().find(fits) {
            Some(leaf) => (leaf.line, shown(&leaf.path)),
            None => (self.line, format!("{}[{}]/{}", self.payload, self.number, field.element)),
        }
    }
}

/// The documents of one parcel, as far as they are among the files.
pub(super) struct ParcelFiles<'a>(Vec<&'a SetDocument<'a>>);

/// Sorts documents into parcels: each inventory with the order, payment and waybill that name it, or
/// else with those that come nearest; what is left without an inventory, around its order.
pub(super) fn groups<'a>(sheets: &'a [SetDocument<'a>]) -> Vec<ParcelFiles<'a>> {
    let mut free: Vec<&SetDocument<'_>> = sheets.iter().collect();
    let mut groups = Vec::new();
    for anchor in [Member::Inventory, Member::Order] {
        let (anchors, rest): (Vec<_>, Vec<_>) =
            free.into_iter().partition(|sheet| sheet.member() == anchor);
        free = rest;
        let mut made: Vec<ParcelFiles<'_>> =
            anchors.into_iter().map(|it| ParcelFiles(vec![it])).collect();
        // First everybody gets what is meant for it, then what nobody is meant for.
        for differing_max in [0, usize::MAX] {
            for group in &mut made {
                for missing in
                    [MissingDocument::Order, MissingDocument::Payment, MissingDocument::Waybill]
                {
                    group.take(missing, &mut free, differing_max);
                }
            }
        }
        groups.extend(made);
    }
    groups.retain(|group| group.0.len() > 1);
    groups
}

fn member(missing: MissingDocument) -> Member {
    match missing {
        MissingDocument::Order => Member::Order,
        MissingDocument::Payment => Member::Payment,
        MissingDocument::Waybill => Member::Waybill,
    }
}

impl<'a> ParcelFiles<'a> {
    /// Takes the nearest document of a kind, if it has none yet.
    fn take(
        &mut self,
        missing: MissingDocument,
        free: &mut Vec<&'a SetDocument<'a>>,
        differing_max: usize,
    ) {
        let wanted = member(missing);
        if self.of(wanted).is_some() {
            return;
        }
        let export = self.0.iter().any(|sheet| sheet.export);
        let differing = |sheet: &SetDocument<'_>| {
            let mut parts = self.parts();
            sheet.put_into(&mut parts);
            comparison::strange(missing, &parts).len()
        };
        let fitting = free
            .iter()
            .enumerate()
            .filter(|(_, sheet)| sheet.member() == wanted && sheet.export == export);
        let nearest = fitting.map(|(index, sheet)| (differing(sheet), index)).min();
        if let Some((_, index)) = nearest.filter(|(differing, _)| *differing <= differing_max) {
            self.0.push(free.remove(index));
        }
    }

    fn of(&self, member: Member) -> Option<&'a SetDocument<'a>> {
        self.0.iter().copied().find(|sheet| sheet.member() == member)
    }

    fn parts<'b>(&'b self) -> ParcelDocuments<'b> {
        let mut parts = ParcelDocuments::default();
        self.0.iter().for_each(|sheet| sheet.put_into(&mut parts));
        parts
    }

    fn is_export(&self) -> bool {
        self.0.iter().any(|sheet| sheet.export)
    }

    /// What the window would wait for.
    fn missing(&self) -> Vec<MissingDocument> {
        let parts = self.parts();
        let Some(inventory) = parts.inventory else { return Vec::new() };
        let ParcelDocuments { order, payment, waybill, .. } = parts;
        let set = Set { inventory, order, payment, waybill };
        let outcome = if self.is_export() {
            match_export(&set)
        } else {
            match_import(&set, &MatchPolicy::default())
        };
        match outcome {
            MatchOutcome::Waiting(missing) => missing,
            MatchOutcome::Matched | MatchOutcome::Refused(_) => Vec::new(),
        }
    }

    /// The documents at hand that the window would not take for this parcel's.
    fn strangers(&self) -> Vec<(MissingDocument, Vec<FieldDifference>)> {
        let parts = self.parts();
        [MissingDocument::Order, MissingDocument::Payment, MissingDocument::Waybill]
            .into_iter()
            .map(|missing| (missing, comparison::strange(missing, &parts)))
            .filter(|(_, differences)| !differences.is_empty())
            .collect()
    }

    /// The rules that more than one of the documents breaks.
    fn findings(&self) -> Vec<Discrepancy> {
        if self.is_export() {
            return Vec::new();
        }
        let alone: Vec<Discrepancy> =
            self.0.iter().flat_map(|sheet| sheet.own_findings()).collect();
        let all = comparison::findings(&self.parts(), &MatchPolicy::default());
        all.into_iter().filter(|finding| !alone.contains(finding)).collect()
    }

    /// Whether the set as it is would be refused, or would wait for ever.
    pub(super) fn is_wrong(&self) -> bool {
        !self.findings().is_empty() || !self.strangers().is_empty()
    }

    /// Documents that the set needs and that are not among the files.
    fn absent(&self) -> Vec<MissingDocument> {
        let not_here = |missing: &MissingDocument| self.of(member(*missing)).is_none();
        self.missing().into_iter().filter(not_here).collect()
    }

    fn order_no(&self) -> &str {
        let order_no = self.0.iter().find_map(|sheet| match &sheet.value {
            MatchValue::Inventory(inventory) => Some(inventory.order_no.as_str()),
            MatchValue::Order(order) => Some(order.order_no.as_str()),
            MatchValue::Payment(_) | MatchValue::Waybill(_) => None,
        });
        order_no.unwrap_or_default() // payments and waybills name none
    }

    /// For people.
    pub(super) fn text(&self, language: Language) -> String {
        let order_no = self.order_no();
        let names = self.0.iter().map(|sheet| {
            let title = pick(language, sheet.member().title(), sheet.member().title_zh());
            format!("{title} {}", sheet.file)
        });
        let names = names.collect::<Vec<_>>().join(pick(language, ", ", "，"));
        let mut text = match language {
            Language::English => format!("the documents of order {order_no}: {names}\n"),
            Language::Chinese => format!("订单{order_no}的单证（三单对碰）：{names}\n"),
        };
        for (missing, differences) in self.strangers() {
            let what = member(missing);
            let _infallible = match language {
                Language::English => writeln!(
                    text,
                    "  ✗ the window would not take the {} for that of this parcel",
                    what.title()
                ),
                Language::Chinese => {
                    writeln!(text, "  ✗ 该{}不会被认作本票单证，清单将继续等待", what.title_zh())
                }
            };
            self.differences(&mut text, &differences, language);
        }
        for finding in self.findings() {
            let _infallible = writeln!(text, "  ✗ {}", titled(&finding, language));
            self.differences(&mut text, &finding.differences, language);
        }
        for missing in self.absent() {
            let what = pick(language, missing.title(), missing.title_zh());
            let files = pick(language, "not among these files", "不在所给文件中");
            let _infallible = writeln!(text, "  ! {what} ({files})");
        }
        let verdict = if self.is_wrong() {
            pick(language, "they do not fit each other; see", "单证互不相符，见")
        } else {
            pick(language, "they fit each other", "单证相符")
        };
        let page = if self.is_wrong() { MATCH_PAGE } else { "" };
        let _infallible = writeln!(text, "  {}", format!("{verdict} {page}").trim_end());
        text
    }

    fn differences(&self, text: &mut String, differences: &[FieldDifference], language: Language) {
        for FieldDifference { left, right } in differences {
            for field in [left, right] {
                let _infallible = writeln!(text, "      {}", self.line(field, language));
            }
        }
    }

    /// `payment.xml:20 Payment[1]/PaymentHead/amountPaid  590`.
    fn line(&self, field: &ComparedField, language: Language) -> String {
        let value = valued(&field.value, language);
        match field.member.and_then(|member| self.of(member)) {
            Some(sheet) => {
                let (line, element) = sheet.place(field);
                format!("{}:{line} {element}  {value}", sheet.file)
            }
            None => expected(field, language),
        }
    }

    /// For programs.
    pub(super) fn json(&self, language: Language) -> Value {
        let side = |field: &ComparedField| {
            let sheet = field.member.and_then(|member| self.of(member));
            let (line, element) = sheet.map(|sheet| sheet.place(field)).unzip();
            json!({
                "file": sheet.map(|sheet| sheet.file),
                "line": line,
                "element": element.unwrap_or_else(|| field.element.to_owned()),
                "value": field.value,
            })
        };
        let pair =
            |it: &FieldDifference| json!({ "left": side(&it.left), "right": side(&it.right) });
        let pairs = |all: &[FieldDifference]| all.iter().map(pair).collect::<Vec<_>>();
        let violations = self.findings();
        let violations = violations.iter().map(|finding| {
            json!({
                "rule": finding.broken.rule,
                "customs_code": finding.broken.code,
                "title": pick(language, finding.title, finding.title_zh),
                "return_info": finding.broken.text,
                "differences": pairs(&finding.differences),
            })
        });
        let strangers = self.strangers();
        let strangers = strangers.iter().map(|(missing, differences)| {
            json!({ "document": member(*missing).title(), "differences": pairs(differences) })
        });
        let absent = self.absent();
        let documents = self.0.iter().map(|sheet| {
            json!({
                "file": sheet.file,
                "document": sheet.number,
                "is": sheet.member().title(),
            })
        });
        json!({ "set": {
            "order_no": self.order_no(),
            "documents": documents.collect::<Vec<_>>(),
            "violations": violations.collect::<Vec<_>>(),
            "not_recognised": strangers.collect::<Vec<_>>(),
            "missing": absent.into_iter().map(|it| member(it).title()).collect::<Vec<_>>(),
            "wrong": self.is_wrong(),
        } })
    }
}

/// `M6 1332 the amount paid is not the amount of the order`.
fn titled(finding: &Discrepancy, language: Language) -> String {
    let title = pick(language, finding.title, finding.title_zh);
    let code = finding.broken.code.map(|code| format!("{code} ")).unwrap_or_default(); // not all have one
    format!("{} {code}{title}", finding.broken.rule)
}

/// What a field of one document is, and what it should be.
fn against(difference: &FieldDifference, language: Language) -> String {
    let FieldDifference { left, right } = difference;
    let value = valued(&left.value, language);
    let other = match right.member {
        Some(_) => {
            let other = valued(&right.value, language);
            match language {
                Language::English => format!("{} is {other}", right.element),
                Language::Chinese => format!("{}为{other}", right.element),
            }
        }
        None => expected(right, language),
    };
    match language {
        Language::English => format!("{} is {value}, {other}", left.element),
        Language::Chinese => format!("{}为{value}，{other}", left.element),
    }
}

fn valued(value: &str, language: Language) -> &str {
    if value.trim().is_empty() { pick(language, "(empty)", "（空）") } else { value.trim() }
}

/// What a field should be.
fn expected(field: &ComparedField, language: Language) -> String {
    let ComparedField { element, value, .. } = field;
    match (element.is_empty(), value.as_str(), language) {
        (_, "…", Language::English) => "a value is required".to_owned(),
        (_, "…", Language::Chinese) => "必填".to_owned(),
        (true, value, Language::English) => format!("it must be {value}"),
        (true, value, Language::Chinese) => format!("应为{value}"),
        (false, value, _) => format!("{element} = {value}"),
    }
}
