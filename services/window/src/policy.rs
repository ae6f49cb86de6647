//! What each kind of caller may do: one line a method says which kinds may call it. A method without a line does
//! not start.

use std::collections::HashMap;
use std::sync::Arc;

use domain::Kind;
use kit::service::Api;
use proto::v1::{ceb_service_server, sandbox_service_server, status_service_server};

use crate::gate::is_grpc;
use crate::http::PATHS;
use crate::json::rules::{HttpMatch, HttpRules};
use crate::quotas::CallDuration;
use crate::services::manifests;

/// What the window serves besides its services.
const OWN: &[Api] = &[
    kit::operation::API,
    Api {
        name: sandbox_service_server::SERVICE_NAME,
        methods: &[("GetClock", EVERYBODY), ("MoveClock", &[Kind::Administrator])],
    },
    Api {
        name: status_service_server::SERVICE_NAME,
        methods: &[
            ("GetStatus", EVERYBODY),
            ("GetOperatingStatus", &[Kind::Administrator]),
            ("ListCallers", &[Kind::Administrator]),
        ],
    },
    Api { name: "grpc.health.v1.Health", methods: &[("Check", EVERYBODY), ("Watch", EVERYBODY)] },
    Api {
        name: "grpc.reflection.v1.ServerReflection",
        methods: &[("ServerReflectionInfo", EVERYBODY)],
    },
];

const EVERYBODY: &[Kind] = &[
    Kind::Enterprise,
    Kind::Agent,
    Kind::Customs,
    Kind::Quarantine,
    Kind::Site,
    Kind::InspectionService,
    Kind::PaymentService,
    Kind::Bank,
    Kind::RefundService,
    Kind::WebhookService,
    Kind::TaxOffice,
    Kind::Administrator,
    Kind::Gateway,
];

/// One line a method, or a path of HTTP: which kinds of caller.
pub(crate) fn policy() -> HashMap<String, &'static [Kind]> {
    let apis = manifests().flat_map(|manifest| manifest.apis).chain(OWN);
    let lines = apis.flat_map(|api| {
        api.methods.iter().map(|(method, kinds)| (format!("/{}/{method}", api.name), *kinds))
    });
    let mut policy: HashMap<String, &'static [Kind]> = lines.collect();
    for (path, method) in PATHS {
        let line = policy.get(&format!("/{}/{method}", ceb_service_server::SERVICE_NAME));
        if let Some(kinds) = line.copied() {
            policy.insert(path.to_owned(), kinds);
        }
    }
    policy
}

/// How the methods of the schema are called, and by whom. Fails when one of them has no line, and when a
/// line has no method.
///
/// # Errors
///
/// Names the methods.
pub fn check_policy() -> anyhow::Result<Methods> {
    use prost::Message as _;
    let mut policy = policy();
    let (mut methods, mut missing) = (HashMap::new(), Vec::new());
    let mut add = |path: String, (client_streams, server_streams)| match policy.remove(&path) {
        Some(kinds) => {
            methods.insert(path, MethodPolicy { client_streams, server_streams, kinds });
        }
        None => missing.push(path),
    };
    for schema in [
        proto::DESCRIPTOR,
        tonic_health::pb::FILE_DESCRIPTOR_SET,
        tonic_reflection::pb::v1::FILE_DESCRIPTOR_SET,
    ] {
        let schema = prost_types::FileDescriptorSet::decode(schema)?;
        for file in &schema.file {
            for service in &file.service {
                for method in &service.method {
                    let path = format!("/{}.{}/{}", file.package(), service.name(), method.name());
                    add(path, (method.client_streaming(), method.server_streaming()));
                }
            }
        }
    }
    for (path, _) in PATHS {
        add(path.to_owned(), (false, false));
    }
    anyhow::ensure!(missing.is_empty(), "no policy line for {}", missing.join(", "));
    let unknown: Vec<_> = policy.into_keys().collect();
    anyhow::ensure!(unknown.is_empty(), "no method for the policy of {}", unknown.join(", "));
    Ok(Methods { paths: Arc::new(methods), rules: HttpRules::of(proto::DESCRIPTOR)? })
}

/// How the calls of a method go, and who makes them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct MethodPolicy {
    pub(crate) client_streams: bool,
    pub(crate) server_streams: bool,
    pub(crate) kinds: &'static [Kind],
}

impl MethodPolicy {
    pub(crate) fn lasting(self) -> CallDuration {
        if self.client_streams || self.server_streams {
            CallDuration::Stream
        } else {
            CallDuration::Call
        }
    }
}

/// Every method and path of HTTP.
#[derive(Debug, Clone, Default)]
pub struct Methods {
    paths: Arc<HashMap<String, MethodPolicy>>,
    rules: HttpRules,
}

impl Methods {
    /// A path that is none does not exist: the router says so, to everybody.
    pub(crate) fn of(&self, path: &str) -> MethodPolicy {
        let none = MethodPolicy { client_streams: false, server_streams: false, kinds: EVERYBODY };
        self.paths.get(path).copied().unwrap_or(none)
    }

    /// Which call a path over HTTP is.
    pub(crate) fn over_http<B>(&self, request: &http::Request<B>) -> HttpMatch {
        if is_grpc(request) {
            return HttpMatch::Nothing;
        }
        self.rules.find(request.method(), request.uri().path())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_method_of_the_schema_has_its_line_and_every_line_its_method() {
        let methods = check_policy().expect("it is complete").paths;
        let kinds = |path: &str| methods.get(path).map(|method| method.kinds);
        // A few, spelled out: who may do what is a promise.
        let declaration = "/single_window.declaration.v1.DeclarationService";
        let filers = [Kind::Enterprise, Kind::Agent, Kind::Gateway];
        assert_eq!(kinds(&format!("{declaration}/Submit")), Some(&filers[..]));
        let ceb = "/single_window.ceb.v1.CebService";
        assert_eq!(
            kinds(&format!("{ceb}/Issue")),
            Some(&[Kind::Customs, Kind::PaymentService][..])
        );
        for (path, method) in PATHS {
            assert!(kinds(path).is_some_and(|it| Some(it) == kinds(&format!("{ceb}/{method}"))));
        }
        assert_eq!(kinds("/nowhere"), None);
    }
}
