//! Puts the console onto the window: its pages on the same port, and behind them the window's own calls with
//! the same gate that programs come through.

use cli::sandbox::CALLERS;
use console::{Console, ConsoleParts, Cookies, LoginLink, ServicePart};
use kit::api_keys::ApiKeys;
use kit::progress::Progress;
use kit::service::Manifest;
use tonic::service::Routes;
use tower::Layer as _;
use tower::util::BoxCloneSyncService;

use crate::gate::GateLayer;
use crate::services::manifests;

/// The callers of a sandbox that are people, and not services of the window.
const PEOPLE: [&str; 8] =
    ["agent", "enterprise-a", "enterprise-b", "customs", "quarantine", "site", "site-b", "admin"];

/// The way into the console of a sandbox.
pub(crate) fn link() -> anyhow::Result<LoginLink> {
    let people = CALLERS.iter().filter(|caller| PEOPLE.contains(&caller.name));
    Ok(LoginLink::new(people.map(|caller| (caller.name, caller.purpose)).collect())?)
}

/// Every service, with what of it is in this process.
pub(crate) fn services(here: &[(&'static Manifest, Vec<Progress>)]) -> Vec<ServicePart> {
    let part = |manifest: &'static Manifest| {
        let found = here.iter().find(|(here, _)| here.name == manifest.name);
        let names = |(manifest, loops): &(&'static Manifest, Vec<Progress>)| ServicePart {
            name: manifest.name,
            apis: manifest.apis.iter().map(|api| api.name).collect(),
            loops: loops.iter().map(|progress| progress.name).collect(),
        };
        let elsewhere = || ServicePart { name: manifest.name, apis: Vec::new(), loops: Vec::new() };
        found.map_or_else(elsewhere, names)
    };
    manifests().map(part).collect()
}

/// The window's calls, and the pages that ask them.
pub(crate) fn mount(
    routes: Routes,
    gate: &GateLayer,
    (cookies, keys): (Cookies, &ApiKeys),
    services: Vec<ServicePart>,
    sandbox: Option<LoginLink>,
) -> Routes {
    let calls = BoxCloneSyncService::new(gate.layer(routes.clone()));
    let keys = keys.clone();
    let holder = Box::new(move |key: &str| keys.find(key).map(|key| key.caller.clone()));
    let console = Console::new(ConsoleParts { calls, cookies, holder, services, sandbox });
    Routes::from(routes.into_axum_router().merge(console.pages()))
}

/// Whether a path is one of the console.
pub(crate) fn is_page(path: &str) -> bool {
    path.strip_prefix(console::PATH).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}
