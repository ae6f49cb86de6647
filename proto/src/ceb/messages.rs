//! The 42 message types of release 202205 in one table: number, document, direction, frame and name.

use domain::Code;
use serde::{Deserialize, Serialize};

use super::envelope::{Batch, EXTEND, SIGNATURE, SIGNED, SUBSCRIBE, TRANSFER};
use super::schema::ElementTable as _;
use super::table::ElementNeed::Must;
use super::table::{Element, ElementContent, SchemaField, describe, group};
use super::write::Writer;
use super::{AppType, Header, export, import, values};

/// What a message type is.
pub(super) struct Format {
    number: u16,
    name: &'static str,
    pub(super) root: &'static str,
    title: &'static str,
    title_zh: &'static str,
    /// Firms send it; the others are answers.
    inbound: bool,
    /// The schema demands a signature.
    signature_required: bool,
    /// The prefix it is written with.
    pub(super) prefix: &'static str,
    /// The children of the root, the payload first.
    pub(super) table: &'static [Element<Batch>],
    document: fn() -> Vec<SchemaField>,
    /// The groups within the payload; none when the payload has its fields itself.
    groups: fn() -> Vec<FieldGroup>,
}

impl Format {
    pub(super) fn payload(&self) -> &'static Element<Batch> {
        &self.table[0]
    }
}

/// A group of fields of a document: its head, its lines, or the document itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldGroup {
    /// The XML element.
    pub element: &'static str,
    /// The field of the typed document, `head` or `lines`; empty for the document itself.
    pub field: &'static str,
    /// The document cannot be without it.
    pub required: bool,
    /// How often it may stand; `u32::MAX` when the schema sets no bound.
    pub max: u32,
    /// Its rows.
    pub fields: Vec<SchemaField>,
}

/// The groups of a document's table.
pub(super) fn groups<T: 'static>(table: &'static [Element<T>]) -> Vec<FieldGroup> {
    let group = |row: &'static Element<T>| match row.content {
        ElementContent::Group { describe, .. } => Some(FieldGroup {
            element: row.name,
            field: if row.is_repeated() { "lines" } else { "head" },
            required: row.need == Must,
            max: row.max,
            fields: describe(),
        }),
        _ => None,
    };
    table.iter().filter_map(group).collect()
}

/// Message types and documents.
macro_rules! messages {
    ($(
        $variant:ident $number:literal $side:ident :: $document:ident $payload:literal $max:tt
        $place:ident $flow:ident $signature:ident $title:literal $title_zh:literal;
    )*) => {
        /// A message type of release 202205.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum MessageType {
            $(
                #[doc = concat!($title, " (", $title_zh, ").")]
                $variant,
            )*
        }

        impl MessageType {
            /// All of them: export, then import.
            pub const ALL: [Self; [$($number),*].len()] = [$(Self::$variant),*];

            pub(super) fn format(self) -> &'static Format {
                match self {
                    $(Self::$variant => {
                        const FORMAT: &Format = &Format {
                            number: $number,
                            name: concat!("CEB", $number),
                            root: concat!("CEB", $number, "Message"),
                            title: $title,
                            title_zh: $title_zh,
                            inbound: messages!(@inbound $flow),
                            signature_required: messages!(@required $signature),
                            prefix: messages!(@prefix $side $flow),
                            table: messages!(@frame $side $flow $signature group::<Batch>(
                                $payload,
                                Must,
                                |reader, batch, open| {
                                    batch.document(reader, open, Document::$variant)
                                },
                                |_, _, _| {},
                                describe::<$side::$document>,
                            )
                            .times(messages!(@max $max), Code::XmlTooManyDocuments)),
                            document: describe::<$side::$document>,
                            groups: || groups($side::$document::TABLE),
                        };
                        FORMAT
                    })*
                }
            }
        }

        /// One document of a message.
        #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
        pub enum Document {
            $(
                #[doc = concat!($title, " (", $title_zh, ").")]
                $variant($side::$document),
            )*
        }

        impl Document {
            /// The message type that carries it.
            pub fn message_type(&self) -> MessageType {
                match self {
                    $(Self::$variant(_) => MessageType::$variant,)*
                }
            }

            /// Its guid. Of an answer it is a new one, not that of the document it answers.
            pub fn guid(&self) -> &str {
                match self {
                    $(Self::$variant(it) => &messages!(@place $place it).guid,)*
                }
            }

            /// What every document that firms send begins with; `None` for answers.
            pub fn header(&self) -> Option<Header<'_>> {
                match self {
                    $(Self::$variant(_it) => messages!(@header $flow $place _it),)*
                }
            }

            /// The value of an element of its head as text: `None` when it has no such element,
            /// empty when the element has no value.
            pub fn value(&self, element: &str) -> Option<String> {
                match self {
                    $(Self::$variant(it) => values::value(messages!(@of $place it), element),)*
                }
            }

            /// The text of an element of its head: one that is not there is the empty text, as one
            /// that has no value. Which of them must be there is for the schema to say.
            pub fn text(&self, element: &str) -> String {
                crate::text(self.value(element))
            }

            /// A document of a type whose head has these values by element.
            pub fn from_values(
                message_type: MessageType,
                value: impl Fn(&str) -> Option<String>,
            ) -> Self {
                match message_type {
                    $(MessageType::$variant => {
                        let mut it = $side::$document::default();
                        values::fill(messages!(@of_mut $place it), &value);
                        Self::$variant(it)
                    })*
                }
            }

            pub(super) fn write(&self, writer: &mut Writer) {
                match self {
                    $(Self::$variant(it) => writer.element($payload, it),)*
                }
            }
        }
    };

    (@inbound filed) => { true };
    (@inbound answer) => { false };

    (@required signed) => { true };
    (@required plain) => { false };

    (@prefix import answer) => { "" };
    (@prefix $side:ident $flow:ident) => { "ceb:" };

    (@max UNBOUNDED) => { u32::MAX };
    (@max $max:literal) => { $max };

    (@frame $side:ident answer $signature:ident $payload:expr) => { &[$payload] };
    (@frame export filed plain $payload:expr) => {
        &[$payload, TRANSFER, SUBSCRIBE, SIGNATURE, EXTEND]
    };
    (@frame import filed plain $payload:expr) => {
        &[$payload, TRANSFER, SUBSCRIBE, EXTEND, SIGNATURE]
    };
    (@frame import filed signed $payload:expr) => {
        &[$payload, TRANSFER, SUBSCRIBE, EXTEND, SIGNED]
    };

    (@place head $it:ident) => { $it.head };
    (@place own $it:ident) => { $it };

    (@of head $it:ident) => { &$it.head };
    (@of own $it:ident) => { $it };

    (@of_mut head $it:ident) => { &mut $it.head };
    (@of_mut own $it:ident) => { &mut $it };

    (@header answer $place:ident $it:ident) => { None };
    (@header filed $place:ident $it:ident) => {{
        let head = &messages!(@place $place $it);
        Some(Header {
            guid: &head.guid,
            app_type: AppType::of(&head.app_type),
            app_time: &head.app_time,
            draft: head.app_status == "1",
        })
    }};
}

messages! {
    Ceb303 303 export::Order "Order" 100 head filed plain "export order" "电子订单";
    Ceb304 304 export::OrderReturn "OrderReturn" 100 own answer plain "receipt of an export order" "电子订单回执";
    Ceb403 403 export::Receipts "Receipts" 100 own filed plain "receipt of payment" "收款单";
    Ceb404 404 export::ReceiptsReturn "ReceiptsReturn" 100 own answer plain "receipt of a receipt of payment" "收款单回执";
    Ceb505 505 export::Logistics "Logistics" 100 own filed plain "export waybill" "物流运单";
    Ceb506 506 export::LogisticsReturn "LogisticsReturn" 100 own answer plain "receipt of an export waybill" "物流运单回执";
    Ceb507 507 export::Arrival "Arrival" 100 head filed plain "arrival at the site" "物流运抵单";
    Ceb508 508 export::ArrivalReturn "ArrivalReturn" 100 own answer plain "receipt of an arrival" "物流运抵单回执";
    Ceb509 509 export::Departure "Departure" 100 head filed plain "departure abroad" "物流离境单";
    Ceb510 510 export::DepartureReturn "DepartureReturn" 100 own answer plain "receipt of a departure" "物流离境单回执";
    Ceb603 603 export::Inventory "Inventory" 100 head filed plain "export inventory" "出口清单";
    Ceb604 604 export::InventoryReturn "InventoryReturn" 100 own answer plain "receipt of an export inventory" "出口清单回执";
    Ceb605 605 export::InvtCancel "InvtCancel" 100 own filed plain "cancellation of an export inventory" "撤销申请单";
    Ceb606 606 export::InvtCancelReturn "InvtCancelReturn" 100 own answer plain "receipt of an export cancellation" "撤销申请单回执";
    Ceb607 607 export::WayBill "WayBill" 100 head filed plain "list of inventories by waybill" "清单总分单";
    Ceb608 608 export::WayBillReturn "WayBillReturn" 100 own answer plain "receipt of a list by waybill" "清单总分单回执";
    Ceb213 213 export::InvtRefund "InvtRefund" 100 head filed plain "return of exported goods" "退货申请单";
    Ceb214 214 export::RefundReturn "RefundReturn" 100 own answer plain "receipt of an export return" "退货申请单回执";
    Ceb215 215 export::InvtRefundDetail "InvtRefundDetail" 100 own filed plain "tally of returned goods" "理货明细单";
    Ceb216 216 export::InvtRefundDetailReturn "InvtRefundDetailReturn" 100 own answer plain "receipt of a tally" "理货明细单回执";
    Ceb701 701 export::SummaryApply "SummaryApply" 100 head filed plain "application for a summary" "汇总申请单";
    Ceb702 702 export::SummaryReturn "SummaryReturn" 100 own answer plain "receipt of a summary application" "汇总申请单回执";
    Ceb792 792 export::SummaryResult "SummaryResult" 100 head answer plain "result of a summary" "汇总结果单";
    Ceb311 311 import::Order "Order" 100 head filed plain "import order" "电子订单";
    Ceb312 312 import::OrderReturn "OrderReturn" 100 own answer plain "receipt of an import order" "电子订单回执";
    Ceb411 411 import::Payment "Payment" 100 head filed plain "payment" "支付凭证";
    Ceb412 412 import::PaymentReturn "PaymentReturn" 100 own answer plain "receipt of a payment" "支付凭证回执";
    Ceb511 511 import::Logistics "Logistics" 100 head filed plain "import waybill" "物流运单";
    Ceb512 512 import::LogisticsReturn "LogisticsReturn" 100 own answer plain "receipt of an import waybill" "物流运单回执";
    Ceb513 513 import::LogisticsStatus "LogisticsStatus" 100 own filed plain "state of a waybill" "运单状态";
    Ceb514 514 import::LogisticsStatusReturn "LogisticsStatusReturn" 100 own answer plain "receipt of a waybill state" "运单状态回执";
    Ceb621 621 import::Inventory "Inventory" 100 head filed signed "import inventory" "进口清单";
    Ceb622 622 import::InventoryReturn "InventoryReturn" 100 own answer plain "receipt of an import inventory" "进口清单回执";
    Ceb623 623 import::InvtCancel "InvtCancel" 100 own filed signed "cancellation of an import inventory" "撤销申请单";
    Ceb624 624 import::InvtCancelReturn "InvtCancelReturn" 100 own answer plain "receipt of an import cancellation" "撤销申请单回执";
    Ceb625 625 import::InvtRefund "InvtRefund" 100 head filed signed "return of imported goods" "退货申请单";
    Ceb626 626 import::InvtRefundReturn "InvtRefundReturn" 100 own answer plain "receipt of an import return" "退货申请单回执";
    Ceb711 711 import::Delivery "Delivery" 1 head filed signed "delivery into the site" "入库明细单";
    Ceb712 712 import::DeliveryReturn "DeliveryReturn" 100 own answer plain "receipt of a delivery" "入库明细单回执";
    Ceb816 816 import::Tax "Tax" UNBOUNDED head answer plain "tax bill" "电子税单";
    Ceb818 818 import::TaxStatus "Tax" UNBOUNDED head answer plain "state of a tax bill" "电子税单状态";
    Ceb900 900 import::MessageReturn "MessageReturn" 1 own answer plain "refusal of a message" "报文格式校验回执";
}

impl MessageType {
    /// 621 for CEB621.
    pub fn number(self) -> u16 {
        self.format().number
    }

    /// The type of a number.
    pub fn from_number(number: u16) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.number() == number)
    }

    /// CEB621.
    pub fn name(self) -> &'static str {
        self.format().name
    }

    /// CEB621Message: the root element.
    pub fn root(self) -> &'static str {
        self.format().root
    }

    /// What it carries, in English.
    pub fn title(self) -> &'static str {
        self.format().title
    }

    /// What it carries, in Chinese.
    pub fn title_zh(self) -> &'static str {
        self.format().title_zh
    }

    /// Firms send it; the others are answers of customs and of the e-port.
    pub fn is_inbound(self) -> bool {
        self.format().inbound
    }

    /// The schema demands a ds:Signature.
    pub fn signature_required(self) -> bool {
        self.format().signature_required
    }

    /// The element of one document.
    pub fn payload(self) -> &'static str {
        self.format().payload().name
    }

    /// Documents in one message, at most; `u32::MAX` when the schema sets no bound.
    pub fn documents_max(self) -> u32 {
        self.format().payload().max
    }

    /// The fields of its documents by group: what the schema says, for manuals and tests.
    pub fn groups(self) -> Vec<FieldGroup> {
        let format = self.format();
        let groups = (format.groups)();
        if !groups.is_empty() {
            return groups;
        }
        vec![FieldGroup {
            element: format.payload().name,
            field: "",
            required: true,
            max: 1,
            fields: (format.document)(),
        }]
    }
}
