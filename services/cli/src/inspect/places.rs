//! `inspect places` and `inspect windows`: where goods are looked at, and when there is room.

use std::path::PathBuf;

use proto::v1;
use time::Date;

use super::super::session::TableRow;
use super::super::words::{self as shared, pick};
use super::super::{Exit, Language, Session};
use super::{either, file, words};

/// List the windows of a place that you can book now, with how many more orders each takes.
#[derive(Debug, clap::Args)]
pub(super) struct WindowsArgs {
    /// The place, one of `inspect places`.
    place: String,
    /// First day, in China [default: today].
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = words::parse_day)]
    from: Option<Date>,
    /// How many days, at most 14.
    #[arg(long, value_name = "N", default_value_t = 1)]
    days: u32,
}

/// List examination places, or put one.
#[derive(Debug, clap::Args)]
pub(super) struct PlacesArgs {
    #[command(subcommand)]
    verb: Option<Verb>,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    Put(PutPlaceArgs),
}

/// Add or change a place. Appointments that were made stay as they are.
#[derive(Debug, clap::Args)]
struct PutPlaceArgs {
    /// The whole of it: JSON of the message Place, as `inspect places --output json` prints it; `-` is
    /// standard input.
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

/// Lists windows.
pub(super) async fn windows(session: &Session, args: WindowsArgs) -> anyhow::Result<Exit> {
    let request = v1::ListWindowsRequest {
        place: args.place,
        from_date: args.from.map(proto::inspection::day).unwrap_or_default(), // from today
        days: args.days,
    };
    session.print(
        &session
            .ask(request, async |it, ask| it.inspection().list_windows(ask).await)
            .await?
            .windows,
    )
}

impl TableRow for v1::Window {
    const HEADER: &'static [(&'static str, &'static str)] =
        &[("begins (+08:00)", "开始 (+08:00)"), ("ends", "结束"), ("free", "剩余")];
    const NONE: (&'static str, &'static str) =
        ("no window on these days can be booked", "所选日期没有可预约的时段");

    fn cells(&self, _: Language) -> Vec<String> {
        let [start, end] =
            [self.start, self.end].map(|at| shared::minute(at.and_then(proto::time)));
        vec![start, end, self.free.to_string()]
    }
}

/// Lists places, or puts one.
pub(super) async fn run(session: &Session, args: PlacesArgs) -> anyhow::Result<Exit> {
    match args.verb {
        None => list(session).await,
        Some(Verb::Put(args)) => put(session, args).await,
    }
}

async fn list(session: &Session) -> anyhow::Result<Exit> {
    session.print(
        &session
            .ask(v1::ListPlacesRequest {}, async |it, ask| it.inspection().list_places(ask).await)
            .await?
            .places,
    )
}

impl TableRow for v1::Place {
    const HEADER: &'static [(&'static str, &'static str)] = &[
        ("place", "场地"),
        ("name", "名称"),
        ("at once", "同时"),
        ("minutes", "分钟"),
        ("open", "开放"),
        ("rests", "休息日"),
        ("closed", "闭馆"),
        ("ports", "口岸"),
    ];
    const NONE: (&'static str, &'static str) = ("no places", "没有查验场地");
    const FLEXIBLE: Option<usize> = Some(1);

    fn cells(&self, language: Language) -> Vec<String> {
        let name = match language {
            Language::English => &self.name,
            Language::Chinese => &self.name_zh,
        };
        let rests: Vec<_> = self.rest_days.iter().map(|day| weekday(*day, language)).collect();
        let ports = if self.port_codes.is_empty() {
            pick(language, "all", "全部").to_owned()
        } else {
            self.port_codes.join(", ")
        };
        vec![
            self.id.clone(),
            name.clone(),
            self.capacity.to_string(),
            self.window_minutes.to_string(),
            format!("{}-{}", self.opens, self.closes),
            rests.join(", "),
            self.closed.join(", "),
            ports,
        ]
    }
}

/// A day of the week by its number from Monday; nothing for no such day.
fn weekday(number: u32, language: Language) -> &'static str {
    let english = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
    let chinese = ["周一", "周二", "周三", "周四", "周五", "周六", "周日"];
    let days = either(language, english, chinese);
    let at = usize::try_from(number).ok().and_then(|number| number.checked_sub(1));
    at.and_then(|at| days.get(at)).copied().unwrap_or_default() // an empty cell
}

async fn put(session: &Session, args: PutPlaceArgs) -> anyhow::Result<Exit> {
    let place: v1::Place = file::json(&args.file, session.language)?;
    let request = v1::PutPlaceRequest { place: Some(place.clone()) };
    session.ask(request, async |it, ask| it.inspection().put_place(ask).await).await?;
    session.print(&[place])
}
