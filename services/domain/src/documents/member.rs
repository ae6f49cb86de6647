//! The documents that are matched with each other, and which of them each rule of the match looks at.

/// A document of a parcel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Member {
    /// The inventory (603, 621).
    Inventory,
    /// The order (303, 311).
    Order,
    /// The payment (411).
    Payment,
    /// The waybill (505, 511).
    Waybill,
}

impl Member {
    /// In English.
    pub fn title(self) -> &'static str {
        match self {
            Self::Inventory => "inventory",
            Self::Order => "order",
            Self::Payment => "payment",
            Self::Waybill => "waybill",
        }
    }

    /// In Chinese.
    pub fn title_zh(self) -> &'static str {
        match self {
            Self::Inventory => "清单",
            Self::Order => "订单",
            Self::Payment => "支付单",
            Self::Waybill => "运单",
        }
    }
}

/// Which documents a rule of the import match looks at. Empty for a rule that refuses nothing by itself.
pub(super) fn members(rule: &str) -> &'static [Member] {
    use Member as M;
    match rule {
        "M3" | "M6" | "M7" | "M14" => &[M::Order, M::Payment],
        "M5" | "M13" => &[M::Order],
        "M8" | "M9" | "M10" | "M11" => &[M::Inventory, M::Order],
        "M12" => &[M::Order, M::Waybill],
        "M16" | "M17" | "M18" => &[M::Inventory],
        _ => &[],
    }
}
