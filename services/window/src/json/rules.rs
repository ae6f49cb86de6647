//! Which call a method and path of HTTP is, by the `google.api.http` annotations of the schema.
//!
//! A call without an annotation is `POST /v1/{area}:{call}` with its message as the body, so none is missing.

use std::sync::Arc;

use anyhow::Context as _;
use http::Method;
use percent_encoding::percent_decode_str;
use prost_reflect::{DescriptorPool, DynamicMessage, Kind, MethodDescriptor, Value};

/// All of them, those that ask for more first.
#[derive(Debug, Clone, Default)]
pub(crate) struct HttpRules(Arc<Vec<Arc<HttpRule>>>);

/// One of them.
#[derive(Debug)]
pub(crate) struct HttpRule {
    /// The method of HTTP.
    pub(crate) method: Method,
    /// The path as the annotation has it.
    pub(crate) template: String,
    /// The path of gRPC, `/package.Service/Call`.
    pub(crate) path: String,
    /// The call.
    pub(crate) call: MethodDescriptor,
    /// Whether the message is the body; the query otherwise.
    pub(crate) has_body: bool,
    /// The body, or that of the answer, is a field of bytes by itself: a file, in pieces as it comes.
    pub(crate) is_file: bool,
    /// `None` is any.
    segments: Vec<Option<String>>,
    /// After the last colon; empty without one.
    verb: String,
    /// Fields of the message that stand in the path, and where.
    pub(crate) variables: Vec<PathVariable>,
}

/// A field that stands in the path.
#[derive(Debug)]
pub(crate) struct PathVariable {
    pub(crate) field: String,
    from: usize,
    to: usize,
}

/// A call that came over HTTP.
#[derive(Debug, Clone)]
pub(crate) struct HttpCall {
    pub(crate) rule: Arc<HttpRule>,
    /// What the path says.
    pub(crate) variables: Vec<(String, String)>,
}

/// What there is at a path.
#[derive(Debug)]
pub(crate) enum HttpMatch {
    /// This call.
    Call(HttpCall),
    /// Others, by these methods.
    Otherwise(Vec<Method>),
    /// Nothing.
    Nothing,
}

impl HttpRules {
    /// Those of this schema.
    ///
    /// # Errors
    ///
    /// Names an annotation that cannot be read, or that another call has.
    pub(crate) fn of(schema: &[u8]) -> anyhow::Result<Self> {
        let pool = DescriptorPool::decode(schema)?;
        let http = pool.get_extension_by_name("google.api.http");
        let http = http.context("the schema knows no google.api.http")?;
        let mut rules: Vec<Arc<HttpRule>> = Vec::new();
        for call in pool.services().flat_map(|service| service.methods().collect::<Vec<_>>()) {
            let options = call.options();
            let annotations = match options.get_extension(&http).as_message() {
                Some(annotation) if options.has_extension(&http) => bindings(annotation),
                _ => vec![usual(&call)],
            };
            for annotation in annotations {
                let rule = HttpRule::new(&call, annotation)?;
                let twice = rules.iter().find(|other| other.is_same(&rule));
                anyhow::ensure!(twice.is_none(), "{} is the path of two calls", rule.template);
                rules.push(Arc::new(rule));
            }
        }
        rules.sort_by_key(|rule| {
            (rule.verb.is_empty(), rule.segments.iter().filter(|segment| segment.is_none()).count())
        });
        Ok(Self(Arc::new(rules)))
    }

    /// All of them.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &HttpRule> {
        self.0.iter().map(|rule| &**rule)
    }

    /// What there is at this path.
    pub(crate) fn find(&self, method: &Method, path: &str) -> HttpMatch {
        let Some(path) = path.strip_prefix('/').filter(|path| path.starts_with("v1/")) else {
            return HttpMatch::Nothing;
        };
        let mut others = Vec::new();
        for rule in self.0.iter() {
            let Some(variables) = rule.matches(path) else { continue };
            if rule.method == method {
                return HttpMatch::Call(HttpCall { rule: Arc::clone(rule), variables });
            }
            others.push(rule.method.clone());
        }
        if others.is_empty() { HttpMatch::Nothing } else { HttpMatch::Otherwise(others) }
    }
}

/// An annotation as it is read.
struct HttpBinding {
    method: Method,
    template: String,
    body: String,
    response_body: String,
}

/// An annotation, and those within it.
fn bindings(annotation: &DynamicMessage) -> Vec<HttpBinding> {
    let text = |name: &str| {
        let value = annotation.get_field_by_name(name);
        value.and_then(|value| value.as_str().map(str::to_owned)).filter(|text| !text.is_empty())
    };
    let methods = [
        ("get", Method::GET),
        ("post", Method::POST),
        ("put", Method::PUT),
        ("patch", Method::PATCH),
        ("delete", Method::DELETE),
    ];
    let binding = |(name, method): (&str, Method)| {
        let (body, response_body) = (proto::text(text("body")), proto::text(text("response_body")));
        Some(HttpBinding { method, template: text(name)?, body, response_body })
    };
    let mut all: Vec<_> = methods.into_iter().filter_map(binding).collect();
    if let Some(more) = annotation.get_field_by_name("additional_bindings")
        && let Value::List(more) = &*more
    {
        all.extend(more.iter().filter_map(Value::as_message).flat_map(bindings));
    }
    all
}

/// Of a call without an annotation.
fn usual(call: &MethodDescriptor) -> HttpBinding {
    let service = call.parent_service();
    // single_window.{area}.v1
    let area = service.package_name().split('.').nth(1).unwrap_or("window").to_owned();
    let template = format!("/v1/{area}:{}", call.name());
    HttpBinding {
        method: Method::POST,
        template,
        body: "*".to_owned(),
        response_body: String::new(),
    }
}

impl HttpRule {
    fn new(call: &MethodDescriptor, binding: HttpBinding) -> anyhow::Result<Self> {
        let HttpBinding { method, template, body, response_body } = binding;
        let wrong = || format!("{} has no path that can be read: {template}", call.full_name());
        let path = template.strip_prefix('/').with_context(wrong)?;
        let end = path.rfind(['/', '}']).map_or(0, |at| at + 1);
        let (path, verb) = match path[end..].find(':') {
            Some(at) => (&path[..end + at], &path[end + at + 1..]),
            None => (path, ""),
        };
        let (mut segments, mut variables, mut rest) = (Vec::new(), Vec::new(), path);
        while !rest.is_empty() {
            let (segment, more) = match rest.strip_prefix('{') {
                Some(variable) => variable.split_once('}').with_context(wrong)?,
                None => rest.find('/').map_or((rest, ""), |at| rest.split_at(at)),
            };
            if rest.starts_with('{') {
                let (field, pattern) = segment.split_once('=').unwrap_or((segment, "*"));
                let input = call.input().get_field_by_name(field);
                input.with_context(|| format!("{template}: no field {field}"))?;
                let from = segments.len();
                segments.extend(pattern.split('/').map(|it| (it != "*").then(|| it.to_owned())));
                variables.push(PathVariable { field: field.to_owned(), from, to: segments.len() });
            } else {
                segments.push(Some(segment.to_owned()));
            }
            rest = more.strip_prefix('/').unwrap_or(more);
        }
        let service = call.parent_service();
        let is_file = !response_body.is_empty() || !matches!(body.as_str(), "" | "*");
        if is_file {
            // A file comes in pieces, and nothing else of HTTP is read like this.
            let (shape, field, streams) = match body.as_str() {
                "" => (call.output(), &response_body, call.is_server_streaming()),
                _ => (call.input(), &body, call.is_client_streaming()),
            };
            let field = shape.get_field_by_name(field);
            let is_bytes = field.is_some_and(|field| field.kind() == Kind::Bytes);
            anyhow::ensure!(is_bytes && streams, "{template}: its body is no stream of bytes");
        }
        Ok(Self {
            method,
            path: format!("/{}/{}", service.full_name(), call.name()),
            call: call.clone(),
            has_body: !body.is_empty(),
            is_file,
            segments,
            verb: verb.to_owned(),
            variables,
            template,
        })
    }

    fn is_same(&self, other: &Self) -> bool {
        let path = |rule: &Self| (rule.method.clone(), rule.segments.clone(), rule.verb.clone());
        path(self) == path(other)
    }

    /// What the path says, when it is one of these.
    fn matches(&self, path: &str) -> Option<Vec<(String, String)>> {
        let path = match self.verb.as_str() {
            "" => path,
            verb => path.strip_suffix(verb)?.strip_suffix(':')?,
        };
        let parts: Vec<&str> = path.split('/').collect();
        let fits = |(part, segment): (&&str, &Option<String>)| match segment {
            Some(literal) => part == literal,
            // A verb stands behind a colon; in a name it is escaped.
            None => !part.is_empty() && !part.contains(':'),
        };
        if parts.len() != self.segments.len() || !parts.iter().zip(&self.segments).all(fits) {
            return None;
        }
        let values = self.variables.iter().map(|variable| {
            let text = parts[variable.from..variable.to].join("/");
            let text = percent_decode_str(&text).decode_utf8().ok()?.into_owned();
            Some((variable.field.clone(), text))
        });
        values.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_call_has_a_path_and_every_path_is_one_call() {
        let rules = HttpRules::of(proto::DESCRIPTOR).expect("the annotations are in order");
        let pool = DescriptorPool::decode(proto::DESCRIPTOR).expect("compiled");
        for call in pool.services().flat_map(|service| service.methods().collect::<Vec<_>>()) {
            let own: Vec<_> =
                rules.iter().filter(|rule| rule.call.full_name() == call.full_name()).collect();
            assert!(!own.is_empty(), "{} has no path", call.full_name());
            for rule in own {
                let reads = ["Get", "List", "Watch", "Follow", "VerifyLedger", "VerifyDuties"];
                // A number of a person stands in no address: those are written down on the way.
                let is_personal = call.name() == "GetQuota";
                let reads = !is_personal && reads.iter().any(|word| call.name().starts_with(word));
                assert_eq!(reads, rule.method == Method::GET, "{} {}", rule.method, rule.template);
            }
        }
    }

    #[test]
    fn a_path_says_which_call_and_what_of() {
        let rules = HttpRules::of(proto::DESCRIPTOR).expect("the annotations are in order");
        let call = |method: Method, path: &str| match rules.find(&method, path) {
            HttpMatch::Call(HttpCall { rule, variables }) => {
                let parts: Vec<_> =
                    variables.iter().map(|(f, text)| format!("{f}={text}")).collect();
                format!("{} {}", rule.call.name(), parts.join(" ")).trim().to_owned()
            }
            HttpMatch::Otherwise(methods) => format!("{methods:?}"),
            HttpMatch::Nothing => String::new(),
        };
        for (method, path, expected) in [
            (Method::POST, "/v1/declarations", "Submit"),
            (Method::GET, "/v1/declarations", "List"),
            (Method::GET, "/v1/declarations/7", "Get name=declarations/7"),
            (Method::GET, "/v1/declarations/number/QD%201", "Get number=QD 1"),
            (Method::POST, "/v1/declarations/7:amend", "Amend name=declarations/7"),
            (Method::GET, "/v1/declarations/7:watch", "Watch name=declarations/7"),
            (
                Method::GET,
                "/v1/declarations/7/inspection",
                "GetOrder name=declarations/7/inspection",
            ),
            (Method::PUT, "/v1/attachments/a7", "PutAttachment sha256=a7"),
            (
                Method::GET,
                "/v1/declarations/7/attachments/a7",
                "GetAttachment declaration=declarations/7 sha256=a7",
            ),
            (Method::PUT, "/v1/declarations/7:amend", "[POST]"),
            (Method::GET, "/v1/declarations/", ""),
            (Method::GET, "/v1/nowhere", ""),
            (Method::GET, "/ceb", ""),
        ] {
            assert_eq!(call(method, path), expected, "{path}");
        }
    }
}
