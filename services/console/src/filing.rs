//! Filing from a browser: a form or JSON, from an example, a copy or what stands; checked or filed. What is
//! refused comes back with its fields marked.

use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::response::{IntoResponse as _, Redirect, Response};
use cli::words;
use domain::Code;
use http::StatusCode;
use proto::v1;
use serde_json::Value;

use crate::fields::{self, FormGroup, TypedValues};
use crate::problem::{FieldProblem, PageAnswer, RefusedCall, settle};
use crate::story;
use crate::visit::{Visit, page_with};

/// Declarations to begin with, by the names of their files.
pub(crate) const EXAMPLES: [(&str, &str); 5] = [
    ("import-9610", include_str!("../../../docs/examples/import-9610.json")),
    ("import-1210", include_str!("../../../docs/examples/import-1210.json")),
    ("export-9610", include_str!("../../../docs/examples/export-9610.json")),
    ("export-9710", include_str!("../../../docs/examples/export-9710.json")),
    ("export-9810", include_str!("../../../docs/examples/export-9810.json")),
];

/// Before the name of an input of the form, so that no field is taken for a button.
const FIELD: &str = "f.";

#[derive(Template)]
#[template(path = "filing.html")]
struct FilingPage<'a> {
    visit: &'a Visit,
    draft: Draft,
    groups: Vec<FormGroup>,
    hidden: Vec<(String, String)>,
    json: String,
    refused: Option<RefusedCall>,
    /// It was checked and could be filed; with what was remarked.
    checked: Option<Vec<FieldProblem>>,
    examples: [(&'static str, &'static str); 5],
}

/// What is being written.
#[derive(Default)]
struct Draft {
    is_json: bool,
    request_id: String,
    /// The id of the declaration that it changes; empty for a new one.
    amends: String,
    version: u32,
    /// Under which id the browser keeps it; empty when it does not.
    kept: String,
}

/// `GET /console/file?example=…&copy=…&amend=…`.
pub(crate) async fn form(Extension(visit): Extension<Arc<Visit>>) -> Response {
    settle(&visit, begun(&visit).await)
}

async fn begun(visit: &Visit) -> PageAnswer {
    let (copied, amends) = (visit.query("copy"), visit.query("amend"));
    let mut draft = Draft { request_id: visit.request_id(), ..Draft::default() };
    let declaration = if !amends.is_empty() || !copied.is_empty() {
        let id = if amends.is_empty() { copied } else { amends };
        let record = story::read(visit, id).await?;
        if !amends.is_empty() {
            amends.clone_into(&mut draft.amends);
            draft.version = record.version;
        }
        record.declaration.unwrap_or_default() // read by its name, it has content
    } else {
        example(visit.query("example"))
    };
    let values = fields::typed(&json(&declaration));
    Ok(shown(visit, StatusCode::OK, draft, Some(values), String::new(), Outcome::None))
}

/// A declaration to begin with; the first of them for a name that is none.
pub(crate) fn example(name: &str) -> v1::Declaration {
    let named = EXAMPLES.iter().find(|(known, _)| *known == name);
    let (_, text) = named.unwrap_or(&EXAMPLES[0]);
    // The tests of the fields read each of them.
    serde_json::from_str(text).unwrap_or_default()
}

fn json(declaration: &v1::Declaration) -> Value {
    serde_json::to_value(declaration).unwrap_or_default() // messages of the schema are JSON
}

/// How a draft fared.
enum Outcome {
    None,
    Refused(RefusedCall),
    Checked(Vec<FieldProblem>),
}

fn shown(
    visit: &Visit,
    status: StatusCode,
    draft: Draft,
    values: Option<TypedValues>,
    json: String,
    outcome: Outcome,
) -> Response {
    let (refused, checked) = match outcome {
        Outcome::None => (None, None),
        Outcome::Refused(refused) => (Some(refused), None),
        Outcome::Checked(remarks) => (None, Some(remarks)),
    };
    let problems = refused.as_ref().map_or(&[][..], |refused| &refused.violations);
    let values = values.unwrap_or_default(); // as JSON there are none
    let (groups, hidden) = fields::form(visit.language, &values, problems);
    let page =
        FilingPage { visit, draft, groups, hidden, json, refused, checked, examples: EXAMPLES };
    page_with(status, &page)
}

/// `POST /console/file`: checks, files, or only changes how the draft is shown.
pub(crate) async fn file(Extension(visit): Extension<Arc<Visit>>) -> Response {
    let act = visit.field("act").to_owned();
    let draft = Draft {
        is_json: visit.field("shape") == "json",
        request_id: visit.field("request_id").to_owned(),
        amends: visit.field("amends").to_owned(),
        version: visit.field("version").parse().unwrap_or(0), // none that there is, and so refused
        kept: visit.field("draft").to_owned(),
    };
    let mut values: TypedValues = visit
        .form
        .iter()
        .filter_map(|(name, value)| {
            Some((name.strip_prefix(FIELD)?.to_owned(), value.trim().to_owned()))
        })
        .collect();
    if act == "go-on" {
        return shown(&visit, StatusCode::OK, draft, Some(values), String::new(), Outcome::None);
    }
    if act == "add-line" {
        let next = fields::line_count(&values);
        values.insert(format!("lines[{next}].gcode"), String::new());
        return shown(&visit, StatusCode::OK, draft, Some(values), String::new(), Outcome::None);
    }
    if act == "remove-line" {
        let last = fields::line_count(&values).saturating_sub(1);
        values.retain(|path, _| last == 0 || fields::line_of(path) != Some(last));
        return shown(&visit, StatusCode::OK, draft, Some(values), String::new(), Outcome::None);
    }
    let text = visit.field("json").to_owned();
    let read = if draft.is_json {
        pasted(&visit, &text)
    } else {
        fields::declaration(visit.language, &values)
            .map_err(|problems| RefusedCall::local(Code::Invalid, visit.language, problems))
            .and_then(|value| declaration(&visit, value))
    };
    let values = (!draft.is_json).then_some(values);
    let declaration = match read {
        Ok(declaration) => declaration,
        Err(refused) => {
            let refused = Outcome::Refused(refused);
            return shown(&visit, StatusCode::UNPROCESSABLE_ENTITY, draft, values, text, refused);
        }
    };
    match act.as_str() {
        "as-json" => {
            let draft = Draft { is_json: true, ..draft };
            let text = format!("{:#}", json(&declaration));
            return shown(&visit, StatusCode::OK, draft, None, text, Outcome::None);
        }
        "as-form" => {
            let draft = Draft { is_json: false, ..draft };
            let values = fields::typed(&json(&declaration));
            return shown(&visit, StatusCode::OK, draft, Some(values), text, Outcome::None);
        }
        _ => {}
    }
    match sent(&visit, &draft, declaration, act == "check").await {
        Ok((Some(name), _)) => {
            let path = format!("/console/declarations/{}", words::id(&name));
            Redirect::to(&path).into_response()
        }
        Ok((None, remarks)) => {
            shown(&visit, StatusCode::OK, draft, values, text, Outcome::Checked(remarks))
        }
        Err(refused) => {
            let status = refused.status();
            // The next attempt is another request, unless this one may have arrived.
            let request_id =
                if refused.is_unsure() { draft.request_id } else { visit.request_id() };
            let draft = Draft { request_id, ..draft };
            shown(&visit, status, draft, values, text, Outcome::Refused(*refused))
        }
    }
}

/// What was pasted: a declaration, or a request with one.
fn pasted(visit: &Visit, text: &str) -> Result<v1::Declaration, RefusedCall> {
    let value: Value = serde_json::from_str(text).map_err(|error| malformed(visit, &error))?;
    let value = match value {
        Value::Object(mut object) if object.contains_key("declaration") => {
            object.remove("declaration").unwrap_or_default() // it is there
        }
        other => other,
    };
    declaration(visit, value)
}

fn declaration(visit: &Visit, value: Value) -> Result<v1::Declaration, RefusedCall> {
    serde_json::from_value(value).map_err(|error| malformed(visit, &error))
}

fn malformed(visit: &Visit, error: &serde_json::Error) -> RefusedCall {
    let code = Code::JsonMalformed;
    let problem =
        FieldProblem { code: code.id().to_owned(), field: String::new(), text: error.to_string() };
    RefusedCall::local(code, visit.language, vec![problem])
}

/// Sends it. The name is that of what was filed or changed; a check gives none.
async fn sent(
    visit: &Visit,
    draft: &Draft,
    declaration: v1::Declaration,
    validate_only: bool,
) -> Result<(Option<String>, Vec<FieldProblem>), Box<RefusedCall>> {
    let (request_id, declaration) = (draft.request_id.clone(), Some(declaration));
    let (name, warnings) = if draft.amends.is_empty() {
        let request =
            v1::SubmitRequest { request_id, declaration, validate_only, pre_no: String::new() };
        let receipt = visit.declarations().submit(visit.call(request)).await?.into_inner();
        (receipt.name, receipt.warnings)
    } else {
        let name = format!("declarations/{}", draft.amends);
        let version = draft.version;
        let request = v1::AmendRequest { request_id, name, version, declaration, validate_only };
        let receipt = visit.declarations().amend(visit.call(request)).await?.into_inner();
        (receipt.name, receipt.warnings)
    };
    let remarks = warnings.into_iter().map(|it| FieldProblem {
        code: it.code,
        field: it.field.trim_start_matches("declaration.").to_owned(),
        text: if visit.lang() == "en" { it.text } else { it.text_zh },
    });
    Ok(((!validate_only).then_some(name), remarks.collect()))
}
