//! `status` and `doctor`: how the window gets on, and what is wrong with it and what to do. For administrators.
//!
//! The exit code of both is 1 when something does not work now, so that scripts can ask; what will be wrong
//! when nobody does anything is told and does not change it.

use std::path::Path;

use domain::refusal::Code;
use proto::v1;
use serde_json::json;

use super::diagnosis::{Diagnosis, DiagnosisLevel, age, diagnoses, long, megabytes};
use super::options::Options;
use super::session::{Session, TableRow, rows};
use super::table::{columns, fields, wrapped};
use super::words::{self, pick};
use super::{BilingualText, Exit, Language, Output, print_json, print_line, sandbox};

/// Show how the window gets on: services, who is behind, what waits and on whom, space, certificates, refusals.
///
/// What is about the database is told of all processes of the window, the rest of the one that answers. The
/// exit code is 1 when something does not work now.
#[derive(Debug, clap::Args)]
pub struct StatusArgs {}

/// Say what is wrong with the window, and what to do about each. The exit code is 1 when something does not
/// work now, and 3 when the window cannot be reached.
#[derive(Debug, clap::Args)]
pub struct DoctorArgs {}

/// Shows how it gets on.
///
/// # Errors
///
/// What kept it from doing so.
pub async fn status(session: &Session) -> anyhow::Result<Exit> {
    let status = ask(session).await?;
    let found = diagnoses(&status);
    session.print_one(&status, |status, language| {
        let mut text = overview(status, language);
        if !found.is_empty() {
            let line = pick(
                language,
                "what to do: single-window doctor",
                "处理办法：single-window doctor",
            );
            text.push_str(&format!("\n\n{}\n{line}", list(&found, language)));
        }
        text
    })?;
    Ok(exit(&found))
}

/// Says what is wrong.
///
/// # Errors
///
/// What kept it from doing so.
pub async fn doctor(options: &Options) -> anyhow::Result<Exit> {
    let (output, language) = (options.output(), options.language());
    let connected = options.session_as("admin").await;
    let (found, exit) = match connected {
        Ok(session) => {
            let found = diagnoses(&ask(&session).await?);
            let exit = exit(&found);
            (found, exit)
        }
        // What is wrong with us is said as ever; that nobody answers there is a diagnosis.
        Err(error) => match error.downcast_ref::<client::Error>() {
            Some(away @ client::Error::Unreachable { .. }) => {
                (vec![unreachable(away, &options.data_dir()?)], Exit::Unreachable)
            }
            Some(_) | None => return Err(error),
        },
    };
    match output {
        Output::Json => found.iter().try_for_each(|diagnosis| print_json(&shown(diagnosis)))?,
        Output::Table if found.is_empty() => {
            print_line(pick(language, "nothing is wrong", "一切正常"))?
        }
        Output::Table => print_line(&advice(&found, language))?,
    }
    Ok(exit)
}

async fn ask(session: &Session) -> Result<v1::GetOperatingStatusResponse, tonic::Status> {
    let request = v1::GetOperatingStatusRequest {};
    session.ask(request, async |it, ask| it.status().get_operating_status(ask).await).await
}

fn exit(found: &[Diagnosis]) -> Exit {
    let broken = found.iter().any(|diagnosis| diagnosis.level == DiagnosisLevel::Error);
    if broken { Exit::Refused } else { Exit::Done }
}

/// Nobody answers: whether it runs on this machine, and where to look.
fn unreachable(away: &client::Error, data_dir: &Path) -> Diagnosis {
    let (english, chinese) = (away.text(Language::English), away.text(Language::Chinese));
    let log = data_dir.join("postgres.log");
    let (log, dir) = (log.display(), data_dir.display());
    let holder = std::fs::read_to_string(data_dir.join("lock")).ok();
    let holder =
        holder.as_deref().map(str::trim).filter(|pid| Path::new("/proc").join(pid).exists());
    let remedy = match holder {
        Some(pid) => BilingualText::new(
            format!(
                "process {pid} has the data directory {dir} and does not serve there: look at its address \
                 (--listen), its log and {log}"
            ),
            format!(
                "进程{pid}占用数据目录{dir}但未在该地址提供服务：请检查其--listen、日志和{log}"
            ),
        ),
        None if sandbox::address_file(data_dir).exists() => BilingualText::new(
            format!(
                "no window runs with the data directory {dir}: start it (`systemctl start single-window`, or \
                 `single-window sandbox`); why it ended is in its log"
            ),
            format!(
                "没有单一窗口在使用数据目录{dir}：请启动（systemctl start single-window 或 \
                 single-window sandbox）；退出原因见其日志"
            ),
        ),
        None => BilingualText::new(
            "see whether the window runs on that machine, and whether its port can be reached from here",
            "请确认该机器上单一窗口是否在运行、其端口能否从本机访问",
        ),
    };
    Diagnosis { level: DiagnosisLevel::Error, what: BilingualText::new(english, chinese), remedy }
}

fn shown(diagnosis: &Diagnosis) -> serde_json::Value {
    let texts = |text: &BilingualText| json!({ "en": text.text(Language::English), "zh": text.text(Language::Chinese) });
    json!({
        "level": diagnosis.level,
        "what": texts(&diagnosis.what),
        "remedy": texts(&diagnosis.remedy),
    })
}

fn list(found: &[Diagnosis], language: Language) -> String {
    let line = |it: &Diagnosis| format!("{}  {}", it.level.word(language), it.what.text(language));
    found.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn advice(found: &[Diagnosis], language: Language) -> String {
    let columns = columns().saturating_sub(4);
    let lines = found.iter().map(|it| {
        let remedy = wrapped(it.remedy.text(language), columns).join("\n    ");
        format!("{}  {}\n    {remedy}", it.level.word(language), it.what.text(language))
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// Everything for people.
fn overview(status: &v1::GetOperatingStatusResponse, language: Language) -> String {
    let mut parts =
        vec![fields(&head(status, language), columns()), rows(&status.services, language)];
    let aged = |since| age(status, since).map_or_else(String::new, long);
    let consumers =
        status.consumers.iter().map(|it| Consumer { of: it, age: aged(it.oldest_time) });
    parts.push(rows(&consumers.collect::<Vec<_>>(), language));
    if !status.queues.is_empty() {
        let queues = status.queues.iter().map(|it| Queue { of: it, age: aged(it.oldest_time) });
        parts.push(rows(&queues.collect::<Vec<_>>(), language));
    }
    if !status.waits.is_empty() {
        let waits = status.waits.iter().map(|it| WaitingRow { of: it, age: aged(it.oldest_time) });
        parts.push(rows(&waits.collect::<Vec<_>>(), language));
    }
    parts.push(rows(&status.certificates, language));
    if !status.refusals.is_empty() {
        parts.push(rows(&status.refusals, language));
    }
    parts.join("\n\n")
}

fn head(
    status: &v1::GetOperatingStatusResponse,
    language: Language,
) -> Vec<(&'static str, String)> {
    let pick = |english, chinese| pick(language, english, chinese);
    let when = |time: Option<proto::Timestamp>| words::when(time.and_then(proto::time));
    let kind = if status.sandbox { pick(", sandbox", "，沙箱") } else { "" };
    let mut head = vec![
        (pick("version", "版本"), format!("{}{kind}", status.version)),
        ("PostgreSQL", status.postgres_version.clone()),
        (pick("serves since", "启动时间"), when(status.start_time)),
        (pick("database", "数据库"), megabytes(status.database_bytes)),
    ];
    if let Some(v1::Storage { free_bytes, least_bytes, .. }) = status.storage {
        let (free, least) = (megabytes(free_bytes), megabytes(least_bytes));
        let text = match language {
            Language::English => format!("{free} free, at least {least} for filing"),
            Language::Chinese => format!("剩余{free}，申报至少需要{least}"),
        };
        head.push((pick("disk", "磁盘"), text));
    }
    if status.waits_unknown {
        let text = pick("not counted, there are too many rows", "行数过多，未统计");
        head.push((pick("waiting", "等待"), text.to_owned()));
    }
    head
}

impl TableRow for v1::OperatingService {
    const HEADER: &'static [(&'static str, &'static str)] = &[
        ("service", "服务"),
        ("here", "本进程"),
        ("migration", "表结构"),
        ("busy loops", "忙碌循环"),
    ];
    const NONE: (&'static str, &'static str) = ("there are no services", "没有服务");

    fn cells(&self, language: Language) -> Vec<String> {
        let here = if self.here { pick(language, "yes", "是") } else { "" };
        let busy = self.loops.iter().map(|it| format!("{} {} s", it.name, it.still_seconds));
        let busy = busy.collect::<Vec<_>>().join(", ");
        vec![self.name.clone(), here.to_owned(), self.migration.to_string(), busy]
    }
}

/// A consumer, and how old its oldest event is.
#[derive(serde::Serialize)]
struct Consumer<'a> {
    of: &'a v1::ConsumerLag,
    age: String,
}

impl TableRow for Consumer<'_> {
    const HEADER: &'static [(&'static str, &'static str)] = &[
        ("journal", "日志"),
        ("consumer", "消费方"),
        ("connected", "连接"),
        ("behind by", "落后"),
        ("oldest", "最早"),
    ];
    const NONE: (&'static str, &'static str) = ("nobody ever connected", "没有连接过的消费方");

    fn cells(&self, language: Language) -> Vec<String> {
        let stalled = match (self.of.stalled, language) {
            (0, _) => String::new(),
            (stalled, Language::English) => format!(" ({stalled} stalled)"),
            (stalled, Language::Chinese) => format!("（{stalled}停滞）"),
        };
        vec![
            self.of.service.clone(),
            self.of.agency.clone(),
            format!("{}{stalled}", self.of.connected),
            self.of.waiting.to_string(),
            self.age.clone(),
        ]
    }
}

/// A queue, and for how long its oldest item is due.
#[derive(serde::Serialize)]
struct Queue<'a> {
    of: &'a v1::QueueBacklog,
    age: String,
}

impl TableRow for Queue<'_> {
    const HEADER: &'static [(&'static str, &'static str)] =
        &[("queue", "队列"), ("due", "到期"), ("oldest", "最早"), ("stuck", "滞留")];
    const NONE: (&'static str, &'static str) = ("the queues are empty", "队列为空");

    fn cells(&self, _: Language) -> Vec<String> {
        let v1::QueueBacklog { service, queue, waiting, stuck, .. } = self.of;
        let age = self.age.clone();
        vec![format!("{service}.{queue}"), waiting.to_string(), age, stuck.to_string()]
    }
}

/// Declarations that wait, and for how long the oldest does.
#[derive(serde::Serialize)]
struct WaitingRow<'a> {
    of: &'a v1::WaitingDeclarations,
    age: String,
}

impl TableRow for WaitingRow<'_> {
    const HEADER: &'static [(&'static str, &'static str)] = &[
        ("waits for", "等待"),
        ("declarations", "清单数"),
        ("longest", "最长"),
        ("which", "清单"),
    ];
    const NONE: (&'static str, &'static str) = ("no declaration waits", "没有等待的清单");

    fn cells(&self, _: Language) -> Vec<String> {
        let v1::WaitingDeclarations { who, declarations, oldest, .. } = self.of;
        let which = oldest.trim_start_matches("declarations/").to_owned();
        vec![who.clone(), declarations.to_string(), self.age.clone(), which]
    }
}

/// Minutes of which refusals are shown besides the whole: what goes on now.
const MINUTES_LAST: usize = 5;

impl TableRow for v1::RefusalCount {
    const HEADER: &'static [(&'static str, &'static str)] = &[
        ("refused", "拒绝"),
        ("what", "说明"),
        ("30 minutes", "30分钟内"),
        ("last 5", "最近5分钟"),
    ];
    const NONE: (&'static str, &'static str) = ("nothing was refused", "没有拒绝");
    const FLEXIBLE: Option<usize> = Some(1);

    fn cells(&self, language: Language) -> Vec<String> {
        let code = Code::ALL.iter().find(|code| code.id() == self.code);
        let what = code.map(|code| pick(language, code.title(), code.title_zh()));
        let last: u64 = self.by_minute.iter().rev().take(MINUTES_LAST).sum();
        // A newer window may have codes that are not known here.
        let what = proto::text(what);
        vec![self.code.clone(), what, self.count.to_string(), last.to_string()]
    }
}

impl TableRow for v1::CertificateValidity {
    const HEADER: &'static [(&'static str, &'static str)] =
        &[("certificate", "证书"), ("subject", "主体"), ("ends", "到期"), ("days", "剩余天数")];
    const NONE: (&'static str, &'static str) = ("there are no certificates", "没有证书");
    const FLEXIBLE: Option<usize> = Some(1);

    fn cells(&self, _: Language) -> Vec<String> {
        let ends = words::minute(self.end_time.and_then(proto::time));
        vec![self.purpose.clone(), self.subject.clone(), ends, self.days_left.to_string()]
    }
}
