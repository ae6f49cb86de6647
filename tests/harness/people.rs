//! People at work: an enterprise that files and follows its declarations.

use futures::StreamExt as _;
use proto::v1::{self, fact::Kind};
use tonic::Status;
use uuid::Uuid;

use super::PATIENCE;

/// Characters that a firm's own number of a declaration (copNo) may have.
const OWN_NUMBER_MAX: usize = 30;
/// The customs code of the sandbox's `enterprise-a`.
pub(crate) const FIRM_A: &str = "3702960001";

/// The firm's own number beside the number of an order: what makes that one different stands at its end.
fn own_number(order_no: &str) -> String {
    let number = format!("C{order_no}");
    let skipped = number.chars().count().saturating_sub(OWN_NUMBER_MAX);
    number.chars().skip(skipped).collect()
}

/// A valid export (9610) of one line, worth 91.00 CNY.
pub(crate) fn export(order_no: &str) -> v1::Declaration {
    let party = |code: &str, name: &str| Some(v1::Party { code: code.into(), name: name.into() });
    let cny = |amount_e5| Some(v1::Money { currency: "142".into(), amount_e5 });
    let quantity = |unit: &str, value_e5| Some(v1::Quantity { unit: unit.into(), value_e5 });
    v1::Declaration {
        ie_flag: v1::Direction::Export.into(),
        trade_mode: "9610".into(),
        customs_code: "4258".into(),
        port_code: "4258".into(),
        order_no: order_no.into(),
        cop_no: own_number(order_no),
        logistics_no: "SF20261124000001".into(),
        declarant: party(FIRM_A, "青岛海之星跨境电商有限公司"),
        ebc: party(FIRM_A, "青岛海之星跨境电商有限公司"),
        ebp: party("3702960009", "海之星商城"),
        logistics: party("3702980007", "青岛速达国际物流有限公司"),
        owner: party(FIRM_A, "青岛海之星跨境电商有限公司"),
        traf_mode: "5".into(),
        country: "502".into(),
        pod: "USA".into(),
        statistics_flag: "A".into(),
        ie_date: "20261124".into(),
        freight: cny(3_000_000),
        f_flag: "3".into(),
        insured_fee: cny(0),
        i_flag: "3".into(),
        wrap_type: "2".into(),
        pack_no: 1,
        gross_weight_e5: 90_000,
        net_weight_e5: 80_000,
        lines: vec![v1::GoodsLine {
            gnum: 1,
            item_no: "QD-SKU-000001".into(),
            gcode: "9617009000".into(),
            gname: "不锈钢真空保温杯".into(),
            gmodel: "品牌:海之星|容量:500ml".into(),
            bar_code: "无".into(),
            country: "502".into(),
            qty: quantity("007", 200_000),
            qty1: quantity("035", 80_000),
            price: cny(4_550_000),
            total_price: cny(9_100_000),
            ..Default::default()
        }],
        ..Default::default()
    }
}

/// A valid import (9610) of one line of this value, for whose tax this firm stands.
pub(crate) fn import(order_no: &str, firm: &str, fen: i64) -> v1::Declaration {
    let example = include_str!("../../docs/examples/import-9610.json");
    let mut import: v1::Declaration = serde_json::from_str(example).expect("an example");
    let cny = |fen: i64| Some(v1::Money { currency: "142".into(), amount_e5: fen * 1_000 });
    order_no.clone_into(&mut import.order_no);
    import.cop_no = own_number(order_no);
    import.logistics_no = format!("L{order_no}");
    for party in [&mut import.declarant, &mut import.ebc].into_iter().flatten() {
        firm.clone_into(&mut party.code);
    }
    firm.clone_into(&mut import.assure_code);
    import.freight = cny(0);
    import.order = None;
    import.lines.truncate(1);
    for line in &mut import.lines {
        line.qty = Some(v1::Quantity { unit: "011".into(), value_e5: 100_000 });
        (line.price, line.total_price) = (cny(fen), cny(fen));
    }
    import
}

/// A submission under a fresh request id.
pub(crate) fn filing(declaration: v1::Declaration) -> v1::SubmitRequest {
    v1::SubmitRequest {
        request_id: Uuid::now_v7().to_string(),
        declaration: Some(declaration),
        validate_only: false,
        pre_no: String::new(),
    }
}

/// An enterprise with its connection.
#[derive(Clone)]
pub(crate) struct Enterprise(pub(crate) client::Window);

impl Enterprise {
    /// Files an export under this order number.
    pub(crate) async fn files(&self, order_no: &str) -> v1::SubmitResponse {
        self.tries(filing(export(order_no))).await.expect("it is valid")
    }

    /// Submits; the window may refuse.
    pub(crate) async fn tries(
        &self,
        request: v1::SubmitRequest,
    ) -> Result<v1::SubmitResponse, Status> {
        self.0.declarations().submit(request).await.map(tonic::Response::into_inner)
    }

    /// Reads a declaration.
    pub(crate) async fn reads(&self, name: &str) -> v1::DeclarationRecord {
        let request = v1::GetRequest { name: name.to_owned(), ..Default::default() };
        let response = self.0.declarations().get(request).await.expect("it is there");
        response.into_inner().record.expect("a record")
    }

    /// Follows one declaration until it stands there; returns everything that happened.
    pub(crate) async fn sees(&self, name: &str, state: v1::State) -> Vec<Kind> {
        let request = v1::WatchRequest { name: name.to_owned(), ..Default::default() };
        let news = client::watch(self.0.clone(), request);
        let mut news = std::pin::pin!(news);
        let mut seen = Vec::new();
        let until = async {
            while let Some(told) = news.next().await {
                let told = told.expect("watching goes on");
                assert_eq!(told.name, name);
                seen.extend(told.facts.into_iter().filter_map(|fact| fact.kind));
                if told.state == i32::from(state) {
                    return;
                }
            }
        };
        let done = tokio::time::timeout(PATIENCE, until).await;
        assert!(done.is_ok(), "{name} never came to {state:?}; seen {seen:#?}");
        seen
    }

    /// Follows one declaration until its record looks so, and gives that back.
    pub(crate) async fn waits(
        &self,
        name: &str,
        is: impl Fn(&v1::DeclarationRecord) -> bool,
    ) -> v1::DeclarationRecord {
        let request = v1::WatchRequest { name: name.to_owned(), ..Default::default() };
        let mut news = std::pin::pin!(client::watch(self.0.clone(), request));
        let until = async {
            loop {
                news.next().await.expect("it has no end").expect("watching goes on");
                let record = self.reads(name).await;
                if is(&record) {
                    return record;
                }
            }
        };
        match tokio::time::timeout(PATIENCE, until).await {
            Ok(record) => record,
            Err(_) => panic!("{name} stays as it is: {:#?}", self.reads(name).await),
        }
    }

    /// Amends with the version seen.
    pub(crate) async fn amends(
        &self,
        name: &str,
        version: u32,
        declaration: v1::Declaration,
    ) -> Result<v1::AmendResponse, Status> {
        let request = v1::AmendRequest {
            request_id: Uuid::now_v7().to_string(),
            name: name.to_owned(),
            version,
            declaration: Some(declaration),
            validate_only: false,
        };
        self.0.declarations().amend(request).await.map(tonic::Response::into_inner)
    }

    /// Withdraws with the version seen.
    pub(crate) async fn withdraws(
        &self,
        name: &str,
        version: u32,
    ) -> Result<v1::WithdrawResponse, Status> {
        let request = v1::WithdrawRequest {
            request_id: Uuid::now_v7().to_string(),
            name: name.to_owned(),
            version,
            reason: "客户取消订单".to_owned(),
            validate_only: false,
        };
        self.0.declarations().withdraw(request).await.map(tonic::Response::into_inner)
    }
}

/// The code of a refusal, for example SW-1102, and its data.
pub(crate) fn code(status: &Status) -> (String, std::collections::HashMap<String, String>) {
    use tonic_types::StatusExt as _;
    let info = status.get_details_error_info().unwrap_or_else(|| panic!("no details: {status:?}"));
    assert_eq!(info.domain, "single-window");
    (info.reason, info.metadata)
}

/// Every entry of the ledger is recomputed, and every currency sums to nothing. How many entries there are.
pub(crate) async fn finds_no_difference(operator: &client::Window) -> i64 {
    let (mut entries, mut from_slot) = (0, 0);
    loop {
        let request = v1::VerifyLedgerRequest { from_slot, ..Default::default() };
        let found = operator.payment().verify_ledger(request).await.expect("it answers");
        let found = found.into_inner();
        assert_eq!(found.difference, "", "slot {}", found.slot);
        assert!(found.sums.iter().all(|it| it.sum == 0 && it.held == 0), "{:?}", found.sums);
        entries += found.entries;
        if found.next_slot == 0 {
            assert!(!found.sums.is_empty(), "the last answer has the sums");
            return entries;
        }
        assert!(found.next_slot > from_slot, "it goes on");
        from_slot = found.next_slot;
    }
}

/// How many facts are of a kind.
pub(crate) fn count(facts: &[Kind], is: impl Fn(&Kind) -> bool) -> usize {
    facts.iter().filter(|fact| is(fact)).count()
}
