//! `pay orders`, `pay-order`: what is collected of bills, and that the bank paid it.

use proto::v1;
use uuid::Uuid;

use super::listing::Listing;
use super::{PayPrinter, yuan};
use crate::words::{self, pick};
use crate::{Exit, Language};

/// List payment orders (缴款书): bills of a firm that are paid together, from day 31 to 45 after the release.
#[derive(Debug, clap::Args)]
pub(super) struct Orders {
    /// Of this firm (customs code) [default: all that you see].
    #[arg(long, value_name = "CODE")]
    payer: Option<String>,
    /// Only those that are not paid.
    #[arg(long)]
    unpaid: bool,
}

/// Say that the bank paid a payment order: by the operator; in a sandbox by the firm itself.
#[derive(Debug, clap::Args)]
pub(super) struct PayOrder {
    /// Number of the payment order (entDutyNo).
    number: String,
    /// Whose (customs code) [default: your own].
    #[arg(long, value_name = "CODE")]
    payer: Option<String>,
    /// What it is, as the number of the bank's booking.
    #[arg(long, value_name = "TEXT")]
    reference: Option<String>,
    /// Only check it.
    #[arg(long)]
    validate_only: bool,
}

fn state(it: &v1::DutyOrder, language: Language) -> &'static str {
    let (english, chinese) = match (it.paid_time.is_some(), it.overdue) {
        (true, _) => ("paid", "已缴款"),
        (false, true) => ("overdue", "已逾期"),
        (false, false) => ("to be paid", "待缴款"),
    };
    pick(language, english, chinese)
}

const ORDERS: Listing<v1::DutyOrder, 9> = Listing {
    header: (
        ["number", "payer", "amount", "came", "bills", "state", "pay until", "paid", "reason"],
        [
            "缴款书编号",
            "缴款企业",
            "金额",
            "已缴金额",
            "税单数",
            "状态",
            "缴款期限",
            "缴款时间",
            "原因",
        ],
    ),
    flexible: None,
    none: ("no payment orders", "没有缴款书"),
    row: |it, language| {
        [
            it.ent_duty_no.clone(),
            it.payer.clone(),
            yuan(it.amount_fen),
            yuan(it.paid_fen),
            it.bills.to_string(),
            state(it, language).to_owned(),
            it.due_until.clone(),
            words::when(it.paid_time.and_then(proto::time)),
            it.reason.clone(),
        ]
    },
};

/// Lists payment orders.
pub(super) async fn orders(teller: PayPrinter<'_>, args: Orders) -> anyhow::Result<Exit> {
    let (payer, unpaid) = (proto::text(args.payer), args.unpaid);
    let request = v1::ListDutyOrdersRequest { payer, unpaid, ..Default::default() };
    let list = async |it: &client::Window, ask| it.payment().list_duty_orders(ask).await;
    let found = teller.session.pages(request, usize::MAX, list).await?;
    ORDERS.print(teller, &found)
}

/// Pays one.
pub(super) async fn pay_order(teller: PayPrinter<'_>, args: PayOrder) -> anyhow::Result<Exit> {
    let PayOrder { number, payer, reference, validate_only } = args;
    let request = v1::PayDutyOrderRequest {
        request_id: Uuid::now_v7().to_string(),
        payer: proto::text(payer),
        ent_duty_no: number,
        reference: proto::text(reference),
        validate_only,
    };
    let session = teller.session;
    let make = async |it: &client::Window, ask| it.payment().pay_duty_order(ask).await;
    let order = session.ask(request, make).await?.order;
    ORDERS.print(teller, order.as_slice())
}
