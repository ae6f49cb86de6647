//! `trace`: the whole story of one parcel, over all services, on one page: who said what when, by which rule, which
//! money, and what is still open. Everything is asked of the public interface, so that each caller sees its own.

use std::fmt::Write as _;

use domain::rules::decimal;
use proto::v1::{self, fact::Kind};
use serde::Serialize;
use time::OffsetDateTime;
use tonic::{Code as Grpc, Status};

use crate::facts::describe;
use crate::pay::{purpose, yuan};
use crate::table::{columns, wrapped};
use crate::words::{self, hex, pick, when};
use crate::{
    BilingualText, Exit, Language, Output, Session, inspect, print_json, print_line, read,
};

/// Tell the whole story of one parcel: who said what when, by which rule, which money, what is open.
#[derive(Debug, clap::Args)]
pub struct TraceArgs {
    /// Name (declarations/UUID), UUID, or any number of it: preNo, order number, own number (copNo),
    /// way-bill, invtNo, release.
    name: String,
}

/// Documents of one order and entries of one declaration's books that are told: no parcel has more.
const MOST: i32 = 1_000;

/// A text in both languages.
#[derive(Debug, Clone, Serialize)]
pub struct TraceText {
    text: String,
    text_zh: String,
}

impl TraceText {
    fn new(text: impl Into<String>, text_zh: impl Into<String>) -> Self {
        Self { text: text.into(), text_zh: text_zh.into() }
    }

    /// In one of them.
    pub fn pick(&self, language: Language) -> &str {
        pick(language, &self.text, &self.text_zh)
    }
}

/// One thing that somebody said.
#[derive(Debug, Serialize)]
pub struct TraceEvent {
    /// RFC 3339.
    time: String,
    /// When.
    #[serde(skip)]
    pub at: Option<OffsetDateTime>,
    /// Which service has it.
    pub service: &'static str,
    /// Who said it.
    pub who: &'static str,
    /// Who acted, where the service keeps that: the caller, and a person's or key's name.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub actor: String,
    /// What.
    #[serde(flatten)]
    pub what: TraceText,
}

/// Something that follows from the law, or was asked of the risk rules.
#[derive(Debug, Serialize)]
pub struct TraceRule {
    /// Its name.
    pub rule: String,
    /// The law, or the day since when it holds.
    pub law: String,
    /// In words.
    #[serde(flatten)]
    pub what: TraceText,
}

/// A sum of money.
#[derive(Debug, Serialize)]
pub struct TraceMoney {
    /// Letters of ISO 4217.
    pub currency: String,
    /// In the smallest unit.
    pub amount: i64,
    /// What for.
    #[serde(flatten)]
    pub what: TraceText,
}

/// Something that is not done yet.
#[derive(Debug, Serialize)]
pub struct TraceOpen {
    /// Who has to act.
    pub who: String,
    /// The last day, where there is one.
    pub until: String,
    /// What.
    #[serde(flatten)]
    pub what: TraceText,
}

/// The story.
#[derive(Debug, Serialize)]
pub struct ParcelStory {
    declaration: String,
    order_no: String,
    state: &'static str,
    /// What happened, oldest first.
    pub events: Vec<TraceEvent>,
    /// By which rules.
    pub rules: Vec<TraceRule>,
    /// Which money.
    pub money: Vec<TraceMoney>,
    /// What is not done yet.
    pub open: Vec<TraceOpen>,
}

/// What to ask the services about one parcel.
#[derive(Debug)]
pub struct TraceRequests {
    /// National documents of its order.
    pub documents: v1::ListDocumentsRequest,
    /// What the risk rules said; agencies and the operator see it.
    pub assessment: v1::GetAssessmentRequest,
    /// Its joint inspection, where there was one.
    pub inspection: Option<v1::GetOrderRequest>,
    /// Its tax, of an import.
    pub duty: Option<v1::GetDutyRequest>,
    /// And the bill.
    pub bill: Option<v1::GetBillRequest>,
    /// Its goods that may come back.
    pub returns: Option<v1::ListImportReturnsRequest>,
    /// Its refund, of an export.
    pub refund: Option<v1::GetExportHistoryRequest>,
    /// What the books of each firm have of it.
    pub entries: Vec<v1::ListEntriesRequest>,
}

impl TraceRequests {
    /// About this declaration.
    pub fn of(record: &v1::DeclarationRecord) -> Self {
        let declaration = record.name.clone();
        let declared = record.declaration.as_ref();
        let is_export = declared.is_some_and(|it| it.ie_flag() == v1::Direction::Export);
        let parties = declared.into_iter().flat_map(|it| [&it.ebc, &it.agent, &it.declarant]);
        let mut owners: Vec<String> =
            parties.flatten().map(|party| party.code.clone()).filter(|it| !it.is_empty()).collect();
        owners.sort();
        owners.dedup();
        let entries = owners.into_iter().map(|owner| v1::ListEntriesRequest {
            owner,
            declaration: declaration.clone(),
            page_size: MOST,
            page_token: String::new(),
        });
        let import = (!is_export).then_some(&declaration);
        Self {
            documents: v1::ListDocumentsRequest {
                order_no: record.order_no.clone(),
                page_size: MOST,
                ..Default::default()
            },
            assessment: v1::GetAssessmentRequest { name: declaration.clone(), version: 0 },
            inspection: (!record.inspection_order_id.is_empty())
                .then(|| v1::GetOrderRequest { name: format!("{declaration}/inspection") }),
            duty: import.map(|it| v1::GetDutyRequest { declaration: it.clone(), version: 0 }),
            bill: import.map(|it| v1::GetBillRequest { declaration: it.clone() }),
            returns: import.map(|it| v1::ListImportReturnsRequest {
                declaration: it.clone(),
                page_size: MOST,
                ..Default::default()
            }),
            entries: entries.collect(),
            refund: is_export.then_some(v1::GetExportHistoryRequest { declaration }),
        }
    }
}

/// What they answered; nothing where a service does not run, has nothing, or the caller may not ask it.
#[derive(Debug, Default)]
pub struct TraceAnswers {
    /// Documents.
    pub documents: Option<v1::ListDocumentsResponse>,
    /// Risk rules.
    pub assessment: Option<v1::GetAssessmentResponse>,
    /// Joint inspection.
    pub inspection: Option<v1::GetOrderResponse>,
    /// Tax.
    pub duty: Option<v1::GetDutyResponse>,
    /// Bill.
    pub bill: Option<v1::GetBillResponse>,
    /// Goods that may come back.
    pub returns: Option<v1::ListImportReturnsResponse>,
    /// Refund.
    pub refund: Option<v1::GetExportHistoryResponse>,
    /// Books.
    pub entries: Vec<v1::LedgerEntry>,
}

/// Tells it.
pub(super) async fn run(session: &Session, args: TraceArgs) -> anyhow::Result<Exit> {
    anyhow::ensure!(!args.name.trim().is_empty(), BilingualText::new("NAME is empty", "NAME为空"));
    let name = read::resolve(session, &args.name).await?;
    let record = read::fetch(session, &name).await?;
    let story = ParcelStory::new(&record, &asked(session, TraceRequests::of(&record)).await?);
    match session.output {
        Output::Json => print_json(&story)?,
        Output::Table => {
            print_line(story.page(session.language, words::state(record.state())).trim_end())?
        }
    }
    Ok(Exit::Done)
}

/// Asks the services.
async fn asked(session: &Session, requests: TraceRequests) -> Result<TraceAnswers, Status> {
    let mut answers = TraceAnswers {
        documents: there(
            session
                .ask(requests.documents, async |it, ask| it.ceb().list_documents(ask).await)
                .await,
        )?,
        assessment: there(
            session
                .ask(requests.assessment, async |it, ask| it.inspection().get_assessment(ask).await)
                .await,
        )?,
        ..TraceAnswers::default()
    };
    if let Some(request) = requests.inspection {
        let get = session.ask(request, async |it, ask| it.inspection().get_order(ask).await).await;
        answers.inspection = there(get)?;
    }
    if let Some(request) = requests.duty {
        let get = session.ask(request, async |it, ask| it.payment().get_duty(ask).await).await;
        answers.duty = there(get)?;
    }
    if let Some(request) = requests.bill {
        let get = session.ask(request, async |it, ask| it.payment().get_bill(ask).await).await;
        answers.bill = there(get)?;
    }
    if let Some(request) = requests.returns {
        let list =
            session.ask(request, async |it, ask| it.payment().list_import_returns(ask).await).await;
        answers.returns = there(list)?;
    }
    if let Some(request) = requests.refund {
        let get =
            session.ask(request, async |it, ask| it.refund().get_export_history(ask).await).await;
        answers.refund = there(get)?;
    }
    for request in requests.entries {
        let list = session.ask(request, async |it, ask| it.payment().list_entries(ask).await).await;
        answers.entries.extend(there(list)?.into_iter().flat_map(|found| found.entries));
    }
    Ok(answers)
}

/// What a service has; nothing where it does not run, has nothing, or the caller may not ask it.
pub fn there<T>(answer: Result<T, Status>) -> Result<Option<T>, Status> {
    match answer {
        Ok(found) => Ok(Some(found)),
        Err(status) => match status.code() {
            Grpc::NotFound | Grpc::PermissionDenied | Grpc::Unimplemented => Ok(None),
            _ => Err(status),
        },
    }
}

impl ParcelStory {
    /// What the answers tell.
    pub fn new(record: &v1::DeclarationRecord, answers: &TraceAnswers) -> Self {
        let mut story = Self {
            declaration: record.name.clone(),
            order_no: record.order_no.clone(),
            state: words::state(record.state()).0,
            events: Vec::new(),
            rules: Vec::new(),
            money: Vec::new(),
            open: Vec::new(),
        };
        story.clearance(record);
        answers.documents.iter().for_each(|found| story.documents(found));
        answers.assessment.iter().for_each(|found| story.risk(found));
        answers.inspection.iter().flat_map(|it| &it.order).for_each(|it| story.inspection(it));
        answers.duty.iter().for_each(|found| story.duty(found));
        answers.bill.iter().flat_map(|found| &found.bill).for_each(|bill| story.bill(bill));
        answers.returns.iter().flat_map(|it| &it.returns).for_each(|goods| story.goods_back(goods));
        answers.refund.iter().for_each(|found| story.refund(found));
        answers.entries.iter().for_each(|entry| story.books(entry));
        story.events.sort_by_key(|event| event.at);
        story
    }

    fn event(
        &mut self,
        at: Option<OffsetDateTime>,
        (service, who): (&'static str, &'static str),
        what: TraceText,
    ) {
        let rfc = &time::format_description::well_known::Rfc3339;
        let time = proto::text(at.and_then(|at| at.format(rfc).ok()));
        let actor = String::new();
        self.events.push(TraceEvent { time, at, service, who, actor, what });
    }

    fn rule(&mut self, rule: &str, law: &str, what: TraceText) {
        let is_known = self.rules.iter().any(|it| it.rule == rule && it.what.text == what.text);
        if !is_known {
            self.rules.push(TraceRule { rule: rule.to_owned(), law: law.to_owned(), what });
        }
    }

    fn fen(&mut self, amount: i64, text: impl Into<String>, text_zh: impl Into<String>) {
        let currency = "CNY".to_owned();
        self.money.push(TraceMoney { currency, amount, what: TraceText::new(text, text_zh) });
    }

    fn open(&mut self, who: &str, until: &str, what: TraceText) {
        let known =
            |it: &TraceOpen| it.who == who && it.until == until && it.what.text == what.text;
        if !self.open.iter().any(known) {
            self.open.push(TraceOpen { who: who.to_owned(), until: until.to_owned(), what });
        }
    }

    /// What the declaration service keeps.
    fn clearance(&mut self, record: &v1::DeclarationRecord) {
        for entry in &record.history {
            for fact in &entry.facts {
                let in_language = |language| describe(fact, language);
                let what =
                    TraceText::new(in_language(Language::English), in_language(Language::Chinese));
                self.event(entry.time.and_then(proto::time), ("declaration", speaker(fact)), what);
                if let Some(event) = self.events.last_mut() {
                    event.actor.clone_from(&entry.actor);
                }
            }
        }
        // Which documents the firm is waited for is said by each request.
        for awaited in record.waits_for().filter(|it| *it != v1::Awaited::Documents) {
            let one = |language| words::awaited(language, std::iter::once(awaited));
            let what = TraceText::new(one(Language::English), one(Language::Chinese));
            self.open("agency", "", what);
        }
        self.document_requests(&record.document_requests);
    }

    /// What agencies wait for the firm to provide.
    fn document_requests(&mut self, requests: &[v1::DocumentsRequested]) {
        for requested in requests {
            let until = requested.asked.as_ref().and_then(|asked| asked.until_time);
            let fact = v1::Fact { kind: Some(Kind::DocumentsRequested(requested.clone())) };
            let in_language = |language| describe(&fact, language);
            let what =
                TraceText::new(in_language(Language::English), in_language(Language::Chinese));
            self.open("firm", &words::minute(until.and_then(proto::time)), what);
        }
    }

    /// Where the national documents of its order stand.
    fn documents(&mut self, found: &v1::ListDocumentsResponse) {
        for document in &found.documents {
            let (kind, status) = (&document.message_type, &document.return_status);
            let text = format!("CEB{kind} stands at {status}: {}", document.return_info);
            let text_zh = format!("CEB{kind}回执{status}：{}", document.return_info);
            let what = TraceText::new(text, text_zh);
            self.event(document.changed_time.and_then(proto::time), ("ceb", "national door"), what);
            if !document.missing.is_empty() {
                let missing = document.missing.join(", ");
                let text = format!("CEB{kind} waits for {missing}");
                let what = TraceText::new(text, format!("CEB{kind}等待{missing}"));
                self.open("firm", "", what);
            }
        }
    }

    /// What the risk rules said.
    fn risk(&mut self, found: &v1::GetAssessmentResponse) {
        for matched in found.assessments.iter().flat_map(|it| &it.matched) {
            let what = TraceText::new(matched.title.clone(), matched.title_zh.clone());
            self.rule(&matched.rule, &matched.law, what);
        }
    }

    /// Where the goods are looked at, and the photographs and records of what was found.
    fn inspection(&mut self, order: &v1::OrderRecord) {
        let Some(state) = &order.state else { return };
        let place = state.appointment.as_ref();
        if let Some(place) = place.filter(|_| state.stage() == v1::OrderStage::Appointed) {
            let text = format!("the goods are expected at {}", place.place_name);
            let what = TraceText::new(text, format!("货物应运抵{}", place.place_name_zh));
            self.open("firm", &words::minute(place.start.and_then(proto::time)), what);
        }
        let changed = order.changed_time.and_then(proto::time);
        let (at, at_zh) =
            place.map_or(("", ""), |it| (it.place_name.as_str(), it.place_name_zh.as_str()));
        let examinations = state.first.iter().chain(&state.work);
        for finding in examinations.flat_map(|it| &it.findings).filter(|it| !it.evidence.is_empty())
        {
            let digests: Vec<String> = finding.evidence.iter().map(|it| hex(it)).collect();
            let told = |language| {
                let by = inspect::words::key(finding.agency(), &finding.instruction);
                let result = inspect::words::result(language, &finding.result);
                format!("{by} {result} {}", finding.text).trim_end().to_owned()
            };
            let (english, chinese) = (told(Language::English), told(Language::Chinese));
            let digests = digests.join(", ");
            let text = format!("{english}; photographs and records of {at}: SHA-256 {digests}");
            let text_zh = format!("{chinese}；{at_zh}的照片和记录：SHA-256 {digests}");
            self.event(changed, ("inspection", "site"), TraceText::new(text, text_zh));
        }
    }

    /// Tax of an import.
    fn duty(&mut self, found: &v1::GetDutyResponse) {
        let step = if found.applies == "FULL" { &found.full } else { &found.within };
        if let Some(step) = step {
            let what = TraceText::new(step.title.clone(), step.title_zh.clone());
            self.rule(&step.rule, &step.since, what);
        }
        let missing = found.missing.iter().zip(&found.missing_zh);
        missing.for_each(|(text, zh)| self.open("operator", "", TraceText::new(text, zh)));
        if let Some(duty) = &found.duty {
            let state = |language| crate::pay::duty_state(language, duty.state());
            let (english, chinese) = (state(Language::English), state(Language::Chinese));
            let payer = &duty.payer;
            let (text, zh) =
                (format!("tax, {payer}: {english}"), format!("税款，{payer}：{chinese}"));
            self.fen(duty.amount_fen, text, zh);
        }
    }

    /// Its bill.
    fn bill(&mut self, bill: &v1::Bill) {
        let status = |language| crate::pay::bill_status(language, bill.status());
        let (english, chinese) = (status(Language::English), status(Language::Chinese));
        let number = &bill.tax_no;
        let tax = bill.customs_tax_fen + bill.vat_fen + bill.consumption_fen;
        let (text, zh) = (format!("bill {number}: {english}"), format!("税单{number}：{chinese}"));
        self.fen(tax, text, zh);
        if bill.returned_fen > 0 {
            self.fen(-bill.returned_fen, "given back, for goods that came back", "退货退还税款");
        }
        let is_void = bill.status() == v1::BillStatus::Void;
        if !is_void && bill.paid_time.is_none() {
            let text = format!("the bill {number} is to be paid from {}", bill.due_from);
            let zh = format!("税单{number}自{}起缴纳", bill.due_from);
            self.open(&bill.payer, &bill.due_until, TraceText::new(text, zh));
        }
    }

    /// Goods that may come back: whom they wait for. What happened to them is in the history of the declaration.
    fn goods_back(&mut self, goods: &v1::ImportReturn) {
        if goods.state() != v1::ImportReturnState::Awaited {
            return;
        }
        let (site, site_zh) = match goods.loct_no.as_str() {
            "" => (String::new(), String::new()),
            place => (format!(" to {place}"), format!("（{place}）")),
        };
        let missing = goods.lines.iter().filter(|line| line.applied_e5 > line.counted_e5);
        let quantity = |line: &v1::ImportReturnLine| decimal(line.applied_e5 - line.counted_e5);
        let (mut english, mut chinese) = (Vec::new(), Vec::new());
        for line in missing {
            english.push(format!("{} of line {}", quantity(line), line.gnum));
            chinese.push(format!("第{}项{}", line.gnum, quantity(line)));
        }
        let (english, chinese) = (english.join(", "), chinese.join("、"));
        let application = &goods.cop_no;
        let text = format!("goods of application {application} are to come back{site}: {english}");
        let zh = format!("退货申请{application}待监管场所{site_zh}确认退回：{chinese}");
        self.open("site", &goods.back_until, TraceText::new(text, zh));
    }

    /// Tax refund of an export.
    fn refund(&mut self, found: &v1::GetExportHistoryResponse) {
        for entry in &found.entries {
            for fact in &entry.facts {
                let (text, text_zh) = match entry.name.strip_prefix("refunds/") {
                    Some(claim) => {
                        (format!("{claim}: {}", fact.text), format!("{claim}：{}", fact.text_zh))
                    }
                    None => (fact.text.clone(), fact.text_zh.clone()),
                };
                let what = TraceText::new(text, text_zh);
                self.event(
                    entry.time.and_then(proto::time),
                    ("refund", refund_speaker(fact.step())),
                    what,
                );
            }
        }
        for line in &found.lines {
            let Some(it) = &line.entitlement else { continue };
            let what = TraceText::new(it.title.clone(), it.title_zh.clone());
            self.rule(&it.rule, &it.law, what);
            let until = it.due.as_ref().map_or("", |due| due.last.as_str());
            for missing in &it.missing {
                let what = TraceText::new(missing.text.clone(), missing.text_zh.clone());
                self.open(&missing.who, until, what);
            }
            match it.standing() {
                v1::RefundStanding::Claimable => {
                    self.open("firm", until, TraceText::new("it may be claimed", "可申报退税"));
                }
                v1::RefundStanding::ToRecover => {
                    let what = TraceText::new("its refund is to be given back", "应追回已退税款");
                    self.open("firm", "", what);
                }
                _ => {}
            }
            if let Some(fen) = it.estimate_fen.filter(|fen| *fen > 0) {
                let name = words::id(&line.name);
                self.fen(fen, format!("refund to come, {name}"), format!("应退税额，{name}"));
            }
        }
        for it in &found.claim_lines {
            let Some(line) = &it.line else { continue };
            let (claim, number) = (&it.claim, line.line);
            let name = (format!("{claim} line {number}"), format!("{claim}第{number}条"));
            if line.paid_fen > 0 {
                self.fen(
                    line.paid_fen,
                    format!("refund paid, {}", name.0),
                    format!("已退税，{}", name.1),
                );
            }
            if line.repaid_fen > 0 {
                let (text, zh) = (format!("paid back, {}", name.0), format!("已追回，{}", name.1));
                self.fen(-line.repaid_fen, text, zh);
            }
            let (who, text, zh) = match line.state() {
                v1::ClaimLineState::Open => ("tax office", "to be decided", "待审核"),
                v1::ClaimLineState::Queried if line.answered => {
                    ("tax office", "answered", "已答复")
                }
                v1::ClaimLineState::Queried => ("firm", "the tax office asks", "税务机关有疑点"),
                v1::ClaimLineState::Approved => ("treasury", "to be paid", "待退库"),
                v1::ClaimLineState::Recovering => ("firm", "to be paid back", "应缴回"),
                _ => continue,
            };
            let what = TraceText::new(format!("{}: {text}", name.0), format!("{}：{zh}", name.1));
            self.open(who, &line.query_until, what);
        }
    }

    /// What the books say about it.
    fn books(&mut self, entry: &v1::LedgerEntry) {
        let what = TraceText::new(moved(entry, Language::English), moved(entry, Language::Chinese));
        self.event(entry.recorded_time.and_then(proto::time), ("payment", "ledger"), what);
    }

    fn page(&self, language: Language, (english, chinese): (&str, &str)) -> String {
        let width = columns();
        let order = pick(language, "order", "订单");
        let mut text =
            format!("{}  {english} {chinese}  {order} {}\n", self.declaration, self.order_no);
        for event in &self.events {
            let head = format!("{}  {:<13} ", when(event.at), event.who);
            let what = event.what.pick(language);
            // One line an event, however long: people look for words in it.
            let _infallible = writeln!(text, "{head}{what}{}", words::acted(&event.actor));
        }
        let mut section = |title: &str, lines: Vec<String>| {
            let none = pick(language, "nothing", "无").to_owned();
            let _infallible = writeln!(text, "\n{title}");
            let lines = if lines.is_empty() { vec![none] } else { lines };
            for line in lines.iter().flat_map(|line| wrapped(line, width.saturating_sub(2))) {
                let _infallible = writeln!(text, "  {line}");
            }
        };
        let rules = self.rules.iter().map(|it| {
            let law = if it.law.is_empty() { String::new() } else { format!(" [{}]", it.law) };
            format!("{}: {}{law}", it.rule, it.what.pick(language))
        });
        section(pick(language, "rules", "规则"), rules.collect());
        let money = self.money.iter().map(|it| {
            format!("{:>12} {}  {}", yuan(it.amount), it.currency, it.what.pick(language))
        });
        section(pick(language, "money", "资金"), money.collect());
        let open = self.open.iter().map(|it| {
            let until = pick(language, "until", "期限");
            let until = if it.until.is_empty() {
                String::new()
            } else {
                format!(" ({until} {})", it.until)
            };
            format!("{}: {}{until}", it.who, it.what.pick(language))
        });
        section(pick(language, "open", "未办结"), open.collect());
        text
    }
}

/// An entry of the books.
fn moved(entry: &v1::LedgerEntry, language: Language) -> String {
    let account = |owner: &str, which| format!("{owner} {}", purpose(language, which));
    let legs = entry.legs.iter().map(|leg| {
        let from = account(&leg.from_owner, leg.from_purpose());
        let to = account(&leg.to_owner, leg.to_purpose());
        format!("{} {} {from} → {to}", yuan(leg.amount), leg.currency)
    });
    let legs: Vec<String> = legs.collect();
    let rule = if entry.rule.is_empty() { String::new() } else { format!(" [{}]", entry.rule) };
    format!("{}: {}{rule}", entry.event, legs.join("; "))
}

/// Who says a fact.
fn speaker(fact: &v1::Fact) -> &'static str {
    match &fact.kind {
        Some(
            Kind::Filed(_) | Kind::Amended(_) | Kind::Withdrawn(_) | Kind::DocumentsProvided(_),
        ) => "firm",
        Some(Kind::DocumentsRequested(it)) => words::agency(Language::English, it.agency()),
        Some(Kind::DocumentsWaived(it)) => words::agency(Language::English, it.agency()),
        Some(Kind::StandChanged(changed)) => words::participant(Language::English, changed.who()),
        Some(Kind::Numbered(_)) => "customs",
        Some(Kind::Rejected(it)) => words::agency(Language::English, it.agency()),
        Some(Kind::Returned(it)) => words::agency(Language::English, it.agency()),
        Some(Kind::InspectionOrdered(it)) => words::agency(Language::English, it.demanded_by()),
        Some(Kind::InspectionJoined(it)) => words::agency(Language::English, it.demanded_by()),
        Some(Kind::InspectionCompleted(_) | Kind::InspectionProgress(_)) => "site",
        Some(Kind::DutyProgress(moved)) => match moved.step() {
            v1::DutyStep::ReturnAllowed => "customs",
            v1::DutyStep::Returned => "site",
            _ => "payment",
        },
        Some(Kind::ReceiptProgress(_)) => "bank",
        Some(Kind::ExportProgress(_)) => "customs",
        Some(
            Kind::InspectionAnswered(_)
            | Kind::InspectionCancelled(_)
            | Kind::InspectionReopened(_)
            | Kind::Released(_)
            | Kind::BankNotice(_),
        )
        | None => "window",
    }
}

/// Who says a step of the refund.
fn refund_speaker(step: v1::RefundStep) -> &'static str {
    match step {
        v1::RefundStep::InvoiceRegistered
        | v1::RefundStep::ClaimProposed
        | v1::RefundStep::ClaimSubmitted
        | v1::RefundStep::ClaimWithdrawn
        | v1::RefundStep::LineDropped
        | v1::RefundStep::QueryAnswered
        | v1::RefundStep::SalesReported => "firm",
        v1::RefundStep::InvoiceVerified => "platform",
        v1::RefundStep::FormRefused
        | v1::RefundStep::ClaimAccepted
        | v1::RefundStep::QueryRaised
        | v1::RefundStep::QueryLifted
        | v1::RefundStep::LineApproved
        | v1::RefundStep::LineRefused
        | v1::RefundStep::RecoveryOrdered => "tax office",
        v1::RefundStep::LinePaid | v1::RefundStep::LineRepaid => "treasury",
        v1::RefundStep::Unspecified
        | v1::RefundStep::ExportReleased
        | v1::RefundStep::ProofRecorded
        | v1::RefundStep::LineSettled
        | v1::RefundStep::Reminder
        | v1::RefundStep::GoodsBack
        | v1::RefundStep::InvoiceInvalid => "refund",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_inspection_tells_where_and_by_which_photographs() {
        let appointment = v1::Appointment {
            place_name: "Bonded site".to_owned(),
            place_name_zh: "保税监管场所".to_owned(),
            ..Default::default()
        };
        let finding = |evidence: &[u8]| v1::ExaminationFinding {
            agency: v1::Agency::Customs.into(),
            instruction: "GENERAL".to_owned(),
            result: "CONFORM".to_owned(),
            evidence: vec![evidence.to_vec()].into_iter().filter(|it| !it.is_empty()).collect(),
            ..Default::default()
        };
        let told = |stage: v1::OrderStage, findings| {
            let work = v1::Examination { findings, ..Default::default() };
            let state = v1::OrderState {
                stage: stage.into(),
                appointment: Some(appointment.clone()),
                work: Some(work),
                ..Default::default()
            };
            let order = v1::OrderRecord { state: Some(state), ..Default::default() };
            let inspection = Some(v1::GetOrderResponse { order: Some(order), history: Vec::new() });
            let answers = TraceAnswers { inspection, ..TraceAnswers::default() };
            let story = ParcelStory::new(&v1::DeclarationRecord::default(), &answers);
            let text = |what: &TraceText| (what.text.clone(), what.text_zh.clone());
            let events: Vec<_> = story.events.iter().map(|it| text(&it.what)).collect();
            let open: Vec<_> = story.open.iter().map(|it| text(&it.what).0).collect();
            (events, open)
        };
        let (events, open) = told(v1::OrderStage::Appointed, Vec::new());
        assert_eq!((events.len(), open), (0, vec!["the goods are expected at Bonded site".into()]));
        let findings = vec![finding(b""), finding(b"\xab\x01")];
        let (events, open) = told(v1::OrderStage::Closed, findings);
        let [(text, text_zh)] = events.as_slice() else { panic!("{events:?}") };
        assert!(text.ends_with("photographs and records of Bonded site: SHA-256 ab01"), "{text}");
        assert!(text_zh.contains("保税监管场所的照片和记录：SHA-256 ab01"), "{text_zh}");
        assert!(open.is_empty(), "{open:?}");
    }
}
