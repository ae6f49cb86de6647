//! The calls about money from abroad: who may make them, and what answers each.

use domain::Kind;
use kit::rpc::{self, Answer, Answers};
use kit::service::Api;
use proto::v1;
use proto::v1::forex_service_server::{self, ForexService};
use proto::v1::payment_exchange_service_server;
use tonic::Request;

use crate::Service;

/// Whoever sees receipts: a firm its own, the operator and banks all.
const READERS: &[Kind] = &[Kind::Enterprise, Kind::Agent, Kind::Bank, Kind::Administrator];
/// Whoever disposes of money: its firm, or an agent that it mandated.
const FIRMS: &[Kind] = &[Kind::Enterprise, Kind::Agent];

/// Who may call what.
pub(crate) const API: Api = Api {
    name: forex_service_server::SERVICE_NAME,
    methods: &[
        ("ListSales", READERS),
        ("ListForexReceipts", READERS),
        ("MatchReceipt", FIRMS),
        ("UnmatchReceipt", FIRMS),
        ("QuoteSettlement", FIRMS),
        ("AcceptQuote", FIRMS),
        ("KeepReceipt", FIRMS),
        ("ListSettlements", READERS),
        ("AssignSettlement", FIRMS),
        ("ListBankStatements", READERS),
        ("ExportPayments", READERS),
        ("DeclarePayment", FIRMS),
        ("TakeBankFile", &[Kind::Bank, Kind::Administrator]),
        ("SetForexFirm", &[Kind::Administrator]),
        ("RegisterReceipt", &[Kind::Administrator]),
    ],
};

/// Who sits at the exchange of this service.
pub(crate) const EXCHANGE: Api = Api {
    name: payment_exchange_service_server::SERVICE_NAME,
    methods: &[("Connect", &[Kind::Bank])],
};

#[tonic::async_trait]
impl ForexService for Service {
    type ExportPaymentsStream = Answers<v1::PaymentsRecord>;

    async fn list_sales(
        &self,
        request: Request<v1::ListSalesRequest>,
    ) -> Answer<v1::ListSalesResponse> {
        rpc::unary(request, async |call, message| self.0.list_sales(&call, message).await).await
    }

    async fn list_forex_receipts(
        &self,
        request: Request<v1::ListForexReceiptsRequest>,
    ) -> Answer<v1::ListForexReceiptsResponse> {
        rpc::unary(request, async |call, message| self.0.list_forex_receipts(&call, message).await)
            .await
    }

    async fn match_receipt(
        &self,
        request: Request<v1::MatchReceiptRequest>,
    ) -> Answer<v1::MatchReceiptResponse> {
        rpc::change(request, async |call, change, message| {
            self.0.match_receipt(&call, change, message).await
        })
        .await
    }

    async fn unmatch_receipt(
        &self,
        request: Request<v1::UnmatchReceiptRequest>,
    ) -> Answer<v1::UnmatchReceiptResponse> {
        rpc::change(request, async |call, change, message| {
            self.0.unmatch_receipt(&call, change, message).await
        })
        .await
    }

    async fn quote_settlement(
        &self,
        request: Request<v1::QuoteSettlementRequest>,
    ) -> Answer<v1::QuoteSettlementResponse> {
        rpc::unary(request, async |call, message| self.0.quote_settlement(&call, message).await)
            .await
    }

    async fn accept_quote(
        &self,
        request: Request<v1::AcceptQuoteRequest>,
    ) -> Answer<v1::AcceptQuoteResponse> {
        rpc::change(request, async |call, change, message| {
            self.0.accept_quote(&call, change, message).await
        })
        .await
    }

    async fn keep_receipt(
        &self,
        request: Request<v1::KeepReceiptRequest>,
    ) -> Answer<v1::KeepReceiptResponse> {
        rpc::change(request, async |call, change, message| {
            self.0.keep_receipt(&call, change, message).await
        })
        .await
    }

    async fn list_settlements(
        &self,
        request: Request<v1::ListSettlementsRequest>,
    ) -> Answer<v1::ListSettlementsResponse> {
        rpc::unary(request, async |call, message| self.0.list_settlements(&call, message).await)
            .await
    }

    async fn list_bank_statements(
        &self,
        request: Request<v1::ListBankStatementsRequest>,
    ) -> Answer<v1::ListBankStatementsResponse> {
        rpc::unary(request, async |call, message| self.0.list_bank_statements(&call, message).await)
            .await
    }

    async fn assign_settlement(
        &self,
        request: Request<v1::AssignSettlementRequest>,
    ) -> Answer<v1::AssignSettlementResponse> {
        rpc::change(request, async |call, change, message| {
            self.0.assign_settlement(&call, change, message).await
        })
        .await
    }

    async fn export_payments(
        &self,
        request: Request<v1::ExportPaymentsRequest>,
    ) -> Answer<Self::ExportPaymentsStream> {
        rpc::stream(request, async |call, message| self.0.export_payments(&call, message).await)
            .await
    }

    async fn declare_payment(
        &self,
        request: Request<v1::DeclarePaymentRequest>,
    ) -> Answer<v1::DeclarePaymentResponse> {
        rpc::change(request, async |call, change, message| {
            self.0.declare_payment(&call, change, message).await
        })
        .await
    }

    async fn take_bank_file(
        &self,
        request: Request<v1::TakeBankFileRequest>,
    ) -> Answer<v1::TakeBankFileResponse> {
        rpc::unary(request, async |call, message| self.0.take_bank_file(&call, message).await).await
    }

    async fn register_receipt(
        &self,
        request: Request<v1::RegisterReceiptRequest>,
    ) -> Answer<v1::RegisterReceiptResponse> {
        rpc::change(request, async |call, change, message| {
            self.0.register_receipt(&call, change, message).await
        })
        .await
    }

    async fn set_forex_firm(
        &self,
        request: Request<v1::SetForexFirmRequest>,
    ) -> Answer<v1::SetForexFirmResponse> {
        rpc::change(request, async |call, change, message| {
            self.0.set_forex_firm(&call, change, message).await
        })
        .await
    }
}
