//! The people of these tests: an authority, a firm with its key, and the window that trusts one.

use signature::sandbox::{Authority, KeyAndCertificate, ValidityPeriod};
use signature::{SigningKey, Trust, Verifier};
use time::OffsetDateTime;
use time::macros::datetime;

pub(crate) const NOW: OffsetDateTime = datetime!(2026-12-01 12:00 UTC);
pub(crate) const CUSTOMS_CODE: &str = "3701983701";
pub(crate) const RSA_1024: (&str, &str) =
    (include_str!("keys/rsa-1024.key.pem"), include_str!("keys/rsa-1024.cert.pem"));
pub(crate) const RSA_2048: (&str, &str) =
    (include_str!("keys/rsa-2048.key.pem"), include_str!("keys/rsa-2048.cert.pem"));
/// Made by OpenSSL.
pub(crate) const SM2: (&str, &str) =
    (include_str!("keys/sm2.key.pem"), include_str!("keys/sm2.cert.pem"));

/// A small import inventory.
pub(crate) const MESSAGE: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<ceb:CEB621Message guid="4CDE1CFD-EDED-46B1-946C-B8022E42FC94" version="1.0"
    xmlns:ceb="http://www.chinaport.gov.cn/ceb" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
  <ceb:Inventory>
    <ceb:InventoryHead><ceb:guid>4CDE1CFD-EDED-46B1-946C-B8022E42FC94</ceb:guid>
      <ceb:buyerName>买家 &amp; 朋友</ceb:buyerName><ceb:note></ceb:note></ceb:InventoryHead>
  </ceb:Inventory>
  <ceb:BaseTransfer><ceb:copCode>3701983701</ceb:copCode></ceb:BaseTransfer>
</ceb:CEB621Message>
"#;

/// The year around [`NOW`].
pub(crate) fn this_year() -> ValidityPeriod {
    ValidityPeriod { from: datetime!(2026-01-01 0:00 UTC), to: datetime!(2027-01-01 0:00 UTC) }
}

/// An authority, a firm that it issued a certificate to, and a window that trusts it.
pub(crate) struct Firms {
    pub(crate) authority: Authority,
    pub(crate) key: SigningKey,
    pub(crate) verifier: Verifier,
}

impl Firms {
    pub(crate) fn new() -> Self {
        let authority = Authority::generate("Sandbox CA", this_year()).expect("an authority");
        let issued = authority.issue("青岛某某公司", CUSTOMS_CODE, this_year());
        let key = key(&issued.expect("a certificate"));
        let mut trust = Trust::default();
        trust.add_authority(authority.certificate_der()).expect("its certificate");
        Self { authority, key, verifier: Verifier::new(trust) }
    }

    /// [`MESSAGE`], signed by the firm.
    pub(crate) fn signed(&self) -> String {
        signature::sign(MESSAGE.as_bytes(), &self.key).expect("a signed message")
    }
}

pub(crate) fn key(issued: &KeyAndCertificate) -> SigningKey {
    SigningKey::from_pem(&issued.key_pem, &issued.certificate_pem).expect("a key")
}

pub(crate) fn key_of(pem: (&str, &str)) -> SigningKey {
    SigningKey::from_pem(pem.0, pem.1).expect("a key")
}

/// Trusts exactly the certificate of this key.
pub(crate) fn pinning(key: &SigningKey) -> Verifier {
    let mut trust = Trust::default();
    trust.pin(key.certificate().fingerprint);
    Verifier::new(trust)
}
