//! Verification: nothing verifies but what was signed, in whatever spelling.
//!
//! The corpus begins with signed messages. Whatever libFuzzer makes of them either has the content of
//! one of them or is refused, even when every certificate is believed: it has no key.

#![no_main]

use std::collections::HashSet;
use std::sync::LazyLock;

use libfuzzer_sys::{fuzz_mutator, fuzz_target};
use proto::ceb;
use signature::{MixedDigest, Trust, Verifier, sign};
use sw_fuzz::{firms, mutate, samples};

struct Signed {
    /// Canonical texts of what was signed.
    texts: HashSet<String>,
    fingerprints: Vec<[u8; 32]>,
    pinning: Verifier,
    believing: Verifier,
}

static SIGNED: LazyLock<Signed> = LazyLock::new(|| {
    let keys = firms::keys();
    let pinning = firms::pinning(&keys);
    let mut texts = HashSet::new();
    for (name, text) in samples::signable() {
        for key in &keys {
            let text = sign(text.as_bytes(), key).expect("samples can be signed");
            let verified = pinning.verify(text.as_bytes(), firms::NOW);
            texts.insert(verified.unwrap_or_else(|refused| panic!("{name}: {refused}")).canonical);
        }
    }
    let fingerprints = keys.iter().map(|key| key.certificate().fingerprint).collect();
    let believing = Verifier::new(Trust::anyone()).with_mixed_digest(MixedDigest::AcceptSha1);
    Signed { texts, fingerprints, pinning, believing }
});

fuzz_target!(|data: &[u8]| {
    let Signed { texts, fingerprints, pinning, believing } = &*SIGNED;
    let Ok(verified) = believing.verify(data, firms::NOW) else {
        assert!(pinning.verify(data, firms::NOW).is_err());
        return;
    };
    assert!(texts.contains(&verified.canonical), "forged: {}", verified.canonical);
    if let Ok(pinned) = pinning.verify(data, firms::NOW) {
        assert!(fingerprints.contains(&pinned.certificate.fingerprint));
        assert_eq!(pinned.canonical, verified.canonical);
    }
    if let Err(faults) = ceb::read_verified(verified.canonical.as_bytes()) {
        for fault in faults {
            let line = verified.lines.original(fault.line);
            assert!((1..=data.len() + 1).contains(&usize::try_from(line).expect("a line")));
        }
    }
});

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    mutate::mutate(data, size, max_size, seed)
});
