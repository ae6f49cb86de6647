//! Tokens and positions tell nothing of the neighbours in a slot, and are of use to nobody else.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use domain::Slot;
use proto::v1;
use tonic::{Response, Status, Streaming};

use crate::harness::national::{Erp, import};
use crate::harness::people::{self, Enterprise, FIRM_A, code, filing};
use crate::harness::{PATIENCE, Sandbox};

/// Another one of the same slot, made of numbers.
fn neighbour(of: &str, prefix: &str) -> String {
    let digits = of.len() - prefix.len();
    let mut all = (0..).map(|number| format!("{prefix}{number:0digits$}"));
    all.find(|other| other != of && Slot::of(other) == Slot::of(of)).expect("there are enough")
}

/// Files in the name of another firm, through the agent.
async fn files_for(agent: &Enterprise, firm: &str, order_no: &str) {
    let mut content = people::export(order_no);
    for party in [&mut content.declarant, &mut content.ebc, &mut content.owner] {
        *party = Some(v1::Party { code: firm.to_owned(), name: "邻居".to_owned() });
    }
    agent.tries(filing(content)).await.expect("it is valid");
}

type Watched = Result<Response<Streaming<v1::WatchResponse>>, Status>;

async fn watch(who: &Enterprise, resume_token: &str, name: &str) -> Watched {
    let (resume_token, name) = (resume_token.to_owned(), name.to_owned());
    who.0.declarations().watch(v1::WatchRequest { resume_token, name }).await
}

/// The next token of a watch, and whose entry it came with.
async fn token(watched: &mut Streaming<v1::WatchResponse>) -> (String, String) {
    let next = async {
        loop {
            let news = watched.message().await.expect("it goes on").expect("it does not end");
            if !news.resume_token.is_empty() {
                return (news.resume_token, news.name);
            }
        }
    };
    tokio::time::timeout(PATIENCE, next).await.expect("a heartbeat at the latest")
}

fn bytes(token: &str) -> Vec<u8> {
    BASE64.decode(token).expect("URL-safe base64")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_resume_token_shows_no_neighbour_and_serves_nobody_else() {
    let mut sandbox = Sandbox::with(&["--no-agencies"]).await;
    let owner = Enterprise(sandbox.connect("enterprise-a").await);
    let agent = Enterprise(sandbox.connect("agent").await);
    let neighbour = neighbour(FIRM_A, "3702");

    // Nothing is in the slot, then a neighbour's, then more of it.
    let mut watched = watch(&owner, "", "").await.expect("it may").into_inner();
    let (empty, _) = token(&mut watched).await;
    let mut tokens = vec![empty];
    for order in 0..3 {
        files_for(&agent, &neighbour, &format!("QDNEXT-{order}")).await;
        tokens.push(token(&mut watched).await.0);
    }
    let lengths: Vec<usize> = tokens.iter().map(String::len).collect();
    assert!(lengths.windows(2).all(|two| two[0] == two[1]), "{lengths:?}");
    for (at, token) in tokens.iter().enumerate() {
        let head = i64::try_from(at).expect("few").to_be_bytes();
        // The head of the slot is not in it, in no byte order; nor does it grow from one to the next.
        assert!(!bytes(token).windows(8).any(|eight| eight == head || eight == at.to_le_bytes()));
    }
    let alike = |one: &[u8], other: &[u8]| one.iter().zip(other).filter(|(a, b)| a == b).count();
    for two in tokens.windows(2) {
        let (one, other) = (bytes(&two[0]), bytes(&two[1]));
        assert!(alike(&one, &other) < one.len() / 2, "two places look alike: {two:?}");
    }

    // It belongs to one caller and one watch.
    let receipt = owner.files("QDMINE-1").await;
    let (mine, name) = token(&mut watched).await;
    assert_eq!(name, receipt.name);
    let mut single = watch(&owner, "", &receipt.name).await.expect("it is there").into_inner();
    let (of_one, _) = token(&mut single).await;
    let other = Enterprise(sandbox.connect("enterprise-b").await);
    for (what, answer) in [
        ("another firm", watch(&other, &mine, "").await),
        ("the agent who sees all", watch(&agent, &mine, "").await),
        ("another watch of the same firm", watch(&owner, &mine, &receipt.name).await),
        ("and the other way round", watch(&owner, &of_one, "").await),
    ] {
        assert_eq!(code(&answer.expect_err(what)).0, "SW-1005", "{what}");
    }
    let request = v1::WatchOrdersRequest { resume_token: mine.clone(), name: String::new() };
    let status = owner.0.inspection().watch_orders(request).await.expect_err("of another service");
    assert_eq!(code(&status).0, "SW-1005");

    // It outlives the window; what happened since is told, and "beginning" is before everything.
    drop((watched, single));
    assert_eq!(sandbox.stop(), Some(Ok(())));
    sandbox.spawn();
    sandbox.ready().await;
    let owner = Enterprise(sandbox.connect("enterprise-a").await);
    let second = owner.files("QDMINE-2").await;
    let mut watched = watch(&owner, &mine, "").await.expect("it is still good").into_inner();
    assert_eq!(token(&mut watched).await.1, second.name);
    let mut watched = watch(&owner, "beginning", "").await.expect("it is a place").into_inner();
    let first = watched.message().await.expect("it is told").expect("it does not end");
    assert_eq!(first.name, receipt.name, "and nothing of the neighbour");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_token_serves_its_caller_and_its_filter_only() {
    let sandbox = Sandbox::start().await;
    let owner = Enterprise(sandbox.connect("enterprise-a").await);
    let erp = Erp::of(&sandbox).await;
    for order in ["SBX-INSPECT-1", "SBX-INSPECT-2"] {
        let receipt = owner.files(order).await;
        owner.sees(&receipt.name, v1::State::Released).await;
    }
    for order in ["QDPAGE-1", "QDPAGE-2"] {
        erp.sends(&[import(order).order()]).await;
    }
    let [customs, agent, admin] = [
        sandbox.connect("customs").await,
        sandbox.connect("agent").await,
        sandbox.connect("admin").await,
    ];
    let foreign = |what: &str, answer: Result<(), Status>| {
        assert_eq!(code(&answer.expect_err(what)).0, "SW-1004", "{what}");
    };

    let page = v1::ListRequest { page_size: 1, ..Default::default() };
    let list = async |who: &client::Window, request: v1::ListRequest| {
        who.declarations().list(request).await.map(|page| page.into_inner().next_page_token)
    };
    let page_token = list(&owner.0, page.clone()).await.expect("a page");
    list(&owner.0, v1::ListRequest { page_token: page_token.clone(), ..page.clone() })
        .await
        .expect("its own");
    for (what, who, trade_mode) in [
        ("the agent", &agent, ""),
        ("the administrator", &admin, ""),
        ("a filter", &owner.0, "9610"),
    ] {
        let request = v1::ListRequest {
            page_token: page_token.clone(),
            trade_mode: trade_mode.to_owned(),
            ..page.clone()
        };
        foreign(what, list(who, request).await.map(drop));
    }

    let page = v1::ListDocumentsRequest { page_size: 1, ..Default::default() };
    let list = async |who: &client::Window, request: v1::ListDocumentsRequest| {
        who.ceb().list_documents(request).await.map(|page| page.into_inner().next_page_token)
    };
    let page_token = list(&agent, page.clone()).await.expect("a page");
    assert!(!page_token.is_empty());
    let next = |message_type| v1::ListDocumentsRequest {
        page_token: page_token.clone(),
        message_type,
        ..page.clone()
    };
    list(&agent, next(0)).await.expect("its own");
    foreign("the administrator", list(&admin, next(0)).await.map(drop));
    foreign("a filter", list(&agent, next(311)).await.map(drop));

    let page = v1::ListOrdersRequest { page_size: 1, ..Default::default() };
    let list = async |who: &client::Window, request: v1::ListOrdersRequest| {
        who.inspection().list_orders(request).await.map(|page| page.into_inner().next_page_token)
    };
    let page_token = list(&owner.0, page.clone()).await.expect("a page");
    assert!(!page_token.is_empty());
    let next = |declarant_code: &str| v1::ListOrdersRequest {
        page_token: page_token.clone(),
        declarant_code: declarant_code.to_owned(),
        ..page.clone()
    };
    list(&owner.0, next("")).await.expect("its own");
    foreign("customs", list(&customs, next("")).await.map(drop));
    foreign("a filter", list(&owner.0, next(FIRM_A)).await.map(drop));

    let list = async |who: &client::Window, request: v1::ListCreditRequest| {
        who.inspection().list_credit(request).await.map(drop)
    };
    // A firm's code was the token once.
    let page_token = FIRM_A.to_owned();
    foreign(
        "made up",
        list(&customs, v1::ListCreditRequest { page_token, ..Default::default() }).await,
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn positions_of_receipts_are_counted_for_each_reader_by_itself() {
    let sandbox = Sandbox::start().await;
    let (number, firm) = ("DXPENT0000000001", "enterprise-a");
    let owner = Erp::as_caller(&sandbox, firm, FIRM_A, number).await;
    let beside = neighbour(number, "DXPENT");
    let beside = Erp::as_caller(&sandbox, "agent", FIRM_A, &beside).await;
    for order in 0..3 {
        for erp in [&beside, &owner, &beside] {
            let import = import(&format!("QDLOG-{order}-{}", uuid::Uuid::now_v7()));
            let sent = v1::SendRequest { message: erp.message(&[import.order()]).into_bytes() };
            let sent = erp.window.ceb().send(sent).await.expect("it is taken").into_inner();
            let told = sent.messages.iter().map(|message| message.position).max();
            let last = erp.log().await.last().map(|message| message.position);
            assert_eq!(told, last, "the answer names the same place");
        }
    }
    for erp in [&owner, &beside] {
        let positions: Vec<u64> = erp.log().await.iter().map(|one| one.position).collect();
        let dense: Vec<u64> = (1..).take(positions.len()).collect();
        assert_eq!(positions, dense, "no gap tells of a neighbour");
    }
    let of_order = v1::ListReceiptsRequest {
        dxp_id: number.to_owned(),
        order_no: "QDLOG-NONE".to_owned(),
        ..Default::default()
    };
    let none = owner.window.ceb().list_receipts(of_order).await.expect("it may").into_inner();
    assert!(none.messages.is_empty() && none.next_after == 0);
}
