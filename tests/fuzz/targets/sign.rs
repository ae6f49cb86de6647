//! Signing: what can be signed is verified by others, and says what it said before.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::{fuzz_mutator, fuzz_target};
use proto::ceb;
use signature::{SigningError, SigningKey, Verifier, canonical, sign};
use sw_fuzz::{firms, mutate};

static FIRMS: LazyLock<(Vec<SigningKey>, Verifier)> = LazyLock::new(|| {
    let keys = firms::keys();
    let verifier = firms::pinning(&keys);
    (keys, verifier)
});

fuzz_target!(|data: &[u8]| {
    let (keys, verifier) = &*FIRMS;
    let key = &keys[data.len() % keys.len()];
    let signed = match sign(data, key) {
        Ok(signed) => signed,
        Err(error) => return assert_ne!(error, SigningError::Key),
    };
    let verified = verifier
        .verify(signed.as_bytes(), firms::NOW)
        .unwrap_or_else(|refused| panic!("signed and refused: {refused}\n{signed}"));
    assert!(verified.key_name_matches);
    assert_eq!(verified.certificate.fingerprint, key.certificate().fingerprint);
    // An older signature is replaced, so only unsigned messages stay the same.
    let before = canonical(data).expect("what is signed can be spelt");
    if !before.contains("http://www.w3.org/2000/09/xmldsig#") {
        assert_eq!(verified.canonical, before);
    }
    if let (Ok(one), Ok(other)) =
        (ceb::read(signed.as_bytes()), ceb::read_verified(verified.canonical.as_bytes()))
    {
        assert!(one.signed && other.signed);
        let documents = one.documents.iter().zip(&other.documents);
        assert!(documents.into_iter().all(|(one, other)| one.document == other.document));
    }
    let again = sign(signed.as_bytes(), key).expect("what was signed is signed again");
    assert_eq!(again, signed);
});

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    mutate::mutate(data, size, max_size, seed)
});
