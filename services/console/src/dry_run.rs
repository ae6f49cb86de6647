//! What changed risk rules (布控规则) would select: past declarations assessed by the rules in force and by changed ones,
//! side by side. Nothing is ordered. `single-window inspect dry-run` tells of each declaration.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::response::Response;
use cli::inspect::dry_run::{DeclarantCredits, SelectionCounts, count};
use cli::words;
use domain::Code;
use domain::clearance::Agency;
use domain::inspection::agency_word;
use domain::inspection::credit::Class;
use domain::inspection::risk::RuleSet;
use futures::{StreamExt as _, TryStreamExt as _};
use http::StatusCode;
use proto::rule_file::{self, RuleFileError};
use proto::status::Language;
use proto::v1;
use tonic::Code as Grpc;

use crate::problem::{FieldProblem, PageAnswer, RefusedCall, settle};
use crate::statistics::{BarChart, chart};
use crate::story;
use crate::visit::{Visit, page_with};

/// A rule, with how many declarations it is about and how many it selects.
struct RuleRow {
    agency: &'static str,
    rule: String,
    title: String,
    matched: usize,
    selected: usize,
    /// By the changed rules; empty when there are none.
    changed: String,
}

/// What came out.
struct Outcome {
    declarations: usize,
    /// Selected by customs, by quarantine and by both: by the rules in force, and by the changed ones.
    now: [usize; 3],
    then: Option<[usize; 3]>,
    chart: BarChart,
    rows: Vec<RuleRow>,
}

#[derive(Template)]
#[template(path = "dry_run.html")]
struct DryRunPage<'a> {
    visit: &'a Visit,
    document: &'a str,
    limit: usize,
    outcome: Option<Outcome>,
    refused: Option<RefusedCall>,
}

/// Declarations that are read, when nothing is said.
const USUAL: usize = 200;
/// And at most: more are for the command line.
const MOST: usize = 1_000;
/// Of these so many at once.
const AT_ONCE: usize = 8;

/// `GET /console/dry-run`.
pub(crate) async fn form(Extension(visit): Extension<Arc<Visit>>) -> Response {
    let page =
        DryRunPage { visit: &visit, document: "", limit: USUAL, outcome: None, refused: None };
    page_with(StatusCode::OK, &page)
}

/// `POST /console/dry-run`.
pub(crate) async fn run(Extension(visit): Extension<Arc<Visit>>) -> Response {
    settle(&visit, assessed(&visit).await)
}

async fn assessed(visit: &Visit) -> PageAnswer {
    let document = visit.field("document");
    let limit = visit.field("limit").parse().unwrap_or(USUAL).clamp(1, MOST);
    let (status, outcome, refused) = match changed(visit, document) {
        Ok(set) => (StatusCode::OK, Some(outcome(visit, set, limit).await?), None),
        Err(refused) => (refused.status(), None, Some(*refused)),
    };
    Ok(page_with(status, &DryRunPage { visit, document, limit, outcome, refused }))
}

/// The rule set that was typed, if any.
fn changed(visit: &Visit, document: &str) -> Result<Option<RuleSet>, Box<RefusedCall>> {
    if document.is_empty() {
        return Ok(None);
    }
    let problem_of = |broken: RuleFileError| match broken {
        RuleFileError::Json { text, line, column } => {
            (Code::JsonMalformed, String::new(), format!("{line}:{column} {text}"))
        }
        RuleFileError::Rule(problem) => {
            let field = problem.field();
            let text = match visit.language {
                Language::English => problem.why.en,
                Language::Chinese => problem.why.zh,
            };
            (Code::RuleSetRefused, field, text)
        }
    };
    rule_file::parse(document.as_bytes()).map(Some).map_err(|broken| {
        let broken = broken.into_iter().map(problem_of).map(|(code, field, text)| FieldProblem {
            code: code.id().to_owned(),
            field,
            text,
        });
        Box::new(RefusedCall::local(Code::RuleSetRefused, visit.language, broken.collect()))
    })
}

async fn outcome(
    visit: &Visit,
    changed: Option<RuleSet>,
    limit: usize,
) -> Result<Outcome, Box<RefusedCall>> {
    let sets = in_force(visit).await?;
    let records = past(visit, limit).await?;
    let credits = credits(visit, &records).await?;
    let declarations = records.len();
    let counted = |sets: &[RuleSet]| {
        let counted = count(records.clone(), sets, &credits);
        counted.map_err(|error| Box::new(RefusedCall::titled(&error.to_string())))
    };
    let now = counted(&sets)?;
    let then = match changed {
        None => None,
        Some(set) => {
            let mut sets = sets;
            sets.retain(|it| it.agency != set.agency);
            sets.push(set);
            Some(counted(&sets)?)
        }
    };
    Ok(drawn(visit, declarations, &now, then.as_ref()))
}

/// Rules by agency and id, each with what it does now and what it would do then.
fn drawn(
    visit: &Visit,
    declarations: usize,
    now: &SelectionCounts,
    then: Option<&SelectionCounts>,
) -> Outcome {
    let all = now.rules.iter().chain(then.iter().flat_map(|it| &it.rules));
    let keys: BTreeSet<_> = all.map(|it| (agency_word(it.agency), it.rule.clone())).collect();
    let (mut rows, mut bars) = (Vec::new(), Vec::new());
    for (word, rule) in keys {
        let of = |counts: &SelectionCounts| {
            counts
                .rules
                .iter()
                .find(|it| agency_word(it.agency) == word && it.rule == rule)
                .cloned()
        };
        let (before, after) = (of(now), then.and_then(of));
        let selected = before.as_ref().map_or(0, |it| it.selected);
        let Some(known) = after.as_ref().or(before.as_ref()) else { continue };
        let chosen = after.as_ref().map_or(0, |it| it.selected);
        let bar = |count: usize, series| {
            // No more than were read.
            let value = i64::try_from(count).unwrap_or(i64::MAX);
            (rule.clone(), value, count.to_string(), series)
        };
        bars.push(bar(selected, "without"));
        if then.is_some() {
            bars.push(bar(chosen, "with"));
        }
        rows.push(RuleRow {
            agency: words::agency(visit.language, known.agency.into()),
            title: match visit.language {
                Language::English => known.title.en.clone(),
                Language::Chinese => known.title.zh.clone(),
            },
            matched: known.matched,
            selected,
            changed: if then.is_some() { chosen.to_string() } else { String::new() },
            rule,
        });
    }
    let whole = i64::try_from(declarations).ok(); // no more than were read
    let (now, then) = (now.selected, then.map(|it| it.selected));
    Outcome { declarations, now, then, chart: chart(bars, whole), rows }
}

/// The rule sets in force; the sample of an agency that has put none.
async fn in_force(visit: &Visit) -> Result<Vec<RuleSet>, Box<RefusedCall>> {
    let request = visit.call(v1::ListRuleSetsRequest::default());
    let known = visit.inspection().list_rule_sets(request).await?.into_inner().rule_sets;
    let of = |agency: Agency| {
        let put = known.iter().find(|it| it.in_force && it.agency() == agency.into());
        // What was put in force was read then.
        let put = put.and_then(|it| rule_file::read(it.document.as_bytes()).ok());
        put.unwrap_or_else(|| rule_file::sample(agency).clone())
    };
    Ok(Agency::ALL.map(of).to_vec())
}

/// The newest declarations, each whole.
async fn past(visit: &Visit, limit: usize) -> Result<Vec<v1::DeclarationRecord>, Box<RefusedCall>> {
    let page_size = i32::try_from(limit).unwrap_or(i32::MAX); // a page has no more
    let request = visit.call(v1::ListRequest { page_size, ..Default::default() });
    let listed = visit.declarations().list(request).await?.into_inner().records;
    let whole = futures::stream::iter(listed).map(async |listed: v1::DeclarationRecord| {
        story::read(visit, words::id(&listed.name)).await
    });
    whole.buffered(AT_ONCE).try_collect().await
}

/// Credit class of each declarant, as it is today; a firm without one is general.
async fn credits(
    visit: &Visit,
    records: &[v1::DeclarationRecord],
) -> Result<DeclarantCredits, Box<RefusedCall>> {
    let declarants = records.iter().filter_map(|it| it.declaration.as_ref()?.declarant.as_ref());
    let firms: BTreeSet<_> = declarants.map(|it| it.code.clone()).collect();
    let mut credits = BTreeMap::new();
    for firm in firms.into_iter().filter(|firm| !firm.is_empty()) {
        let request = visit.call(v1::GetCreditRequest { firm: firm.clone() });
        match visit.inspection().get_credit(request).await {
            Ok(answer) => {
                let credit = answer.into_inner().credit.unwrap_or_default(); // what was found is told
                let class = Class::parse(&credit.class).unwrap_or(Class::General); // as the command
                credits.insert(firm, (class, credit.blacklisted));
            }
            Err(status) if status.code() == Grpc::NotFound => {}
            Err(status) => return Err(status.into()),
        }
    }
    Ok(credits)
}
