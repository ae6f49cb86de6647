//! `webhooks`: where what happens is posted, what became of every message, and the same on the own machine.

use bytes::Bytes;
use client::webhook::{ID, SIGNATURE, TIMESTAMP, WebhookSecret};
use futures::StreamExt as _;
use http::{Request, Uri, header};
use http_body_util::Full;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use proto::{v1, webhook};
use uuid::Uuid;

use super::session::TableRow;
use super::words::{self, pick};
use super::{BilingualText, Exit, Language, Output, Session, print_json, print_line};

/// Webhooks: what happens is posted to an address, signed as Standard Webhooks has it.
#[derive(Debug, clap::Args)]
pub struct WebhookArgs {
    #[command(subcommand)]
    verb: WebhookVerb,
}

#[derive(Debug, clap::Subcommand)]
enum WebhookVerb {
    Create(CreateWebhookArgs),
    List(ListWebhooksArgs),
    Get(GetWebhookArgs),
    Delete(DeleteWebhookArgs),
    Pause(PauseWebhookArgs),
    Resume(ResumeWebhookArgs),
    Deliveries(DeliveriesArgs),
    Resend(ResendArgs),
    Test(TestWebhookArgs),
    Rotate(RotateArgs),
    Listen(ListenWebhookArgs),
}

/// Make a webhook. Its secret is shown now and never again.
#[derive(Debug, clap::Args)]
struct CreateWebhookArgs {
    /// Where messages are posted, for example https://example.com/hooks.
    url: String,
    /// A type of messages that it is for, for example declaration.released; may be given several times [default: all].
    #[arg(long = "type", value_name = "TYPE")]
    types: Vec<String>,
    /// A firm that it is for (customs code); may be given several times [default: all that the caller sees].
    #[arg(long, value_name = "CODE")]
    declarant: Vec<String>,
    /// What it is for.
    #[arg(long, default_value = "")]
    note: String,
}

/// List webhooks, newest first.
#[derive(Debug, clap::Args)]
struct ListWebhooksArgs {}

/// Show one webhook.
#[derive(Debug, clap::Args)]
struct GetWebhookArgs {
    /// Id of the webhook.
    id: Uuid,
}

/// End a webhook, with its messages.
#[derive(Debug, clap::Args)]
struct DeleteWebhookArgs {
    /// Id of the webhook.
    id: Uuid,
}

/// Pause a webhook: nothing more is posted there, and what happens meanwhile waits until it goes on.
#[derive(Debug, clap::Args)]
struct PauseWebhookArgs {
    /// Id of the webhook.
    id: Uuid,
}

/// Go on with a webhook that was paused: what waits is posted now.
#[derive(Debug, clap::Args)]
struct ResumeWebhookArgs {
    /// Id of the webhook.
    id: Uuid,
}

/// List the messages of a webhook and what became of each, newest first.
#[derive(Debug, clap::Args)]
struct DeliveriesArgs {
    /// Id of the webhook.
    id: Uuid,
    /// Only those that stand so.
    #[arg(long, value_enum)]
    state: Option<DeliveryStateArg>,
    /// At most so many.
    #[arg(long, default_value_t = 50)]
    limit: usize,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum DeliveryStateArg {
    Waiting,
    Delivered,
    GivenUp,
}

/// Post messages again: one, or all of a webhook that were given up.
#[derive(Debug, clap::Args)]
struct ResendArgs {
    /// Id of the webhook [default: every one that the message was for].
    #[arg(required_unless_present = "message")]
    id: Option<Uuid>,
    /// Id of the message [default: all that were given up].
    #[arg(long)]
    message: Option<Uuid>,
}

/// Post a message of the type webhook.test.
#[derive(Debug, clap::Args)]
struct TestWebhookArgs {
    /// Id of the webhook.
    id: Uuid,
}

/// Make another signing key, shown now and never again; the ones before sign beside it for a while.
#[derive(Debug, clap::Args)]
struct RotateArgs {
    /// Id of the webhook.
    id: Uuid,
    /// Hours that the keys before go on signing, at most 168.
    #[arg(long, default_value_t = 24)]
    keep_hours: u32,
}

/// Follow what happens and post it to an address of this machine, signed: for whoever writes the endpoint of a
/// webhook.
#[derive(Debug, clap::Args)]
struct ListenWebhookArgs {
    /// Where to post, for example http://localhost:3000/hooks.
    #[arg(long, value_name = "URL")]
    forward_to: Uri,
    /// Only messages of this type; may be given several times [default: all].
    #[arg(long = "type", value_name = "TYPE")]
    types: Vec<String>,
    /// What signs [default: a new one, which is shown].
    #[arg(long, env = "SW_WEBHOOK_SECRET", hide_env_values = true, value_name = "WHSEC")]
    secret: Option<String>,
}

/// Does what the verb says.
///
/// # Errors
///
/// What kept it from doing so.
pub async fn run(session: &Session, args: WebhookArgs) -> anyhow::Result<Exit> {
    match args.verb {
        WebhookVerb::Create(args) => create(session, args).await,
        WebhookVerb::List(ListWebhooksArgs {}) => list(session).await,
        WebhookVerb::Get(args) => get(session, args.id).await,
        WebhookVerb::Delete(args) => delete(session, args.id).await,
        WebhookVerb::Pause(args) => pause(session, args.id).await,
        WebhookVerb::Resume(args) => resume(session, args.id).await,
        WebhookVerb::Deliveries(args) => deliveries(session, args).await,
        WebhookVerb::Resend(args) => resend(session, args).await,
        WebhookVerb::Test(args) => test(session, args.id).await,
        WebhookVerb::Rotate(args) => rotate(session, args).await,
        WebhookVerb::Listen(args) => listen(session, args).await,
    }
}

async fn create(session: &Session, args: CreateWebhookArgs) -> anyhow::Result<Exit> {
    let CreateWebhookArgs { url, types, declarant: declarants, note } = args;
    let request_id = Uuid::now_v7().to_string();
    let request = v1::CreateWebhookRequest { request_id, url, types, declarants, note };
    let call = async |it: &client::Window, ask| it.webhooks().create_webhook(ask).await;
    let answer = session.ask(request, call).await?;
    let id = proto::text(answer.webhook.as_ref().map(|it| it.id.clone()));
    let text = format!("{id}\n{}", answer.secret);
    session.print_sentence(&answer, &text, &text)
}

async fn list(session: &Session) -> anyhow::Result<Exit> {
    let request = v1::ListWebhooksRequest::default();
    let call = async |it: &client::Window, ask| it.webhooks().list_webhooks(ask).await;
    session.print(&session.pages(request, usize::MAX, call).await?)
}

async fn get(session: &Session, id: Uuid) -> anyhow::Result<Exit> {
    let request = v1::GetWebhookRequest { id: id.to_string() };
    let call = async |it: &client::Window, ask| it.webhooks().get_webhook(ask).await;
    session.print(&Vec::from_iter(session.ask(request, call).await?.webhook))
}

async fn delete(session: &Session, id: Uuid) -> anyhow::Result<Exit> {
    let request = v1::DeleteWebhookRequest { id: id.to_string() };
    let call = async |it: &client::Window, ask| it.webhooks().delete_webhook(ask).await;
    let answer = session.ask(request, call).await?;
    session.print_sentence(&answer, "it has ended", "已删除")
}

async fn pause(session: &Session, id: Uuid) -> anyhow::Result<Exit> {
    let request = v1::PauseWebhookRequest { id: id.to_string() };
    let call = async |it: &client::Window, ask| it.webhooks().pause_webhook(ask).await;
    let answer = session.ask(request, call).await?;
    session.print_sentence(&answer, "it is paused", "已暂停")
}

async fn resume(session: &Session, id: Uuid) -> anyhow::Result<Exit> {
    let request = v1::ResumeWebhookRequest { id: id.to_string() };
    let call = async |it: &client::Window, ask| it.webhooks().resume_webhook(ask).await;
    let answer = session.ask(request, call).await?;
    session.print_sentence(&answer, "it goes on", "已恢复")
}

async fn deliveries(session: &Session, args: DeliveriesArgs) -> anyhow::Result<Exit> {
    let state = match args.state {
        None => v1::WebhookDeliveryState::Unspecified,
        Some(DeliveryStateArg::Waiting) => v1::WebhookDeliveryState::Waiting,
        Some(DeliveryStateArg::Delivered) => v1::WebhookDeliveryState::Delivered,
        Some(DeliveryStateArg::GivenUp) => v1::WebhookDeliveryState::GivenUp,
    };
    let id = args.id.to_string();
    let request = v1::ListDeliveriesRequest { id, state: state.into(), ..Default::default() };
    let call = async |it: &client::Window, ask| it.webhooks().list_deliveries(ask).await;
    session.print(&session.pages(request, args.limit, call).await?)
}

async fn resend(session: &Session, args: ResendArgs) -> anyhow::Result<Exit> {
    let text = |id: Option<Uuid>| proto::text(id.map(|id| id.to_string()));
    let request = v1::ResendRequest { id: text(args.id), message_id: text(args.message) };
    let answer = session.ask(request, async |it, ask| it.webhooks().resend(ask).await).await?;
    let count = answer.count;
    session.print_sentence(&answer, format!("{count} posted again"), format!("重新投递{count}条"))
}

async fn test(session: &Session, id: Uuid) -> anyhow::Result<Exit> {
    let request = v1::TestWebhookRequest { id: id.to_string() };
    let call = async |it: &client::Window, ask| it.webhooks().test_webhook(ask).await;
    let answer = session.ask(request, call).await?;
    let text = answer.message_id.clone();
    session.print_sentence(&answer, &text, &text)
}

async fn rotate(session: &Session, args: RotateArgs) -> anyhow::Result<Exit> {
    let RotateArgs { id, keep_hours } = args;
    let request_id = Uuid::now_v7().to_string();
    let request = v1::RotateSecretRequest { request_id, id: id.to_string(), keep_hours };
    let call = async |it: &client::Window, ask| it.webhooks().rotate_secret(ask).await;
    let answer = session.ask(request, call).await?;
    let text = answer.secret.clone();
    session.print_sentence(&answer, &text, &text)
}

async fn listen(session: &Session, args: ListenWebhookArgs) -> anyhow::Result<Exit> {
    let ListenWebhookArgs { forward_to, types, secret } = args;
    if let Some(name) = types.iter().find(|name| !webhook::TYPES.contains(&name.as_str())) {
        anyhow::bail!(BilingualText::new(
            format!("there is no type {name}"),
            format!("没有类型{name}")
        ));
    }
    anyhow::ensure!(
        forward_to.scheme_str() == Some("http"),
        BilingualText::new(
            "--forward-to takes an address with http://",
            "--forward-to须为http://地址"
        )
    );
    let secret = match secret {
        Some(text) => WebhookSecret::parse(&text).ok_or_else(|| {
            BilingualText::new(
                "the secret is not like whsec_ and base64",
                "密钥格式应为whsec_加Base64",
            )
        })?,
        None => WebhookSecret::fresh().ok_or_else(|| {
            BilingualText::new("the system gives no random bytes", "系统未提供随机数")
        })?,
    };
    match session.output {
        Output::Json => print_json(&serde_json::json!({ "secret": secret.text() }))?,
        Output::Table => print_line(&secret.text())?,
    }
    let client = Client::builder(TokioExecutor::new()).build(HttpConnector::new());
    let news = client::watch(session.window.clone(), v1::WatchRequest::default());
    let mut news = std::pin::pin!(news);
    while let Some(mut entry) = news.next().await.transpose()? {
        entry.resume_token.clear();
        let found = webhook::types_of(&entry);
        let is_wanted = types.is_empty() || types.iter().any(|it| found.contains(&it.as_str()));
        let time = entry.time.and_then(proto::time);
        let (Some(name), Some(time), true) = (found.first(), time, is_wanted) else { continue };
        let json = proto::json::of(&entry).map_err(anyhow::Error::msg)?;
        let body = webhook::body(name, time, &json);
        let outcome = post(&client, (&forward_to, &secret), (&entry.event_id, body)).await?;
        match session.output {
            Output::Json => print_json(&serde_json::json!({
                "message_id": entry.event_id, "type": name, "name": entry.name, "outcome": outcome,
            }))?,
            Output::Table => {
                print_line(&format!(
                    "{}  {name}  {}  {outcome}",
                    words::when(Some(time)),
                    entry.name
                ))?;
            }
        }
    }
    Ok(Exit::Done)
}

/// Posts a message once: the status, or why there is none.
async fn post(
    client: &Client<HttpConnector, Full<Bytes>>,
    (to, secret): (&Uri, &WebhookSecret),
    (id, body): (&str, String),
) -> anyhow::Result<String> {
    #[expect(clippy::disallowed_methods, reason = "the endpoint compares it with its own clock")]
    let now = time::OffsetDateTime::now_utc().unix_timestamp();
    let request = Request::post(to)
        .header(header::CONTENT_TYPE, "application/json")
        .header(ID, id)
        .header(TIMESTAMP, now)
        .header(SIGNATURE, secret.sign(id, now, body.as_bytes()))
        .body(Full::new(Bytes::from(body)))?;
    let answered =
        tokio::time::timeout(domain::limits::WEBHOOK_ANSWER_TIME, client.request(request));
    Ok(match answered.await {
        Ok(Ok(answer)) => answer.status().as_u16().to_string(),
        Ok(Err(error)) => error.to_string(),
        Err(_) => "timeout".to_owned(),
    })
}

impl TableRow for v1::Webhook {
    const HEADER: &'static [(&'static str, &'static str)] = &[
        ("id", "编号"),
        ("url", "地址"),
        ("types", "类型"),
        ("firms", "企业"),
        ("state", "状态"),
        ("failing since", "失败起始"),
        ("note", "用途"),
    ];
    const NONE: (&'static str, &'static str) = ("there are no webhooks", "没有推送");
    const FLEXIBLE: Option<usize> = Some(1);

    fn cells(&self, language: Language) -> Vec<String> {
        let state = match self.state() {
            v1::WebhookState::Unspecified => "",
            v1::WebhookState::Active => pick(language, "active", "投递中"),
            v1::WebhookState::Paused => &self.paused_reason,
        };
        vec![
            self.id.clone(),
            self.url.clone(),
            self.types.join(" "),
            self.declarants.join(" "),
            state.to_owned(),
            words::when(self.failing_since.and_then(proto::time)),
            self.note.clone(),
        ]
    }
}

impl TableRow for v1::WebhookDelivery {
    const HEADER: &'static [(&'static str, &'static str)] = &[
        ("message", "消息编号"),
        ("type", "类型"),
        ("state", "状态"),
        ("tries", "次数"),
        ("status", "应答"),
        ("reason", "原因"),
        ("last", "最近投递"),
        ("next", "下次投递"),
    ];
    const NONE: (&'static str, &'static str) = ("there are no messages", "没有消息");
    const FLEXIBLE: Option<usize> = Some(5);

    fn cells(&self, language: Language) -> Vec<String> {
        let state = match self.state() {
            v1::WebhookDeliveryState::Unspecified => "",
            v1::WebhookDeliveryState::Waiting => pick(language, "waiting", "待投递"),
            v1::WebhookDeliveryState::Delivered => pick(language, "delivered", "已投递"),
            v1::WebhookDeliveryState::GivenUp => pick(language, "given up", "已放弃"),
        };
        let status = if self.status == 0 { String::new() } else { self.status.to_string() };
        vec![
            self.message_id.clone(),
            self.r#type.clone(),
            state.to_owned(),
            self.tries.to_string(),
            status,
            self.reason.clone(),
            words::when(self.last_time.and_then(proto::time)),
            words::when(self.next_time.and_then(proto::time)),
        ]
    }
}
