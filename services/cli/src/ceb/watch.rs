//! `ceb watch`: the folder that firms' systems know from the national platform's client. Messages are
//! put in, receipts come out; the window may be away meanwhile, and so may this process.
//!
//! Sending and receiving go on side by side. A message stays claimed until the window has answered
//! it; only then is its sender's exchange number remembered and the file laid aside.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::ffi::{OsStr, OsString};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use client::Update;
use futures::StreamExt as _;
use futures::stream::{BoxStream, SelectAll};
use proto::status::{Language, is_worth_repeating};
use proto::v1;
use serde_json::{Value, json};
use tokio::sync::watch::{Receiver, Sender, channel};
use tokio::time::{MissedTickBehavior, interval, sleep};
use tonic::{Code as Grpc, Status};

use super::super::problem::{BrokenRule, Problem};
use super::super::watch::ConnectionNotice;
use super::super::words::pick;
use super::super::{Exit, Output, Session, clean, print_json, print_line, reader_gone};
use super::folder::{Folder, Patience, receipt_name};
use super::{advice, message, receipts, send, standing};

/// Between looks into the folder.
const LOOK: Duration = Duration::from_millis(500);
/// Before the second attempt at something; doubled until the last.
const PAUSE_FIRST: Duration = Duration::from_millis(500);
const PAUSE_LAST: Duration = Duration::from_secs(30);
/// Receipts that are made durable together.
const BATCH: usize = 64;

/// Watch a folder: send what is put there, and write the receipts beside it.
///
/// Takes *.xml and *.xml.gz (messages or DxpMsg envelopes) out of DIR once they are completely
/// written. What the window took goes to DIR/done; what it refused goes to DIR/failed, with the
/// reasons in a .txt (words) and a .json beside it. Receipts are written to DIR/receipts, below a folder
/// for each exchange number, one file each: DXPENT1/POSITION-CEB622-NUMBER.xml. When a document has come
/// to its end, a line says how, and where to read why. While the window is away, files stay in DIR/.work and are sent
/// when it is back. Write a file under another name (a.xml.tmp) and rename it, or simply write it.
#[derive(Debug, clap::Args)]
pub(super) struct FolderWatchArgs {
    /// The folder.
    #[arg(value_name = "DIR")]
    pub(super) dir: PathBuf,
    /// Send what is there, fetch the receipts that are there, and end.
    #[arg(long)]
    pub(super) once: bool,
    /// Fetch the receipts of this exchange number too; those of senders are fetched anyway.
    #[arg(long, value_name = "ID")]
    pub(super) dxp_id: Vec<String>,
    /// How long a file must rest before it is taken, in milliseconds.
    #[arg(long, value_name = "MILLISECONDS", default_value_t = 1000)]
    pub(super) settle: u64,
}

/// Watches until Ctrl-C, or once.
///
/// # Errors
///
/// What kept it from doing so.
pub(super) async fn run(session: &Session, args: FolderWatchArgs) -> anyhow::Result<Exit> {
    let folder = Folder::open(&args.dir)?;
    for dxp_id in &args.dxp_id {
        anyhow::ensure!(!dxp_id.trim().is_empty(), "--dxp-id is empty");
        folder.follow(dxp_id)?;
    }
    let (followed, follow) = channel(folder.cursors()?.into_keys().collect());
    let teller = LinePrinter { output: session.output, language: session.language };
    let patience = Patience::new(Duration::from_millis(args.settle));
    let mut sender =
        Clerk { session, folder: &folder, teller, patience, followed, worst: Exit::Done };
    if args.once {
        return tokio::select! {
            ended = sender.once() => ended,
            () = crate::interrupted() => Ok(Exit::Done),
        };
    }
    tokio::select! {
        ended = sender.forever() => ended.map(|never| match never {}),
        ended = receive(session, &folder, teller, follow) => ended.map(|never| match never {}),
        () = crate::interrupted() => Ok(Exit::Done),
        () = reader_gone() => Ok(Exit::Done),
    }
}

/// Sends what is in the folder.
struct Clerk<'a> {
    session: &'a Session,
    folder: &'a Folder,
    teller: LinePrinter,
    patience: Patience,
    /// The exchange numbers whose receipts are fetched.
    followed: Sender<BTreeSet<String>>,
    /// How it went so far.
    worst: Exit,
}

/// A file could not be delivered yet.
enum DeliveryEnd {
    Delivered,
    WindowAway,
}

impl Clerk<'_> {
    async fn forever(&mut self) -> anyhow::Result<Infallible> {
        let mut looks = interval(LOOK);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut troubled = false;
        loop {
            looks.tick().await;
            match self.round(true).await {
                Ok(_) => troubled = false,
                // A full disk or a share that is away: it may be better next time.
                Err(error) => {
                    if !std::mem::replace(&mut troubled, true) {
                        self.teller.trouble(&error)?;
                    }
                    sleep(PAUSE_LAST / 6).await;
                }
            }
        }
    }

    async fn once(&mut self) -> anyhow::Result<Exit> {
        while self.round(false).await? {
            sleep(LOOK).await;
        }
        for (dxp_id, mut after) in self.folder.cursors()? {
            loop {
                let page = match receipts::page(
                    self.session,
                    &receipts::LogSelection::all(&dxp_id),
                    after,
                )
                .await
                {
                    Ok(page) => page,
                    Err(status) => {
                        self.teller.unfollowed(&dxp_id, &status)?;
                        self.worst = self.worst.max(Exit::of_grpc(status.code()));
                        break;
                    }
                };
                if page.messages.is_empty() {
                    break;
                }
                after = keep(self.folder, self.teller, &dxp_id, &page.messages)?.max(after + 1);
            }
        }
        Ok(self.worst)
    }

    /// Sends what may be sent now. True while files wait that are not finished. Without `stubborn`,
    /// a window that is away ends it.
    async fn round(&mut self, stubborn: bool) -> io::Result<bool> {
        for name in self.folder.claimed()? {
            if let DeliveryEnd::WindowAway = self.deliver(&name, stubborn).await? {
                return Ok(false);
            }
        }
        let waiting = self.folder.waiting()?;
        let (found, folder) = (waiting.len(), self.folder);
        let ready = self.patience.ready(waiting, Instant::now(), |file| folder.is_whole(file));
        let left = found > ready.len();
        for name in ready {
            let claimed = match self.folder.claim(&name) {
                Ok(claimed) => claimed,
                // Its writer took it back.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(error),
            };
            if let DeliveryEnd::WindowAway = self.deliver(&claimed, stubborn).await? {
                return Ok(false);
            }
        }
        Ok(left)
    }

    async fn deliver(&mut self, name: &OsString, stubborn: bool) -> io::Result<DeliveryEnd> {
        let shown = name.to_string_lossy();
        let language = self.session.language;
        let file = match message::open(&self.folder.work(name), language) {
            Ok(file) => file,
            Err(problem) => return self.lay_aside(name, &problem, None),
        };
        let mut pause = PAUSE_FIRST;
        let answer = loop {
            let sent = if stubborn {
                send::once(self.session, &file.bytes).await
            } else {
                send::send(self.session, &file.bytes).await
            };
            match sent {
                Err(status) if is_away(&status) => {
                    let problem = Problem::of_status(&status, language);
                    if pause == PAUSE_FIRST {
                        self.teller.waiting(&shown, &problem)?;
                    }
                    if !stubborn {
                        self.worst = self.worst.max(problem.exit);
                        return Ok(DeliveryEnd::WindowAway);
                    }
                    sleep(pause).await;
                    pause = PAUSE_LAST.min(pause * 2);
                }
                answered => break answered,
            }
        };
        match answer {
            Err(status) => self.lay_aside(name, &Problem::of_status(&status, language), None),
            Ok(answer) => {
                self.remember(&file.bytes)?;
                if let Some(problem) = send::faults(&answer, language) {
                    let receipt = answer.messages.first().map(|message| message.xml.as_str());
                    return self.lay_aside(name, &problem, receipt);
                }
                if let Some(problem) = send::refused_whole(&answer, language) {
                    return self.lay_aside(name, &problem, None);
                }
                let kept = self.folder.done(name)?;
                self.teller.sent(&kept, &answer)?;
                Ok(DeliveryEnd::Delivered)
            }
        }
    }

    /// The sender's receipts are fetched from now on, also after a restart.
    fn remember(&self, bytes: &[u8]) -> io::Result<()> {
        let Ok(message) = message::contents(bytes) else { return Ok(()) };
        let dxp_id = message.transfer.dxp_id;
        if !dxp_id.is_empty() && self.folder.follow(&dxp_id)? {
            self.followed.send_modify(|ids| {
                ids.insert(dxp_id);
            });
        }
        Ok(())
    }

    fn lay_aside(
        &mut self,
        name: &OsStr,
        problem: &Problem,
        receipt: Option<&str>,
    ) -> io::Result<DeliveryEnd> {
        let shown = name.to_string_lossy();
        let words = clean(&problem.clone().in_file(&shown).text()) + "\n";
        let machine = serde_json::to_string_pretty(problem).map_err(io::Error::from)? + "\n";
        let mut reasons = vec![(".txt", words.as_str()), (".json", machine.as_str())];
        reasons.extend(receipt.map(|xml| (".CEB900.xml", xml)));
        let kept = self.folder.failed(name, &reasons)?;
        self.worst = self.worst.max(problem.exit);
        self.teller.failed(&kept, problem)?;
        Ok(DeliveryEnd::Delivered)
    }
}

/// Whether the same file may be taken later.
fn is_away(status: &Status) -> bool {
    is_worth_repeating(status.code()) || status.code() == Grpc::DeadlineExceeded
}

/// Writes receipts as they come, for ever.
async fn receive(
    session: &Session,
    folder: &Folder,
    teller: LinePrinter,
    mut follow: Receiver<BTreeSet<String>>,
) -> anyhow::Result<Infallible> {
    loop {
        let Err(error) = listen(session, folder, teller, &mut follow).await;
        // What was not written is asked for again: its cursor has not moved.
        teller.trouble(&error)?;
        sleep(PAUSE_LAST / 6).await;
        follow.mark_changed();
    }
}

type Batch = (String, Vec<Result<Update<v1::OutgoingMessage>, Status>>);

/// Follows every number that is remembered, until a receipt cannot be written.
async fn listen(
    session: &Session,
    folder: &Folder,
    teller: LinePrinter,
    follow: &mut Receiver<BTreeSet<String>>,
) -> io::Result<Infallible> {
    let mut followed = BTreeSet::new();
    let mut news: SelectAll<BoxStream<'static, Batch>> = SelectAll::new();
    let mut connection = ConnectionNotice::new(session.language);
    follow.mark_changed();
    loop {
        tokio::select! {
            changed = follow.changed() => {
                if changed.is_err() {
                    // Nobody sends any more; what is followed goes on.
                    std::future::pending::<()>().await;
                }
                let wanted = follow.borrow_and_update().clone();
                let cursors = folder.cursors()?;
                for dxp_id in &wanted - &followed {
                    let after = cursors.get(&dxp_id).copied().unwrap_or_default(); // from its first receipt
                    let receipts = client::receipt_updates(session.window.clone(), dxp_id.clone(), after);
                    let tagged = move |batch| (dxp_id.clone(), batch);
                    news.push(receipts.ready_chunks(BATCH).map(tagged).boxed());
                }
                followed = wanted;
            }
            Some((dxp_id, batch)) = news.next(), if !news.is_empty() => {
                let mut messages = Vec::with_capacity(batch.len());
                for receipts in batch {
                    match receipts {
                        Ok(Update::Entry(message)) => messages.push(message),
                        Ok(Update::Heartbeat) => {}
                        Ok(Update::Lost(status)) => connection.lost(&status)?,
                        Ok(Update::Back) => connection.back()?,
                        Err(status) => teller.unfollowed(&dxp_id, &status)?,
                    }
                }
                keep(folder, teller, &dxp_id, &messages)?;
            }
        }
    }
}

/// Makes receipts durable, then says so. Gives back the position up to which they are there.
fn keep(
    folder: &Folder,
    teller: LinePrinter,
    dxp_id: &str,
    messages: &[v1::OutgoingMessage],
) -> io::Result<u64> {
    let mut written = Vec::with_capacity(messages.len());
    for message in messages {
        let (kind, label) = title(message);
        let name = receipt_name(message.position, &kind, &label);
        written.push((message, folder.receipt(dxp_id, &name, &message.xml)?));
    }
    let last = messages.iter().map(|message| message.position).max().unwrap_or_default(); // none came
    if last > 0 {
        folder.seal(dxp_id, last)?;
    }
    written.iter().try_for_each(|(message, file)| teller.received(dxp_id, message, file))?;
    Ok(last)
}

/// Numbers by which a firm knows its document, the best one first.
const NUMBERS: [&str; 6] =
    ["copNo", "orderNo", "payTransactionId", "logisticsNo", "invtNo", "coElNo"];

/// What a message is, and the number that its document is known by, or else its guid.
fn title(message: &v1::OutgoingMessage) -> (String, String) {
    let receipt = message.receipts.first();
    let guid = receipt.map(|receipt| receipt.document_guid.as_str());
    let found = NUMBERS.into_iter().find_map(|name| text_of(&message.xml, name));
    let label = found.or(guid.filter(|guid| !guid.is_empty())).or(text_of(&message.xml, "guid"));
    let kind = match message.message_type {
        0 => root_of(&message.xml).unwrap_or_default().to_owned(), // the name of a file, no more
        number => receipts::kind(number),
    };
    (kind, label.unwrap_or_default().to_owned()) // the position alone tells files apart
}

/// The text of the first element of this name. Good enough for the name of a file: the window writes
/// these elements without attributes, and an odd value is made harmless.
fn text_of<'x>(xml: &'x str, name: &str) -> Option<&'x str> {
    let mut rest = xml;
    loop {
        rest = &rest[rest.find(name)?..];
        let is_start = xml[..xml.len() - rest.len()].ends_with(['<', ':']);
        rest = &rest[name.len()..];
        if let Some(text) = rest.strip_prefix('>').filter(|_| is_start) {
            let text = &text[..text.find('<')?];
            return Some(text.trim()).filter(|text| !text.is_empty());
        }
    }
}

/// CEB621 of `<ceb:CEB621Message …>`.
fn root_of(xml: &str) -> Option<&str> {
    let start = xml.find("CEB")?;
    xml.get(start..start + 6)
}

/// One line for everything that happens.
#[derive(Debug, Clone, Copy)]
struct LinePrinter {
    output: Output,
    language: Language,
}

impl LinePrinter {
    fn print(self, words: &str, event: &Value) -> io::Result<()> {
        match self.output {
            Output::Table => print_line(words),
            Output::Json => print_json(event),
        }
    }

    fn sent(self, kept: &Path, answer: &v1::SendResponse) -> io::Result<()> {
        let word = pick(self.language, "sent", "已发送");
        let answers = answer.messages.iter().flat_map(|message| &message.receipts);
        let answers: Vec<_> =
            answers.map(|it| receipts::receipt_text_with_page(it, self.language)).collect();
        let (file, kind) = (kept.display().to_string(), receipts::kind(answer.message_type));
        // Each document has an answer of its own, and one may be a refusal.
        let answers = match &answers[..] {
            [one] => format!("  {one}"),
            several => several.iter().map(|one| format!("\n      {one}")).collect(),
        };
        let words = format!("{word}  {file}  {kind}{answers}");
        self.print(&words, &json!({ "event": "sent", "file": file, "answer": answer }))
    }

    fn failed(self, kept: &Path, problem: &Problem) -> io::Result<()> {
        let word = pick(self.language, "refused", "被拒绝");
        let file = kept.display().to_string();
        let why = problem.text();
        let why = why.lines().next().unwrap_or_default(); // a text has a first line
        let see = pick(self.language, "see", "详见");
        let words = format!("{word}  {file}  {why}; {see} {file}.txt");
        self.print(&words, &json!({ "event": "refused", "file": file, "refusal": problem }))
    }

    fn waiting(self, name: &str, problem: &Problem) -> io::Result<()> {
        let word = pick(self.language, "waiting", "等待");
        let words = format!("{word}  {name}  {}", problem.text().replace("\n  ", "; "));
        self.print(&words, &json!({ "event": "waiting", "file": name, "refusal": problem }))
    }

    fn received(self, dxp_id: &str, message: &v1::OutgoingMessage, file: &Path) -> io::Result<()> {
        let word = pick(self.language, "receipt", "回执");
        let file = file.display().to_string();
        let receipts = message.receipts.iter().map(|it| receipts::receipt_text(it, self.language));
        let bills = message.tax_bills.iter().map(|it| receipts::bill_text(it, self.language));
        let texts = receipts.chain(bills).collect::<Vec<_>>().join("; ");
        let event = json!({
            "event": "receipt",
            "dxp_id": dxp_id,
            "position": message.position,
            "file": file,
            "message_type": message.message_type,
            "receipts": message.receipts,
            "tax_bills": message.tax_bills,
        });
        self.print(&format!("{word}  {file}  {texts}"), &event)?;
        message.receipts.iter().try_for_each(|receipt| self.ended(dxp_id, message, receipt))
    }

    /// How a document ended, once nothing more is expected.
    fn ended(
        self,
        dxp_id: &str,
        message: &v1::OutgoingMessage,
        receipt: &v1::Receipt,
    ) -> io::Result<()> {
        if !standing::is_end(message.message_type, receipt.return_status) {
            return Ok(());
        }
        let no = standing::is_refusal(receipt.return_status);
        let word = if no {
            pick(self.language, "ended: no", "终结：未通过")
        } else {
            pick(self.language, "ended: done", "终结：办结")
        };
        let document = receipts::kind(message.message_type.saturating_sub(1));
        let texts = receipts::receipt_text_with_page(receipt, self.language);
        let event = json!({
            "event": "ended",
            "dxp_id": dxp_id,
            "refused": no,
            "receipt": receipt,
            "page": advice::page(receipt.return_status, &receipt.return_info),
        });
        self.print(&format!("{word}  {document}  {texts}"), &event)
    }

    /// The receipts of a number cannot be had, and asking again would not help.
    fn unfollowed(self, dxp_id: &str, status: &Status) -> io::Result<()> {
        let problem = Problem::of_status(status, self.language);
        let word = pick(self.language, "no receipts of", "无法获取回执");
        let words = format!("{word} {dxp_id}: {}", problem.text());
        self.print(&words, &json!({ "event": "unfollowed", "dxp_id": dxp_id, "refusal": problem }))
    }

    /// Something is wrong with the folder itself.
    fn trouble(self, error: &io::Error) -> io::Result<()> {
        let why = BrokenRule::plain(domain::Code::FileUnreadable, error.to_string());
        let problem = Problem::local(domain::Code::FileUnreadable, self.language, vec![why]);
        match self.output {
            Output::Table => writeln!(io::stderr(), "{}", clean(&problem.text())),
            Output::Json => print_json(&json!({ "event": "trouble", "refusal": problem })),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(message_type: u32, xml: &str) -> v1::OutgoingMessage {
        v1::OutgoingMessage { message_type, xml: xml.to_owned(), ..Default::default() }
    }

    #[test]
    fn a_receipt_is_named_by_the_number_that_its_firm_knows() {
        let of = |number, xml: &str| title(&message(number, xml));
        let both = "<CEB622Message><InventoryReturn><guid>G</guid><copNo>C1</copNo>\
                    <orderNo>O1</orderNo></InventoryReturn></CEB622Message>";
        assert_eq!(of(622, both), ("CEB622".to_owned(), "C1".to_owned()));
        let order = "<ceb:CEB304Message><ceb:guid>G</ceb:guid><ceb:orderNo> O1 </ceb:orderNo>";
        assert_eq!(of(304, order), ("CEB304".to_owned(), "O1".to_owned()));
        let neither = "<CEB900Message><x><guid>G</guid><copNo></copNo><copNo/></x>";
        assert_eq!(of(900, neither), ("CEB900".to_owned(), "G".to_owned()));
        let copy = "<ceb:CEB621Message guid=\"M\"><oricopNo>no</oricopNo>";
        assert_eq!(of(0, copy), ("CEB621".to_owned(), String::new()));
    }

    #[test]
    fn a_window_that_is_away_is_waited_for() {
        assert!(is_away(&Status::unavailable("")));
        assert!(is_away(&Status::deadline_exceeded("")));
        assert!(!is_away(&Status::internal("")));
        assert!(!is_away(&Status::permission_denied("")));
    }

    #[test]
    fn receipts_are_durable_before_they_are_told() {
        let place = tempfile::tempdir().expect("a temporary directory");
        let folder = Folder::open(place.path()).expect("nobody else watches it");
        folder.follow("DXPENT1").expect("remembered");
        let teller = LinePrinter { output: Output::Json, language: Language::English };
        let mut receipt = message(622, "<a><copNo>C1</copNo></a>");
        receipt.position = 7;
        let kept = keep(&folder, teller, "DXPENT1", &[receipt]).expect("kept");
        assert_eq!((kept, folder.cursors().expect("a list")["DXPENT1"]), (7, 7));
        assert!(place.path().join("receipts/DXPENT1/000000000007-CEB622-C1.xml").exists());
    }
}
