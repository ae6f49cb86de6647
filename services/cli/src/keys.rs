//! `key`: keys of callers (API keys, 接口密钥), for programs that cannot present a certificate. Firms have their own,
//! administrators everybody's.

use proto::v1;
use uuid::Uuid;

use super::session::TableRow;
use super::words::{self, pick};
use super::{Exit, Language, Session};

/// Keys of callers: for programs that cannot present a certificate.
#[derive(Debug, clap::Args)]
pub struct KeyArgs {
    #[command(subcommand)]
    verb: KeyVerb,
}

#[derive(Debug, clap::Subcommand)]
enum KeyVerb {
    Create(CreateKeyArgs),
    List(ListKeysArgs),
    Revoke(RevokeKeyArgs),
}

/// Make a key. It is shown now and never again. It takes a certificate: a key makes no other keys.
#[derive(Debug, clap::Args)]
struct CreateKeyArgs {
    /// For this caller of the registry; administrators name others [default: whoever asks].
    #[arg(value_name = "CALLER")]
    holder: Option<String>,
    /// Days until it ends by itself: at most 365, where an administrator makes it 1,095.
    #[arg(long, default_value_t = 365)]
    days: u32,
    /// It only reads.
    #[arg(long)]
    read_only: bool,
    /// What it is for.
    #[arg(long, default_value = "")]
    note: String,
}

/// List keys in the order in which they were made, those that have ended too.
#[derive(Debug, clap::Args)]
struct ListKeysArgs {
    /// Of this caller; administrators name others [default: all that whoever asks may see].
    #[arg(long = "of", value_name = "CALLER")]
    holder: Option<String>,
}

/// End a key at once, with the streams that were opened with it.
#[derive(Debug, clap::Args)]
struct RevokeKeyArgs {
    /// Id of the key, as `key list` shows it.
    id: Uuid,
}

/// Does what the verb says.
///
/// # Errors
///
/// What kept it from doing so.
pub async fn run(session: &Session, args: KeyArgs) -> anyhow::Result<Exit> {
    match args.verb {
        KeyVerb::Create(args) => create(session, args).await,
        KeyVerb::List(args) => list(session, args).await,
        KeyVerb::Revoke(args) => revoke(session, args.id).await,
    }
}

async fn create(session: &Session, args: CreateKeyArgs) -> anyhow::Result<Exit> {
    let CreateKeyArgs { holder, days, read_only, note } = args;
    let request = v1::CreateKeyRequest { caller: proto::text(holder), days, note, read_only };
    // Not repeated: each time would make one more.
    let answer = session.window.operation().create_key(session.request(request)).await?;
    let answer = answer.into_inner();
    let key = answer.key.clone();
    session.print_sentence(&answer, &key, &key)
}

async fn list(session: &Session, args: ListKeysArgs) -> anyhow::Result<Exit> {
    let caller = proto::text(args.holder);
    let request = v1::ListKeysRequest { caller, ..Default::default() };
    let call = async |it: &client::Window, ask| it.operation().list_keys(ask).await;
    session.print(&session.pages(request, usize::MAX, call).await?)
}

async fn revoke(session: &Session, id: Uuid) -> anyhow::Result<Exit> {
    let request = v1::RevokeKeyRequest { id: id.to_string() };
    let answer = session.ask(request, async |it, ask| it.operation().revoke_key(ask).await).await?;
    session.print_sentence(&answer, "revoked", "已吊销")
}

impl TableRow for v1::KeyRecord {
    const HEADER: &'static [(&'static str, &'static str)] = &[
        ("id", "编号"),
        ("caller", "调用方"),
        ("role", "角色"),
        ("note", "用途"),
        ("rights", "权限"),
        ("until", "有效期至"),
        ("revoked", "吊销时间"),
        ("last used", "最近使用"),
    ];
    const NONE: (&'static str, &'static str) = ("there are no keys", "没有接口密钥");
    const FLEXIBLE: Option<usize> = Some(3);

    fn cells(&self, language: Language) -> Vec<String> {
        let when = |time: Option<_>| words::when(time.and_then(proto::time));
        vec![
            self.id.clone(),
            self.caller.clone(),
            self.role.clone(),
            self.note.clone(),
            if self.read_only { pick(language, "only reads", "仅查询") } else { "" }.to_owned(),
            when(self.expire_time),
            when(self.revoked_time),
            when(self.last_used_time),
        ]
    }
}
