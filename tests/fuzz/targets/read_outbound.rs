//! The reader, with messages that customs and e-port send.

#![no_main]

use libfuzzer_sys::{fuzz_mutator, fuzz_target};
use proto::ceb;
use sw_fuzz::{message, mutate};

fuzz_target!(|data: &[u8]| {
    if ceb::root(data).is_none_or(|root| !root.message_type.is_inbound()) {
        message::check(data);
    }
});

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    mutate::mutate(data, size, max_size, seed)
});
