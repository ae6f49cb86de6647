//! People at an inspection: agencies that want to look, a site that works, places and officers.

use proto::v1;
use proto::v1::report_request::Step;
use tonic::Status;
use uuid::Uuid;

use super::exchange::{Stream, explained, verdict};
use super::people::Enterprise;
use super::{PATIENCE, Sandbox};

/// A sandbox whose agencies and site are played by the test, with its people.
pub(crate) struct Stage {
    pub(crate) sandbox: Sandbox,
    pub(crate) firm: Enterprise,
    pub(crate) customs: Stream,
    pub(crate) ciq: Stream,
    pub(crate) site: Site,
}

/// Round the clock; enough room for every test.
pub(crate) const PLACE: &str = "QD-1";
/// One station, windows of an hour.
pub(crate) const SMALL: &str = "QD-2";

impl Stage {
    /// Everybody is there.
    pub(crate) async fn set() -> Self {
        Self::on(Sandbox::with(&["--no-agencies"]).await).await
    }

    /// Everybody is there, in this sandbox without simulated agencies.
    pub(crate) async fn on(sandbox: Sandbox) -> Self {
        let firm = Enterprise(sandbox.connect("enterprise-a").await);
        let (customs, ciq) =
            (sandbox.connect("customs").await, sandbox.connect("quarantine").await);
        for (id, capacity, minutes) in [(PLACE, 100, 10), (SMALL, 1, 60)] {
            let place = v1::Place {
                id: id.into(),
                name: "Qingdao".into(),
                name_zh: "青岛查验场".into(),
                capacity,
                window_minutes: minutes,
                opens: "00:00".into(),
                closes: "00:00".into(),
                ..Default::default()
            };
            let put = v1::PutPlaceRequest { place: Some(place) };
            customs.inspection().put_place(put).await.expect("it is in order");
        }
        for (window, agency, prefix) in
            [(&customs, v1::Agency::Customs, "GC"), (&ciq, v1::Agency::Quarantine, "CQ")]
        {
            for number in 1..=6 {
                let id = format!("{prefix}-{number}");
                let officer = v1::Officer { agency: agency.into(), id, ..Default::default() };
                let put = v1::PutOfficerRequest { officer: Some(officer) };
                window.inspection().put_officer(put).await.expect("it is in order");
            }
        }
        let customs = open(&customs, v1::Agency::Customs).await;
        let ciq = open(&ciq, v1::Agency::Quarantine).await;
        let site = Site(sandbox.connect("site").await);
        Self { sandbox, firm, customs, ciq, site }
    }

    /// Files an export and hands the event to both agencies.
    pub(crate) async fn files(&mut self, order_no: &str) -> (String, v1::Event) {
        let receipt = self.firm.files(order_no).await;
        let id = receipt.name.trim_start_matches("declarations/").to_owned();
        let event = self.customs.tells(&id).await;
        assert_eq!(self.ciq.tells(&id).await.declaration_id, id);
        (receipt.name, event)
    }

    /// Files an export that both agencies want to look at; the order as the site finds it.
    pub(crate) async fn orders(&mut self, order_no: &str) -> (String, v1::Event, v1::OrderRecord) {
        let (name, event) = self.files(order_no).await;
        for stream in [&mut self.customs, &mut self.ciq] {
            let look = wants(&event, "查验");
            assert_eq!(stream.decides(look).await.result(), v1::ResultCode::Applied);
        }
        let joint = |order: &v1::OrderRecord| instructions(order) == 2;
        let order = self.site.finds(&name, joint).await;
        (name, event, order)
    }

    /// Both agencies say that nothing stands against it, in a later round.
    pub(crate) async fn clear(&mut self, event: &v1::Event, round: u32) {
        for stream in [&mut self.customs, &mut self.ciq] {
            let mut clear = verdict(event, v1::Outcome::Cleared);
            clear.round = round;
            assert_eq!(stream.decides(clear).await.result(), v1::ResultCode::Applied);
        }
    }
}

async fn open(window: &client::Window, agency: v1::Agency) -> Stream {
    Stream::open(window, agency, "one", Vec::new(), 0).await.expect("it may")
}

/// A demand with one instruction.
pub(crate) fn wants(event: &v1::Event, text: &str) -> v1::Answer {
    let reasons = vec![v1::Reason { code: "500".into(), text: text.into() }];
    explained(event, v1::Outcome::WantsInspection, reasons)
}

/// How many instructions an order has.
pub(crate) fn instructions(order: &v1::OrderRecord) -> usize {
    order.state.as_ref().map_or(0, |state| state.instructions.len())
}

/// Where an order stands.
pub(crate) fn stage(order: &v1::OrderRecord) -> v1::OrderStage {
    state(order).stage()
}

/// What an order is like.
pub(crate) fn state(order: &v1::OrderRecord) -> &v1::OrderState {
    order.state.as_ref().expect("an order has a state")
}

impl Stream {
    /// The next event about this declaration.
    pub(crate) async fn tells(&mut self, id: &str) -> v1::Event {
        loop {
            let event = self.events(1).await.remove(0);
            if event.declaration_id == id {
                return event;
            }
        }
    }
}

/// A site with its connection.
#[derive(Clone)]
pub(crate) struct Site(pub(crate) client::Window);

impl Site {
    /// Reads an order.
    pub(crate) async fn reads(&self, name: &str) -> Result<v1::GetOrderResponse, Status> {
        let request = v1::GetOrderRequest { name: name.to_owned() };
        self.0.inspection().get_order(request).await.map(tonic::Response::into_inner)
    }

    /// Follows the orders until one is as it should be.
    pub(crate) async fn finds(
        &self,
        name: &str,
        is: impl Fn(&v1::OrderRecord) -> bool,
    ) -> v1::OrderRecord {
        let wanted = format!("{name}/inspection");
        let until = async {
            let watch = v1::WatchOrdersRequest::default();
            let news = self.0.inspection().watch_orders(watch).await.expect("it may");
            let mut news = news.into_inner();
            // Watching began before looking, so nothing falls between.
            if let Ok(known) = self.reads(name).await
                && let Some(order) = known.order.filter(|order| is(order))
            {
                return order;
            }
            while let Some(told) = news.message().await.expect("watching goes on") {
                if let Some(order) = told.order.filter(|it| it.name == wanted && is(it)) {
                    return order;
                }
            }
            panic!("watching ended")
        };
        let found = tokio::time::timeout(PATIENCE, until).await;
        found.unwrap_or_else(|_| panic!("{name} never came to be as expected"))
    }

    /// Appoints; the window may refuse.
    pub(crate) async fn appoints(
        &self,
        order: &v1::OrderRecord,
        place: &str,
        start: Option<pbjson_types::Timestamp>,
    ) -> Result<v1::OrderRecord, Status> {
        appoint(&self.0, order, place, start).await
    }

    /// Claims; the window may refuse.
    pub(crate) async fn claims(
        &self,
        order: &v1::OrderRecord,
    ) -> Result<v1::ClaimResponse, Status> {
        let request = v1::ClaimRequest {
            request_id: Uuid::now_v7().to_string(),
            name: order.name.clone(),
            examination: state(order).examination,
        };
        self.0.inspection().claim(request).await.map(tonic::Response::into_inner)
    }

    /// Reports a step; the window may refuse.
    pub(crate) async fn reports(
        &self,
        order: &v1::OrderRecord,
        step: Step,
    ) -> Result<v1::OrderRecord, Status> {
        let request = v1::ReportRequest {
            request_id: Uuid::now_v7().to_string(),
            name: order.name.clone(),
            version: state(order).version,
            examination: state(order).examination,
            step: Some(step),
        };
        let response = self.0.inspection().report(request).await?;
        Ok(response.into_inner().order.expect("an order"))
    }

    /// Appoints, claims, receives the goods and begins.
    pub(crate) async fn begins(&self, order: &v1::OrderRecord) -> v1::OrderRecord {
        let order = self.appoints(order, PLACE, None).await.expect("there is room");
        let order = self.claims(&order).await.expect("nobody else did").order.expect("an order");
        let attendance = v1::Attendance::Declarant.into();
        let present = Step::Presentation(v1::Presentation { attendance });
        let order = self.reports(&order, present).await.expect("they are there");
        let begin = Step::Beginning(v1::Beginning {
            method: v1::Method::Manual.into(),
            officer: officer(&order),
        });
        self.reports(&order, begin).await.expect("officers are there")
    }

    /// Finds the same under every instruction.
    pub(crate) async fn finds_everywhere(
        &self,
        order: &v1::OrderRecord,
        result: &str,
    ) -> Result<v1::OrderRecord, Status> {
        self.reports(order, Step::Findings(findings(order, |_| result.to_owned()))).await
    }
}

/// Makes or moves an appointment, as a site or as an enterprise.
pub(crate) async fn appoint(
    window: &client::Window,
    order: &v1::OrderRecord,
    place: &str,
    start: Option<pbjson_types::Timestamp>,
) -> Result<v1::OrderRecord, Status> {
    let request = v1::AppointRequest {
        request_id: Uuid::now_v7().to_string(),
        name: order.name.clone(),
        seen: state(order).appointments,
        place: place.to_owned(),
        start,
    };
    let response = window.inspection().appoint(request).await?;
    Ok(response.into_inner().order.expect("an order"))
}

/// The first officer of an order.
pub(crate) fn officer(order: &v1::OrderRecord) -> String {
    let work = state(order).work.as_ref().expect("an examination");
    work.officers.first().expect("somebody is on it").officer.clone()
}

/// A finding under every instruction.
pub(crate) fn findings(
    order: &v1::OrderRecord,
    result: impl Fn(&v1::Instruction) -> String,
) -> v1::Findings {
    let finding = |instruction: &v1::Instruction| v1::ExaminationFinding {
        agency: instruction.agency,
        instruction: instruction.id.clone(),
        result: result(instruction),
        method: v1::Method::Manual.into(),
        text: "开箱查验".into(),
        evidence: vec![vec![7; 32]],
        officer: officer(order),
        revision: 1,
        ..Default::default()
    };
    v1::Findings { findings: state(order).instructions.iter().map(finding).collect() }
}
