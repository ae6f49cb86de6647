//! `inspect places` and `inspect windows`: where goods are looked at, and when there is room.

use std::path::PathBuf;

use proto::v1;
use time::Date;

use super::super::words::{self as shared, pick};
use super::super::{Exit, Language, Output, Session, say, say_json};
use super::{call, either, file, words};

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
    let list =
        async || session.window.inspection().list_windows(session.request(request.clone())).await;
    let windows = call(list).await?.windows;
    session.print(
        &windows,
        ("no window on these days can be booked", "所选日期没有可预约的时段"),
        rows,
    )
}

fn rows(windows: &[v1::Window], language: Language) -> String {
    let english = ["begins (+08:00)", "ends", "free"];
    let chinese = ["开始 (+08:00)", "结束", "剩余"];
    let mut table = shared::table(&either(language, english, chinese), None);
    for it in windows {
        table.add_row([
            shared::minute(it.start.and_then(proto::time)),
            shared::minute(it.end.and_then(proto::time)),
            it.free.to_string(),
        ]);
    }
    table.to_string()
}

/// Lists places, or puts one.
pub(super) async fn run(session: &Session, args: PlacesArgs) -> anyhow::Result<Exit> {
    match args.verb {
        None => list(session).await,
        Some(Verb::Put(args)) => put(session, args).await,
    }
}

async fn list(session: &Session) -> anyhow::Result<Exit> {
    let list = async || {
        session.window.inspection().list_places(session.request(v1::ListPlacesRequest {})).await
    };
    let places = call(list).await?.places;
    session.print(&places, ("no places", "没有查验场地"), place_rows)
}

fn place_rows(places: &[v1::Place], language: Language) -> String {
    let english = ["place", "name", "at once", "minutes", "open", "rests", "closed", "ports"];
    let chinese = ["场地", "名称", "同时", "分钟", "开放", "休息日", "闭馆", "口岸"];
    let mut table = shared::table(&either(language, english, chinese), Some(1));
    for it in places {
        let name = match language {
            Language::English => &it.name,
            Language::Chinese => &it.name_zh,
        };
        let rests: Vec<_> = it.rest_days.iter().map(|day| weekday(*day, language)).collect();
        let ports = if it.port_codes.is_empty() {
            pick(language, "all", "全部").to_owned()
        } else {
            it.port_codes.join(", ")
        };
        table.add_row([
            it.id.clone(),
            name.clone(),
            it.capacity.to_string(),
            it.window_minutes.to_string(),
            format!("{}-{}", it.opens, it.closes),
            rests.join(", "),
            it.closed.join(", "),
            ports,
        ]);
    }
    table.to_string()
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
    let place: v1::Place = match file::json(&args.file, session.language) {
        Ok(place) => place,
        Err(problem) => return Ok(session.refused(&problem)?),
    };
    let request = v1::PutPlaceRequest { place: Some(place.clone()) };
    let put =
        async || session.window.inspection().put_place(session.request(request.clone())).await;
    call(put).await?;
    match session.output {
        Output::Json => say_json(&place)?,
        Output::Table => say(&place_rows(&[place], session.language))?,
    }
    Ok(Exit::Done)
}
