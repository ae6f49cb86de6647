//! What is wrong with a window, by what it says of itself: why, and what to do.

use proto::v1;
use serde::Serialize;
use time::Duration;

use super::words::pick;
use super::{BilingualText, Language};

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum DiagnosisLevel {
    /// It will be, when nobody does anything.
    Warning,
    /// Something does not work now.
    Error,
}

impl DiagnosisLevel {
    pub(crate) fn word(self, language: Language) -> &'static str {
        match self {
            Self::Error => pick(language, "ERROR", "错误"),
            Self::Warning => pick(language, "warning", "警告"),
        }
    }
}

/// Something that is wrong.
#[derive(Debug, Clone)]
pub(crate) struct Diagnosis {
    pub(crate) level: DiagnosisLevel,
    /// What.
    pub(crate) what: BilingualText,
    /// What to do.
    pub(crate) remedy: BilingualText,
}

/// Whoever is behind for longer has something to answer for.
const BEHIND: Duration = Duration::minutes(5);
/// A declaration that waits for longer is somebody's worry.
const WAITS: Duration = Duration::hours(24);
/// Certificates that end sooner are renewed now.
const RENEW_DAYS: i64 = 30;
/// Less than so many times what must be free is little.
const SPACE_FACTOR: u64 = 4;

/// The agencies without which nothing is released.
const AGENCIES: [&str; 2] = ["customs", "quarantine"];

/// What is wrong, the worst first.
pub(crate) fn diagnoses(status: &v1::GetOperatingStatusResponse) -> Vec<Diagnosis> {
    let mut found = Vec::new();
    loops(status, &mut found);
    queues(status, &mut found);
    consumers(status, &mut found);
    waits(status, &mut found);
    storage(status, &mut found);
    certificates(status, &mut found);
    found.sort_by_key(|diagnosis| std::cmp::Reverse(diagnosis.level));
    found
}

fn diagnosis(level: DiagnosisLevel, what: (String, String), remedy: (&str, &str)) -> Diagnosis {
    let (what, remedy) =
        (BilingualText::new(what.0, what.1), BilingualText::new(remedy.0, remedy.1));
    Diagnosis { level, what, remedy }
}

/// How old something is by the window's clock.
pub(crate) fn age(
    status: &v1::GetOperatingStatusResponse,
    since: Option<proto::Timestamp>,
) -> Option<Duration> {
    Some(proto::time(status.time?)? - proto::time(since?)?)
}

/// An age in its two largest units.
pub(crate) fn long(age: Duration) -> String {
    let seconds = age.whole_seconds().max(0);
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, minutes) => format!("{minutes} min {} s", seconds % 60),
        (0, hours, minutes) => format!("{hours} h {minutes} min"),
        (days, hours, _) => format!("{days} d {hours} h"),
    }
}

fn loops(status: &v1::GetOperatingStatusResponse, found: &mut Vec<Diagnosis>) {
    for it in status.services.iter().flat_map(|service| &service.loops) {
        if it.stands_still {
            let (name, seconds) = (&it.name, it.still_seconds);
            found.push(diagnosis(
                DiagnosisLevel::Error,
                (
                    format!("the loop {name} has had something to do for {seconds} s and done nothing"),
                    format!("循环{name}有待办事项，但{seconds}秒内没有进展"),
                ),
                (
                    "look for its name in the log; what it calls (another service, the database) is away or \
                     refuses; docs/limits.md, Loops between services",
                    "请在日志中查找其名称：其所调用的服务或数据库不可用或拒绝；见docs/limits.md",
                ),
            ));
        }
    }
}

fn queues(status: &v1::GetOperatingStatusResponse, found: &mut Vec<Diagnosis>) {
    for it in &status.queues {
        let (service, queue, stuck, waiting) = (&it.service, &it.queue, it.stuck, it.waiting);
        if stuck > 0 {
            found.push(diagnosis(
                DiagnosisLevel::Error,
                (
                    format!("{stuck} items of {service}.{queue} are set aside"),
                    format!("{service}.{queue}有{stuck}个滞留件"),
                ),
                (
                    "`single-window stuck list` says why; mend the cause, then `single-window stuck retry`",
                    "用 single-window stuck list 查看原因，消除后执行 single-window stuck retry",
                ),
            ));
        }
        if let Some(age) = age(status, it.oldest_time).filter(|age| *age > BEHIND) {
            let age = long(age);
            found.push(diagnosis(
                DiagnosisLevel::Warning,
                (
                    format!("{waiting} items of {service}.{queue} are due, the oldest for {age}"),
                    format!("{service}.{queue}有{waiting}项到期未办，最早已{age}"),
                ),
                (
                    "the service that does it is away or too slow: look at its process and its log",
                    "办理该队列的服务不可用或过慢，请检查其进程和日志",
                ),
            ));
        }
    }
}

fn consumers(status: &v1::GetOperatingStatusResponse, found: &mut Vec<Diagnosis>) {
    let is_missing = |agency: &&str| {
        !status.consumers.iter().any(|it| it.service == "declaration" && it.agency == *agency)
    };
    for agency in AGENCIES.into_iter().filter(is_missing) {
        found.push(diagnosis(
            DiagnosisLevel::Warning,
            (format!("{agency} was never connected"), format!("{agency}从未连接")),
            (
                "nothing is released without it: register its certificate and give it the address of the window",
                "没有该机关则不会放行：请登记其证书并告知单一窗口地址",
            ),
        ));
    }
    for it in &status.consumers {
        let (agency, service, waiting) = (&it.agency, &it.service, it.waiting);
        let age = age(status, it.oldest_time);
        let oldest = age.map_or_else(String::new, |age| format!(", the oldest for {}", long(age)));
        let oldest_zh = age.map_or_else(String::new, |age| format!("，最早已{}", long(age)));
        if it.connected == 0 {
            let level = if waiting > 0 { DiagnosisLevel::Error } else { DiagnosisLevel::Warning };
            found.push(diagnosis(
                level,
                (
                    format!(
                        "{agency} is not connected to {service}; {waiting} events wait{oldest}"
                    ),
                    format!("{agency}未连接到{service}，{waiting}个事件等待{oldest_zh}"),
                ),
                (
                    "call whoever operates it; nothing is lost, it goes on where it stopped",
                    "请联系其运维方；数据不会丢失，恢复后从断点继续",
                ),
            ));
        } else if it.stalled > 0 {
            found.push(diagnosis(
                DiagnosisLevel::Error,
                (
                    format!("{agency} acknowledges nothing ({} connections){oldest}", it.stalled),
                    format!("{agency}（{}个连接）不确认任何事件{oldest_zh}", it.stalled),
                ),
                (
                    "it is connected and does not store what it gets: call whoever operates it",
                    "其已连接但未保存所收事件，请联系其运维方",
                ),
            ));
        } else if age.is_some_and(|age| age > BEHIND) {
            found.push(diagnosis(
                DiagnosisLevel::Warning,
                (
                    format!("{agency} is behind by {waiting} events{oldest}"),
                    format!("{agency}落后{waiting}个事件{oldest_zh}"),
                ),
                (
                    "it is slower than what is filed: let it run a second consumer (another name)",
                    "其处理慢于申报：可增加一个消费者（另取名称）",
                ),
            ));
        }
    }
}

fn waits(status: &v1::GetOperatingStatusResponse, found: &mut Vec<Diagnosis>) {
    for it in &status.waits {
        let Some(age) = age(status, it.oldest_time).filter(|age| *age > WAITS) else { continue };
        let (who, count, age) = (&it.who, it.declarations, long(age));
        let oldest = it.oldest.trim_start_matches("declarations/");
        found.push(diagnosis(
            DiagnosisLevel::Warning,
            (
                format!("{count} declarations wait for {who}, the oldest for {age}: {oldest}"),
                format!("{count}份清单等待{who}，最早已{age}：{oldest}"),
            ),
            (
                "`single-window --as admin get ID` says what has happened to it; ask those who decide",
                "用 single-window --as admin get ID 查看经过，并询问决定方",
            ),
        ));
    }
}

fn storage(status: &v1::GetOperatingStatusResponse, found: &mut Vec<Diagnosis>) {
    let Some(v1::Storage { free_bytes, least_bytes, short }) = status.storage else { return };
    let free = megabytes(free_bytes);
    let remedy = (
        "make room on the disk of the data directory, or move it to a larger one; filing goes on by itself",
        "请清理数据目录所在磁盘或换用更大的磁盘；空间恢复后自动继续受理",
    );
    if short {
        found.push(diagnosis(
            DiagnosisLevel::Error,
            (
                format!("only {free} are free: firms cannot file (SW-1503)"),
                format!("仅剩{free}可用：企业无法申报（SW-1503）"),
            ),
            remedy,
        ));
    } else if free_bytes < least_bytes.saturating_mul(SPACE_FACTOR) {
        let least = megabytes(least_bytes);
        found.push(diagnosis(
            DiagnosisLevel::Warning,
            (
                format!("{free} are free; below {least} firms cannot file"),
                format!("剩余{free}；低于{least}时企业无法申报"),
            ),
            remedy,
        ));
    }
}

fn certificates(status: &v1::GetOperatingStatusResponse, found: &mut Vec<Diagnosis>) {
    for it in &status.certificates {
        let (purpose, subject, days) = (&it.purpose, &it.subject, it.days_left);
        let remedy = (
            "have it renewed and put the new one into its file: a running window takes it over; docs/operating.md",
            "请换发证书并放入原文件，运行中的单一窗口会自动采用；见docs/operating.md",
        );
        if days < 0 {
            found.push(diagnosis(
                DiagnosisLevel::Error,
                (
                    format!("the certificate of {purpose} has ended ({subject})"),
                    format!("{purpose}的证书已过期（{subject}）"),
                ),
                remedy,
            ));
        } else if days < RENEW_DAYS {
            found.push(diagnosis(
                DiagnosisLevel::Warning,
                (
                    format!("the certificate of {purpose} ends in {days} days ({subject})"),
                    format!("{purpose}的证书{days}天后到期（{subject}）"),
                ),
                remedy,
            ));
        }
    }
}

/// Bytes as people read them.
pub(crate) fn megabytes(bytes: u64) -> String {
    match bytes >> 20 {
        megabytes if megabytes >= 10_240 => format!("{} GB", megabytes >> 10),
        megabytes => format!("{megabytes} MB"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_800_000_000;

    fn at(seconds: i64) -> Option<proto::Timestamp> {
        Some(proto::Timestamp { seconds, nanos: 0 })
    }

    /// A window in which nothing is wrong.
    fn well() -> v1::GetOperatingStatusResponse {
        let consumer = |agency: &str| v1::ConsumerLag {
            service: "declaration".to_owned(),
            agency: agency.to_owned(),
            connected: 1,
            ..Default::default()
        };
        v1::GetOperatingStatusResponse {
            time: at(NOW),
            consumers: AGENCIES.map(consumer).to_vec(),
            ..Default::default()
        }
    }

    fn levels_and_texts(status: &v1::GetOperatingStatusResponse) -> Vec<(DiagnosisLevel, String)> {
        let found = diagnoses(status).into_iter();
        found.map(|it| (it.level, it.what.text(Language::English).to_owned())).collect()
    }

    #[test]
    fn a_window_that_is_well_is_told_nothing() {
        assert!(levels_and_texts(&well()).is_empty());
        // What is new, small or far away is nothing to worry about.
        let mut status = well();
        status.consumers[0].waiting = 3;
        status.consumers[0].oldest_time = at(NOW - 60);
        status.certificates = vec![v1::CertificateValidity { days_left: 30, ..Default::default() }];
        status.storage = Some(v1::Storage { free_bytes: 4, least_bytes: 1, short: false });
        assert!(levels_and_texts(&status).is_empty());
    }

    #[test]
    fn everything_that_is_wrong_is_found_the_worst_first() {
        let mut status = well();
        status.services = vec![v1::OperatingService {
            loops: vec![v1::OperatingLoop {
                name: "ceb.filing".to_owned(),
                still_seconds: 31,
                stands_still: true,
            }],
            ..Default::default()
        }];
        status.queues = vec![v1::QueueBacklog {
            service: "ceb".to_owned(),
            queue: "filing".to_owned(),
            waiting: 2,
            oldest_time: at(NOW - 301),
            stuck: 1,
        }];
        status.consumers[0].connected = 0;
        status.consumers[0].waiting = 5;
        status.consumers[0].oldest_time = at(NOW - 90_000);
        status.consumers.pop();
        status.waits = vec![v1::WaitingDeclarations {
            who: "duty".to_owned(),
            declarations: 7,
            oldest_time: at(NOW - 86_401),
            oldest: "declarations/x".to_owned(),
        }];
        status.storage =
            Some(v1::Storage { free_bytes: 9 << 20, least_bytes: 10 << 20, short: true });
        status.certificates = vec![
            v1::CertificateValidity {
                days_left: -1,
                purpose: "window".to_owned(),
                ..Default::default()
            },
            v1::CertificateValidity { days_left: 29, ..Default::default() },
        ];
        let diagnosed = levels_and_texts(&status);
        let errors: Vec<_> = diagnosed
            .iter()
            .filter(|it| it.0 == DiagnosisLevel::Error)
            .map(|it| it.1.as_str())
            .collect();
        assert_eq!(
            errors,
            [
                "the loop ceb.filing has had something to do for 31 s and done nothing",
                "1 items of ceb.filing are set aside",
                "customs is not connected to declaration; 5 events wait, the oldest for 1 d 1 h",
                "only 9 MB are free: firms cannot file (SW-1503)",
                "the certificate of window has ended ()",
            ]
        );
        let warnings: Vec<_> = diagnosed[errors.len()..].iter().map(|it| it.1.as_str()).collect();
        assert_eq!(
            warnings,
            [
                "2 items of ceb.filing are due, the oldest for 5 min 1 s",
                "quarantine was never connected",
                "7 declarations wait for duty, the oldest for 1 d 0 h: x",
                "the certificate of  ends in 29 days ()",
            ]
        );
    }
}
