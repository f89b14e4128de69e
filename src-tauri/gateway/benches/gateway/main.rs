//! What the gateway costs, beside the same requests without it, in one run. `script/bench gateway` builds and runs it;
//! the names of parts (`start`, `latency`, `throughput`, `pages`) as arguments run those alone.
//!
//! Load, gateway and application share one computer, so what the gateway costs in processor time, it takes from the
//! others, too.

#![allow(
    clippy::print_stdout,
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a measurement prints, and its numbers are small"
)]

#[path = "../../tests/gateway/application.rs"]
#[allow(dead_code, clippy::unwrap_used)]
mod application;
#[path = "../../tests/gateway/browsers.rs"]
#[allow(dead_code)]
mod browsers;
mod latency;
mod pages;
mod process;
mod relays;
#[path = "../../tests/gateway/session.rs"]
#[allow(dead_code)]
mod session;
mod throughput;

use std::time::{Duration, Instant};

use application::Company;

#[tokio::main]
async fn main() {
    let parts: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let wants = |part: &str| parts.is_empty() || parts.iter().any(|wanted| wanted == part);
    let company = Company::found("Example");
    if wants("start") {
        measure_start(&company).await;
    }
    if wants("latency") {
        latency::measure(&company).await;
    }
    if wants("throughput") {
        throughput::measure(&company).await;
    }
    if wants("pages") {
        pages::measure(&company).await;
    }
}

async fn measure_start(company: &Company) {
    let before = process::resident_kilobytes();
    let mut times = Vec::new();
    let mut gateways = Vec::new();
    for _ in 0..50 {
        let began = Instant::now();
        gateways.push(session::start_gateway(company).await);
        times.push(began.elapsed());
    }
    let each = (process::resident_kilobytes() - before) as f64 / 1024.0 / gateways.len() as f64;
    println!("start of a gateway: {}; memory at rest {each:.1} MB each", quantiles(&mut times));
}

/// A client without a gateway.
fn direct_client(company: &Company) -> reqwest::Client {
    let authority = reqwest::Certificate::from_der(&company.certificate()).expect("a certificate");
    reqwest::Client::builder().tls_certs_only([authority]).no_proxy().build().expect("a client")
}

fn quantiles(times: &mut [Duration]) -> String {
    times.sort();
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize].as_secs_f64() * 1000.0;
    format!("p50 {:.2} ms, p99 {:.2} ms", at(0.5), at(0.99))
}
