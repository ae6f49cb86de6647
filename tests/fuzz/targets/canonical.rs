//! Canonicalisation: the canonical spelling of a canonical text is that text.

#![no_main]

use libfuzzer_sys::{fuzz_mutator, fuzz_target};
use signature::canonical;
use sw_fuzz::mutate;

fuzz_target!(|data: &[u8]| {
    if let Ok(text) = canonical(data) {
        assert!(text.starts_with('<') && text.ends_with('>'), "{text}");
        assert_eq!(canonical(text.as_bytes()).as_ref(), Ok(&text));
    }
});

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    mutate::mutate(data, size, max_size, seed)
});
