//! An agency that takes everything into its database and has no objection to it, until Ctrl-C.
//!
//! ```text
//! cargo run --package client --example agency -- [customs|quarantine]
//! ```
//!
//! Start the sandbox without the simulated one: `single-window sandbox --no-agencies`.
#![expect(clippy::print_stdout, reason = "a sample says what happens")]

mod sandbox;

use client::{Consumer, ConsumerAnswer, Handler};
use proto::v1;
use proto::v1::fact::Kind;
use tokio_util::sync::CancellationToken;
use tonic::Status;
use uuid::Uuid;

// snippet: agency
struct Agency;

impl Handler for Agency {
    async fn handle(&mut self, events: Vec<v1::Event>) -> Result<Vec<Vec<ConsumerAnswer>>, Status> {
        // Store the events here: they are acknowledged when their answers were taken.
        Ok(events.iter().map(answers).collect())
    }

    fn result(&mut self, result: &v1::Result) {
        println!("{} {} {}", result.request_id, result.result().as_str_name(), result.message);
    }
}

fn answers(event: &v1::Event) -> Vec<ConsumerAnswer> {
    let mut facts = event.facts.iter().flat_map(|facts| &facts.facts);
    let is_reviewed = facts.any(|fact| {
        matches!(fact.kind, Some(Kind::Filed(_) | Kind::Amended(_) | Kind::InspectionCompleted(_)))
    });
    let outcomes =
        [v1::Outcome::Accepted, v1::Outcome::Cleared].into_iter().filter(|_| is_reviewed);
    let answer = |outcome: v1::Outcome| {
        let (id, version, round) = (&event.declaration_id, event.version, event.round);
        let name = format!("sample/{id}/{version}/{round}/{outcome:?}");
        ConsumerAnswer::now(v1::Answer {
            request_id: Uuid::new_v5(&Uuid::NAMESPACE_OID, name.as_bytes()).to_string(),
            declaration_id: id.clone(),
            version,
            round,
            what: Some(v1::answer::What::Verdict(v1::Verdict {
                outcome: outcome.into(),
                ..Default::default()
            })),
            trace_id: String::new(),
        })
    };
    outcomes.map(answer).collect()
}
// end

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let (subscriber, caller) = match std::env::args().nth(1).as_deref() {
        Some("quarantine") => (v1::Subscriber::Quarantine, "quarantine"),
        _ => (v1::Subscriber::Customs, "customs"),
    };
    let window = sandbox::window(caller).await?;
    // snippet: serve
    let consumer = Consumer::new(window, subscriber, "sample");
    // Nothing is said later than with its event.
    let (_sender, answers) = tokio::sync::mpsc::channel(1);
    let stop = CancellationToken::new();
    let interrupted = async {
        let _interrupted = tokio::signal::ctrl_c().await;
        stop.cancel();
        std::future::pending().await
    };
    tokio::select! {
        served = consumer.serve(Agency, answers, stop.clone()) => served?,
        () = interrupted => {}
    }
    // end
    Ok(())
}
