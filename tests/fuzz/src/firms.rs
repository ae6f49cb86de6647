//! Who signs the samples, and who is asked whether they are good. The keys are those of the tests of
//! the crate `signature`; SM2 signatures have no random part, so every run makes the same ones.

use signature::{SigningKey, Trust, Verifier};
use time::OffsetDateTime;
use time::macros::datetime;

/// Within the validity of every certificate.
pub const NOW: OffsetDateTime = datetime!(2026-12-01 12:00 UTC);

/// Keys with their certificates, SM2 first.
const PEM: [(&str, &str); 2] = [
    (
        include_str!("../../../services/signature/tests/signature/keys/sm2.key.pem"),
        include_str!("../../../services/signature/tests/signature/keys/sm2.cert.pem"),
    ),
    (
        include_str!("../../../services/signature/tests/signature/keys/rsa-1024.key.pem"),
        include_str!("../../../services/signature/tests/signature/keys/rsa-1024.cert.pem"),
    ),
];

/// The keys, SM2 first.
pub fn keys() -> Vec<SigningKey> {
    PEM.iter().map(|(key, cert)| SigningKey::from_pem(key, cert).expect("a key")).collect()
}

/// Believes the certificates of these keys and no others.
pub fn pinning(keys: &[SigningKey]) -> Verifier {
    let mut trust = Trust::default();
    for key in keys {
        trust.pin(key.certificate().fingerprint);
    }
    Verifier::new(trust)
}
