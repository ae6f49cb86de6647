//! pain.002: what became of an order (指令状态), as a whole, by payment and by transfer.

use std::collections::BTreeSet;

use time::OffsetDateTime;

use super::order::{PaymentOrder, agrees, count_e5, moment};
use super::tree::{FaultList, Node};
use super::write::Xml;

/// A report about one order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Of the bank.
    pub message_id: String,
    /// When it was made.
    pub created: OffsetDateTime,
    /// Which order.
    pub order_id: String,
    /// Of the order as a whole, such as ACTC, PART or RJCT; empty where the bank says none.
    pub status: String,
    /// Why.
    pub reasons: Vec<String>,
    /// Of its parts.
    pub statuses: Vec<PaymentStatus>,
}

/// What became of a payment, or of one of its transfers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PaymentStatus {
    /// Which payment.
    pub payment_id: String,
    /// Which transfer; empty for the payment as a whole.
    pub end_to_end: String,
    /// Such as ACSC (settled), PDNG (pending), RJCT (rejected); empty where the bank says none.
    pub status: String,
    /// Why: codes and texts of the bank.
    pub reasons: Vec<String>,
}

impl Report {
    /// What does not fit the order that it is about, in English and Chinese.
    pub fn strangers(&self, order: &PaymentOrder) -> Vec<(String, String)> {
        let mut strangers = Vec::new();
        if self.order_id != order.message_id {
            let (id, ours) = (&self.order_id, &order.message_id);
            strangers.push((
                format!("it is about the order {id}, not {ours}"),
                format!("该报告针对指令{id}，而非{ours}"),
            ));
        }
        for status in &self.statuses {
            let PaymentStatus { payment_id, end_to_end, .. } = status;
            let payment = order.payments.iter().find(|payment| payment.id == *payment_id);
            let is_known = payment.is_some_and(|payment| {
                let mut transfers = payment.transfers.iter();
                end_to_end.is_empty()
                    || transfers.any(|transfer| transfer.end_to_end == *end_to_end)
            });
            if !is_known {
                let id = if end_to_end.is_empty() { payment_id } else { end_to_end };
                strangers.push((format!("the order has no {id}"), format!("指令中没有{id}")));
            }
        }
        let mut seen = BTreeSet::new();
        for PaymentStatus { payment_id, end_to_end, .. } in &self.statuses {
            if !seen.insert((payment_id, end_to_end)) {
                let id = if end_to_end.is_empty() { payment_id } else { end_to_end };
                strangers.push((format!("{id} has several statuses"), format!("{id}有多个状态")));
            }
        }
        strangers
    }
}

pub(super) fn write(report: &Report) -> String {
    let mut xml = Xml::new("pain.002.001.10", "CstmrPmtStsRpt");
    xml.within(&["GrpHdr"], |xml| {
        xml.leaf("MsgId", &report.message_id);
        xml.time("CreDtTm", report.created);
    });
    xml.within(&["OrgnlGrpInfAndSts"], |xml| {
        xml.leaf("OrgnlMsgId", &report.order_id);
        xml.leaf("OrgnlMsgNmId", "pain.001.001.09");
        xml.leaf_if("GrpSts", &report.status);
        reasons(xml, &report.reasons);
    });
    let mut payments: Vec<&str> =
        report.statuses.iter().map(|status| status.payment_id.as_str()).collect();
    payments.dedup();
    for payment in payments {
        xml.open("OrgnlPmtInfAndSts");
        xml.leaf("OrgnlPmtInfId", payment);
        let of = || report.statuses.iter().filter(|status| status.payment_id == payment);
        if let Some(whole) = of().find(|status| status.end_to_end.is_empty()) {
            xml.leaf_if("PmtInfSts", &whole.status);
            reasons(&mut xml, &whole.reasons);
        }
        for status in of().filter(|status| !status.end_to_end.is_empty()) {
            xml.open("TxInfAndSts");
            xml.leaf("OrgnlEndToEndId", &status.end_to_end);
            xml.leaf_if("TxSts", &status.status);
            reasons(&mut xml, &status.reasons);
            xml.close();
        }
        xml.close();
    }
    xml.finish()
}

/// Four capitals and digits are a code of the published list; everything else is told as a text.
fn reasons(xml: &mut Xml, reasons: &[String]) {
    for reason in reasons {
        let is_code = reason.len() == 4
            && reason.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
        xml.within(&["StsRsnInf"], |xml| {
            if is_code {
                xml.within(&["Rsn"], |xml| xml.leaf("Cd", reason));
            } else {
                xml.leaf("AddtlInf", reason);
            }
        });
    }
}

pub(super) fn of(root: &Node, found: &mut FaultList) -> Report {
    let mut statuses = Vec::new();
    for (number, node) in (1..).zip(root.all("OrgnlPmtInfAndSts")) {
        let place = format!("CstmrPmtStsRpt/OrgnlPmtInfAndSts[{number}]");
        let payment_id = node.text(&["OrgnlPmtInfId"]).to_owned();
        let status = node.text(&["PmtInfSts"]).to_owned();
        let reasons = reasons_of(node);
        if !status.is_empty() || !reasons.is_empty() {
            let (payment_id, end_to_end) = (payment_id.clone(), String::new());
            statuses.push(PaymentStatus { payment_id, end_to_end, status, reasons });
        }
        for transfer in node.all("TxInfAndSts") {
            statuses.push(PaymentStatus {
                payment_id: payment_id.clone(),
                end_to_end: transfer.text(&["OrgnlEndToEndId"]).to_owned(),
                status: transfer.text(&["TxSts"]).to_owned(),
                reasons: reasons_of(transfer),
            });
        }
        counts(node, &place, found);
    }
    if let Some(group) = root.find(&["OrgnlGrpInfAndSts"]) {
        counts(group, "CstmrPmtStsRpt/OrgnlGrpInfAndSts", found);
    }
    Report {
        message_id: root.text(&["GrpHdr", "MsgId"]).to_owned(),
        created: moment(root.text(&["GrpHdr", "CreDtTm"])),
        order_id: root.text(&["OrgnlGrpInfAndSts", "OrgnlMsgId"]).to_owned(),
        status: root.text(&["OrgnlGrpInfAndSts", "GrpSts"]).to_owned(),
        reasons: root.find(&["OrgnlGrpInfAndSts"]).map(reasons_of).unwrap_or_default(), // no group, no reason
        statuses,
    }
}

/// Counts by status add up to the count of the order, when both are said.
fn counts(node: &Node, place: &str, found: &mut FaultList) {
    let counted: Vec<usize> = node
        .all("NbOfTxsPerSts")
        // Fifteen digits fit.
        .filter_map(|counted| counted.text(&["DtldNbOfTxs"]).parse().ok())
        .collect();
    if !counted.is_empty() {
        agrees(node, &["OrgnlNbOfTxs"], place, count_e5(counted.iter().sum()), found);
    }
}

fn reasons_of(node: &Node) -> Vec<String> {
    let mut reasons = Vec::new();
    for reason in node.all("StsRsnInf") {
        let code = reason.chosen(&["Rsn"]);
        let further = reason.all("AddtlInf").map(|text| text.text.as_str());
        reasons.extend(
            [code].into_iter().chain(further).filter(|it| !it.is_empty()).map(str::to_owned),
        );
    }
    reasons
}
