//! A site sees the orders of its own places, and nothing of others'.

use proto::v1;
use tonic::Status;
use uuid::Uuid;

use crate::harness::Sandbox;
use crate::harness::inspection::{PLACE, SMALL, Site, Stage, officer};
use crate::harness::people::code;

/// A sandbox whose second site is responsible for the small place only.
async fn stage() -> Stage {
    let mut sandbox = Sandbox::with(&["--no-agencies"]).await;
    sandbox.stop();
    let file = sandbox.directory.path().join("identities/registry.json");
    let text = std::fs::read_to_string(&file).expect("the sandbox made it");
    let mut registry: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    for caller in registry.as_array_mut().expect("a list") {
        if caller["name"] == "site-b" {
            caller["places"] = serde_json::json!([SMALL]);
        }
    }
    std::fs::write(&file, registry.to_string()).expect("it can be written");
    sandbox.spawn();
    sandbox.ready().await;
    Stage::on(sandbox).await
}

/// How a site is refused an order, with everything that it may ask.
async fn refusals(site: &Site, name: &str) -> Vec<(String, Option<String>)> {
    let mut inspection = site.0.inspection();
    let (name, request_id) = (name.to_owned(), Uuid::now_v7().to_string());
    let get = v1::GetOrderRequest { name: name.clone() };
    let watch = v1::WatchOrdersRequest { name: name.clone(), ..Default::default() };
    let appoint = v1::AppointRequest {
        request_id: request_id.clone(),
        name: name.clone(),
        place: SMALL.to_owned(),
        ..Default::default()
    };
    let claim =
        v1::ClaimRequest { request_id: request_id.clone(), name: name.clone(), examination: 1 };
    let step = Some(v1::report_request::Step::NoShow(v1::NoShow { seen: 1 }));
    let report =
        v1::ReportRequest { request_id, name: name.clone(), version: 1, examination: 1, step };
    let answers: [Result<(), Status>; 5] = [
        inspection.get_order(get).await.map(drop),
        inspection.watch_orders(watch).await.map(drop),
        inspection.appoint(appoint).await.map(drop),
        inspection.claim(claim).await.map(drop),
        inspection.report(report).await.map(drop),
    ];
    let told = answers.into_iter().map(|answer| {
        let (code, data) = code(&answer.expect_err("it is not its own"));
        (code, data.get("name").map(|told| told.replace(&name, "NAME")))
    });
    told.collect()
}

async fn listed(site: &Site, place: &str) -> Vec<String> {
    let request = v1::ListOrdersRequest { place: place.to_owned(), ..Default::default() };
    let page = site.0.inspection().list_orders(request).await.expect("it may").into_inner();
    page.orders.into_iter().map(|order| order.name).collect()
}

async fn officers(site: &Site) -> Vec<String> {
    let request = v1::ListOfficersRequest::default();
    let known = site.0.inspection().list_officers(request).await.expect("it may").into_inner();
    known.officers.into_iter().map(|officer| officer.id).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_site_sees_its_own_places_and_nothing_of_others() {
    let mut stage = stage().await;
    let small = Site(stage.sandbox.connect("site-b").await);
    let news = small.0.inspection().watch_orders(v1::WatchOrdersRequest::default()).await;
    let mut news = news.expect("it may").into_inner();
    let (_, _, away) = stage.orders("QD-AWAY").await;
    assert_eq!(listed(&small, "").await, std::slice::from_ref(&away.name), "it may come to it yet");
    let away = stage.site.appoints(&away, PLACE, None).await.expect("there is room");
    let away = stage.site.claims(&away).await.expect("nobody else did").order.expect("an order");

    // Another id of the same slot.
    let (id, rest) = away.name.split_once("/inspection").expect("a name");
    let last = if id.ends_with('0') { '1' } else { '0' };
    let nobody = format!("{}{last}/inspection{rest}", &id[..id.len() - 1]);
    let told = refusals(&small, &away.name).await;
    assert_eq!(told, refusals(&small, &nobody).await, "it looks like nothing");
    assert!(told.iter().all(|(code, _)| code == "SW-1201"), "{told:?}");
    assert!(listed(&small, "").await.is_empty() && listed(&small, PLACE).await.is_empty());
    assert!(officers(&small).await.is_empty(), "nobody was sent to it");

    // Another's place looks like none.
    let mut inspection = small.0.inspection();
    let places = inspection.list_places(v1::ListPlacesRequest {}).await.expect("it may");
    let places: Vec<String> = places.into_inner().places.into_iter().map(|it| it.id).collect();
    assert_eq!(places, [SMALL]);
    let mut told = Vec::new();
    for place in [PLACE, "NOWHERE"] {
        let place = place.to_owned();
        let request = v1::ListWindowsRequest { place: place.clone(), ..Default::default() };
        let windows = inspection.list_windows(request).await.expect_err("not its own");
        told.push((code(&windows).0, code(&windows).1["place"].replace(&place, "PLACE")));
    }
    assert_eq!(told[0], told[1]);
    let (_, _, own) = stage.orders("QD-HERE").await;
    let status = small.appoints(&own, PLACE, None).await.expect_err("not its place");
    assert_eq!(code(&status).0, "SW-1620");

    // Its own it sees, works on, and hears of.
    let own = small.appoints(&own, SMALL, None).await.expect("there is room");
    let own = small.claims(&own).await.expect("nobody else did").order.expect("an order");
    assert_eq!(listed(&small, "").await, std::slice::from_ref(&own.name));
    let sent = officers(&small).await;
    assert!(sent.contains(&officer(&own)) && sent.len() < 12, "{sent:?}");
    let all = officers(&stage.site).await;
    assert_eq!(all.len(), 12, "who is responsible for every place sees all");
    let heard = async {
        loop {
            let told = news.message().await.expect("it goes on").expect("it does not end");
            let Some(order) = told.order else { continue };
            let place = order.state.and_then(|state| state.appointment).map(|it| it.place);
            assert!(place.as_deref() != Some(PLACE), "an order of another place");
            if order.name == own.name && !order.claimed_by.is_empty() {
                return;
            }
        }
    };
    tokio::time::timeout(crate::harness::PATIENCE, heard).await.expect("it hears of its own");
}
