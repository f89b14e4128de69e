//! Downloads and uploads of gigabytes: how fast, and in how much memory.

use std::time::Instant;

use bytes::Bytes;
use http_body::Frame;

use crate::application::{Application, Company};
use crate::process::{processor_seconds, resident_kilobytes};
use crate::relays::reencrypt_all;
use crate::{direct_client, session};

const GIGABYTE: u64 = 1 << 30;
const ROUNDS: usize = 3;

pub async fn measure(company: &Company) {
    let application = Application::start_with_pages(company, &[]).await;
    let gateway = session::start_gateway(company).await;
    let server = format!("https://localhost:{}", application.address.port());
    let relay = format!("https://localhost:{}", reencrypt_all(company, application.address).await);
    let ways = [
        ("direct", direct_client(company), &server),
        ("encrypted again", direct_client(company), &relay),
        ("through, by its HTTP proxy", session::chromium(&gateway), &server),
        ("through, by SOCKS5", session::webkit_http1(&gateway), &server),
    ];
    let before = resident_kilobytes();
    for (what, gigabytes) in [("down", 1), ("down", 2), ("up", 2)] {
        let mut runs = vec![Vec::new(); ways.len()];
        // In turns, so that a busy moment of the machine meets all.
        for _ in 0..ROUNDS {
            for ((_, client, server), runs) in ways.iter().zip(&mut runs) {
                let (began, worked) = (Instant::now(), processor_seconds());
                if what == "down" {
                    download(client, &format!("{server}/large?{}", gigabytes * GIGABYTE)).await;
                } else {
                    upload(client, &format!("{server}/swallow"), gigabytes * GIGABYTE).await;
                }
                runs.push((began.elapsed().as_secs_f64(), processor_seconds() - worked));
            }
        }
        println!("{gigabytes} GB {what}, median of {ROUNDS}:");
        let direct = median(&mut runs[0]).0;
        for ((way, ..), runs) in ways.iter().zip(&mut runs) {
            let (seconds, worked) = median(runs);
            let share = direct / seconds * 100.0;
            println!("  {way}: {seconds:.2} s ({share:.0} % of direct), processors {worked:.2} s");
        }
    }
    println!("memory grew by {} MB over all of it", (resident_kilobytes() - before) / 1024);
}

fn median(runs: &mut [(f64, f64)]) -> (f64, f64) {
    runs.sort_by(|one, other| one.0.total_cmp(&other.0));
    runs[runs.len() / 2]
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
