//! A session that ends while its pages are still being answered.

use std::sync::Arc;

use http::StatusCode;
use parking_lot::Mutex;
use understudy_gateway::{Gateway, GatewayConfig, HeldBack, JournalEntry, SessionObserver};
use url::Url;

use crate::application::{Application, Company, Pages};
use crate::session::{config, webkit};

/// How often the session ends just as an answer comes: whichever is first, both sides must have the same view of it.
const TIMES: usize = 40;

/// `/finished` is answered when a test says so.
const PAGES: Pages = &[("/finished", "text/plain", "done", Some(("set-cookie", "sid=last; Path=/")))];

#[derive(Default)]
struct SeenCookies(Mutex<Vec<String>>);

impl SessionObserver for SeenCookies {
    fn on_held_back(&self, _: &JournalEntry, _: &HeldBack) {}

    fn on_cookies_set(&self, _: &Url, set: &[&str]) {
        self.0.lock().extend(set.iter().map(|&cookie| cookie.to_owned()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_console_knows_the_cookies_of_the_last_answers_before_it_signs_out() {
    let company = Company::found("Example");
    let application = Application::start_with_pages(&company, PAGES).await;
    let cookies = Arc::new(SeenCookies::default());
    let observer = Arc::clone(&cookies) as Arc<dyn SessionObserver>;
    let gateway = Gateway::start(GatewayConfig { observer, ..config(&company) }).await.unwrap();
    let client = webkit(&gateway);
    for time in 0..TIMES {
        let url = application.https("/finished");
        let asked = application.seen.lock().len();
        let request = tokio::spawn(client.get(url).send());
        while application.seen.lock().len() == asked {
            tokio::task::yield_now().await;
        }
        application.finish.notify_one();
        // From not at all to long enough for the answer to be there.
        for _ in 0..time * 8 {
            tokio::task::yield_now().await;
        }
        gateway.leave_pages().await;
        let known = std::mem::take(&mut *cookies.0.lock());
        let answer = request.await.unwrap().unwrap();
        match answer.status() {
            StatusCode::OK => assert_eq!(known, ["sid=last; Path=/"], "the window has it"),
            status => assert_eq!((status, known), (StatusCode::SERVICE_UNAVAILABLE, vec![])),
        }
        gateway.admit_pages();
        // An answer that was given up may still wait for its word.
        application.finish.notify_waiters();
    }
    assert_eq!(*cookies.0.lock(), Vec::<String>::new(), "nothing came after the pages were left");
}
