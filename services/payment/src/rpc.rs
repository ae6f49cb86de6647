//! The calls of the payment service: who may make them, and what answers each.

use domain::Kind;
use kit::rpc::{self, Answer};
use kit::service::Api;
use proto::v1;
use proto::v1::payment_service_server::{self, PaymentService};
use tonic::Request;

use crate::Service;

/// Whoever sees accounts: a firm its own, customs and the operator all.
const READERS: &[Kind] = &[Kind::Enterprise, Kind::Agent, Kind::Customs, Kind::Administrator];
/// Whoever sees goods that may come back: the sites that count them, besides.
const COUNTED: &[Kind] =
    &[Kind::Enterprise, Kind::Agent, Kind::Customs, Kind::Administrator, Kind::Site];
/// Firms in a sandbox only.
const LODGERS: &[Kind] = &[Kind::Enterprise, Kind::Agent, Kind::Administrator];

/// Who may call what.
pub(crate) const API: Api = Api {
    name: payment_service_server::SERVICE_NAME,
    methods: &[
        ("ListAccounts", READERS),
        ("GetBalance", READERS),
        ("ListEntries", READERS),
        ("ListHolds", READERS),
        ("Deposit", LODGERS),
        ("SetCreditLine", LODGERS),
        ("GetDuty", READERS),
        ("CalculateDuty", READERS),
        ("VerifyDuties", &[Kind::Administrator]),
        ("ListDuties", READERS),
        ("GetBill", READERS),
        ("ListBills", READERS),
        ("ListDutyOrders", READERS),
        ("PayDutyOrder", LODGERS),
        ("ListImportReturns", COUNTED),
        ("ReportGoodsBack", &[Kind::Site, Kind::Administrator]),
        ("GetQuota", READERS),
        ("VerifyLedger", &[Kind::Administrator]),
    ],
};

#[tonic::async_trait]
impl PaymentService for Service {
    async fn list_accounts(
        &self,
        request: Request<v1::ListAccountsRequest>,
    ) -> Answer<v1::ListAccountsResponse> {
        rpc::unary(request, async |call, message| self.0.list_accounts(&call, message).await).await
    }

    async fn get_balance(
        &self,
        request: Request<v1::GetBalanceRequest>,
    ) -> Answer<v1::GetBalanceResponse> {
        rpc::unary(request, async |call, message| self.0.get_balance(&call, message).await).await
    }

    async fn list_entries(
        &self,
        request: Request<v1::ListEntriesRequest>,
    ) -> Answer<v1::ListEntriesResponse> {
        rpc::unary(request, async |call, message| self.0.list_entries(&call, message).await).await
    }

    async fn list_holds(
        &self,
        request: Request<v1::ListHoldsRequest>,
    ) -> Answer<v1::ListHoldsResponse> {
        rpc::unary(request, async |call, message| self.0.list_holds(&call, message).await).await
    }

    async fn deposit(&self, request: Request<v1::DepositRequest>) -> Answer<v1::DepositResponse> {
        rpc::change(request, async |call, change, message| {
            self.0.deposit(&call, change, message).await
        })
        .await
    }

    async fn set_credit_line(
        &self,
        request: Request<v1::SetCreditLineRequest>,
    ) -> Answer<v1::SetCreditLineResponse> {
        rpc::change(request, async |call, change, message| {
            self.0.set_credit_line(&call, change, message).await
        })
        .await
    }

    async fn get_duty(&self, request: Request<v1::GetDutyRequest>) -> Answer<v1::GetDutyResponse> {
        rpc::unary(request, async |call, message| self.0.get_duty(&call, message).await).await
    }

    async fn calculate_duty(
        &self,
        request: Request<v1::CalculateDutyRequest>,
    ) -> Answer<v1::CalculateDutyResponse> {
        rpc::unary(request, async |call, message| self.0.calculate_duty(&call, message).await).await
    }

    async fn verify_duties(
        &self,
        request: Request<v1::VerifyDutiesRequest>,
    ) -> Answer<v1::VerifyDutiesResponse> {
        rpc::unary(request, async |call, message| self.0.verify_duties(&call, message).await).await
    }

    async fn list_duties(
        &self,
        request: Request<v1::ListDutiesRequest>,
    ) -> Answer<v1::ListDutiesResponse> {
        rpc::unary(request, async |call, message| self.0.list_duties(&call, message).await).await
    }

    async fn get_bill(&self, request: Request<v1::GetBillRequest>) -> Answer<v1::GetBillResponse> {
        rpc::unary(request, async |call, message| self.0.get_bill(&call, message).await).await
    }

    async fn list_bills(
        &self,
        request: Request<v1::ListBillsRequest>,
    ) -> Answer<v1::ListBillsResponse> {
        rpc::unary(request, async |call, message| self.0.list_bills(&call, message).await).await
    }

    async fn list_duty_orders(
        &self,
        request: Request<v1::ListDutyOrdersRequest>,
    ) -> Answer<v1::ListDutyOrdersResponse> {
        rpc::unary(request, async |call, message| self.0.list_duty_orders(&call, message).await)
            .await
    }

    async fn pay_duty_order(
        &self,
        request: Request<v1::PayDutyOrderRequest>,
    ) -> Answer<v1::PayDutyOrderResponse> {
        rpc::change(request, async |call, change, message| {
            self.0.pay_duty_order(&call, change, message).await
        })
        .await
    }

    async fn list_import_returns(
        &self,
        request: Request<v1::ListImportReturnsRequest>,
    ) -> Answer<v1::ListImportReturnsResponse> {
        rpc::unary(request, async |call, message| self.0.list_import_returns(&call, message).await)
            .await
    }

    async fn report_goods_back(
        &self,
        request: Request<v1::ReportGoodsBackRequest>,
    ) -> Answer<v1::ReportGoodsBackResponse> {
        rpc::change(request, async |call, change, message| {
            self.0.report_goods_back(&call, change, message).await
        })
        .await
    }

    async fn get_quota(
        &self,
        request: Request<v1::GetQuotaRequest>,
    ) -> Answer<v1::GetQuotaResponse> {
        rpc::unary(request, async |call, message| self.0.get_quota(&call, message).await).await
    }

    async fn verify_ledger(
        &self,
        request: Request<v1::VerifyLedgerRequest>,
    ) -> Answer<v1::VerifyLedgerResponse> {
        rpc::unary(request, async |call, message| self.0.verify_ledger(&call, message).await).await
    }
}
