//! Does what the launch page's script does: asks for tasks, and reports what came of them.

use std::io::Read as _;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use flate2::read::GzDecoder;
use reqwest::header::CONTENT_ENCODING;
use reqwest::{Client, Response, StatusCode};
use serde_json::{Value, json};
use understudy_core::browser::Answer;
use url::Url;

/// Loads the launch page and acts as it does until the session ends, or another page replaces it.
pub async fn play_launch_page(client: Client, page: Url) {
    let below = |what: &str| format!("{page}{what}");
    if client.get(page.clone()).send().await.is_err() {
        return;
    }
    let mut seen = 0;
    loop {
        let Ok(response) = client.post(below("/next")).body(seen.to_string()).send().await else { return };
        if response.status() == StatusCode::NO_CONTENT {
            continue;
        }
        let Ok(bytes) = response.error_for_status() else { return };
        let message: Value = serde_json::from_slice(&bytes.bytes().await.unwrap_or_default()).expect("JSON");
        let (client, done) = (client.clone(), below(&format!("/done/{}", message["number"])));
        match message["task"].as_str() {
            Some("send") => {
                tokio::spawn(async move {
                    let report = send_request(&client, &message).await;
                    let _ = client.post(done).body(report.to_string()).send().await;
                });
            }
            Some("store") => {
                let report = json!({ "status": 204, "headers": [], "body": "" });
                let _ = client.post(done).body(report.to_string()).send().await;
            }
            Some("leave") => return,
            Some("visit") => {
                visit_hosts(&client, message["url"].as_str().expect("a URL")).await;
                seen = 0;
            }
            _ => seen = message["revision"].as_u64().expect("a number"),
        }
    }
}

async fn send_request(client: &Client, task: &Value) -> Value {
    let text = |field: &str| task[field].as_str().unwrap_or_default().to_owned();
    let method = text("method").parse().expect("a method");
    let limit = std::time::Duration::from_millis(task["timeout"].as_u64().expect("a number"));
    let mut sending = client.request(method, text("url")).timeout(limit);
    for header in task["headers"].as_array().into_iter().flatten() {
        sending = sending.header(header[0].as_str().expect("a name"), header[1].as_str().expect("a value"));
    }
    if let Some(body) = task["body"].as_str() {
        sending = sending.body(body.to_owned());
    }
    match sending.send().await {
        Ok(response) => {
            let (status, headers, body) = read_parts(response).await;
            json!({ "status": status, "headers": headers, "body": BASE64_STANDARD.encode(body) })
        }
        Err(cause) if cause.is_timeout() => json!({ "timed_out": true }),
        Err(cause) => json!({ "failed": cause.without_url().to_string() }),
    }
}

/// Follows the way through the hosts that set cookies, back to the page.
async fn visit_hosts(client: &Client, first: &str) {
    let mut next = first.to_owned();
    while let Ok(response) = client.get(&next).send().await {
        match response.headers().get("location").and_then(|value| value.to_str().ok()) {
            Some(location) => next = String::from(location),
            None => return,
        }
    }
}

/// What a page sees of an answer.
pub async fn read_answer(response: Response) -> Answer {
    let (status, headers, body) = read_parts(response).await;
    Answer::from_parts(status, headers, &body)
}

/// Like a page's `fetch`: no details of a redirect, and never the cookies that are set.
async fn read_parts(response: Response) -> (u16, Vec<(String, String)>, Vec<u8>) {
    if response.status().is_redirection() {
        return (0, Vec::new(), Vec::new());
    }
    let status = response.status().as_u16();
    let headers = response.headers().iter().filter(|(name, _)| *name != "set-cookie");
    let headers =
        headers.map(|(name, value)| (name.to_string(), value.to_str().unwrap_or_default().to_owned()));
    let headers = headers.collect();
    let is_gzip = response.headers().get(CONTENT_ENCODING).is_some_and(|coding| coding == "gzip");
    let mut body = response.bytes().await.unwrap_or_default().to_vec();
    if is_gzip && !body.is_empty() {
        let mut read = Vec::new();
        GzDecoder::new(body.as_slice()).read_to_end(&mut read).expect("it is compressed as it says");
        body = read;
    }
    (status, headers, body)
}
