//! The calls of the inspection service: who may make them, and what answers each.

use domain::Kind;
use kit::rpc::{self, Answer, Answers};
use kit::service::Api;
use proto::v1;
use proto::v1::inspection_service_server::{self, InspectionService};
use tonic::Request;

use crate::Service;

const SITES: &[Kind] = &[Kind::Site];
const OWNERS: &[Kind] = &[Kind::Enterprise, Kind::Agent];
const APPOINTERS: &[Kind] = &[Kind::Enterprise, Kind::Agent, Kind::Site];
const AGENCIES: &[Kind] = &[Kind::Customs, Kind::Quarantine];
const PLANNERS: &[Kind] = &[Kind::Customs, Kind::Quarantine, Kind::Administrator];
/// What the rules look for is not told to those whose goods they look at.
const SUPERVISORS: &[Kind] = &[Kind::Customs, Kind::Quarantine, Kind::Administrator];
const INSIDERS: &[Kind] = &[Kind::Customs, Kind::Quarantine, Kind::Site, Kind::Administrator];
const CREDIT_READERS: &[Kind] =
    &[Kind::Enterprise, Kind::Agent, Kind::Customs, Kind::Quarantine, Kind::Administrator];
const PEOPLE: &[Kind] = &[
    Kind::Enterprise,
    Kind::Agent,
    Kind::Customs,
    Kind::Quarantine,
    Kind::Site,
    Kind::Administrator,
];

/// Who may call what.
pub(crate) const API: Api = Api {
    name: inspection_service_server::SERVICE_NAME,
    methods: &[
        ("ListOrders", PEOPLE),
        ("GetOrder", PEOPLE),
        ("WatchOrders", PEOPLE),
        ("ListWindows", PEOPLE),
        ("Appoint", APPOINTERS),
        ("Claim", SITES),
        ("Report", SITES),
        ("Object", OWNERS),
        ("Dispose", AGENCIES),
        ("ListPlaces", PEOPLE),
        ("PutPlace", PLANNERS),
        ("ListOfficers", INSIDERS),
        ("PutOfficer", AGENCIES),
        ("ListRuleSets", SUPERVISORS),
        ("PutRuleSet", AGENCIES),
        ("GetAssessment", SUPERVISORS),
        ("ListSeeds", PEOPLE),
        ("ListCredit", SUPERVISORS),
        ("GetCredit", CREDIT_READERS),
        ("Certify", &[Kind::Customs]),
        ("Appeal", OWNERS),
        ("DecideAppeal", AGENCIES),
        ("GetStatistics", CREDIT_READERS),
    ],
};

#[tonic::async_trait]
impl InspectionService for Service {
    type WatchOrdersStream = Answers<v1::WatchOrdersResponse>;

    async fn list_orders(
        &self,
        request: Request<v1::ListOrdersRequest>,
    ) -> Answer<v1::ListOrdersResponse> {
        rpc::unary(request, async |call, message| self.0.list_orders(&call, message).await).await
    }

    async fn get_order(
        &self,
        request: Request<v1::GetOrderRequest>,
    ) -> Answer<v1::GetOrderResponse> {
        rpc::unary(request, async |call, message| self.0.get_order(&call, message).await).await
    }

    async fn watch_orders(
        &self,
        request: Request<v1::WatchOrdersRequest>,
    ) -> Answer<Self::WatchOrdersStream> {
        rpc::stream(request, async |call, message| self.0.watch_orders(&call, message).await).await
    }

    async fn list_windows(
        &self,
        request: Request<v1::ListWindowsRequest>,
    ) -> Answer<v1::ListWindowsResponse> {
        rpc::unary(request, async |call, message| self.0.list_windows(&call, message).await).await
    }

    async fn appoint(&self, request: Request<v1::AppointRequest>) -> Answer<v1::AppointResponse> {
        rpc::change(request, async |call, change, message| {
            self.0.appoint(&call, change, message).await
        })
        .await
    }

    async fn claim(&self, request: Request<v1::ClaimRequest>) -> Answer<v1::ClaimResponse> {
        rpc::change(request, async |call, change, message| {
            self.0.claim(&call, change, message).await
        })
        .await
    }

    async fn report(&self, request: Request<v1::ReportRequest>) -> Answer<v1::ReportResponse> {
        rpc::change(request, async |call, change, message| {
            self.0.report(&call, change, message).await
        })
        .await
    }

    async fn object(&self, request: Request<v1::ObjectRequest>) -> Answer<v1::ObjectResponse> {
        rpc::change(request, async |call, change, message| {
            self.0.object(&call, change, message).await
        })
        .await
    }

    async fn dispose(&self, request: Request<v1::DisposeRequest>) -> Answer<v1::DisposeResponse> {
        rpc::change(request, async |call, change, message| {
            self.0.dispose(&call, change, message).await
        })
        .await
    }

    async fn list_places(
        &self,
        request: Request<v1::ListPlacesRequest>,
    ) -> Answer<v1::ListPlacesResponse> {
        rpc::unary(request, async |call, message| self.0.list_places(&call, message).await).await
    }

    async fn put_place(
        &self,
        request: Request<v1::PutPlaceRequest>,
    ) -> Answer<v1::PutPlaceResponse> {
        rpc::unary(request, async |call, message| self.0.put_place(&call, message).await).await
    }

    async fn list_officers(
        &self,
        request: Request<v1::ListOfficersRequest>,
    ) -> Answer<v1::ListOfficersResponse> {
        rpc::unary(request, async |call, message| self.0.list_officers(&call, message).await).await
    }

    async fn put_officer(
        &self,
        request: Request<v1::PutOfficerRequest>,
    ) -> Answer<v1::PutOfficerResponse> {
        rpc::unary(request, async |call, message| self.0.put_officer(&call, message).await).await
    }

    async fn list_rule_sets(
        &self,
        request: Request<v1::ListRuleSetsRequest>,
    ) -> Answer<v1::ListRuleSetsResponse> {
        rpc::unary(request, async |call, message| self.0.list_rule_sets(&call, message).await).await
    }

    async fn put_rule_set(
        &self,
        request: Request<v1::PutRuleSetRequest>,
    ) -> Answer<v1::PutRuleSetResponse> {
        rpc::unary(request, async |call, message| self.0.put_rule_set(&call, message).await).await
    }

    async fn get_assessment(
        &self,
        request: Request<v1::GetAssessmentRequest>,
    ) -> Answer<v1::GetAssessmentResponse> {
        rpc::unary(request, async |call, message| self.0.get_assessment(&call, message).await).await
    }

    async fn list_seeds(
        &self,
        request: Request<v1::ListSeedsRequest>,
    ) -> Answer<v1::ListSeedsResponse> {
        rpc::unary(request, async |call, message| self.0.list_seeds(&call, message).await).await
    }

    async fn list_credit(
        &self,
        request: Request<v1::ListCreditRequest>,
    ) -> Answer<v1::ListCreditResponse> {
        rpc::unary(request, async |call, message| self.0.list_credit(&call, message).await).await
    }

    async fn get_credit(
        &self,
        request: Request<v1::GetCreditRequest>,
    ) -> Answer<v1::GetCreditResponse> {
        rpc::unary(request, async |call, message| self.0.get_credit(&call, message).await).await
    }

    async fn certify(&self, request: Request<v1::CertifyRequest>) -> Answer<v1::CertifyResponse> {
        rpc::change(request, async |call, change, message| {
            self.0.certify(&call, change, message).await
        })
        .await
    }

    async fn appeal(&self, request: Request<v1::AppealRequest>) -> Answer<v1::AppealResponse> {
        rpc::change(request, async |call, change, message| {
            self.0.appeal(&call, change, message).await
        })
        .await
    }

    async fn decide_appeal(
        &self,
        request: Request<v1::DecideAppealRequest>,
    ) -> Answer<v1::DecideAppealResponse> {
        rpc::change(request, async |call, change, message| {
            self.0.decide_appeal(&call, change, message).await
        })
        .await
    }

    async fn get_statistics(
        &self,
        request: Request<v1::GetStatisticsRequest>,
    ) -> Answer<v1::GetStatisticsResponse> {
        rpc::unary(request, async |call, message| self.0.get_statistics(&call, message).await).await
    }
}
