//! `pay duties`, `duty`, `bills`, `bill`.

use proto::v1;

use super::listing::Listing;
use super::{PayPrinter, yuan};
use crate::table::{columns, fields};
use crate::words::{self, pick};
use crate::{Exit, Language, OutputFormat, print_json, print_line};

/// List duties of imports: those that wait for money, for example.
#[derive(Debug, clap::Args)]
pub(super) struct Duties {
    /// For which this firm stands (customs code) [default: all that you see].
    #[arg(long, value_name = "CODE")]
    payer: Option<String>,
    /// unassessed, short, secured, over-limit, ended or billed [default: all].
    #[arg(long, value_name = "STATE", value_parser = parse_state)]
    state: Option<v1::DutyState>,
}

/// Show the duty of one declaration: where it stands, and how it was computed.
#[derive(Debug, clap::Args)]
pub(super) struct Duty {
    /// declarations/{uuid}, or the UUID.
    declaration: String,
    /// How this version was computed [default: the newest].
    #[arg(long)]
    version: Option<u32>,
}

/// List tax bills (税单).
#[derive(Debug, clap::Args)]
pub(super) struct Bills {
    /// Of this firm (customs code) [default: all that you see].
    #[arg(long, value_name = "CODE")]
    payer: Option<String>,
    /// made-out, collected or void [default: all].
    #[arg(long, value_name = "STATUS", value_parser = parse_status)]
    status: Option<v1::BillStatus>,
}

/// Show one tax bill with its lines.
#[derive(Debug, clap::Args)]
pub(super) struct BillArgs {
    /// declarations/{uuid}, or the UUID.
    declaration: String,
}

fn parse_state(text: &str) -> Result<v1::DutyState, String> {
    Ok(match text {
        "unassessed" => v1::DutyState::Unassessed,
        "short" => v1::DutyState::Short,
        "secured" => v1::DutyState::Secured,
        "ended" => v1::DutyState::Ended,
        "billed" => v1::DutyState::Billed,
        "over-limit" => v1::DutyState::OverLimit,
        _ => {
            return Err("a state is unassessed, short, secured, over-limit, ended or billed".into());
        }
    })
}

fn parse_status(text: &str) -> Result<v1::BillStatus, String> {
    Ok(match text {
        "made-out" => v1::BillStatus::MadeOut,
        "collected" => v1::BillStatus::Collected,
        "void" => v1::BillStatus::Void,
        _ => return Err("a status is made-out, collected or void".into()),
    })
}

/// Where a duty stands.
pub fn state(language: Language, state: v1::DutyState) -> &'static str {
    let (english, chinese) = match state {
        v1::DutyState::Unspecified => ("?", "？"),
        v1::DutyState::Unassessed => ("cannot be computed", "无法计税"),
        v1::DutyState::Short => ("waits for money", "担保不足"),
        v1::DutyState::Secured => ("secured", "已担保"),
        v1::DutyState::Ended => ("ended", "已终结"),
        v1::DutyState::Billed => ("billed", "已出税单"),
        v1::DutyState::OverLimit => ("over a limit of the buyer", "超过订购人限额"),
    };
    pick(language, english, chinese)
}

/// How a bill stands.
pub fn status(language: Language, status: v1::BillStatus) -> &'static str {
    let (english, chinese) = match status {
        v1::BillStatus::Unspecified => ("?", "？"),
        v1::BillStatus::MadeOut => ("made out", "已生成"),
        v1::BillStatus::Collected => ("in a payment order", "已汇总"),
        v1::BillStatus::Void => ("void", "作废"),
    };
    pick(language, english, chinese)
}

/// Lists duties.
pub(super) async fn duties(teller: PayPrinter<'_>, args: Duties) -> anyhow::Result<Exit> {
    // Every state, where none is named.
    let asked = args.state.unwrap_or(v1::DutyState::Unspecified);
    let payer = proto::text(args.payer);
    let request = v1::ListDutiesRequest { payer, state: asked.into(), ..Default::default() };
    let list = async |it: &client::Window, ask| it.payment().list_duties(ask).await;
    let found = teller.session.pages(request, usize::MAX, list).await?;
    let listing: Listing<v1::ImportDuty, 6> = Listing {
        header: (
            ["declaration", "version", "state", "payer", "tax", "filed"],
            ["清单", "版本", "状态", "担保企业", "税款", "申报时间"],
        ),
        flexible: None,
        none: ("no duties", "没有税款"),
        row: |it, language| {
            [
                it.declaration.clone(),
                it.version.to_string(),
                state(language, it.state()).to_owned(),
                it.payer.clone(),
                yuan(it.amount_fen),
                words::when(it.filed_time.and_then(proto::time)),
            ]
        },
    };
    listing.print(teller, &found)
}

/// Shows one duty.
pub(super) async fn duty(teller: PayPrinter<'_>, args: Duty) -> anyhow::Result<Exit> {
    // The newest, where none is named.
    let version = args.version.unwrap_or(0);
    let request = v1::GetDutyRequest { declaration: args.declaration, version };
    let session = teller.session;
    let get = async |it: &client::Window, ask| it.payment().get_duty(ask).await;
    let found = session.ask(request, get).await?;
    match teller.format {
        OutputFormat::Json => print_json(&found)?,
        OutputFormat::Table | OutputFormat::Csv => {
            print_line(card(&found, session.language).trim_end())?
        }
    }
    Ok(Exit::Done)
}

fn card(found: &v1::GetDutyResponse, language: Language) -> String {
    let name = |english, chinese| pick(language, english, chinese);
    let Some(duty) = &found.duty else { return String::new() };
    let lines = [
        (name("declaration", "清单"), duty.declaration.clone()),
        (name("version", "版本"), duty.version.to_string()),
        (name("state", "状态"), state(language, duty.state()).to_owned()),
        (name("payer", "担保企业"), duty.payer.clone()),
        (name("tax", "税款"), format!("{} CNY", yuan(duty.amount_fen))),
        (name("hold", "冻结编号"), duty.hold_id.clone()),
        (name("customs number", "清单编号"), duty.invt_no.clone()),
    ];
    let mut text = fields(&lines, columns());
    let missing = match language {
        Language::English => &found.missing,
        Language::Chinese => &found.missing_zh,
    };
    for what in missing {
        text.push_str(&format!("\n! {what}"));
    }
    let trace = match found.applies.as_str() {
        "WITHIN" => &found.within,
        "FULL" => &found.full,
        _ => &None,
    };
    if let Some(trace) = trace {
        text.push_str("\n\n");
        tree(&mut text, trace, language, 0);
    }
    text.push('\n');
    text.push_str(&files(&found.files, language));
    text
}

/// The files that a tax was computed by, with the beginning of their digests.
pub(super) fn files(files: &[v1::ParameterFile], language: Language) -> String {
    let file = |it: &v1::ParameterFile| format!("{} {:.12}", it.name, it.sha256);
    let files = files.iter().map(file).collect::<Vec<_>>().join(", ");
    format!("{} {files}", pick(language, "by", "依据"))
}

/// A calculation as a tree, with the numbers of the law that it read.
pub(super) fn tree(text: &mut String, step: &v1::TaxStep, language: Language, depth: usize) {
    let indent = "  ".repeat(depth);
    let title = match language {
        Language::English => &step.title,
        Language::Chinese => &step.title_zh,
    };
    let result = yuan(step.result_fen);
    text.push_str(&format!("{indent}{title} = {result}  [{}]\n", step.rule));
    for v1::TaxInput { name, value } in &step.inputs {
        text.push_str(&format!("{indent}  · {name} = {value}\n"));
    }
    for read in &step.parameters {
        let v1::TaxParameter { name, value, valid_from, law, article, checked_on, .. } = read;
        let checked = match checked_on.as_str() {
            "" => String::new(),
            day => format!("; {} {day}", pick(language, "checked", "核对于")),
        };
        text.push_str(&format!(
            "{indent}  · {name} = {value}  [{valid_from}; {law} {article}{checked}]\n"
        ));
    }
    for inner in &step.steps {
        tree(text, inner, language, depth + 1);
    }
}

/// Lists bills.
pub(super) async fn bills(teller: PayPrinter<'_>, args: Bills) -> anyhow::Result<Exit> {
    // Every status, where none is named.
    let asked = args.status.unwrap_or(v1::BillStatus::Unspecified);
    let payer = proto::text(args.payer);
    let request = v1::ListBillsRequest { payer, status: asked.into(), ..Default::default() };
    let list = async |it: &client::Window, ask| it.payment().list_bills(ask).await;
    let found = teller.session.pages(request, usize::MAX, list).await?;
    let listing: Listing<v1::Bill, 8> = Listing {
        header: (
            [
                "number",
                "payer",
                "status",
                "duty",
                "VAT",
                "consumption tax",
                "pay until",
                "declaration",
            ],
            ["税单编号", "缴款企业", "状态", "关税", "增值税", "消费税", "缴款期限", "清单"],
        ),
        flexible: None,
        none: ("no tax bills", "没有税单"),
        row: |it, language| {
            [
                it.tax_no.clone(),
                it.payer.clone(),
                status(language, it.status()).to_owned(),
                yuan(it.customs_tax_fen),
                yuan(it.vat_fen),
                yuan(it.consumption_fen),
                it.due_until.clone(),
                it.declaration.clone(),
            ]
        },
    };
    listing.print(teller, &found)
}

/// Shows one bill.
pub(super) async fn bill(teller: PayPrinter<'_>, args: BillArgs) -> anyhow::Result<Exit> {
    let request = v1::GetBillRequest { declaration: args.declaration };
    let session = teller.session;
    let get = async |it: &client::Window, ask| it.payment().get_bill(ask).await;
    let found = session.ask(request, get).await?.bill;
    let lines = found.iter().flat_map(|bill| &bill.lines).cloned().collect::<Vec<_>>();
    if teller.format == OutputFormat::Json {
        found.iter().try_for_each(print_json)?;
        return Ok(Exit::Done);
    }
    if let (Some(bill), OutputFormat::Table) = (&found, teller.format) {
        let language = session.language;
        let name = |english, chinese| pick(language, english, chinese);
        let until = format!("{} … {}", bill.due_from, bill.due_until);
        let card = [
            (name("number", "税单编号"), bill.tax_no.clone()),
            (name("customs number", "清单编号"), bill.invt_no.clone()),
            (name("payer", "缴款企业"), bill.payer.clone()),
            (name("status", "状态"), status(language, bill.status()).to_owned()),
            (name("returned", "已退税款"), yuan(bill.returned_fen)),
            (name("to be paid", "缴款期间"), until),
            (name("payment order", "缴款书编号"), bill.ent_duty_no.clone()),
        ];
        print_line(&fields(&card, columns()))?;
    }
    let listing: Listing<v1::BillLine, 6> = Listing {
        header: (
            ["line", "code", "dutiable value", "duty", "VAT", "consumption tax"],
            ["项", "商品编码", "完税价格", "关税", "增值税", "消费税"],
        ),
        flexible: None,
        none: ("no lines", "没有商品项"),
        row: |it, _| {
            [
                it.gnum.to_string(),
                it.gcode.clone(),
                domain::rules::decimal(it.tax_price_e5),
                yuan(it.customs_tax_fen),
                yuan(it.vat_fen),
                yuan(it.consumption_fen),
            ]
        },
    };
    listing.print(teller, &lines)
}
