//! What the gateway costs, beside the same requests without it, in one run. `script/bench gateway` builds and runs it.
//!
//! Everything is on loopback; "far away" is a relay that delays each direction by 50 ms.

#![allow(
    clippy::print_stdout,
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a measurement prints, and its numbers are small"
)]

#[path = "../tests/gateway/application.rs"]
#[allow(dead_code, clippy::unwrap_used)]
mod application;
#[path = "../tests/gateway/browsers.rs"]
#[allow(dead_code)]
mod browsers;
#[path = "../tests/gateway/session.rs"]
#[allow(dead_code)]
mod session;

use std::sync::Arc;
use std::time::{Duration, Instant};

use application::{Application, Company, Pages};
use bytes::Bytes;
use futures_util::StreamExt as _;
use http_body::Frame;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use understudy_gateway::fence::SessionMode;
use understudy_gateway::{Gateway, GatewayConfig, PublicCache};

const GIGABYTE: u64 = 1 << 30;
const FAR: Duration = Duration::from_millis(50);

#[tokio::main]
async fn main() {
    let company = Company::found("Example");
    measure_start(&company).await;
    measure_latency(&company).await;
    measure_throughput(&company).await;
    measure_pages(&company).await;
}

async fn measure_start(company: &Company) {
    let before = resident_kilobytes();
    let mut times = Vec::new();
    let mut gateways = Vec::new();
    for _ in 0..50 {
        let began = Instant::now();
        gateways.push(session::start_gateway(company).await);
        times.push(began.elapsed());
    }
    let each = (resident_kilobytes() - before) as f64 / 1024.0 / gateways.len() as f64;
    println!("start of a gateway: {}; memory at rest {each:.1} MB each", quantiles(&mut times));
}

async fn measure_latency(company: &Company) {
    let application = Application::start_with_pages(company, &[]).await;
    let gateway = session::start_gateway(company).await;
    let (direct, through) = (direct_client(company), session::chromium(&gateway));
    for client in [&direct, &through] {
        in_flight(client, &application.https("/page"), 200, 10).await;
    }
    for at_once in [1, 100] {
        // In turns, so that a busy moment of the machine meets both.
        let (mut plain, mut passed) = (Vec::new(), Vec::new());
        for _ in 0..10 {
            plain.extend(in_flight(&direct, &application.https("/page"), 400, at_once).await);
            passed.extend(in_flight(&through, &application.https("/page"), 400, at_once).await);
        }
        println!("{at_once} in flight: direct {}; through {}", quantiles(&mut plain), quantiles(&mut passed));
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

async fn measure_throughput(company: &Company) {
    let application = Application::start_with_pages(company, &[]).await;
    let gateway = session::start_gateway(company).await;
    let (direct, through) = (direct_client(company), session::chromium(&gateway));
    let before = resident_kilobytes();
    for (what, gigabytes) in [("down", 1), ("down", 2), ("up", 2)] {
        let mut seconds = Vec::new();
        for client in [&direct, &through] {
            let began = Instant::now();
            if what == "down" {
                download(client, &application.https(&format!("/large?{}", gigabytes * GIGABYTE))).await;
            } else {
                upload(client, &application.https("/swallow"), gigabytes * GIGABYTE).await;
            }
            seconds.push(began.elapsed().as_secs_f64());
        }
        let ratio = seconds[0] / seconds[1] * 100.0;
        println!(
            "{gigabytes} GB {what}: direct {:.2} s, through {:.2} s: {ratio:.0} % of direct",
            seconds[0], seconds[1]
        );
    }
    println!("memory grew by {} MB over all of it", (resident_kilobytes() - before) / 1024);
}

async fn download(client: &reqwest::Client, url: &str) {
    let mut answer = client.get(url).send().await.expect("an answer");
    while answer.chunk().await.expect("a piece").is_some() {}
}

async fn upload(client: &reqwest::Client, url: &str, size: u64) {
    let body = reqwest::Body::wrap(RepeatedPiece { piece: Bytes::from(vec![b'x'; 64 << 10]), left: size });
    let answer = client.post(url).body(body).send().await.expect("an answer");
    assert_eq!(answer.text().await.expect("a body"), size.to_string());
}

/// A body of any size that takes the memory of one piece.
struct RepeatedPiece {
    piece: Bytes,
    left: u64,
}

impl http_body::Body for RepeatedPiece {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let piece = (self.left > 0).then(|| Ok(Frame::data(self.piece.clone())));
        self.left = self.left.saturating_sub(self.piece.len() as u64);
        std::task::Poll::Ready(piece)
    }
}

/// A page with 60 files and 20 calls in three waves, in real engines, near and far.
async fn measure_pages(company: &Company) {
    for delay in [Duration::ZERO, FAR] {
        let application = Application::start_with_pages(company, PAGES).await;
        let port = relay(application.address, delay).await;
        let page = format!("https://localhost:{port}/page-of-60-files");
        let distance = if delay.is_zero() { "near" } else { "far " };
        let cache = Arc::new(PublicCache::new(64 << 20));
        let start = async || {
            let rules = session::rules(SessionMode::Full);
            let rules = understudy_gateway::fence::FenceRules {
                application: vec![page.parse::<url::Url>().expect("a URL").origin()],
                ..rules
            };
            Gateway::start(GatewayConfig { cache: cache.clone(), rules, ..session::config(company) })
                .await
                .expect("a gateway")
        };
        for engine in ["webkit", "chromium"] {
            cache.clear();
            let direct = load(&application, engine, None, &page).await;
            let first = load(&application, engine, Some(&start().await), &page).await;
            let second = load(&application, engine, Some(&start().await), &page).await;
            println!(
                "{distance} {engine}: direct {direct:.0} ms; first session {first:.0} ms ({:.2}x); second {second:.0} ms ({:.2}x)",
                first / direct,
                second / direct
            );
        }
    }
}

/// Until the page has all its files and calls, in milliseconds, as it says itself; the median of three.
async fn load(application: &Application, engine: &str, gateway: Option<&Gateway>, page: &str) -> f64 {
    let mut times = Vec::new();
    for _ in 0..3 {
        application.seen.lock().clear();
        let home = tempfile::tempdir().expect("a folder");
        let browser = match (engine, gateway) {
            ("webkit", gateway) => browsers::open_webkit(gateway, page, home.path()),
            (_, gateway) => browsers::open_chromium(gateway, page, home.path()).await,
        };
        let told = loop {
            let told = application
                .seen
                .lock()
                .iter()
                .find_map(|seen| seen.path.strip_prefix("/loaded/").map(str::to_owned));
            match told {
                Some(told) => break told,
                None => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        };
        browsers::end(browser).await;
        times.push(told.parse::<f64>().expect("milliseconds"));
    }
    times.sort_by(f64::total_cmp);
    times[1]
}

const PAGES: Pages = &[("/page-of-60-files", "text/html", include_str!("page.html"), None)];

/// Delays what passes, in each direction, without a limit to how much.
async fn relay(to: std::net::SocketAddr, delay: Duration) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    tokio::spawn(async move {
        while let Ok((near, _)) = listener.accept().await {
            tokio::spawn(async move {
                let far = TcpStream::connect(to).await?;
                let _ = (near.set_nodelay(true), far.set_nodelay(true));
                let ((from_near, to_near), (from_far, to_far)) = (near.into_split(), far.into_split());
                tokio::spawn(pass_late(from_near, to_far, delay));
                pass_late(from_far, to_near, delay).await
            });
        }
    });
    port
}

async fn pass_late(
    mut from: tokio::net::tcp::OwnedReadHalf,
    mut to: tokio::net::tcp::OwnedWriteHalf,
    delay: Duration,
) -> std::io::Result<()> {
    let (sender, mut pieces) = tokio::sync::mpsc::channel::<(Instant, Vec<u8>)>(4096);
    tokio::spawn(async move {
        let mut buffer = vec![0; 64 << 10];
        while let Ok(length @ 1..) = from.read(&mut buffer).await {
            if sender.send((Instant::now() + delay, buffer[..length].to_vec())).await.is_err() {
                return;
            }
        }
    });
    while let Some((due, piece)) = pieces.recv().await {
        tokio::time::sleep_until(due.into()).await;
        to.write_all(&piece).await?;
    }
    to.shutdown().await
}

fn direct_client(company: &Company) -> reqwest::Client {
    let authority = reqwest::Certificate::from_der(&company.certificate()).expect("a certificate");
    reqwest::Client::builder().tls_certs_only([authority]).no_proxy().build().expect("a client")
}

fn quantiles(times: &mut [Duration]) -> String {
    times.sort();
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize].as_secs_f64() * 1000.0;
    format!("p50 {:.2} ms, p99 {:.2} ms", at(0.5), at(0.99))
}

fn resident_kilobytes() -> i64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or("0");
    line.split_whitespace().next().and_then(|number| number.parse().ok()).unwrap_or(0)
}
