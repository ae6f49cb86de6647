//! What the simulated agencies bring along to an empty window: officers, and two examination places.

use client::Window;
use proto::status::is_worth_repeating;
use proto::v1;
use tonic::Status;

use crate::work_queue::pause;

/// The place at which the simulated site examines.
pub(crate) const ROUND_THE_CLOCK: &str = "QD-SIM";
/// The place for trying appointments.
const BY_DAY: &str = "QD-DAY";
/// Officers of each agency: two examine together, and neither may have examined the firm's goods last
/// time nor have taken part in the first examination.
const OFFICERS: u32 = 8;

/// Puts what is missing, as soon as the window answers.
pub(crate) async fn prepare(window: &Window, agency: v1::Agency) {
    let mut failed = 0;
    loop {
        match put(window, agency).await {
            Ok(()) => return,
            Err(status) if is_worth_repeating(status.code()) => {
                tracing::warn!(%status, ?agency, "officers and places wait for the window");
                tokio::time::sleep(pause(failed)).await;
                failed += 1;
            }
            Err(status) => {
                tracing::info!(%status, ?agency, "the window takes no officers and places");
                return;
            }
        }
    }
}

async fn put(window: &Window, agency: v1::Agency) -> Result<(), Status> {
    match agency {
        v1::Agency::Customs => {
            put_officers(window, agency, "GC").await?;
            put_places(window).await
        }
        v1::Agency::Quarantine => put_officers(window, agency, "CQ").await,
        v1::Agency::Unspecified => Ok(()),
    }
}

/// What of `ours` has to be put: everything or nothing, unless a start was cut in between.
fn missing<'a>(ours: &'a [String], there: &[String]) -> Vec<&'a String> {
    if !there.iter().all(|id| ours.contains(id)) {
        return Vec::new();
    }
    ours.iter().filter(|id| !there.contains(id)).collect()
}

async fn put_officers(window: &Window, agency: v1::Agency, prefix: &str) -> Result<(), Status> {
    let request = v1::ListOfficersRequest { agency: agency.into() };
    let list = || async { window.inspection().list_officers(request).await };
    let there = client::repeat(list).await?.into_inner().officers;
    let there: Vec<String> = there.into_iter().map(|officer| officer.id).collect();
    let ours: Vec<String> = (1..=OFFICERS).map(|n| format!("{prefix}-{n:02}")).collect();
    for id in missing(&ours, &there) {
        let (agency, id) = (agency.into(), id.clone());
        let officer = Some(v1::Officer { agency, id, ..Default::default() });
        let request = v1::PutOfficerRequest { officer };
        client::repeat(|| async { window.inspection().put_officer(request.clone()).await }).await?;
    }
    Ok(())
}

async fn put_places(window: &Window) -> Result<(), Status> {
    let list = || async { window.inspection().list_places(v1::ListPlacesRequest {}).await };
    let there = client::repeat(list).await?.into_inner().places;
    let there: Vec<String> = there.into_iter().map(|place| place.id).collect();
    let places = places();
    let ours: Vec<String> = places.iter().map(|place| place.id.clone()).collect();
    let missing = missing(&ours, &there);
    for place in places.iter().filter(|place| missing.contains(&&place.id)) {
        let request = v1::PutPlaceRequest { place: Some(place.clone()) };
        client::repeat(|| async { window.inspection().put_place(request.clone()).await }).await?;
    }
    Ok(())
}

/// Both places. The site's own comes first, so that no order of the first moment goes to the other one.
fn places() -> [v1::Place; 2] {
    let round_the_clock = v1::Place {
        id: ROUND_THE_CLOCK.to_owned(),
        name: "Simulated examination site, Qingdao".to_owned(),
        name_zh: "青岛模拟查验场".to_owned(),
        capacity: 10_000,
        window_minutes: 10,
        opens: "00:00".to_owned(),
        closes: "00:00".to_owned(),
        ..Default::default()
    };
    let by_day = v1::Place {
        id: BY_DAY.to_owned(),
        name: "Examination site with office hours, Qingdao".to_owned(),
        name_zh: "青岛日间查验场".to_owned(),
        capacity: 4,
        window_minutes: 60,
        opens: "09:00".to_owned(),
        closes: "17:00".to_owned(),
        rest_days: vec![7],
        ..Default::default()
    };
    [round_the_clock, by_day]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_put_beside_what_others_put() {
        let ids = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect::<Vec<_>>();
        let ours = ids(&["GC-01", "GC-02"]);
        for (there, expected) in [
            (ids(&[]), ids(&["GC-01", "GC-02"])),
            (ids(&["GC-01"]), ids(&["GC-02"])),
            (ids(&["GC-01", "GC-02"]), ids(&[])),
            (ids(&["HG-7"]), ids(&[])),
            (ids(&["GC-01", "HG-7"]), ids(&[])),
        ] {
            let missing: Vec<String> = missing(&ours, &there).into_iter().cloned().collect();
            assert_eq!(missing, expected, "{there:?}");
        }
    }

    #[test]
    fn the_places_are_in_order() {
        for place in places() {
            let read = proto::inspection::place_from_wire(place.clone());
            assert!(read.is_ok(), "{}: {read:?}", place.id);
        }
    }
}
