//! What every command works with: one way to call the window, one to read a list page by page, and one to
//! tell what came.

use client::Window;
use proto::v1;
use serde::Serialize;
use tonic::{Request, Response, Status};

use crate::problem::Problem;
use crate::words::pick;
use crate::{
    Exit, Language, Output, OutputFormat, csv, is_closed_pipe, print_json, print_line,
    print_refusal, table,
};

/// What every command works with.
#[derive(Debug, Clone)]
pub struct Session {
    /// The window.
    pub window: Window,
    /// For whom to write.
    pub output: Output,
    /// How to write lists.
    pub(crate) format: OutputFormat,
    /// In which language.
    pub language: Language,
}

impl Session {
    /// A request that asks for texts in the caller's language.
    pub(crate) fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        let language = pick(self.language, "en", "zh-CN");
        let language = tonic::metadata::MetadataValue::from_static(language);
        request.metadata_mut().insert("accept-language", language);
        request
    }

    /// Makes one call, again while that can help.
    pub(crate) async fn ask<Q: Clone, R>(
        &self,
        message: Q,
        call: impl AsyncFn(&Window, Request<Q>) -> Result<Response<R>, Status>,
    ) -> Result<R, Status> {
        let once = async || call(&self.window, self.request(message.clone())).await;
        client::repeat(once).await.map(Response::into_inner)
    }

    /// Reads what a list holds, at most so many, over as many pages as it takes.
    pub(crate) async fn pages<Q: PageRequest>(
        &self,
        mut message: Q,
        most: usize,
        call: impl AsyncFn(&Window, Request<Q>) -> Result<Response<Q::Page>, Status>,
    ) -> Result<Vec<Q::Item>, Status> {
        let mut items = Vec::new();
        while items.len() < most {
            let left = i32::try_from(most - items.len()).unwrap_or(i32::MAX); // the window gives a page at most
            message.size(left.min(domain::limits::PAGE_MAX));
            let (page, next) = Q::open(self.ask(message.clone(), &call).await?);
            items.extend(page);
            if next.is_empty() {
                break;
            }
            message.turn(next);
        }
        items.truncate(most);
        Ok(items)
    }

    /// Tells what a list holds.
    pub(crate) fn print<T: TableRow>(&self, items: &[T]) -> anyhow::Result<Exit> {
        print_rows(self.format, self.language, items)
    }

    /// Tells one thing: a line of JSON, or a text.
    pub(crate) fn print_one<T: Serialize>(
        &self,
        item: &T,
        text: impl FnOnce(&T, Language) -> String,
    ) -> anyhow::Result<Exit> {
        match self.output {
            Output::Json => print_json(item)?,
            Output::Table => print_line(&text(item, self.language))?,
        }
        Ok(Exit::Done)
    }

    /// Tells one thing: a line of JSON, or a sentence in both languages.
    pub(crate) fn print_sentence<T: Serialize>(
        &self,
        item: &T,
        english: impl AsRef<str>,
        chinese: impl AsRef<str>,
    ) -> anyhow::Result<Exit> {
        match self.output {
            Output::Json => print_json(item)?,
            Output::Table => print_line(match self.language {
                Language::English => english.as_ref(),
                Language::Chinese => chinese.as_ref(),
            })?,
        }
        Ok(Exit::Done)
    }
}

/// A request for one page of a list.
pub(crate) trait PageRequest: Clone {
    /// The answer.
    type Page;
    /// What the list is of.
    type Item;

    /// At most so many.
    fn size(&mut self, most: i32);

    /// The page behind this token.
    fn turn(&mut self, token: String);

    /// What a page holds, and the token of the next; empty on the last.
    fn open(page: Self::Page) -> (Vec<Self::Item>, String);
}

macro_rules! paged {
    ($($request:ident, $response:ident, $items:ident, $item:ident;)+) => {$(
        impl PageRequest for v1::$request {
            type Page = v1::$response;
            type Item = v1::$item;

            fn size(&mut self, most: i32) {
                self.page_size = most;
            }

            fn turn(&mut self, token: String) {
                self.page_token = token;
            }

            fn open(page: Self::Page) -> (Vec<Self::Item>, String) {
                (page.$items, page.next_page_token)
            }
        }
    )+};
}

paged! {
    ListRequest, ListResponse, records, DeclarationRecord;
    ListDocumentsRequest, ListDocumentsResponse, documents, DocumentRecord;
    ListOrdersRequest, ListOrdersResponse, orders, OrderRecord;
    ListCreditRequest, ListCreditResponse, firms, CreditRecord;
    ListStuckRequest, ListStuckResponse, items, StuckItem;
    ListKeysRequest, ListKeysResponse, records, KeyRecord;
    ListWebhooksRequest, ListWebhooksResponse, webhooks, Webhook;
    ListDeliveriesRequest, ListDeliveriesResponse, deliveries, WebhookDelivery;
    ListAccountsRequest, ListAccountsResponse, accounts, Account;
    ListEntriesRequest, ListEntriesResponse, entries, LedgerEntry;
    ListHoldsRequest, ListHoldsResponse, holds, Hold;
    ListDutiesRequest, ListDutiesResponse, duties, ImportDuty;
    ListBillsRequest, ListBillsResponse, bills, Bill;
    ListDutyOrdersRequest, ListDutyOrdersResponse, orders, DutyOrder;
    ListImportReturnsRequest, ListImportReturnsResponse, returns, ImportReturn;
    ListSalesRequest, ListSalesResponse, sales, Sale;
    ListForexReceiptsRequest, ListForexReceiptsResponse, receipts, ForexReceipt;
    ListSettlementsRequest, ListSettlementsResponse, settlements, Settlement;
    ListBankStatementsRequest, ListBankStatementsResponse, statements, StatementBalance;
    ListExportLinesRequest, ListExportLinesResponse, lines, ExportLine;
    ListInvoicesRequest, ListInvoicesResponse, invoices, RefundInvoice;
    ListClaimsRequest, ListClaimsResponse, claims, RefundClaim;
    ListClaimLinesRequest, ListClaimLinesResponse, lines, RefundClaimLine;
}

/// Something that lists hold.
pub(crate) trait TableRow: Serialize {
    /// What stands above the columns, in English and Chinese.
    const HEADER: &'static [(&'static str, &'static str)];
    /// What is said when a list holds nothing.
    const NONE: (&'static str, &'static str);
    /// The column that becomes narrow where the terminal is.
    const FLEXIBLE: Option<usize> = None;

    /// What stands in the columns.
    fn cells(&self, language: Language) -> Vec<String>;
}

/// How a list looks in one language.
pub(crate) struct Columns {
    /// What stands above the columns.
    pub(crate) header: Vec<&'static str>,
    /// The column that becomes narrow where the terminal is.
    pub(crate) flexible: Option<usize>,
    /// What is said when there is nothing.
    pub(crate) none: &'static str,
}

/// Tells what a list holds, every list the same way: a line of JSON for each item, rows for spreadsheets, a table,
/// or a sentence when there is nothing. Programs read the English words.
pub(crate) fn print_list<T: Serialize, C: IntoIterator<Item = String>>(
    (format, language): (OutputFormat, Language),
    items: &[T],
    columns: impl FnOnce(Language) -> Columns,
    cells: impl Fn(&T, Language) -> C,
) -> anyhow::Result<Exit> {
    match format {
        OutputFormat::Json => items.iter().try_for_each(print_json)?,
        OutputFormat::Csv => {
            print_line(&csv::row(columns(Language::English).header))?;
            for item in items {
                print_line(&csv::row(cells(item, Language::English)))?;
            }
        }
        OutputFormat::Table if items.is_empty() => print_line(columns(language).none)?,
        OutputFormat::Table => {
            let columns = columns(language);
            let mut table = table::table(&columns.header, columns.flexible);
            for item in items {
                table.add_row(cells(item, language));
            }
            print_line(&table.to_string())?;
        }
    }
    Ok(Exit::Done)
}

/// Tells what a list of such rows holds.
pub(crate) fn print_rows<T: TableRow>(
    format: OutputFormat,
    language: Language,
    items: &[T],
) -> anyhow::Result<Exit> {
    let columns = |language| Columns {
        header: header::<T>(language),
        flexible: T::FLEXIBLE,
        none: pick(language, T::NONE.0, T::NONE.1),
    };
    print_list((format, language), items, columns, T::cells)
}

fn header<T: TableRow>(language: Language) -> Vec<&'static str> {
    T::HEADER.iter().map(|(english, chinese)| pick(language, english, chinese)).collect()
}

/// Rows under their header.
pub(crate) fn rows<T: TableRow>(items: &[T], language: Language) -> String {
    let mut table = table::table(&header::<T>(language), T::FLEXIBLE);
    for item in items {
        table.add_row(item.cells(language));
    }
    table.to_string()
}

/// The end of every command: a refusal is told as one, whether we or the window said it, and a closed pipe
/// is no error.
pub(crate) fn settle(
    output: Output,
    language: Language,
    ended: anyhow::Result<Exit>,
) -> anyhow::Result<Exit> {
    let printed = ended.or_else(|error| {
        let problem = match error.downcast::<Problem>() {
            Ok(problem) => problem,
            Err(error) => Problem::of_status(&error.downcast::<Status>()?, language),
        };
        print_refusal(output, &problem).map_err(anyhow::Error::new)
    });
    printed.or_else(|error| if is_closed_pipe(&error) { Ok(Exit::Done) } else { Err(error) })
}
