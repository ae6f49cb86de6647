//! What stands at `/openapi.json`: the interface over HTTP as OpenAPI 3.1, made of the schema, its annotations
//! and its comments. Nothing is said here that the schema does not say.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt::Write as _;
use std::sync::LazyLock;

use http::Method;
use prost_reflect::{
    Cardinality, DescriptorPool, EnumDescriptor, FieldDescriptor, Kind, MessageDescriptor,
    MethodDescriptor,
};
use serde_json::{Map, Value, json};

use super::rules::{HttpRule, HttpRules};

/// The interface, once for all who ask.
pub(crate) fn document() -> &'static Value {
    static DOCUMENT: LazyLock<Value> = LazyLock::new(|| {
        // The window has read both when it started.
        let rules = HttpRules::of(proto::DESCRIPTOR).unwrap_or_default(); // none, and no path
        Comments::of(&rules).document(&rules)
    });
    &DOCUMENT
}

/// The comments of the schema, by file and place in it.
struct Comments(HashMap<(String, Vec<i32>), String>);

impl Comments {
    fn of(rules: &HttpRules) -> Self {
        let mut comments = HashMap::new();
        let files = rules.iter().next().map(|rule| rule.call.parent_pool().clone());
        for file in files.iter().flat_map(DescriptorPool::files) {
            let places = file.file_descriptor_proto().source_code_info.iter();
            for place in places.flat_map(|info| &info.location) {
                let text = place.leading_comments().lines().map(str::trim);
                let text = text.collect::<Vec<_>>().join(" ").trim().to_owned();
                if !text.is_empty() {
                    comments.insert((file.name().to_owned(), place.path.clone()), text);
                }
            }
        }
        Self(comments)
    }

    fn at(&self, file: &str, path: &[i32]) -> &str {
        self.0.get(&(file.to_owned(), path.to_vec())).map_or("", String::as_str)
    }

    fn document(&self, rules: &HttpRules) -> Value {
        let (mut paths, mut schemas) = (Map::new(), BTreeMap::new());
        let (mut tags, mut named) = (BTreeMap::new(), HashSet::new());
        for rule in rules.iter() {
            let service = rule.call.parent_service();
            let about = self.at(service.parent_file().name(), service.path());
            tags.insert(service.name().to_owned(), about.to_owned());
            let mut operation = self.operation(rule, &mut schemas);
            let id = format!("{}_{}", service.name(), rule.call.name());
            let is_first = named.insert(id.clone());
            let id = if is_first { id } else { format!("{id}_{}", rule.variables.len() + 1) };
            operation["operationId"] = id.into();
            let at = paths.entry(plain_path(rule)).or_insert_with(|| json!({}));
            at[rule.method.as_str().to_ascii_lowercase()] = operation;
        }
        schemas.insert("Problem".to_owned(), problem());
        let tags: Vec<_> = tags
            .iter()
            .map(|(name, about)| json!({ "name": name, "description": about }))
            .collect();
        json!({
            "openapi": "3.1.0",
            "info": {
                "title": "single-window",
                "version": env!("CARGO_PKG_VERSION"),
                "description": "One declaration, one inspection, one release: a single window for \
                                cross-border e-commerce (跨境电商单一窗口). docs/http.md is the guide.",
                "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
            },
            "servers": [{ "url": "/" }],
            "security": [{ "key": [] }, { "certificate": [] }],
            "tags": tags,
            "paths": paths,
            "components": {
                "schemas": schemas,
                "securitySchemes": {
                    "key": {
                        "type": "http",
                        "scheme": "bearer",
                        "description": "A key of a caller (API key): swk_…",
                    },
                    "certificate": { "type": "mutualTLS" },
                },
                "responses": {
                    "Problem": {
                        "description": "It was refused; `code` has a page under /errors.",
                        "content": {
                            "application/problem+json": {
                                "schema": { "$ref": "#/components/schemas/Problem" }
                            }
                        },
                    }
                },
            },
        })
    }

    fn operation(&self, rule: &HttpRule, schemas: &mut BTreeMap<String, Value>) -> Value {
        let call = &rule.call;
        let about = self.at(call.parent_service().parent_file().name(), call.path());
        let summary = about.split_inclusive(". ").next().unwrap_or(about).trim();
        let mut operation = json!({
            "tags": [call.parent_service().name()],
            "summary": summary,
            "description": about,
            "parameters": self.parameters(rule),
            "responses": { "default": { "$ref": "#/components/responses/Problem" } },
        });
        let input = self.reference(&item(call), schemas);
        if rule.has_body && rule.is_file {
            operation["requestBody"] = json!({ "required": true, "content": { FILE: file() } });
        } else if rule.has_body {
            let form = if call.is_client_streaming() { LINES } else { JSON };
            // Of lines, the schema is that of each.
            operation["requestBody"] =
                json!({ "required": true, "content": { form: { "schema": input } } });
        }
        let output = self.reference(&call.output(), schemas);
        let content = if rule.is_file && !rule.has_body {
            json!({ "*/*": file() })
        } else if call.is_client_streaming() && !rule.is_file {
            json!({ LINES: { "schema": output } })
        } else if call.is_server_streaming() && !rule.is_file {
            json!({
                "text/event-stream": {
                    "schema": { "type": "string", "description": "Events; `data` of each is a message." }
                },
                JSON: {
                    "schema": {
                        "type": "object",
                        "properties": {
                            "messages": { "type": "array", "items": output },
                            "resumeToken": { "type": "string" },
                            "after": { "type": "string" },
                        },
                        "required": ["messages"],
                    }
                },
            })
        } else {
            json!({ JSON: { "schema": output } })
        };
        operation["responses"]["200"] = json!({ "description": "It is done.", "content": content });
        operation
    }

    /// What stands in path, query and headers.
    fn parameters(&self, rule: &HttpRule) -> Value {
        let input = rule.call.input();
        let in_path = |field: &FieldDescriptor| {
            rule.variables.iter().any(|variable| variable.field == field.name())
        };
        let mut all = Vec::new();
        for field in input.fields() {
            let about = self.of_field(&field);
            if in_path(&field) {
                all.push(json!({
                    "name": field.name(), "in": "path", "required": true, "description": about,
                    "schema": { "type": "string", "minLength": 1 },
                }));
            } else if !rule.has_body || rule.is_file && field.kind() != Kind::Bytes {
                let mut schema = kind(&field.kind(), &mut |_| json!({}));
                if field.cardinality() == Cardinality::Repeated {
                    schema = json!({ "type": "array", "items": schema });
                }
                all.push(json!({
                    "name": field.json_name(), "in": "query", "description": about, "schema": schema,
                }));
            }
        }
        if rule.call.is_server_streaming() && !rule.call.is_client_streaming() && !rule.is_file {
            let most = domain::limits::POLL_SECONDS_MAX;
            all.push(json!({
                "name": "wait", "in": "query",
                "description": "Seconds that a page waits for something to come.",
                "schema": { "type": "integer", "minimum": 0, "maximum": most },
            }));
            all.push(json!({
                "name": "Last-Event-ID", "in": "header",
                "description": "Goes on behind this event.", "schema": { "type": "string" },
            }));
        }
        if input.get_field_by_name("request_id").is_some() {
            all.push(json!({
                "name": "Idempotency-Key", "in": "header",
                "description": "The requestId of the message, when that does not say it.",
                "schema": { "type": "string", "format": "uuid" },
            }));
        }
        all.into()
    }

    fn of_field(&self, field: &FieldDescriptor) -> &str {
        self.at(field.parent_message().parent_file().name(), field.path())
    }

    /// The schema of a message, described once for all who name it.
    fn reference(
        &self,
        message: &MessageDescriptor,
        schemas: &mut BTreeMap<String, Value>,
    ) -> Value {
        let name = message.name().to_owned();
        let reference = json!({ "$ref": format!("#/components/schemas/{name}") });
        if schemas.contains_key(&name) {
            return reference;
        }
        // A message may hold itself.
        schemas.insert(name.clone(), Value::Null);
        let mut properties = Map::new();
        for field in message.fields() {
            let about = self.of_field(&field).to_owned();
            let mut shape = if field.is_map() {
                json!({ "type": "object", "additionalProperties": { "type": "string" } })
            } else {
                kind(&field.kind(), &mut |inner| match inner {
                    Kind::Message(inner) => self.reference(inner, schemas),
                    Kind::Enum(inner) => self.enumeration(inner, schemas),
                    _ => json!({}),
                })
            };
            if field.is_list() {
                shape = json!({ "type": "array", "items": shape });
            }
            if !about.is_empty() {
                shape["description"] = about.into();
            }
            properties.insert(field.json_name().to_owned(), shape);
        }
        let about = self.at(message.parent_file().name(), message.path());
        let shape = json!({
            "type": "object",
            "description": about,
            "properties": properties,
            "additionalProperties": false,
        });
        schemas.insert(name, shape);
        reference
    }

    fn enumeration(&self, names: &EnumDescriptor, schemas: &mut BTreeMap<String, Value>) -> Value {
        let file = names.parent_file();
        let about = self.at(file.name(), names.path()).to_owned();
        let described = |value: prost_reflect::EnumValueDescriptor| {
            format!("\n- {}: {}", value.name(), self.at(file.name(), value.path()))
        };
        let about: String = std::iter::once(about).chain(names.values().map(described)).collect();
        let all: Vec<_> = names.values().map(|value| value.name().to_owned()).collect();
        let shape = json!({ "type": "string", "enum": all, "description": about });
        schemas.insert(names.name().to_owned(), shape);
        json!({ "$ref": format!("#/components/schemas/{}", names.name()) })
    }
}

const JSON: &str = "application/json";
const LINES: &str = "application/x-ndjson";
const FILE: &str = "application/octet-stream";

/// The bytes of a file.
fn file() -> Value {
    json!({ "schema": { "type": "string", "format": "binary" } })
}

/// The message of a line, or of the body.
fn item(call: &MethodDescriptor) -> MessageDescriptor {
    let input = call.input();
    if !call.is_client_streaming() {
        return input;
    }
    let fields: Vec<_> = input.fields().collect();
    match &fields[..] {
        [only] => only.kind().as_message().cloned().unwrap_or(input),
        _ => input,
    }
}

/// The path without patterns: each variable is one segment.
fn plain_path(rule: &HttpRule) -> String {
    let (mut path, mut rest) = (String::new(), rule.template.as_str());
    while let Some((before, more)) = rest.split_once('{') {
        let Some((variable, after)) = more.split_once('}') else { break };
        let (field, pattern) = variable.split_once('=').unwrap_or((variable, "*"));
        path.push_str(before);
        path.push_str(&pattern.replace('*', &format!("{{{field}}}")));
        rest = after;
    }
    path.push_str(rest);
    path
}

/// A value as JSON has it; `others` are described elsewhere.
fn kind(kind: &Kind, others: &mut dyn FnMut(&Kind) -> Value) -> Value {
    match kind {
        Kind::Bool => json!({ "type": "boolean" }),
        Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => {
            json!({ "type": "integer", "format": "int32", "minimum": i32::MIN, "maximum": i32::MAX })
        }
        Kind::Uint32 | Kind::Fixed32 => {
            json!({ "type": "integer", "minimum": 0, "maximum": u32::MAX })
        }
        Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => {
            json!({ "type": "string", "format": "int64", "pattern": "^-?[0-9]{1,18}$" })
        }
        Kind::Uint64 | Kind::Fixed64 => {
            json!({ "type": "string", "format": "uint64", "pattern": "^[0-9]{1,19}$" })
        }
        Kind::Float | Kind::Double => json!({ "type": "number" }),
        Kind::String => json!({ "type": "string" }),
        Kind::Bytes => json!({ "type": "string", "contentEncoding": "base64" }),
        Kind::Message(message) if message.full_name() == "google.protobuf.Timestamp" => {
            json!({ "type": "string", "format": "date-time" })
        }
        Kind::Enum(names) => {
            let schema = others(kind);
            let all: Vec<_> = names.values().map(|value| value.name().to_owned()).collect();
            if schema == json!({}) { json!({ "type": "string", "enum": all }) } else { schema }
        }
        Kind::Message(_) => others(kind),
    }
}

fn problem() -> Value {
    let text = json!({ "type": "string" });
    json!({
        "type": "object",
        "description": "A refusal (RFC 9457).",
        "properties": {
            "type": { "type": "string", "description": "The page of the code, relative to this window." },
            "title": text,
            "status": { "type": "integer" },
            "detail": { "type": "string", "description": "The first violation." },
            "code": { "type": "string", "description": "Our code, for example SW-1001; branch on this." },
            "message": text,
            "message_zh": text,
            "data": { "type": "object", "additionalProperties": text },
            "violations": {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": {
                        "field": text, "code": text, "text": text, "text_zh": text,
                        "customs_code": text,
                    },
                    "required": ["field", "text"],
                },
            },
        },
        "required": ["type", "title", "status", "code"],
    })
}

/// The document for people: every call with what it takes, on one page without a script.
pub(crate) fn readable() -> String {
    let document = document();
    let mut page = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <title>single-window: JSON over HTTP</title><style>{STYLE}</style></head><body>\
         <h1>single-window: JSON over HTTP</h1><p>{} <a href=\"/openapi.json\">/openapi.json</a></p>",
        escaped(&document["info"]["description"])
    );
    let none = Map::new();
    let paths = document["paths"].as_object().unwrap_or(&none);
    for tag in document["tags"].as_array().into_iter().flatten() {
        let (name, about) = (escaped(&tag["name"]), escaped(&tag["description"]));
        let _infallible = write!(page, "<h2>{name}</h2><p>{about}</p>");
        for (path, methods) in paths {
            for (method, operation) in methods.as_object().into_iter().flatten() {
                if operation["tags"][0] == tag["name"] {
                    page.push_str(&shown(path, method, operation));
                }
            }
        }
    }
    page.push_str("<h2>Messages</h2>");
    for (name, schema) in document["components"]["schemas"].as_object().into_iter().flatten() {
        let about = escaped(&schema["description"]);
        let _infallible = write!(page, "<h3 id=\"{name}\">{name}</h3><p>{about}</p><table>");
        for (field, shape) in schema["properties"].as_object().into_iter().flatten() {
            let (shape, about) = (shape_html(shape), escaped(&shape["description"]));
            let _infallible =
                write!(page, "<tr><td><code>{field}</code><td>{shape}<td>{about}</tr>");
        }
        page.push_str("</table>");
    }
    page.push_str("</body></html>");
    page
}

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;\
    color-scheme:light dark}code{font-size:.9em}td{padding:.1rem .8rem .1rem 0;vertical-align:top}";

fn shown(path: &str, method: &str, operation: &Value) -> String {
    let method = method.parse().unwrap_or(Method::GET); // it is one of ours
    let mut text = format!(
        "<h3><code>{method} {path}</code></h3><p>{}</p><table>",
        escaped(&operation["description"])
    );
    for parameter in operation["parameters"].as_array().into_iter().flatten() {
        let (name, about) = (escaped(&parameter["name"]), escaped(&parameter["description"]));
        let (place, shape) = (escaped(&parameter["in"]), shape_html(&parameter["schema"]));
        let _infallible =
            write!(text, "<tr><td><code>{name}</code><td>{place}<td>{shape}<td>{about}</tr>");
    }
    text.push_str("</table>");
    for (what, content) in [
        ("body", &operation["requestBody"]["content"]),
        ("answer", &operation["responses"]["200"]["content"]),
    ] {
        for (form, shape) in content.as_object().into_iter().flatten() {
            let shape = shape_html(&shape["schema"]);
            let _infallible = write!(text, "<p>{what} <code>{form}</code>: {shape}</p>");
        }
    }
    text
}

/// A shape in a word, with a link where it is described.
fn shape_html(shape: &Value) -> String {
    if let Some(name) = shape["$ref"].as_str().and_then(|it| it.rsplit('/').next()) {
        return format!("<a href=\"#{name}\">{name}</a>");
    }
    match (shape["type"].as_str(), shape["format"].as_str()) {
        (Some("array"), _) => format!("list of {}", shape_html(&shape["items"])),
        (Some("object"), _) if shape["properties"]["messages"].is_object() => {
            format!("page of {}", shape_html(&shape["properties"]["messages"]["items"]))
        }
        (_, Some(format)) => format.to_owned(),
        (Some(kind), None) => kind.to_owned(),
        (None, None) => String::new(),
    }
}

fn escaped(text: &Value) -> String {
    let text = text.as_str().unwrap_or("");
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every value of this name, wherever it stands.
    fn all<'a>(value: &'a Value, name: &str, found: &mut Vec<&'a Value>) {
        match value {
            Value::Object(fields) => {
                found.extend(fields.get(name));
                fields.values().for_each(|inner| all(inner, name, found));
            }
            Value::Array(items) => items.iter().for_each(|item| all(item, name, found)),
            _ => {}
        }
    }

    #[test]
    fn every_call_is_described_and_every_reference_leads_somewhere() {
        let document = document();
        let (mut ids, mut references) = (Vec::new(), Vec::new());
        all(document, "operationId", &mut ids);
        all(document, "$ref", &mut references);
        let ids: Vec<_> = ids.iter().filter_map(|id| id.as_str()).collect();
        let different: HashSet<_> = ids.iter().collect();
        assert_eq!(ids.len(), different.len(), "an id stands twice");
        let pool = DescriptorPool::decode(proto::DESCRIPTOR).expect("compiled");
        for call in pool.services().flat_map(|service| service.methods().collect::<Vec<_>>()) {
            let id = format!("{}_{}", call.parent_service().name(), call.name());
            assert!(different.contains(&id.as_str()), "{id}");
        }
        for reference in references {
            let path = reference.as_str().and_then(|it| it.strip_prefix('#')).expect("of here");
            assert!(document.pointer(path).is_some_and(Value::is_object), "{path}");
        }
        for (path, methods) in document["paths"].as_object().expect("paths") {
            for operation in methods.as_object().expect("methods").values() {
                let parameters = operation["parameters"].as_array().expect("a list");
                let in_path: Vec<_> = parameters.iter().filter(|it| it["in"] == "path").collect();
                assert_eq!(in_path.len(), path.matches('{').count(), "{path}");
                assert!(!operation["description"].as_str().unwrap_or("").is_empty(), "{path}");
            }
        }
        assert!(readable().contains("/v1/declarations"));
    }
}
