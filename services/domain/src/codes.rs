//! Code tables: units, currencies, transport, countries and supervision modes.
//!
//! Sources: the parameter tables of the national system as published by third parties; entries marked
//! GK are from general knowledge and unverified. Tables, not code: correct them here.

use crate::direction::Direction;

/// Customs units of quantity (计量单位代码表), sorted.
const UNITS: &[&str] = &[
    "001", "002", "003", "004", "005", "006", "007", "008", "009", "010", "011", "012", "013",
    "014", "015", "016", "017", "018", "019", "020", "021", "022", "023", "025", "026", "027",
    "028", "029", "030", "031", "032", "033", "034", "035", "036", "037", "038", "039", "040",
    "041", "042", "043", "044", "045", "046", "047", "048", "049", "050", "051", "052", "053",
    "054", "055", "056", "057", "058", "059", "060", "061", "062", "063", "067", "070", "071",
    "072", "073", "074", "075", "076", "077", "078", "079", "080", "081", "083", "084", "085",
    "086", "088", "089", "095", "096", "097", "098", "099", "101", "110", "111", "112", "115",
    "116", "118", "120", "121", "122", "123", "124", "125", "126", "127", "128", "129", "130",
    "131", "132", "133", "134", "135", "136", "139", "140", "141", "142", "143", "144", "145",
    "146", "147", "148", "149", "163",
];

/// Customs currencies (币制代码表) in use, with their ISO 4217 codes, sorted. KRW is GK.
const CURRENCIES: &[(&str, &str)] = &[
    ("110", "HKD"),
    ("113", "IRR"),
    ("116", "JPY"),
    ("118", "KWD"),
    ("121", "MOP"),
    ("122", "MYR"),
    ("127", "PKR"),
    ("129", "PHP"),
    ("132", "SGD"),
    ("133", "KRW"),
    ("136", "THB"),
    ("142", "CNY"),
    ("143", "TWD"),
    ("201", "DZD"),
    ("300", "EUR"),
    ("302", "DKK"),
    ("303", "GBP"),
    ("326", "NOK"),
    ("330", "SEK"),
    ("331", "CHF"),
    ("332", "RUB"),
    ("501", "CAD"),
    ("502", "USD"),
    ("601", "AUD"),
    ("609", "NZD"),
];

/// Ways of transport (运输方式代码表).
const TRANSPORT: &[&str] =
    &["0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "H", "T", "W", "X", "Y", "Z", "L", "G"];

/// Customs countries and regions (国别（地区）代码表) by continent: first and last code in use and
/// the code for the rest. The ranges are GK; the codes known singly all lie inside.
const COUNTRIES: &[(u16, u16, u16)] = &[
    (101, 149, 199),
    (201, 260, 299),
    (301, 359, 399),
    (401, 454, 499),
    (501, 504, 599),
    (601, 625, 699),
    (701, 702, 701),
];

/// The currency of import inventories.
pub const CNY: &str = "142";

/// Whether a unit is in the table.
pub fn is_unit(code: &str) -> bool {
    UNITS.binary_search(&code).is_ok()
}

/// Whether a currency is in the table.
pub fn is_currency(code: &str) -> bool {
    CURRENCIES.binary_search_by_key(&code, |entry| entry.0).is_ok()
}

/// The ISO 4217 code of a customs currency.
pub fn iso_currency(code: &str) -> Option<&'static str> {
    CURRENCIES.binary_search_by_key(&code, |entry| entry.0).ok().map(|at| CURRENCIES[at].1)
}

/// Whether a way of transport is in the table.
pub fn is_transport(code: &str) -> bool {
    TRANSPORT.contains(&code)
}

/// Whether a country or region is in the table.
pub fn is_country(code: &str) -> bool {
    code.len() == 3
        && code.parse::<u16>().is_ok_and(|code| {
            COUNTRIES
                .iter()
                .any(|&(first, last, rest)| (first..=last).contains(&code) || code == rest)
        })
}

/// A supervision mode (监管方式) that the window takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mode {
    /// Four digits.
    pub code: &'static str,
    /// Its name.
    pub name_zh: &'static str,
    /// May be used on imports.
    pub import: bool,
    /// May be used on exports.
    pub export: bool,
    /// Goods come from bonded stock and need ledger data on imports.
    pub bonded: bool,
}

/// The modes of cross-border e-commerce. Sources: announcements 2014 No. 12 and No. 57, 2016 No. 75,
/// 2020 No. 75 (numbers GK, directions from the 202205 specification).
const MODES: &[Mode] = &[
    Mode {
        code: "1210",
        name_zh: "保税跨境贸易电子商务",
        import: true,
        export: true,
        bonded: true,
    },
    Mode {
        code: "1239",
        name_zh: "保税跨境贸易电子商务A",
        import: true,
        export: false,
        bonded: true,
    },
    Mode {
        code: "9610", name_zh: "跨境贸易电子商务", import: true, export: true, bonded: false
    },
    Mode {
        code: "9710",
        name_zh: "跨境电商B2B直接出口",
        import: false,
        export: true,
        bonded: false,
    },
    Mode {
        code: "9810",
        name_zh: "跨境电商出口海外仓",
        import: false,
        export: true,
        bonded: false,
    },
];

impl Mode {
    /// The mode with this code.
    pub fn find(code: &str) -> Option<&'static Self> {
        MODES.iter().find(|mode| mode.code == code)
    }

    /// Whether it exists in this direction.
    pub fn runs(&self, direction: Direction) -> bool {
        match direction {
            Direction::Import => self.import,
            Direction::Export => self.export,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_sorted_and_known_codes_are_found() {
        assert!(UNITS.is_sorted());
        assert!(CURRENCIES.is_sorted());
        assert!(is_unit("035") && is_unit("007") && !is_unit("999"));
        assert!(is_currency("142") && is_currency("502") && !is_currency("999"));
        assert_eq!(iso_currency("300"), Some("EUR"));
        assert!(is_country("142") && is_country("502") && !is_country("001") && !is_country("9"));
    }
}
