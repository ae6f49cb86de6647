//! The transport envelope and its answer: what was read and is written again is read as the same.

#![no_main]

use libfuzzer_sys::{fuzz_mutator, fuzz_target};
use proto::ceb::dxp::{self, DxpMsg, DxpRep};
use sw_fuzz::{message, mutate};

fuzz_target!(|data: &[u8]| {
    match dxp::read(data) {
        Ok(envelope) => {
            assert!(dxp::is_envelope(data));
            // Signatures are noted and never written.
            let envelope = DxpMsg { signed: false, ..envelope };
            let text = dxp::write(&envelope);
            let again = dxp::read(text.as_bytes());
            assert_eq!(again.as_ref(), Ok(&envelope), "{text}");
            assert_eq!(again.map(|it| it.data), Ok(envelope.data), "{text}");
        }
        Err(faults) => message::check_faults(data, &faults),
    }
    match dxp::read_answer(data) {
        Ok(answer) => {
            let answer = DxpRep { signed: false, ..answer };
            let text = dxp::write_answer(&answer);
            assert_eq!(dxp::read_answer(text.as_bytes()), Ok(answer), "{text}");
        }
        Err(faults) => message::check_faults(data, &faults),
    }
});

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    mutate::mutate(data, size, max_size, seed)
});
