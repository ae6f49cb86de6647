//! The national documents that come in, each with the number of its message and of its receipts.
//!
//! Source: catalogue of the CEB specification 202205. Tax bills (816, 818) and summary results (792)
//! go out only and are not here.

/// One kind of document that a firm sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[expect(missing_docs, reason = "each has a title and a Chinese title below")]
pub enum DocumentKind {
    ExportOrder,
    MoneyReceipt,
    ExportWaybill,
    Arrival,
    Departure,
    ExportInventory,
    ExportCancel,
    WaybillList,
    ExportReturn,
    Tally,
    SummaryApply,
    ImportOrder,
    Payment,
    ImportWaybill,
    WaybillStatus,
    ImportInventory,
    ImportCancel,
    ImportRefund,
    Delivery,
}

impl DocumentKind {
    /// Every kind: exports in the order of the parcel's way, then imports.
    #[rustfmt::skip]
    pub const ALL: [Self; 19] = {
        use DocumentKind::*;
        [
            ExportOrder, MoneyReceipt, ExportWaybill, Arrival, Departure, ExportInventory,
            ExportCancel, WaybillList, ExportReturn, Tally, SummaryApply, ImportOrder, Payment,
            ImportWaybill, WaybillStatus, ImportInventory, ImportCancel, ImportRefund, Delivery,
        ]
    };

    /// The number in the name of its message, for example 621 of `CEB621Message`.
    pub const fn number(self) -> u16 {
        match self {
            Self::ExportOrder => 303,
            Self::MoneyReceipt => 403,
            Self::ExportWaybill => 505,
            Self::Arrival => 507,
            Self::Departure => 509,
            Self::ExportInventory => 603,
            Self::ExportCancel => 605,
            Self::WaybillList => 607,
            Self::ExportReturn => 213,
            Self::Tally => 215,
            Self::SummaryApply => 701,
            Self::ImportOrder => 311,
            Self::Payment => 411,
            Self::ImportWaybill => 511,
            Self::WaybillStatus => 513,
            Self::ImportInventory => 621,
            Self::ImportCancel => 623,
            Self::ImportRefund => 625,
            Self::Delivery => 711,
        }
    }

    /// The kind with this message number.
    pub fn from_number(number: u16) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.number() == number)
    }

    /// The number of the message that carries its receipts: always the next one.
    pub const fn reply(self) -> u16 {
        self.number() + 1
    }

    /// Its name in English.
    pub const fn title(self) -> &'static str {
        self.titles().0
    }

    /// Its name in Chinese, as the specification writes it.
    pub const fn title_zh(self) -> &'static str {
        self.titles().1
    }

    const fn titles(self) -> (&'static str, &'static str) {
        match self {
            Self::ExportOrder => ("export order", "电子订单"),
            Self::MoneyReceipt => ("receipt of money", "收款单"),
            Self::ExportWaybill => ("export waybill", "物流运单"),
            Self::Arrival => ("arrival at the supervised site", "运抵单"),
            Self::Departure => ("departure", "离境单"),
            Self::ExportInventory => ("export inventory", "出口清单"),
            Self::ExportCancel => ("cancellation of an export inventory", "撤销申请单"),
            Self::WaybillList => ("way-bill list", "清单总分单"),
            Self::ExportReturn => ("return of exported goods", "出口退货申请单"),
            Self::Tally => ("tally of returned goods", "退货理货明细单"),
            Self::SummaryApply => ("summary application", "汇总申请单"),
            Self::ImportOrder => ("import order", "电子订单"),
            Self::Payment => ("payment", "支付凭证"),
            Self::ImportWaybill => ("import waybill", "物流运单"),
            Self::WaybillStatus => ("waybill status", "运单状态"),
            Self::ImportInventory => ("import inventory", "进口清单"),
            Self::ImportCancel => ("cancellation of an import inventory", "撤销申请单"),
            Self::ImportRefund => ("return of imported goods", "退货申请单"),
            Self::Delivery => ("delivery list", "入库明细单"),
        }
    }

    /// Whether it belongs to goods that go out. Goods that come back (213, 215) belong to an export.
    pub const fn is_export(self) -> bool {
        match self {
            Self::ExportOrder
            | Self::MoneyReceipt
            | Self::ExportWaybill
            | Self::Arrival
            | Self::Departure
            | Self::ExportInventory
            | Self::ExportCancel
            | Self::WaybillList
            | Self::ExportReturn
            | Self::Tally
            | Self::SummaryApply => true,
            Self::ImportOrder
            | Self::Payment
            | Self::ImportWaybill
            | Self::WaybillStatus
            | Self::ImportInventory
            | Self::ImportCancel
            | Self::ImportRefund
            | Self::Delivery => false,
        }
    }

    /// Whether it is an inventory, the document that is released.
    pub const fn is_inventory(self) -> bool {
        matches!(self, Self::ExportInventory | Self::ImportInventory)
    }

    /// The elements whose values, in this order, are its business key.
    ///
    /// Split documents (507, 509, 607, 701) are stored part by part, so `msgSeqNo` belongs to the
    /// key. A waybill number is unique within its firm for six months only: an older document with
    /// the same number is not the same document. An inventory has the second key `agentCode` and
    /// `copNo`, which must not belong to another inventory. 213 and 215 have no published key: that
    /// one is unverified. Source: receipts' fields and glossary of the CEB specification 202205.
    pub const fn key_elements(self) -> &'static [&'static str] {
        match self {
            Self::ExportOrder
            | Self::ImportOrder
            | Self::ExportInventory
            | Self::ImportInventory => &["ebcCode", "orderNo"],
            Self::MoneyReceipt => &["ebcCode", "orderNo", "payNo"],
            Self::Payment => &["payCode", "payTransactionId"],
            Self::ExportWaybill | Self::ImportWaybill => &["logisticsCode", "logisticsNo"],
            Self::WaybillStatus => &["logisticsCode", "logisticsNo", "logisticsStatus"],
            Self::ExportCancel | Self::ImportCancel | Self::ImportRefund => &["agentCode", "copNo"],
            Self::Arrival => &["operatorCode", "copNo", "msgSeqNo"],
            Self::Delivery => &["operatorCode", "copNo"],
            Self::Departure => &["logisticsCode", "copNo", "msgSeqNo"],
            Self::WaybillList | Self::SummaryApply => &["agentCode", "copNo", "msgSeqNo"],
            Self::ExportReturn => &["agentCode", "coElNo"],
            Self::Tally => &["operatorCode", "coElNo"],
        }
    }
}

impl DocumentKind {
    /// Firms that are not in the key and without which it says too little: an order number is unique within
    /// its platform, and anybody may name any seller. Where they differ, it is another document, whoever
    /// came first.
    pub const fn issuer_elements(self) -> &'static [&'static str] {
        match self {
            Self::ExportOrder | Self::ImportOrder => &["ebpCode"],
            Self::MoneyReceipt => &["payCode", "ebpCode"],
            Self::ExportInventory | Self::ImportInventory => &["agentCode"],
            // One whose carrier or seller transmits it, and not the firm in the key.
            Self::Arrival => &["logisticsCode"],
            Self::ExportReturn => &["ebcCode"],
            Self::Payment
            | Self::ExportWaybill
            | Self::ImportWaybill
            | Self::WaybillStatus
            | Self::ExportCancel
            | Self::ImportCancel
            | Self::ImportRefund
            | Self::Delivery
            | Self::Departure
            | Self::WaybillList
            | Self::SummaryApply
            | Self::Tally => &[],
        }
    }

    /// A key as everybody is shown it: without the issuers that were added to keep it apart from that of
    /// another one, which nobody is told of.
    pub fn shown_key(self, key: &str) -> String {
        key.split('\u{1f}').take(self.key_elements().len()).collect::<Vec<_>>().join("\u{1f}")
    }
}

/// Joins the values of [`DocumentKind::key_elements`] to one text that is compared and stored. The
/// separator U+001F cannot occur in a value: control characters are refused at the door.
pub fn key(parts: &[&str]) -> String {
    parts.join("\u{1f}")
}
