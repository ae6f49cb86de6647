//! The machine's own limits, measured in the same run: what a durable commit, a bulk insert and a
//! bare gRPC call cost here.

use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use client::Window;
use futures::{Stream, StreamExt as _};
use prost::Message as _;
use proto::v1::declaration_service_server::{DeclarationService, DeclarationServiceServer};
use proto::v1::{self, submit_stream_response::Result as Item};
use sqlx::postgres::PgPoolOptions;
use store::private::PrivatePostgres;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status, Streaming};
use uuid::Uuid;

use super::load::template;
use crate::callers::{Callers, CurrentRegistry};
use crate::certificates;
use crate::quotas::Sockets;
use crate::registry::Registry;
use crate::tasks::{Task, Tasks};
use crate::tls;

fn rate(count: &AtomicU64, since: Instant) -> u64 {
    let ms = since.elapsed().as_millis().clamp(1, u128::from(u64::MAX));
    let ms = u64::try_from(ms).unwrap_or(u64::MAX); // it was clamped
    count.load(Ordering::Relaxed) * 1_000 / ms
}

/// Durable single-row commits over 32 connections, and rows of the same bytes in bulk by two
/// writers, a second.
pub(super) async fn database(data_dir: &Path, time: Duration) -> anyhow::Result<(u64, u64)> {
    over_postgres(data_dir, async |pool| measure(&pool, time).await).await
}

/// Measures over a PostgreSQL of its own.
pub(super) async fn over_postgres<T>(
    data_dir: &Path,
    measure: impl AsyncFnOnce(sqlx::PgPool) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    std::fs::create_dir_all(data_dir)?;
    let path = std::env::var_os("PATH");
    let started =
        PrivatePostgres::start(data_dir, None, path.as_deref(), std::future::pending()).await?;
    let postgres = started.context("nobody told it to stop")?;
    let pool =
        PgPoolOptions::new().max_connections(32).connect_with(postgres.connect_options()).await?;
    let mut tasks = Tasks::default();
    let stop = CancellationToken::new();
    let stopped = stop.clone().cancelled_owned();
    tasks.spawn(Task::Postgres, async move { Ok(postgres.run(stopped).await?) });
    let measured = measure(pool.clone()).await;
    pool.close().await;
    stop.cancel();
    tasks.finish(Duration::from_secs(60)).await;
    measured
}

async fn measure(pool: &sqlx::PgPool, time: Duration) -> anyhow::Result<(u64, u64)> {
    sqlx::raw_sql(
        "create table one (id uuid primary key, body bytea compression lz4);
         create table bulk (id uuid primary key, body bytea compression lz4)",
    )
    .execute(pool)
    .await?;
    let body = template().encode_to_vec();
    let commits = timed(32, time, |count, end| {
        let (pool, body) = (pool.clone(), body.clone());
        async move {
            while Instant::now() < end {
                sqlx::query("insert into one (id, body) values ($1, $2)")
                    .bind(Uuid::now_v7())
                    .bind(&body)
                    .execute(&pool)
                    .await?;
                count.fetch_add(1, Ordering::Relaxed);
            }
            anyhow::Ok(())
        }
    })
    .await?;
    let rows = timed(2, time, |count, end| {
        let (pool, bodies) = (pool.clone(), vec![body.clone(); 500]);
        async move {
            while Instant::now() < end {
                let ids: Vec<Uuid> = (0..500).map(|_| Uuid::now_v7()).collect();
                sqlx::query("insert into bulk select * from unnest($1::uuid[], $2::bytea[])")
                    .bind(ids)
                    .bind(&bodies)
                    .execute(&pool)
                    .await?;
                count.fetch_add(500, Ordering::Relaxed);
            }
            anyhow::Ok(())
        }
    })
    .await?;
    Ok((commits, rows))
}

/// Runs workers until the time is over; what they counted, a second.
pub(super) async fn timed<F>(
    workers: usize,
    time: Duration,
    work: impl Fn(Arc<AtomicU64>, Instant) -> F,
) -> anyhow::Result<u64>
where
    F: Future<Output = anyhow::Result<()>> + Send + 'static,
{
    let (count, start) = (Arc::new(AtomicU64::new(0)), Instant::now());
    let mut tasks = Tasks::default();
    for _ in 0..workers {
        tasks.spawn(Task::Show, work(Arc::clone(&count), start + time));
    }
    anyhow::ensure!(tasks.finish(time * 4).await, "a limit was not measured in time");
    let measured = rate(&count, start);
    anyhow::ensure!(measured > 0, "a limit could not be measured");
    Ok(measured)
}

/// Takes the same message and answers at once: what gRPC over TLS alone costs.
#[derive(Debug)]
struct Echo;

type Answers<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

fn answer(id: &str) -> v1::SubmitResponse {
    v1::SubmitResponse { name: id.to_owned(), version: 1, ..Default::default() }
}

#[tonic::async_trait]
impl DeclarationService for Echo {
    type SubmitStreamStream = Answers<v1::SubmitStreamResponse>;
    type WatchStream = Answers<v1::WatchResponse>;

    async fn submit(
        &self,
        request: Request<v1::SubmitRequest>,
    ) -> Result<Response<v1::SubmitResponse>, Status> {
        Ok(Response::new(answer(&request.into_inner().request_id)))
    }

    async fn submit_stream(
        &self,
        request: Request<Streaming<v1::SubmitStreamRequest>>,
    ) -> Result<Response<Self::SubmitStreamStream>, Status> {
        let answers = request.into_inner().map(|item| {
            // It measures the transport: an item without a request is answered like any.
            let request_id = item?.item.unwrap_or_default().request_id;
            let result = Some(Item::Receipt(answer(&request_id)));
            Ok(v1::SubmitStreamResponse { request_id, result })
        });
        Ok(Response::new(Box::pin(answers)))
    }

    async fn get(&self, _: Request<v1::GetRequest>) -> Result<Response<v1::GetResponse>, Status> {
        Err(proto::status::plain(domain::Code::NotFound))
    }

    async fn list(
        &self,
        _: Request<v1::ListRequest>,
    ) -> Result<Response<v1::ListResponse>, Status> {
        Err(proto::status::plain(domain::Code::NotFound))
    }

    async fn amend(
        &self,
        _: Request<v1::AmendRequest>,
    ) -> Result<Response<v1::AmendResponse>, Status> {
        Err(proto::status::plain(domain::Code::NotFound))
    }

    async fn withdraw(
        &self,
        _: Request<v1::WithdrawRequest>,
    ) -> Result<Response<v1::WithdrawResponse>, Status> {
        Err(proto::status::plain(domain::Code::NotFound))
    }

    async fn provide_documents(
        &self,
        _: Request<v1::ProvideDocumentsRequest>,
    ) -> Result<Response<v1::ProvideDocumentsResponse>, Status> {
        Err(proto::status::plain(domain::Code::NotFound))
    }

    async fn list_archivable(
        &self,
        _: Request<v1::ListArchivableRequest>,
    ) -> Result<Response<v1::ListArchivableResponse>, Status> {
        Err(proto::status::plain(domain::Code::NotFound))
    }

    async fn archive(
        &self,
        _: Request<v1::ArchiveRequest>,
    ) -> Result<Response<v1::ArchiveResponse>, Status> {
        Err(proto::status::plain(domain::Code::NotFound))
    }

    async fn watch(
        &self,
        _: Request<v1::WatchRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        Err(proto::status::plain(domain::Code::NotFound))
    }
}

/// Bare gRPC with the same message over mutual TLS: unary calls and stream items a second.
pub(super) async fn echo(
    place: &Path,
    time: Duration,
    in_flight: usize,
) -> anyhow::Result<(u64, u64)> {
    std::fs::create_dir_all(place)?;
    #[expect(clippy::disallowed_methods, reason = "certificates begin now")]
    let now = time::OffsetDateTime::now_utc();
    let directory = cli::sandbox::identities(place);
    certificates::ensure(&directory, now)?;
    let file = |name: &str| directory.join(name);
    let verifier = tls::verifier((&file(cli::sandbox::AUTHORITY), None, true))?;
    let acceptor = tls::acceptor((&file("window.pem"), &file("window.key")), verifier)?;
    let acceptor = tls::CurrentAcceptor::new(acceptor);
    let registry = Registry::load(&file(certificates::REGISTRY), true)?;
    let callers =
        Arc::new(Callers::new(CurrentRegistry::new(registry), Sockets::within(u64::MAX), None));
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = format!("localhost:{}", listener.local_addr()?.port());
    let mut server = Tasks::default();
    server.spawn(Task::Server, async move {
        let incoming = tls::incoming(listener, acceptor, callers);
        tonic::transport::Server::builder()
            .initial_stream_window_size(4 * 1024 * 1024)
            .initial_connection_window_size(16 * 1024 * 1024)
            .add_service(DeclarationServiceServer::new(Echo))
            .serve_with_incoming(incoming)
            .await?;
        Ok(())
    });
    let config = cli::sandbox::config(place, "agent", Some(&address))?;
    let mut windows = Vec::new();
    for _ in 0..8 {
        windows.push(Window::connect(&config).await?);
    }
    let turn = AtomicUsize::new(0);
    let next = || {
        let nth = turn.fetch_add(1, Ordering::Relaxed);
        windows[nth % windows.len()].clone()
    };
    let unary = timed(in_flight, time, |count, end| unary(next(), count, end)).await?;
    let streams = timed(4, time, |count, end| streams(next(), count, end)).await?;
    server.finish(Duration::ZERO).await;
    Ok((unary, streams))
}

fn request() -> v1::SubmitRequest {
    v1::SubmitRequest {
        request_id: Uuid::now_v7().to_string(),
        declaration: Some(template()),
        validate_only: false,
        pre_no: String::new(),
    }
}

async fn unary(window: Window, count: Arc<AtomicU64>, end: Instant) -> anyhow::Result<()> {
    let mut service = window.declarations();
    while Instant::now() < end {
        service.submit(request()).await?;
        count.fetch_add(1, Ordering::Relaxed);
    }
    Ok(())
}

async fn streams(window: Window, count: Arc<AtomicU64>, end: Instant) -> anyhow::Result<()> {
    let (sender, receiver) = mpsc::channel(512);
    let mut answers =
        window.declarations().submit_stream(ReceiverStream::new(receiver)).await?.into_inner();
    let asking = async {
        while Instant::now() < end {
            sender.send(v1::SubmitStreamRequest { item: Some(request()) }).await?;
        }
        drop(sender);
        anyhow::Ok(())
    };
    let hearing = async {
        while answers.message().await.context("the echo broke")?.is_some() {
            count.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    };
    tokio::try_join!(asking, hearing)?;
    Ok(())
}
