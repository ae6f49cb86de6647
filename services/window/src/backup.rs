//! `backup` and `restore`: copies of the database and what was written since, and any moment of it back.

use std::io::Write as _;
use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;
use cli::{BilingualText, Language};
use domain::refusal::Code;
use store::backup::{self, Backup, BaseBackup};
use store::private::PrivatePostgres;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::database::address;
use crate::run::Settings;
use crate::signals::Ending;

/// Copy the database into a directory while the window goes on, or receive there what is written from now on.
///
/// Both together give back any moment since the first copy (`single-window restore`). Let --receive run all the
/// time, and copy once a day. The file of data keys is not in it: without it nobody can read what is
/// restored, so keep it elsewhere.
#[derive(Debug, Args)]
pub(crate) struct BackupArgs {
    /// Where backups are, on another disk or machine than the data directory.
    #[arg(value_name = "DIR")]
    directory: PathBuf,
    /// Receive what is written (WAL), as it happens, until told to end.
    #[arg(long, conflicts_with = "list")]
    receive: bool,
    /// List the copies and end.
    #[arg(long)]
    list: bool,
    /// How many copies are kept; older ones go, with what only they need.
    #[arg(long, default_value_t = 7, value_name = "N")]
    keep: usize,
}

/// Put a database back from a backup, as it was at a moment, into a data directory that has none.
///
/// Copy the file of data keys there first, then start the window and run `single-window verify`.
#[derive(Debug, Args)]
pub(crate) struct RestoreArgs {
    /// Where the backups are.
    #[arg(value_name = "DIR")]
    directory: PathBuf,
    /// The moment, RFC 3339, as 2026-11-29T17:20:00+08:00 [default: everything that the backup has].
    #[arg(long, value_name = "TIME", value_parser = moment)]
    until: Option<OffsetDateTime>,
}

fn moment(text: &str) -> Result<OffsetDateTime, String> {
    OffsetDateTime::parse(text, &Rfc3339)
        .map_err(|_| "a moment is RFC 3339, as 2026-11-29T17:20:00+08:00".to_owned())
}

/// Backs up.
pub(crate) async fn back_up(
    args: BackupArgs,
    settings: &Settings,
    language: Language,
    ending: &Ending,
) -> anyhow::Result<()> {
    if args.list {
        let all = backup::list(&args.directory).context(Code::PostgresFailed)?;
        return all.iter().try_for_each(|base| print_line(&words(base)));
    }
    let url = settings.database_url.clone();
    let named = url
        .map(|url| Ok::<_, anyhow::Error>((url.clone(), address(&url, "--database-url")?)))
        .transpose()?;
    let search = (settings.postgres_programs.as_deref(), settings.path.as_deref());
    let backup = Backup::of((named, &settings.data_dir), search, &args.directory).await;
    let backup = backup.context(Code::PostgresFailed)?;
    if args.receive {
        let received = backup.receive(ending.drain.cancelled()).await;
        return received.context(Code::PostgresFailed);
    }
    let copied = tokio::select! {
        copied = backup.copy(args.keep) => copied.context(Code::PostgresFailed)?,
        () = ending.drain.cancelled() => return Ok(()),
    };
    let word = match language {
        Language::English => "copied",
        Language::Chinese => "已备份",
    };
    print_line(&format!("{word}  {}", words(&copied)))
}

/// Puts back.
pub(crate) async fn restore(
    args: RestoreArgs,
    settings: &Settings,
    language: Language,
    ending: &Ending,
) -> anyhow::Result<()> {
    let search = (settings.postgres_programs.as_deref(), settings.path.as_deref());
    let base = backup::put_back(&args.directory, &settings.data_dir, search, args.until).await;
    let base = base.context(Code::PostgresFailed)?;
    let (programs, path) = search;
    let stop = ending.drain.cancelled();
    let started = PrivatePostgres::start(&settings.data_dir, programs, path, stop).await;
    let started = started.context(Code::PostgresFailed).with_context(|| {
        BilingualText::new(
            "the database did not come back; where its log says that recovery ended before the target, the \
             backup ends before that moment: delete pg in the data directory and leave out --until",
            "数据库未能恢复；如其日志提示recovery ended before the target，则备份早于该时刻结束：\
             请删除数据目录中的pg，并去掉--until重试",
        )
    })?;
    let Some(postgres) = started else { return Ok(()) };
    let recovered = backup::recovered(&settings.data_dir, &postgres.connect_options()).await;
    postgres.run(std::future::ready(())).await.context(Code::PostgresFailed)?;
    let last = recovered.context(Code::PostgresFailed)?.unwrap_or(base.time); // nothing was written since
    let (last, dir) = (text(last), settings.data_dir.display());
    print_line(&match language {
        Language::English => format!(
            "restored {dir} from {}, with every transaction until {last}; start the window, then: \
             single-window verify",
            words(&base)
        ),
        Language::Chinese => format!(
            "已从{}恢复{dir}，含{last}之前的全部事务；请启动单一窗口，然后执行 single-window verify",
            words(&base)
        ),
    })
}

fn words(base: &BaseBackup) -> String {
    base.path.display().to_string()
}

fn text(time: OffsetDateTime) -> String {
    time.format(&Rfc3339).unwrap_or_else(|_| time.to_string()) // years have four digits
}

fn print_line(text: &str) -> anyhow::Result<()> {
    Ok(writeln!(std::io::stdout(), "{text}")?)
}
