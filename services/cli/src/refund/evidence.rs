//! `refund evidence`: a claim with its evidence list as one folder, for the auditor and for the years in which filing
//! documents (备案单证) have to be kept: lines and evidence as CSV, the claim as XML, each document under its digest.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use proto::v1;
use quick_xml::Writer;
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use crate::pay::{PayPrinter, yuan};
use crate::words::{decimal, hex, pick};
use crate::{BilingualText, Exit, Session, attachments, csv, print_line, progress, read};

/// Write a claim with its evidence into a folder: lines and evidence as CSV, the claim as XML, documents by digest.
#[derive(Debug, clap::Args)]
pub(super) struct EvidenceArgs {
    /// refunds/{firm}-{YYYYMM}-{batch}.
    name: String,
    /// The folder; what is in it already is written again.
    folder: PathBuf,
}

/// A piece of evidence for a line.
struct EvidenceRow {
    line: u32,
    kind: &'static str,
    name: String,
    digest: String,
}

/// The folder, with the documents that are in it.
struct Folder {
    path: PathBuf,
    written: BTreeSet<String>,
}

impl Folder {
    fn new(path: PathBuf) -> anyhow::Result<Self> {
        let documents = path.join("documents");
        fs::create_dir_all(&documents).with_context(|| BilingualText::unwritable(&documents))?;
        Ok(Self { path, written: BTreeSet::new() })
    }

    fn write(&self, name: &str, text: impl AsRef<[u8]>) -> anyhow::Result<()> {
        let file = self.path.join(name);
        fs::write(&file, text).with_context(|| BilingualText::unwritable(&file))
    }

    /// Keeps a document under its digest, once; gives the digest.
    fn keep(&mut self, document: &impl Serialize) -> anyhow::Result<String> {
        let bytes = serde_json::to_vec_pretty(document)?;
        let digest = hex(&Sha256::digest(&bytes));
        if self.written.insert(digest.clone()) {
            let name = Path::new("documents").join(format!("{digest}.json"));
            self.write(&name.to_string_lossy(), bytes)?;
        }
        Ok(digest)
    }
}

/// Writes the folder.
pub(super) async fn evidence(teller: PayPrinter<'_>, args: EvidenceArgs) -> anyhow::Result<Exit> {
    let session = teller.session;
    let request = v1::GetClaimRequest { name: args.name.clone() };
    let get = async |it: &client::Window, ask| it.refund().get_claim(ask).await;
    let claim = session.ask(request, get).await?.claim.unwrap_or_default(); // the window always says it
    let lines = lines(session, &args.name).await?;
    let invoices = invoices(session, &claim.firm).await?;
    let mut folder = Folder::new(args.folder)?;
    let mut evidence = Vec::new();
    let mut declarations: BTreeMap<String, Vec<(&'static str, String, String)>> = BTreeMap::new();
    let bar = progress::bar(lines.len(), pick(session.language, "lines", "条明细"));
    for line in &lines {
        bar.inc(1);
        let export = line.export_line.split("/lines/").next().unwrap_or_default(); // the whole name
        if !declarations.contains_key(export) {
            let of = declaration(session, &mut folder, export).await?;
            declarations.insert(export.to_owned(), of);
        }
        let of = declarations.get(export).into_iter().flatten();
        let row = |(kind, name, digest): &(&'static str, String, String)| EvidenceRow {
            line: line.line,
            kind,
            name: name.clone(),
            digest: digest.clone(),
        };
        evidence.extend(of.map(row));
        let number = (line.invoice_code.clone(), line.invoice_number.clone());
        if let Some(invoice) = invoices.get(&number) {
            let digest = folder.keep(invoice)?;
            let name = format!("{}-{}", invoice.code, invoice.number);
            evidence.push(EvidenceRow { line: line.line, kind: "invoice", name, digest });
        }
    }
    bar.finish_and_clear();
    folder.write("claim.xml", xml(&claim, &lines, &evidence)?)?;
    folder.write("lines.csv", lines_csv(&lines))?;
    folder.write("evidence.csv", evidence_csv(&evidence))?;
    let (count, documents, shown) = (lines.len(), folder.written.len(), folder.path.display());
    let english = format!("{count} lines and {documents} documents are in {shown}");
    let chinese = format!("{count}条明细、{documents}份单证已写入{shown}");
    print_line(pick(session.language, &english, &chinese))?;
    Ok(Exit::Done)
}

async fn lines(session: &Session, name: &str) -> anyhow::Result<Vec<v1::RefundClaimLine>> {
    let request = v1::ListClaimLinesRequest { name: name.to_owned(), ..Default::default() };
    let list = async |it: &client::Window, ask| it.refund().list_claim_lines(ask).await;
    Ok(session.pages(request, usize::MAX, list).await?)
}

type Invoices = BTreeMap<(String, String), v1::RefundInvoice>;

async fn invoices(session: &Session, firm: &str) -> anyhow::Result<Invoices> {
    let request = v1::ListInvoicesRequest { firm: firm.to_owned(), ..Default::default() };
    let list = async |it: &client::Window, ask| it.refund().list_invoices(ask).await;
    let found = session.pages(request, usize::MAX, list).await?;
    Ok(found.into_iter().map(|it| ((it.code.clone(), it.number.clone()), it)).collect())
}

/// The declaration of a line, with its history, and what was attached to it or found: its bytes too, where they are.
async fn declaration(
    session: &Session,
    folder: &mut Folder,
    name: &str,
) -> anyhow::Result<Vec<(&'static str, String, String)>> {
    let record = read::fetch(session, name).await?;
    let mut found = vec![("declaration", name.to_owned(), folder.keep(&record)?)];
    for attached in attachments::of(session, name).await? {
        let digest = attached.sha256;
        if attached.stored_time.is_some() && folder.written.insert(digest.clone()) {
            let documents = folder.path.join("documents");
            attachments::fetch(session, name, digest.clone(), &documents).await?;
        }
        found.push(("attachment", attached.name, digest));
    }
    Ok(found)
}

fn lines_csv(lines: &[v1::RefundClaimLine]) -> String {
    let header = [
        "line",
        "export_line",
        "form",
        "invoice_code",
        "invoice_number",
        "invoice_line",
        "quantity",
        "net",
        "claimed",
        "paid",
        "paid_back",
        "state",
    ];
    let row = |line: &v1::RefundClaimLine| {
        csv::row([
            line.line.to_string(),
            line.export_line.clone(),
            line.entry_id.clone(),
            line.invoice_code.clone(),
            line.invoice_number.clone(),
            line.invoice_line.to_string(),
            decimal(line.qty_e5),
            yuan(line.net_fen),
            yuan(line.amount_fen),
            yuan(line.paid_fen),
            yuan(line.repaid_fen),
            line.state().as_str_name().to_owned(),
        ])
    };
    let rows = std::iter::once(csv::row(header)).chain(lines.iter().map(row));
    rows.map(|row| row + "\r\n").collect()
}

fn evidence_csv(evidence: &[EvidenceRow]) -> String {
    let row = |it: &EvidenceRow| {
        csv::row([it.line.to_string(), it.kind.to_owned(), it.name.clone(), it.digest.clone()])
    };
    let header = csv::row(["line", "kind", "name", "sha256"]);
    let rows = std::iter::once(header).chain(evidence.iter().map(row));
    rows.map(|row| row + "\r\n").collect()
}

fn xml(
    claim: &v1::RefundClaim,
    lines: &[v1::RefundClaimLine],
    evidence: &[EvidenceRow],
) -> anyhow::Result<Vec<u8>> {
    let mut writer = Writer::new_with_indent(Vec::new(), b' ', 2);
    let (amount, paid) = (yuan(claim.amount_fen), yuan(claim.paid_fen));
    let head = writer.create_element("claim").with_attributes([
        ("name", claim.name.as_str()),
        ("firm", claim.firm.as_str()),
        ("month", claim.month.as_str()),
        ("state", claim.state().as_str_name()),
        ("amount", amount.as_str()),
        ("paid", paid.as_str()),
    ]);
    head.write_inner_content(|writer| {
        for line in lines {
            let (number, quantity) = (line.line.to_string(), decimal(line.qty_e5));
            let (claimed, paid) = (yuan(line.amount_fen), yuan(line.paid_fen));
            let element = writer.create_element("line").with_attributes([
                ("number", number.as_str()),
                ("exportLine", line.export_line.as_str()),
                ("entryId", line.entry_id.as_str()),
                ("invoiceNumber", line.invoice_number.as_str()),
                ("quantity", quantity.as_str()),
                ("claimed", claimed.as_str()),
                ("paid", paid.as_str()),
                ("state", line.state().as_str_name()),
            ]);
            element.write_inner_content(|writer| {
                // They stand in the order of the lines.
                let from = evidence.partition_point(|it| it.line < line.line);
                let own = evidence.iter().skip(from).take_while(|it| it.line == line.line);
                for it in own {
                    let element = writer.create_element("evidence").with_attributes([
                        ("kind", it.kind),
                        ("name", it.name.as_str()),
                        ("sha256", it.digest.as_str()),
                    ]);
                    element.write_empty()?;
                }
                Ok(())
            })?;
        }
        Ok(())
    })?;
    Ok(writer.into_inner())
}
