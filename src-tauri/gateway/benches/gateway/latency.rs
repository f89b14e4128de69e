//! How much longer a request takes, alone and among 100.

use std::time::{Duration, Instant};

use futures_util::StreamExt as _;

use crate::application::{Application, Company};
use crate::relays::delay_all;
use crate::{direct_client, quantiles, session};

/// A near application, as it is in the same building.
const DISTANCE: Duration = Duration::from_millis(10);

pub async fn measure(company: &Company) {
    let application = Application::start_with_pages(company, &[]).await;
    let gateway = session::start_gateway(company).await;
    let (direct, through) = (direct_client(company), session::chromium(&gateway));
    let far = format!("https://localhost:{}/page", delay_all(application.address, DISTANCE).await);
    let near = application.https("/page");
    // A page has a few requests in flight. 100 with nothing to wait for occupy both cores, with or without a gateway.
    for (url, at_once, what) in [
        (&near, 1, "1 in flight"),
        (&far, 1, "1 in flight, 20 ms away"),
        (&far, 100, "100 in flight, 20 ms away"),
        (&near, 100, "100 in flight, no distance (the processors are full)"),
    ] {
        let count = if url == &far && at_once == 1 { 40 } else { 400 };
        for client in [&direct, &through] {
            in_flight(client, url, 200, 10).await;
        }
        // In turns, so that a busy moment of the machine meets both.
        let (mut plain, mut passed) = (Vec::new(), Vec::new());
        for _ in 0..10 {
            plain.extend(in_flight(&direct, url, count, at_once).await);
            passed.extend(in_flight(&through, url, count, at_once).await);
        }
        println!("{what}: direct {}; through {}", quantiles(&mut plain), quantiles(&mut passed));
    }
}

/// How long each of `count` requests took, with `at_once` of them under way.
async fn in_flight(client: &reqwest::Client, url: &str, count: usize, at_once: usize) -> Vec<Duration> {
    let one = async |_| {
        let began = Instant::now();
        client.get(url).send().await.expect("an answer").bytes().await.expect("a body");
        began.elapsed()
    };
    futures_util::stream::iter(0..count).map(one).buffer_unordered(at_once).collect().await
}
