//! One declaration: where it stands, whom it waits for, everything that happened in every service, by which
//! rules, with which money, what is open, and what was declared.

use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::extract::Path;
use axum::response::{IntoResponse as _, Redirect};
use cli::trace::{self, ParcelStory, TraceAnswers, TraceEvent, TraceRequests, TraceText};
use cli::{pay, words};
use domain::codes::Mode;
use proto::v1;
use proto::v1::fact::Kind;
use tonic::{Response, Status};

use crate::declarations::StateBadge;
use crate::problem::{PageAnswer, RefusedCall, settle};
use crate::visit::{Visit, page};

/// Something that happened, at a time.
pub(crate) struct TimelineEntry {
    pub(crate) time: String,
    /// Of the declaration; 0 where another service tells it.
    pub(crate) version: u32,
    /// Who says so, where that is not in the words.
    pub(crate) who: String,
    pub(crate) facts: Vec<TimelineFact>,
}

/// One of the things that happened at once.
pub(crate) struct TimelineFact {
    pub(crate) text: String,
    /// Colour of its mark, as that of a state.
    pub(crate) tone: &'static str,
}

/// Goods as a row.
pub(crate) struct GoodsRow {
    pub(crate) number: u32,
    pub(crate) code: String,
    pub(crate) name: String,
    pub(crate) model: String,
    pub(crate) quantity: String,
    pub(crate) price: String,
    pub(crate) total: String,
    pub(crate) country: String,
}

/// The duty of an import, and its bill.
struct DutyCard {
    state: &'static str,
    tone: &'static str,
    amount: String,
    payer: String,
    missing: Vec<String>,
    bill: Option<BillCard>,
}

/// A bill in short.
struct BillCard {
    number: String,
    status: &'static str,
    due: String,
}

/// Something that is not done yet.
struct OpenMatter {
    who: String,
    what: String,
    until: String,
}

/// A rule that was followed.
struct FollowedRule {
    rule: String,
    law: String,
    what: String,
}

/// A label with its value.
pub(crate) type LabelledValue = (&'static str, String);

#[derive(Template)]
#[template(path = "story.html")]
struct StoryPage<'a> {
    visit: &'a Visit,
    id: &'a str,
    record: &'a v1::DeclarationRecord,
    state: StateBadge,
    waits_for: String,
    standing: Vec<LabelledValue>,
    content: Vec<LabelledValue>,
    goods: Vec<GoodsRow>,
    timeline: Vec<TimelineEntry>,
    duty: Option<DutyCard>,
    money: Vec<(String, String)>,
    rules: Vec<FollowedRule>,
    open: Vec<OpenMatter>,
    /// Documents that agencies ask for: who, until when, and which.
    asked: Vec<(&'static str, String, String)>,
    may_amend: bool,
    may_withdraw: bool,
}

/// `GET /console/declarations/{id}`.
pub(crate) async fn whole(
    Extension(visit): Extension<Arc<Visit>>,
    Path(id): Path<String>,
) -> axum::response::Response {
    settle(&visit, story(&visit, &id).await)
}

/// A declaration by its id.
pub(crate) async fn read(
    visit: &Visit,
    id: &str,
) -> Result<v1::DeclarationRecord, Box<RefusedCall>> {
    let request = v1::GetRequest { name: format!("declarations/{id}"), ..Default::default() };
    let answer = visit.declarations().get(visit.call(request)).await?.into_inner();
    // By its name there is one, or a refusal.
    Ok(answer.record.unwrap_or_default())
}

async fn story(visit: &Visit, id: &str) -> PageAnswer {
    let record = read(visit, id).await?;
    let answers = asked(visit, TraceRequests::of(&record)).await?;
    let told = ParcelStory::new(&record, &answers);
    let declaration = record.declaration.as_ref();
    let is_firm = visit.is_firm();
    let (state, pending) = (record.state(), v1::State::UnderReview);
    let language = visit.language;
    let text = |what: &TraceText| what.pick(language).to_owned();
    Ok(page(&StoryPage {
        visit,
        id,
        state: StateBadge::of(visit, state),
        waits_for: words::awaited(language, record.waits_for()),
        standing: standing(visit, &record),
        content: declaration.map_or_else(Vec::new, |it| content(visit, it)),
        goods: declaration.map_or_else(Vec::new, goods),
        timeline: timeline(visit, &record.history, &told.events),
        duty: duty(visit, &answers),
        money: told
            .money
            .iter()
            .map(|it| (format!("{} {}", pay::yuan(it.amount), it.currency), text(&it.what)))
            .collect(),
        rules: told
            .rules
            .iter()
            .map(|it| {
                let (rule, law, what) = (it.rule.clone(), it.law.clone(), text(&it.what));
                FollowedRule { rule, law, what }
            })
            .collect(),
        open: told
            .open
            .iter()
            .map(|it| {
                let (until, what) = (it.until.clone(), text(&it.what));
                OpenMatter { who: visit.word(&it.who).to_owned(), what, until }
            })
            .collect(),
        asked: record.document_requests.iter().map(|it| asked_for(visit, it)).collect(),
        may_amend: is_firm && [pending, v1::State::Rejected].contains(&state),
        may_withdraw: is_firm && state == pending,
        record: &record,
    }))
}

fn asked_for(visit: &Visit, it: &v1::DocumentsRequested) -> (&'static str, String, String) {
    let what = it.asked.as_ref();
    let until = words::minute(what.and_then(|it| it.until_time).and_then(proto::time));
    let items = what.map_or(&[][..], |it| &it.items);
    let kinds = items.iter().map(|it| words::document_kind(visit.language, &it.kind));
    let kinds = kinds.collect::<Vec<_>>().join(if visit.lang() == "en" { ", " } else { "、" });
    (words::agency(visit.language, it.agency()), until, kinds)
}

/// What the services know of it, all asked at once.
async fn asked(visit: &Visit, requests: TraceRequests) -> Result<TraceAnswers, Box<RefusedCall>> {
    let (mut ceb, mut risk, mut refund) = (visit.ceb(), visit.inspection(), visit.refunds());
    let (mut duties, mut bills, mut goods) = (visit.payment(), visit.payment(), visit.payment());
    let books = requests.entries.into_iter().map(async |request| {
        let list = visit.payment().list_entries(visit.call(request)).await;
        trace::there(list.map(Response::into_inner))
    });
    let mut orders = visit.inspection();
    let (documents, assessment, inspection, duty, bill, returns, refund, books) = futures::join!(
        ceb.list_documents(visit.call(requests.documents)),
        risk.get_assessment(visit.call(requests.assessment)),
        optional(requests.inspection, async |it| orders.get_order(visit.call(it)).await),
        optional(requests.duty, async |it| duties.get_duty(visit.call(it)).await),
        optional(requests.bill, async |it| bills.get_bill(visit.call(it)).await),
        optional(requests.returns, async |it| goods.list_import_returns(visit.call(it)).await),
        optional(requests.refund, async |it| refund.get_export_history(visit.call(it)).await),
        futures::future::try_join_all(books),
    );
    Ok(TraceAnswers {
        documents: trace::there(documents.map(Response::into_inner))?,
        assessment: trace::there(assessment.map(Response::into_inner))?,
        inspection: inspection?,
        duty: duty?,
        bill: bill?,
        returns: returns?,
        refund: refund?,
        entries: books?.into_iter().flatten().flat_map(|found| found.entries).collect(),
    })
}

/// An answer, where there is something to ask and somebody who knows it.
async fn optional<Q, R>(
    request: Option<Q>,
    ask: impl AsyncFnOnce(Q) -> Result<Response<R>, Status>,
) -> Result<Option<R>, Status> {
    match request {
        Some(request) => trace::there(ask(request).await.map(Response::into_inner)),
        None => Ok(None),
    }
}

/// The duty, where this window knows of it.
fn duty(visit: &Visit, answers: &TraceAnswers) -> Option<DutyCard> {
    let found = answers.duty.as_ref()?;
    let duty = found.duty.as_ref()?;
    let bill = answers.bill.iter().flat_map(|it| &it.bill).next();
    Some(DutyCard {
        state: pay::duty_state(visit.language, duty.state()),
        tone: duty_tone(duty.state()),
        amount: pay::yuan(duty.amount_fen),
        payer: duty.payer.clone(),
        missing: match visit.lang() {
            "en" => found.missing.clone(),
            _ => found.missing_zh.clone(),
        },
        bill: bill.map(|bill| BillCard {
            status: pay::bill_status(visit.language, bill.status()),
            due: format!("{} – {}", bill.due_from, bill.due_until),
            number: bill.tax_no.clone(),
        }),
    })
}

/// The colour of a duty.
pub(crate) fn duty_tone(state: v1::DutyState) -> &'static str {
    match state {
        v1::DutyState::Unspecified => "plain",
        v1::DutyState::Unassessed | v1::DutyState::Short | v1::DutyState::OverLimit => "attention",
        v1::DutyState::Secured | v1::DutyState::Billed => "good",
        v1::DutyState::Ended => "over",
    }
}

pub(crate) fn standing(visit: &Visit, record: &v1::DeclarationRecord) -> Vec<LabelledValue> {
    let language = visit.language;
    let released = words::when(record.released_time.and_then(proto::time));
    let mode = match Mode::find(&record.trade_mode) {
        Some(mode) => format!("{} {}", record.trade_mode, mode.name_zh),
        None => record.trade_mode.clone(),
    };
    let mut rows = vec![
        (visit.t("pre-entry no. (preNo)"), record.pre_no.clone()),
        (visit.t("customs no. (invtNo)"), record.invt_no.clone()),
        (visit.t("mode"), mode),
        (visit.t("version, round"), format!("{}, {}", record.version, record.round)),
        (visit.t("customs"), words::stand(language, record.customs()).to_owned()),
        (visit.t("quarantine"), words::stand(language, record.quarantine()).to_owned()),
        (visit.t("filed"), words::when(record.filed_time.and_then(proto::time))),
        (visit.t("released"), released),
        (visit.t("release id"), record.release_id.clone()),
    ];
    rows.retain(|(_, value)| !value.is_empty());
    rows
}

/// What was declared apart from the goods. A person is masked: a page is looked at by many.
pub(crate) fn content(visit: &Visit, it: &v1::Declaration) -> Vec<LabelledValue> {
    let direction = match it.ie_flag() {
        v1::Direction::Import => visit.t("import"),
        v1::Direction::Export => visit.t("export"),
        v1::Direction::Unspecified => "",
    };
    let party = |party: &Option<v1::Party>| {
        party.as_ref().map_or_else(String::new, |it| format!("{} {}", it.code, it.name))
    };
    let buyer = it.buyer.as_ref().map_or_else(String::new, |buyer| {
        let number = words::mask_number(&buyer.id_number);
        format!("{} {number}", words::mask_name(&buyer.name))
    });
    let decimal = words::decimal;
    let weights = format!("{} / {} kg", decimal(it.gross_weight_e5), decimal(it.net_weight_e5));
    let mut rows = vec![
        (visit.t("direction"), direction.to_owned()),
        (visit.t("own no. (copNo)"), it.cop_no.clone()),
        (visit.t("way-bill"), it.logistics_no.clone()),
        (visit.t("customs house"), it.customs_code.clone()),
        (visit.t("port"), it.port_code.clone()),
        (visit.t("declarant"), party(&it.declarant)),
        (visit.t("agent"), party(&it.agent)),
        (visit.t("e-commerce firm"), party(&it.ebc)),
        (visit.t("platform"), party(&it.ebp)),
        (visit.t("carrier"), party(&it.logistics)),
        (visit.t("buyer"), buyer),
        (visit.t("guarantor of the tax"), it.assure_code.clone()),
        (visit.t("weight, gross / net"), weights),
        (visit.t("packages"), it.pack_no.to_string()),
        (visit.t("freight"), words::money(it.freight.as_ref())),
        (visit.t("insurance"), words::money(it.insured_fee.as_ref())),
        (visit.t("note"), it.note.clone()),
    ];
    rows.retain(|(_, value)| !value.trim().is_empty());
    rows
}

pub(crate) fn goods(declaration: &v1::Declaration) -> Vec<GoodsRow> {
    let row = |it: &v1::GoodsLine| GoodsRow {
        number: it.gnum,
        code: it.gcode.clone(),
        name: it.gname.clone(),
        model: it.gmodel.clone(),
        quantity: it.qty.as_ref().map_or_else(String::new, |quantity| {
            format!("{} ({})", words::decimal(quantity.value_e5), quantity.unit)
        }),
        price: words::money(it.price.as_ref()),
        total: words::money(it.total_price.as_ref()),
        country: it.country.clone(),
    };
    declaration.lines.iter().map(row).collect()
}

/// What happened in every service, in order.
fn timeline(
    visit: &Visit,
    history: &[v1::HistoryEntry],
    events: &[TraceEvent],
) -> Vec<TimelineEntry> {
    let own = history.iter().map(|entry| {
        let at = entry.time.and_then(proto::time);
        let shown = TimelineEntry {
            time: words::when(at),
            version: entry.version,
            who: entry.actor.clone(),
            facts: entry.facts.iter().map(|fact| timeline_fact(visit, fact)).collect(),
        };
        (at, shown)
    });
    let others = events.iter().filter(|event| event.service != "declaration").map(|event| {
        let text = event.what.pick(visit.language).to_owned();
        let shown = TimelineEntry {
            time: words::when(event.at),
            version: 0,
            who: visit.t(event.who).to_owned(),
            facts: vec![TimelineFact { text, tone: "plain" }],
        };
        (event.at, shown)
    });
    let mut all: Vec<_> = own.chain(others).collect();
    all.sort_by_key(|(at, _)| *at);
    all.into_iter().map(|(_, entry)| entry).collect()
}

fn timeline_fact(visit: &Visit, fact: &v1::Fact) -> TimelineFact {
    let tone = match &fact.kind {
        Some(Kind::Released(_)) => "good",
        Some(Kind::Rejected(_) | Kind::Returned(_)) => "bad",
        Some(Kind::Withdrawn(_) | Kind::InspectionCancelled(_)) => "over",
        Some(Kind::StandChanged(changed)) => match changed.stand() {
            v1::Stand::Cleared | v1::Stand::Concluded => "good",
            v1::Stand::Held | v1::Stand::Detained | v1::Stand::WantsInspection => "attention",
            v1::Stand::Unspecified
            | v1::Stand::Pending
            | v1::Stand::Accepted
            | v1::Stand::ManualReview => "open",
        },
        Some(Kind::DutyProgress(moved)) if moved.step() != v1::DutyStep::Billed => "attention",
        Some(
            Kind::InspectionOrdered(_)
            | Kind::InspectionJoined(_)
            | Kind::InspectionReopened(_)
            | Kind::InspectionProgress(_)
            | Kind::InspectionCompleted(_)
            | Kind::InspectionAnswered(_)
            | Kind::DocumentsRequested(_),
        ) => "attention",
        _ => "open",
    };
    TimelineFact { text: cli::describe(fact, visit.language), tone }
}

/// `POST /console/declarations/{id}/withdraw`.
pub(crate) async fn withdraw(
    Extension(visit): Extension<Arc<Visit>>,
    Path(id): Path<String>,
) -> axum::response::Response {
    settle(&visit, withdrawn(&visit, &id).await)
}

async fn withdrawn(visit: &Visit, id: &str) -> PageAnswer {
    let request = v1::WithdrawRequest {
        request_id: visit.field("request_id").to_owned(),
        name: format!("declarations/{id}"),
        version: visit.field("version").parse().unwrap_or(0), // none that there is, and so refused
        reason: visit.field("reason").to_owned(),
        validate_only: false,
    };
    visit.declarations().withdraw(visit.call(request)).await?;
    Ok(Redirect::to(&format!("/console/declarations/{id}")).into_response())
}
