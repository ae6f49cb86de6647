//! Requests that do not end, or hold more than one.

use std::time::Duration;

use futures::StreamExt as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tonic::codegen::http::uri::PathAndQuery;
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};

use crate::bare::Bare;
use crate::harness::Sandbox;
use crate::harness::people::code;
use crate::wire::tls;
use crate::{meter, times};

/// Longer than a body may pause.
const SOON: Duration = Duration::from_secs(12);

/// A call with one answer, said in as many messages as come.
async fn check(
    config: &client::Config,
    messages: impl futures::Stream<Item = HealthCheckRequest> + Send + 'static,
) -> Result<(), tonic::Status> {
    let window = client::Window::connect(config).await.expect("it listens");
    let mut grpc = tonic::client::Grpc::new(window.channel());
    grpc.ready().await.expect("it is connected");
    let codec = tonic_prost::ProstCodec::<HealthCheckRequest, HealthCheckResponse>::default();
    let path = PathAndQuery::from_static("/grpc.health.v1.Health/Check");
    grpc.client_streaming(tonic::Request::new(messages), path, codec).await.map(|_| ())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_is_one_message_that_comes() {
    let _turn = crate::alone().await;
    let sandbox = Sandbox::alone(&[]).await;
    let bare = Bare::start(&sandbox).await;
    let (there, here) = (bare.config(&sandbox, "agent"), sandbox.config("agent"));
    let messages =
        |many| futures::stream::iter(std::iter::repeat_n(HealthCheckRequest::default(), many));

    check(&there, messages(3)).await.expect("the control drops two and says that all is well");
    check(&here, messages(1)).await.expect("one is served");
    let status = check(&here, messages(3)).await.expect_err("more than one");
    assert_eq!(code(&status).0, "SW-1009", "{status:?}");

    let many = 100 * times().min(10);
    let attack = async {
        // Bodies that never end; each call holds a place while it waits.
        let stalled = (0..many).map(|_| check(&here, futures::stream::pending()));
        let control = tokio::time::timeout(SOON, check(&there, futures::stream::pending()));
        let half_a_post = tokio::time::timeout(SOON, half_a_post(&here));
        let stalled = futures::stream::iter(stalled).buffer_unordered(50).take(50);
        let (control, stalled, posted) =
            tokio::join!(control, stalled.collect::<Vec<_>>(), half_a_post);
        assert!(control.is_err(), "the control waits");
        for ended in stalled {
            assert_eq!(code(&ended.expect_err("it stalled")).0, "SW-1009");
        }
        let answer = posted.expect("the window does not wait");
        assert!(answer.starts_with("HTTP/1.1 408") && answer.contains("SW-1009"), "{answer}");
    };
    meter::beside(&sandbox, "bodies that never end", attack).await;
}

/// Says that a body comes, and sends its beginning.
async fn half_a_post(config: &client::Config) -> String {
    let mut stream = tls(config).await.expect("TLS");
    let head = "POST /ceb HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n<ceb";
    stream.write_all(head.as_bytes()).await.expect("it is read");
    let (mut answer, mut bytes) = (String::new(), [0; 4096]);
    while !answer.contains("violations") {
        let read = stream.read(&mut bytes).await.expect("it answers");
        assert!(read > 0, "it answers before it closes: {answer}");
        answer.push_str(&String::from_utf8_lossy(&bytes[..read]));
    }
    answer
}
