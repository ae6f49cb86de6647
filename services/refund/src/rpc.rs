//! The calls of the refund service: who may make them, and what answers each.

use domain::Kind;
use kit::rpc::{self, Answer, Answers};
use kit::service::Api;
use proto::v1;
use proto::v1::refund_service_server::{self, RefundService};
use tonic::Request;

use crate::Service;

/// Whoever sees refunds: a firm its own, the tax office and the operator all.
const READERS: &[Kind] = &[Kind::Enterprise, Kind::Agent, Kind::TaxOffice, Kind::Administrator];
/// Whoever is told what happens: the payment service, too, which books what is paid.
const WATCHERS: &[Kind] =
    &[Kind::Enterprise, Kind::Agent, Kind::TaxOffice, Kind::PaymentService, Kind::Administrator];
/// Firms.
const FIRMS: &[Kind] = &[Kind::Enterprise, Kind::Agent];
/// Who knows of proofs: the firm, the service that is told of its money, and the operator.
const PROVERS: &[Kind] =
    &[Kind::Enterprise, Kind::Agent, Kind::PaymentService, Kind::Gateway, Kind::Administrator];
const OFFICE: &[Kind] = &[Kind::TaxOffice];

/// Who may call what.
pub(crate) const API: Api = Api {
    name: refund_service_server::SERVICE_NAME,
    methods: &[
        ("ListExportLines", READERS),
        ("ExplainExportLine", READERS),
        ("GetExportHistory", READERS),
        ("RecordProof", PROVERS),
        ("RegisterInvoice", FIRMS),
        ("ListInvoices", READERS),
        ("ProposeClaim", FIRMS),
        ("SubmitClaim", FIRMS),
        ("WithdrawClaim", FIRMS),
        ("AnswerClaimLine", FIRMS),
        ("DropClaimLine", FIRMS),
        ("ReportSales", FIRMS),
        ("SettleAdvance", FIRMS),
        ("GetClaim", READERS),
        ("ListClaims", READERS),
        ("ListClaimLines", READERS),
        ("WatchRefunds", WATCHERS),
        ("VerifyInvoices", OFFICE),
        ("DecideClaim", OFFICE),
        ("SetRefundFirm", &[Kind::TaxOffice, Kind::Administrator]),
    ],
};

#[tonic::async_trait]
impl RefundService for Service {
    type WatchRefundsStream = Answers<v1::WatchRefundsResponse>;

    async fn list_export_lines(
        &self,
        request: Request<v1::ListExportLinesRequest>,
    ) -> Answer<v1::ListExportLinesResponse> {
        rpc::unary(request, async |call, message| self.0.list_export_lines(&call, message).await)
            .await
    }

    async fn explain_export_line(
        &self,
        request: Request<v1::ExplainExportLineRequest>,
    ) -> Answer<v1::ExplainExportLineResponse> {
        rpc::unary(request, async |call, message| self.0.explain_export_line(&call, message).await)
            .await
    }

    async fn get_export_history(
        &self,
        request: Request<v1::GetExportHistoryRequest>,
    ) -> Answer<v1::GetExportHistoryResponse> {
        rpc::unary(request, async |call, message| self.0.get_export_history(&call, message).await)
            .await
    }

    async fn record_proof(
        &self,
        request: Request<v1::RecordProofRequest>,
    ) -> Answer<v1::RecordProofResponse> {
        rpc::change(request, async |call, change, message| {
            self.0.record_proof(&call, change, message).await
        })
        .await
    }

    async fn register_invoice(
        &self,
        request: Request<v1::RegisterInvoiceRequest>,
    ) -> Answer<v1::RegisterInvoiceResponse> {
        rpc::change(request, async |call, change, message| {
            self.0.register_invoice(&call, change, message).await
        })
        .await
    }

    async fn list_invoices(
        &self,
        request: Request<v1::ListInvoicesRequest>,
    ) -> Answer<v1::ListInvoicesResponse> {
        rpc::unary(request, async |call, message| self.0.list_invoices(&call, message).await).await
    }

    async fn propose_claim(
        &self,
        request: Request<v1::ProposeClaimRequest>,
    ) -> Answer<v1::ProposeClaimResponse> {
        rpc::change(request, async |call, change, message| {
            self.0.propose_claim(&call, change, message).await
        })
        .await
    }

    async fn submit_claim(
        &self,
        request: Request<v1::SubmitClaimRequest>,
    ) -> Answer<v1::SubmitClaimResponse> {
        rpc::change(request, async |call, change, message| {
            self.0.submit_claim(&call, change, message).await
        })
        .await
    }

    async fn withdraw_claim(
        &self,
        request: Request<v1::WithdrawClaimRequest>,
    ) -> Answer<v1::WithdrawClaimResponse> {
        rpc::change(request, async |call, change, message| {
            self.0.withdraw_claim(&call, change, message).await
        })
        .await
    }

    async fn answer_claim_line(
        &self,
        request: Request<v1::AnswerClaimLineRequest>,
    ) -> Answer<v1::AnswerClaimLineResponse> {
        rpc::change(request, async |call, change, message| {
            self.0.answer_claim_line(&call, change, message).await
        })
        .await
    }

    async fn drop_claim_line(
        &self,
        request: Request<v1::DropClaimLineRequest>,
    ) -> Answer<v1::DropClaimLineResponse> {
        rpc::change(request, async |call, change, message| {
            self.0.drop_claim_line(&call, change, message).await
        })
        .await
    }

    async fn report_sales(
        &self,
        request: Request<v1::ReportSalesRequest>,
    ) -> Answer<v1::ReportSalesResponse> {
        rpc::change(request, async |call, change, message| {
            self.0.report_sales(&call, change, message).await
        })
        .await
    }

    async fn settle_advance(
        &self,
        request: Request<v1::SettleAdvanceRequest>,
    ) -> Answer<v1::SettleAdvanceResponse> {
        rpc::change(request, async |call, change, message| {
            self.0.settle_advance(&call, change, message).await
        })
        .await
    }

    async fn get_claim(
        &self,
        request: Request<v1::GetClaimRequest>,
    ) -> Answer<v1::GetClaimResponse> {
        rpc::unary(request, async |call, message| self.0.get_claim(&call, message).await).await
    }

    async fn list_claims(
        &self,
        request: Request<v1::ListClaimsRequest>,
    ) -> Answer<v1::ListClaimsResponse> {
        rpc::unary(request, async |call, message| self.0.list_claims(&call, message).await).await
    }

    async fn list_claim_lines(
        &self,
        request: Request<v1::ListClaimLinesRequest>,
    ) -> Answer<v1::ListClaimLinesResponse> {
        rpc::unary(request, async |call, message| self.0.list_claim_lines(&call, message).await)
            .await
    }

    async fn watch_refunds(
        &self,
        request: Request<v1::WatchRefundsRequest>,
    ) -> Answer<Self::WatchRefundsStream> {
        rpc::stream(request, async |call, message| self.0.watch_refunds(&call, message).await).await
    }

    async fn verify_invoices(
        &self,
        request: Request<v1::VerifyInvoicesRequest>,
    ) -> Answer<v1::VerifyInvoicesResponse> {
        rpc::change(request, async |call, change, message| {
            self.0.verify_invoices(&call, change, message).await
        })
        .await
    }

    async fn decide_claim(
        &self,
        request: Request<v1::DecideClaimRequest>,
    ) -> Answer<v1::DecideClaimResponse> {
        rpc::change(request, async |call, change, message| {
            self.0.decide_claim(&call, change, message).await
        })
        .await
    }

    async fn set_refund_firm(
        &self,
        request: Request<v1::SetRefundFirmRequest>,
    ) -> Answer<v1::SetRefundFirmResponse> {
        rpc::change(request, async |call, change, message| {
            self.0.set_refund_firm(&call, change, message).await
        })
        .await
    }
}
