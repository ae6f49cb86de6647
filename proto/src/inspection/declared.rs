//! A declaration as the inspection service needs it.

use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock};

use prost::Message as _;

use super::StoredBytesError;
use crate::schema::single_window::stored::v1 as stored;
use crate::v1;

/// A declaration as it came over the exchange: most of them are only counted, so it is read where it lies, and
/// turned into a domain value where the rules ask for one.
#[derive(Debug, Clone)]
pub struct DeclarationView(Arc<v1::Event>);

impl DeclarationView {
    /// What came with an event, where something did.
    pub fn of(event: &Arc<v1::Event>) -> Option<Self> {
        event.declaration.as_ref().map(|_| Self(Arc::clone(event)))
    }

    fn declared(&self) -> &v1::Declaration {
        static NOTHING: LazyLock<v1::Declaration> = LazyLock::new(v1::Declaration::default);
        self.0.declaration.as_ref().unwrap_or(&NOTHING) // why: there is one, or there were no view
    }

    /// Customs code of the declarant.
    pub fn declarant_code(&self) -> &str {
        self.declared().declarant.as_ref().map_or("", |party| &party.code)
    }

    /// Customs house of the port.
    pub fn port_code(&self) -> &str {
        &self.declared().port_code
    }

    /// Supervision mode.
    pub fn trade_mode(&self) -> &str {
        &self.declared().trade_mode
    }

    /// Order number.
    pub fn order_no(&self) -> &str {
        &self.declared().order_no
    }

    /// Headings (four digits) of its goods, each once.
    pub fn headings(&self) -> Vec<String> {
        let heading = |line: &v1::GoodsLine| line.gcode.get(..4).unwrap_or(&line.gcode).to_owned();
        let headings: BTreeSet<String> = self.declared().lines.iter().map(heading).collect();
        headings.into_iter().collect()
    }

    /// Codes of every firm in it, each once.
    pub fn firms(&self) -> Vec<String> {
        let d = self.declared();
        let parties =
            [&d.declarant, &d.ebc, &d.ebp, &d.logistics, &d.agent, &d.owner, &d.iac, &d.area];
        let codes = parties.into_iter().flatten().map(|party| party.code.clone());
        let codes: BTreeSet<String> = codes.filter(|code| !code.is_empty()).collect();
        codes.into_iter().collect()
    }

    /// Its lines of goods, as they are kept with its order.
    pub fn encode_goods(&self) -> Vec<u8> {
        stored::OrderedGoods { lines: self.declared().lines.clone() }.encode_to_vec()
    }

    /// As the rules see it.
    pub fn declaration(&self) -> domain::declaration::Declaration {
        self.declared().clone().into()
    }
}

/// The lines of goods that were kept with an order.
///
/// # Errors
///
/// When the bytes are no goods.
pub fn decode_goods(goods: &[u8]) -> Result<Vec<v1::GoodsLine>, StoredBytesError> {
    let kept =
        stored::OrderedGoods::decode(goods).map_err(|_| StoredBytesError { what: "goods" })?;
    Ok(kept.lines)
}

/// Numbers of the lines of goods that were kept with an order.
///
/// # Errors
///
/// When the bytes are no goods.
pub fn line_numbers(goods: &[u8]) -> Result<BTreeSet<u32>, StoredBytesError> {
    Ok(decode_goods(goods)?.iter().map(|line| line.gnum).collect())
}
