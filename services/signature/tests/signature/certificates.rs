//! Certificates: whose they are, how long they are valid, who vouches for them.

use signature::sandbox::{self, Authority, ValidityPeriod};
use signature::{Certificate, KeyError, SignatureRefusal, SigningKey, Trust, Verifier};
use time::Duration;
use time::macros::datetime;

use super::firms::{
    CUSTOMS_CODE, Firms, NOW, RSA_1024, RSA_2048, SM2, key, key_of, pinning, this_year,
};

#[test]
fn an_expired_certificate_is_refused_as_such() {
    let firms = Firms::new();
    let signed = firms.signed();
    for (now, good) in [
        (datetime!(2025-12-31 23:59:59 UTC), false),
        (datetime!(2026-01-01 0:00 UTC), true),
        (datetime!(2027-01-01 0:00 UTC), true),
        (datetime!(2027-01-01 0:00:01 UTC), false),
    ] {
        match firms.verifier.verify(signed.as_bytes(), now) {
            Ok(_) => assert!(good, "{now}"),
            Err(refused) => {
                assert!(!good, "{now}: {refused}");
                assert!(matches!(refused, SignatureRefusal::Expired { .. }));
                assert_eq!(refused.platform_code(), "1002");
            }
        }
    }
}

#[test]
fn an_expired_authority_vouches_for_nobody() {
    let short = ValidityPeriod { to: NOW - Duration::DAY, ..this_year() };
    let authority = Authority::generate("Sandbox CA", short).expect("an authority");
    let issued = authority.issue("公司", CUSTOMS_CODE, this_year()).expect("a certificate");
    let mut trust = Trust::default();
    trust.add_authority(authority.certificate_der()).expect("its certificate");
    assert!(!trust.vouches_for(key(&issued).certificate(), NOW));
}

/// SHA-1 and SHA-256 with RSA, and SM2 as OpenSSL writes it: each certificate vouches for itself.
#[test]
fn authorities_of_every_kind_vouch() {
    for pem in [RSA_1024, RSA_2048, SM2] {
        let key = key_of(pem);
        let mut trust = Trust::default();
        trust.add_authority(&key.certificate().der).expect("its certificate");
        assert!(trust.vouches_for(key.certificate(), NOW));
        for other in [RSA_1024, RSA_2048, SM2].map(key_of) {
            let same = other.certificate().fingerprint == key.certificate().fingerprint;
            assert_eq!(trust.vouches_for(other.certificate(), NOW), same);
        }
        // One bit of what the issuer signed.
        let mut der = key.certificate().der.clone();
        der[40] ^= 1;
        if let Ok(forged) = Certificate::from_der(&der) {
            assert!(!trust.vouches_for(&forged, NOW));
        }
    }
}

#[test]
fn an_authority_of_the_same_name_is_not_the_same() {
    let firms = Firms::new();
    let other = Authority::generate("Sandbox CA", this_year()).expect("an authority");
    let mut trust = Trust::default();
    trust.add_authority(other.certificate_der()).expect("its certificate");
    let refused = Verifier::new(trust).verify(firms.signed().as_bytes(), NOW).expect_err("refused");
    assert_eq!((refused.platform_code(), refused.business_code()), ("1001", Some("-621029")));
}

/// That an issuer is remembered must not outlive its validity, nor help another certificate.
#[test]
fn a_remembered_issuer_is_still_judged() {
    let firms = Firms::new();
    let mut trust = Trust::default();
    trust.add_authority(firms.authority.certificate_der()).expect("its certificate");
    let after = this_year().to + Duration::DAY;
    for _ in 0..2 {
        assert!(trust.vouches_for(firms.key.certificate(), NOW));
        assert!(!trust.vouches_for(firms.key.certificate(), after));
        assert!(!trust.vouches_for(Firms::new().key.certificate(), NOW));
    }
}

#[test]
fn nobody_is_trusted_without_being_told() {
    let firms = Firms::new();
    let refused = Verifier::default().verify(firms.signed().as_bytes(), NOW).expect_err("refused");
    assert!(matches!(refused, SignatureRefusal::Untrusted { .. }));
}

#[test]
fn a_certificate_says_whose_it_is() {
    let firms = Firms::new();
    let verified = firms.verifier.verify(firms.signed().as_bytes(), NOW).expect("verified");
    let certificate = &verified.certificate;
    assert_eq!(certificate.subject, "CN, 3701983701, 青岛某某公司");
    assert!(certificate.belongs_to(CUSTOMS_CODE));
    assert!(!certificate.belongs_to("3701983702"));
    assert!(verified.key_name_matches);
    assert_eq!(certificate.serial.len(), 16);
    assert_eq!(certificate.key_type, "sm2");
    assert!(!format!("{verified:?}").contains("某某"), "names are masked");
}

#[test]
fn another_number_of_the_key_is_only_told() {
    let firms = Firms::new();
    let serial = firms.key.certificate().serial.clone();
    let signed = firms.signed().replace(&format!("<ds:KeyName>{serial}"), "<ds:KeyName>0001");
    let verified = firms.verifier.verify(signed.as_bytes(), NOW).expect("verified");
    assert!(!verified.key_name_matches);
    assert_eq!(verified.key_name, "0001");
}

#[test]
fn a_self_signed_certificate_is_pinned() {
    let issued = sandbox::self_signed("公司, \"A/B\" + C", CUSTOMS_CODE, this_year());
    let key = key(&issued.expect("a certificate"));
    assert_eq!(key.certificate().subject, "CN, 3701983701, 公司, \"A/B\" + C");
    let signed = signature::sign(b"<a></a>", &key).expect("signed");
    assert!(pinning(&key).verify(signed.as_bytes(), NOW).is_ok());
}

#[test]
fn key_and_certificate_belong_together() {
    let error = SigningKey::from_pem(RSA_2048.0, SM2.1).expect_err("no pair");
    assert_eq!(error, KeyError::OtherKey);
    let error = SigningKey::from_pem(SM2.1, SM2.1).expect_err("no key");
    assert_eq!(error, KeyError::NotPkcs8);
    let error = SigningKey::from_pem(SM2.0, SM2.0).expect_err("no certificate");
    assert_eq!(error, KeyError::NotPem);
    assert_eq!(key_of(RSA_2048).certificate().key_type, "rsa-2048");
    assert!(key_of(RSA_2048).certificate().belongs_to(CUSTOMS_CODE));
    assert!(!format!("{:?}", key_of(SM2)).contains("key:"));
}

#[test]
fn the_sandbox_issues_only_sound_certificates() {
    let firms = Firms::new();
    let backwards = ValidityPeriod { from: this_year().to, to: this_year().from };
    assert!(firms.authority.issue("", CUSTOMS_CODE, this_year()).is_err());
    assert!(firms.authority.issue(&"长".repeat(65), CUSTOMS_CODE, this_year()).is_err());
    assert!(firms.authority.issue("公司", "123", this_year()).is_err());
    assert!(firms.authority.issue("公司", CUSTOMS_CODE, backwards).is_err());
}
