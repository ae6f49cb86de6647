//! One declaration, both agencies, one release.

use proto::v1::{self, fact::Kind};

use crate::harness::Sandbox;
use crate::harness::people::{Enterprise, count, export, filing};

#[tokio::test(flavor = "multi_thread")]
async fn a_declaration_is_filed_once_and_released_once() {
    let sandbox = Sandbox::start().await;
    let firm = Enterprise(sandbox.connect("enterprise-a").await);
    let receipt = firm.files("QD-1").await;
    assert_eq!(receipt.state(), v1::State::UnderReview);
    assert!(is_pre_no(&receipt.pre_no), "{}", receipt.pre_no);

    let seen = firm.sees(&receipt.name, v1::State::Released).await;
    assert!(matches!(&seen[0], Kind::Filed(filed) if filed.pre_no == receipt.pre_no));
    assert_eq!(count(&seen, |fact| matches!(fact, Kind::Released(_))), 1);
    for who in [v1::Participant::Customs, v1::Participant::Quarantine] {
        let cleared = |fact: &Kind| {
            matches!(fact, Kind::StandChanged(moved)
                if moved.who() == who && moved.stand() == v1::Stand::Cleared)
        };
        assert_eq!(count(&seen, cleared), 1, "{who:?}");
    }

    let record = firm.reads(&receipt.name).await;
    assert_eq!(record.state(), v1::State::Released);
    assert_eq!(record.invt_no.len(), 20, "4 + 4 + E + 11: {}", record.invt_no);
    assert!(record.invt_no.starts_with("42582026E"), "{}", record.invt_no);
    assert!(!record.release_id.is_empty());
    assert!(record.released_time.is_some());
    assert_eq!(record.declaration, Some(export("QD-1")), "the content comes back as it was filed");
    let history: Vec<Kind> =
        record.history.into_iter().flat_map(|e| e.facts).filter_map(|f| f.kind).collect();
    assert_eq!(history, seen, "Get and Watch tell the same story");
}

/// B, the date, nine digits.
fn is_pre_no(number: &str) -> bool {
    number.len() == 18
        && number.starts_with("B202")
        && number[1..].bytes().all(|byte| byte.is_ascii_digit())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_answers_every_item_in_order_and_all_are_released() {
    let sandbox = Sandbox::start().await;
    let firm = Enterprise(sandbox.connect("enterprise-a").await);
    let mut items = Vec::new();
    for number in 0..300 {
        let mut declaration = export(&format!("QD-{number}"));
        if number % 50 == 7 {
            declaration.trade_mode = "1239".into();
        }
        items.push(filing(declaration));
    }
    let ids: Vec<String> = items.iter().map(|item| item.request_id.clone()).collect();
    let mut answers = Vec::new();
    client::submit_all(&firm.0, items, |place, answer| answers.push((place, answer)))
        .await
        .expect("the stream holds");
    assert_eq!(answers.len(), 300);
    let mut names = Vec::new();
    for (expected, (place, answer)) in answers.into_iter().enumerate() {
        assert_eq!((place, &answer.request_id), (expected, &ids[expected]), "in order");
        match answer.result.expect("a result") {
            v1::submit_stream_response::Result::Receipt(receipt) => names.push(receipt.name),
            v1::submit_stream_response::Result::Refusal(refusal) => {
                assert_eq!(expected % 50, 7, "{refusal:?}");
                assert_eq!(refusal.violations[0].code, "SW-2007");
            }
        }
    }
    assert_eq!(names.len(), 294);
    for name in &names {
        firm.sees(name, v1::State::Released).await;
    }

    let mut listed = Vec::new();
    let mut request =
        v1::ListRequest { page_size: 100, state: v1::State::Released.into(), ..Default::default() };
    loop {
        let page = firm.0.declarations().list(request.clone()).await.expect("a page").into_inner();
        listed.extend(page.records.into_iter().map(|record| record.name));
        if page.next_page_token.is_empty() {
            break;
        }
        request.page_token = page.next_page_token;
    }
    names.sort_unstable();
    let newest_first = listed.is_sorted_by(|a, b| a >= b);
    assert!(newest_first, "ids are made in the order of filing");
    listed.sort_unstable();
    assert_eq!(listed, names, "pages hold each once");
}

#[tokio::test(flavor = "multi_thread")]
async fn awkward_agencies_change_nothing_about_the_one_release() {
    let sandbox = Sandbox::start().await;
    let firm = Enterprise(sandbox.connect("enterprise-a").await);
    for script in ["TWICE", "DISORDER", "STALE", "TWICE-DISORDER-STALE", "DELAY1"] {
        let receipt = firm.files(&format!("SBX-{script}-1")).await;
        firm.sees(&receipt.name, v1::State::Released).await;
    }
    let mut database = sandbox.database().await;
    let released: i64 = sqlx::query_scalar("select count(*) from release")
        .fetch_one(&mut database)
        .await
        .expect("the table is there");
    assert_eq!(released, 5);
}
