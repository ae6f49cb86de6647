//! Frames of HTTP/2 that carry nothing, as many as go through.

use std::time::{Duration, Instant};

use crate::bare::Bare;
use crate::harness::Sandbox;
use crate::wire::{Flooded, PING, flood, frame};
use crate::{meter, times};

/// `ENHANCE_YOUR_CALM`.
const CALM: u32 = 11;

#[tokio::test(flavor = "multi_thread")]
async fn floods_of_empty_frames_end_with_goaway() {
    let _turn = crate::alone().await;
    let sandbox = Sandbox::alone(&[]).await;
    let bare = Bare::start(&sandbox).await;
    let many = 50_000 * times();
    for (what, frame) in [
        ("PRIORITY", frame(2, 1, &[0, 0, 0, 0, 1])),
        ("WINDOW_UPDATE", frame(8, 0, &[0, 0, 0, 1])),
        ("PING", frame(PING, 0, b"a flood!")),
        ("SETTINGS", frame(4, 0, &[])),
        ("unknown", frame(99, 1, &[])),
    ] {
        let Flooded { is_swallowed, goaway } =
            flood(&bare.config(&sandbox, "agent"), &frame, many).await;
        assert!(is_swallowed && goaway.is_none(), "the control takes them all: {what}");
        let config = sandbox.config("agent");
        let attack = async {
            let (mut connections, start) = (0, Instant::now());
            while start.elapsed() < Duration::from_millis(500) {
                let flooded = flood(&config, &frame, many).await;
                assert_eq!(flooded.goaway, Some(CALM), "{what}: {flooded:?}");
                connections += 1;
            }
            println!("{what}: {connections} connections were ended");
        };
        meter::beside(&sandbox, &format!("floods of {what}"), attack).await;
        // Whoever did it may come again.
        let few = flood(&config, &frame, 1_000).await;
        assert!(few.is_swallowed, "{what}: a thousand are no flood");
    }
}
