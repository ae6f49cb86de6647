//! Where the signature is put, and that it verifies in both spellings.

use signature::{Algorithm, SigningError, Spelling, sign};

use super::firms::{Firms, MESSAGE, NOW, RSA_1024, RSA_2048, SM2, key_of, pinning};

#[test]
fn every_key_and_spelling_verifies() {
    for (pem, algorithm) in
        [(RSA_1024, Algorithm::RsaSha1), (RSA_2048, Algorithm::RsaSha1), (SM2, Algorithm::Sm2Sm3)]
    {
        for spelling in [Spelling::Chinaport, Spelling::W3c] {
            let key = key_of(pem).with_spelling(spelling);
            let signed = sign(MESSAGE.as_bytes(), &key).expect("signed");
            let verified = pinning(&key).verify(signed.as_bytes(), NOW).expect("verified");
            assert_eq!(verified.algorithm, algorithm);
            let old = algorithm == Algorithm::RsaSha1 || spelling == Spelling::W3c;
            let names = if old { "/2000/09/xmldsig#sm3" } else { "/2022/04/xmldsig#sm3" };
            assert_eq!(signed.contains(names), algorithm == Algorithm::Sm2Sm3);
        }
    }
}

#[test]
fn an_import_message_is_signed_at_the_end() {
    let firms = Firms::new();
    let message = b"<CEB621Message><BaseTransfer/><ExtendMessage/></CEB621Message>";
    let signed = sign(message, &firms.key).expect("signed");
    assert!(signed.starts_with("<CEB621Message><BaseTransfer/><ExtendMessage/><ds:Signature "));
    assert!(signed.ends_with("</ds:Signature></CEB621Message>"));
    firms.verifier.verify(signed.as_bytes(), NOW).expect("verified");
}

#[test]
fn an_export_message_is_signed_before_its_extension() {
    let firms = Firms::new();
    let message = b"<CEB603Message><BaseTransfer/> <ExtendMessage/></CEB603Message>";
    let signed = sign(message, &firms.key).expect("signed");
    assert!(signed.starts_with("<CEB603Message><BaseTransfer/> <ds:Signature "));
    assert!(signed.ends_with("</ds:Signature><ExtendMessage/></CEB603Message>"));
    firms.verifier.verify(signed.as_bytes(), NOW).expect("verified");
    let signed = sign(b"<CEB603Message><BaseTransfer/></CEB603Message>", &firms.key);
    assert!(signed.expect("signed").ends_with("</ds:Signature></CEB603Message>"));
}

#[test]
fn an_old_signature_is_replaced() {
    let firms = Firms::new();
    let once = firms.signed();
    let other = Firms::new();
    let again = sign(once.as_bytes(), &other.key).expect("signed");
    assert_eq!(again.matches("<ds:Signature ").count(), 1);
    other.verifier.verify(again.as_bytes(), NOW).expect("verified");
    assert_eq!(sign(again.as_bytes(), &firms.key).expect("signed"), once, "nonces are derived");
    // Of a sample only the place is taken over, not the form.
    let sample = "<CEB603Message xmlns:d=\"http://www.w3.org/2000/09/xmldsig#\">\
                  <d:Signature>…<d:Object/></d:Signature><ExtendMessage/></CEB603Message>";
    let signed = sign(sample.as_bytes(), &firms.key).expect("signed");
    firms.verifier.verify(signed.as_bytes(), NOW).expect("verified");
    assert!(!signed.contains("d:Object"));
}

#[test]
fn what_cannot_be_signed_is_refused() {
    let firms = Firms::new();
    assert_eq!(sign(b"<a/>", &firms.key), Err(SigningError::NoContent));
    assert!(matches!(sign(b"<a>", &firms.key), Err(SigningError::Message(_))));
    assert!(matches!(sign(b"\xff", &firms.key), Err(SigningError::Message(_))));
}

#[test]
fn a_byte_order_mark_is_passed_over() {
    let firms = Firms::new();
    let signed = sign(format!("\u{FEFF}{MESSAGE}").as_bytes(), &firms.key).expect("signed");
    assert_eq!(signed, firms.signed());
    firms.verifier.verify(format!("\u{FEFF}{signed}").as_bytes(), NOW).expect("verified");
}
