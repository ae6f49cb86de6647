//! Webhooks in a browser: one is made and tried, its messages and what became of them are seen, and it goes on after it
//! was paused.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use client::webhook::WebhookSecret;

use crate::{enters, enters_narrow, looks, starts};

/// What was posted: its head in small letters, and its body.
type Posted = (String, Vec<u8>);

/// An endpoint on this machine that answers with this status.
fn listens(status: Arc<AtomicU16>) -> (String, Receiver<Posted>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = format!("http://{}/hooks", listener.local_addr().expect("it has one"));
    let (told, posted) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let mut reader = BufReader::new(stream);
            let (mut head, mut length) = (String::new(), 0);
            while !head.ends_with("\r\n\r\n") {
                let from = head.len();
                if reader.read_line(&mut head).unwrap_or(0) == 0 {
                    break;
                }
                let line = head[from..].to_ascii_lowercase();
                if let Some(said) = line.strip_prefix("content-length:") {
                    length = said.trim().parse().expect("a length");
                }
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body).expect("the whole message");
            let status = status.load(Ordering::Relaxed);
            let answer =
                format!("HTTP/1.1 {status} X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
            reader.into_inner().write_all(answer.as_bytes()).expect("it is read");
            // Nobody looks any more when the test is over.
            let _unheard = told.send((head.to_ascii_lowercase(), body));
        }
    });
    (address, posted)
}

fn header<'a>(head: &'a str, name: &str) -> &'a str {
    let found = head.lines().find_map(|line| line.strip_prefix(&format!("{name}: ")));
    found.unwrap_or_else(|| panic!("there is no {name}: {head}"))
}

#[test]
fn an_integrator_looks_after_webhooks_in_a_browser() {
    let Some((sandbox, driver)) = starts() else { return };
    let (wide, origin) = enters(&sandbox, &driver);
    let at = |path: &str| format!("{origin}/console{path}");
    let status = Arc::new(AtomicU16::new(200));
    let (address, posted) = listens(Arc::clone(&status));

    // What cannot be used is said, and what was typed stays.
    wide.opens(&at("/webhooks"));
    wide.sees("No webhooks.");
    wide.finds("document.getElementById('url').value = 'ftp://example.com/'");
    wide.finds("document.getElementById('note').value = 'orders'");
    wide.clicks("input[value='declaration.released']");
    wide.clicks("main form button:not(.plain)");
    wide.sees("SW-3013");
    assert_eq!(wide.complaints().len(), 1);
    assert_eq!(wide.finds("return document.getElementById('note').value"), "orders");
    looks(&wide, "webhooks-refused", &origin, false);

    // Its secret is shown once, and signs what is posted.
    wide.finds(&format!("document.getElementById('url').value = '{address}'"));
    wide.clicks("main form button:not(.plain)");
    wide.sees("which is shown now and never again");
    let secret = wide.finds("return document.querySelector('.notice.good code').textContent");
    let secret = WebhookSecret::parse(secret.as_str().expect("a text")).expect("a secret");
    wide.opens(&at("/webhooks"));
    wide.sees("declaration.released");
    let page = wide.finds("return document.querySelector('main td a').href");
    let page = page.as_str().expect("a link").to_owned();
    wide.opens(&page);
    wide.sees("No messages.");
    assert_eq!(wide.finds("return document.body.innerText.includes('whsec_')"), false);
    wide.clicks("form[action$='/test'] button");
    // The page goes on by itself to what became of it.
    wide.sees("delivered");
    let (head, body) = posted.recv_timeout(Duration::from_secs(5)).expect("it was posted");
    let (id, time) = (header(&head, "webhook-id"), header(&head, "webhook-timestamp"));
    let time = time.parse().expect("seconds");
    // Heads are in small letters here, so what signs is looked at in small letters too.
    let signature = secret.sign(id, time, &body).to_ascii_lowercase();
    assert_eq!(header(&head, "webhook-signature"), signature);
    looks(&wide, "webhook", &origin, false);

    // An endpoint that is gone pauses it; it goes on, and one message is posted again.
    status.store(410, Ordering::Relaxed);
    wide.clicks("form[action$='/test'] button");
    wide.sees("paused");
    looks(&wide, "webhook-paused", &origin, false);
    status.store(200, Ordering::Relaxed);
    while posted.try_recv().is_ok() {}
    wide.clicks("form[action$='/resume'] button");
    wide.sees("active");
    let again = posted.recv_timeout(Duration::from_secs(30)).expect("what waited is posted");
    assert_ne!(header(&again.0, "webhook-id"), id, "not the one that was taken");
    wide.clicks("form[action$='/pause'] button");
    wide.sees("paused by its caller");
    looks(&wide, "webhook-paused-by-its-caller", &origin, false);
    wide.clicks("form[action$='/resume'] button");
    wide.sees("active");
    wide.clicks(&format!("form input[value='{id}'] + button"));
    let again = posted.recv_timeout(Duration::from_secs(30)).expect("it is posted again");
    assert_eq!(header(&again.0, "webhook-id"), id);

    // Somebody else sees nothing of it, on a narrow screen; and it ends.
    let narrow = enters_narrow(&sandbox, &driver, &origin, "enterprise-a");
    narrow.opens(&at("/webhooks"));
    narrow.sees("No webhooks.");
    looks(&narrow, "webhooks-narrow", &origin, true);
    narrow.opens(&page);
    narrow.sees("There is nothing of this name for you.");
    let narrow = enters_narrow(&sandbox, &driver, &origin, "agent");
    narrow.opens(&page);
    narrow.sees("delivered");
    looks(&narrow, "webhook-narrow", &origin, true);
    wide.opens(&at("/language?to=zh&back=/console/webhooks"));
    wide.sees("新建推送");
    looks(&wide, "webhooks-zh", &origin, false);
    wide.opens(&page);
    wide.clicks("details:last-of-type summary");
    wide.clicks("button.danger");
    wide.sees("没有推送。");
}
