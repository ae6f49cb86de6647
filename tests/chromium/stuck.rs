//! What is stuck, in a browser: the operator has one item tried again and gives another one up.

use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, Connection as _};

use crate::{Sandbox, enters, looks, plays, starts};

/// Plants or takes away what keeps the inspection service from taking in declarations.
fn executes(sandbox: &Sandbox, statement: &'static str) {
    let options = PgConnectOptions::new()
        .socket(sandbox.directory.path().join("run"))
        .username("single_window")
        .database("single_window");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(async {
        let mut database = PgConnection::connect_with(&options).await.expect("PostgreSQL answers");
        sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut database).await.expect("it is ours");
    });
}

#[test]
fn an_operator_goes_on_with_what_is_stuck() {
    let Some((sandbox, driver)) = starts() else { return };
    let (wide, origin) = enters(&sandbox, &driver);
    executes(
        &sandbox,
        "alter table inspection.consignment add constraint planted check (port_code <> '4220')",
    );
    let stories = ["one", "two"].map(|_| {
        wide.opens(&format!("{origin}/console/sandbox"));
        wide.clicks("button[value=ACCEPT]");
        wide.arrives("/console/declarations/");
        wide.address()
    });
    plays(&wide, &origin, "admin");
    let operation = format!("{origin}/console/operation");
    let rows = "document.querySelectorAll(\"form[action='/console/operation/drop']\").length";
    wide.opens(&operation);
    // It is set aside after a few tries.
    while wide.finds(&format!("return {rows}")) != 2 {
        wide.opens(&operation);
    }
    looks(&wide, "operation-stuck", &origin, false);

    // As long as the cause is there, another try changes nothing.
    let id = |story: &str| story.rsplit('/').next().expect("an id").to_owned();
    let row = |story: &str| format!("tr:has(a[href$='{}'])", id(story));
    let [again, given_up] = &stories;
    executes(&sandbox, "alter table inspection.consignment drop constraint planted");
    wide.clicks(&format!("{} form[action$='/retry'] button", row(again)));
    wide.holds(&format!("!document.querySelector(\"{}\")", row(again)));
    wide.clicks(&format!("{} summary", row(given_up)));
    wide.clicks(&format!("{} form[action$='/drop'] button", row(given_up)));
    wide.sees("Nothing is stuck.");
    plays(&wide, &origin, "enterprise-a");
    wide.opens(again);
    wide.sees("RELEASED, release");
    wide.opens(given_up);
    let page = wide.finds("return document.body.innerText");
    assert!(page.as_str().is_some_and(|page| !page.contains("RELEASED, release")), "{page}");
}
