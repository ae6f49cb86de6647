//! A declaration as the inspection service needs it.

use std::collections::BTreeSet;

use prost::Message as _;

use super::StoredBytesError;
use crate::v1;

/// A declaration as it came over the exchange: most of them are only counted, so it is turned into a
/// domain value where the rules ask for one.
#[derive(Debug, Clone, Copy)]
pub struct DeclarationView<'a>(&'a v1::Declaration);

impl<'a> DeclarationView<'a> {
    /// What came.
    pub fn new(declaration: &'a v1::Declaration) -> Self {
        Self(declaration)
    }

    /// Customs code of the declarant.
    pub fn declarant_code(self) -> &'a str {
        self.0.declarant.as_ref().map_or("", |party| &party.code)
    }

    /// Customs house of the port.
    pub fn port_code(self) -> &'a str {
        &self.0.port_code
    }

    /// Supervision mode.
    pub fn trade_mode(self) -> &'a str {
        &self.0.trade_mode
    }

    /// Order number.
    pub fn order_no(self) -> &'a str {
        &self.0.order_no
    }

    /// Headings (four digits) of its goods, each once.
    pub fn headings(self) -> Vec<String> {
        let heading = |line: &v1::GoodsLine| line.gcode.get(..4).unwrap_or(&line.gcode).to_owned();
        let headings: BTreeSet<String> = self.0.lines.iter().map(heading).collect();
        headings.into_iter().collect()
    }

    /// Codes of every firm in it, each once.
    pub fn firms(self) -> Vec<String> {
        let d = self.0;
        let parties =
            [&d.declarant, &d.ebc, &d.ebp, &d.logistics, &d.agent, &d.owner, &d.iac, &d.area];
        let codes = parties.into_iter().flatten().map(|party| party.code.clone());
        let codes: BTreeSet<String> = codes.filter(|code| !code.is_empty()).collect();
        codes.into_iter().collect()
    }

    /// Its lines of goods, as they are kept with its order.
    pub fn encode_goods(self) -> Vec<u8> {
        v1::Declaration { lines: self.0.lines.clone(), ..Default::default() }.encode_to_vec()
    }

    /// As the rules see it.
    pub fn declaration(self) -> domain::declaration::Declaration {
        self.0.clone().into()
    }
}

/// Numbers of the lines of goods that were kept with an order.
///
/// # Errors
///
/// When the bytes are no goods.
pub fn line_numbers(goods: &[u8]) -> Result<BTreeSet<u32>, StoredBytesError> {
    let kept = v1::Declaration::decode(goods).map_err(|_| StoredBytesError { what: "goods" })?;
    Ok(kept.lines.iter().map(|line| line.gnum).collect())
}
