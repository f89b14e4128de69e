//! Ledgerline's helpdesk: a few tickets of its customers, each with a link that opens the console at its customer.
//!
//! Comments and files are kept in memory. Nobody has to sign in, because the helpdesk is on this computer only, and the customers
//! are invented.

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Form, Json, Router};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use parking_lot::Mutex;
use serde::Deserialize;
use serde_json::{Value, json};
use url::Url;

use super::application::AppState;
use super::customers::Customer;
use super::pages;

/// The number of the first ticket.
const FIRST_NUMBER: u32 = 4711;

/// How many comments a ticket takes, and how long one may be, in bytes.
const COMMENTS: usize = 20;
const LONGEST_COMMENT: usize = 40_000;
const LONGEST_ID: usize = 100;

/// How many files a ticket takes, and how long one may be, in Base64.
const FILES: usize = 5;
pub(super) const LONGEST_FILE: usize = 32 << 20;
const LONGEST_NAME: usize = 200;

/// No script runs in a file, and nothing is loaded: a program sent it.
const POLICY_OF_FILES: &str =
    "sandbox allow-downloads; default-src 'none'; img-src data:; style-src 'unsafe-inline'";

/// What customers write, and the page that it is about.
const QUESTIONS: [(&str, &str, &str); 4] = [
    (
        "Cannot find last month's invoice",
        "/invoices",
        "Our accountant asks for it, and I only see the newer ones. Where do I find it?",
    ),
    (
        "VAT number is missing",
        "/settings",
        "The invoices we send have no VAT number. I entered it last week, and it does not stay.",
    ),
    (
        "A colleague can't be invited",
        "/team",
        "It says that there is no seat left, but two people have left the company.",
    ),
    ("What does the warning mean?", "/", "There is a yellow warning on my overview since this morning."),
];

/// The comments and files by ticket.
#[derive(Default)]
pub(super) struct Helpdesk {
    comments: Mutex<HashMap<u32, Vec<Comment>>>,
    files: Mutex<HashMap<u32, Vec<AttachedFile>>>,
}

/// A file as it was sent.
#[derive(Clone, Deserialize)]
struct AttachedFile {
    name: String,
    /// In Base64.
    content: String,
    /// The same if it is sent again.
    #[serde(default)]
    id: String,
}

struct Comment {
    /// What its sender calls it, so that it is not added twice; empty for one that was typed here.
    id: String,
    text: String,
}

impl Helpdesk {
    fn list_comments(&self, number: u32) -> Vec<String> {
        let all = self.comments.lock();
        all.get(&number).into_iter().flatten().map(|comment| comment.text.clone()).collect()
    }

    fn add_comment(&self, number: u32, comment: Comment) {
        let mut all = self.comments.lock();
        let comments = all.entry(number).or_default();
        if !comment.id.is_empty() && comments.iter().any(|known| known.id == comment.id) {
            return;
        }
        if comments.len() == COMMENTS {
            comments.remove(0);
        }
        comments.push(comment);
    }

    fn list_files(&self, number: u32) -> Vec<AttachedFile> {
        self.files.lock().get(&number).cloned().unwrap_or_default()
    }

    fn add_file(&self, number: u32, file: AttachedFile) {
        let mut all = self.files.lock();
        let files = all.entry(number).or_default();
        if !file.id.is_empty() && files.iter().any(|known| known.id == file.id) {
            return;
        }
        if files.len() == FILES {
            files.remove(0);
        }
        files.push(file);
    }
}

pub(super) fn build_routes() -> Router<Arc<AppState>> {
    Router::new()
        .route("/helpdesk", get(list_tickets))
        .route("/helpdesk/{number}", get(show_ticket).post(add_comment))
        .route("/helpdesk/{number}/comments", post(receive_comment))
        .layer(axum::middleware::map_response(pages::with_policy))
        .route("/helpdesk/{number}/files", post(receive_file).layer(DefaultBodyLimit::max(LONGEST_FILE)))
        .route("/helpdesk/{number}/files/{place}", get(show_file))
}

struct Ticket {
    number: u32,
    subject: &'static str,
    page: &'static str,
    text: &'static str,
    customer: Customer,
}

impl Ticket {
    /// What a helpdesk puts into the ticket; `docs/tickets.md` has the parts.
    fn link(&self) -> String {
        let mut link = Url::parse("understudy://open").expect("a constant");
        link.query_pairs_mut()
            .append_pair("connection", "demo")
            .append_pair("user", &self.customer.id.to_string())
            .append_pair("ticket", &self.number.to_string())
            .append_pair("reason", self.subject)
            .append_pair("page", self.page);
        link.into()
    }

    fn to_json(&self) -> Value {
        json!({
            "number": self.number,
            "subject": self.subject,
            "text": self.text,
            "called": self.customer.display_name(),
            "email": self.customer.email,
            "link": self.link(),
        })
    }
}

impl AppState {
    /// The tickets, each of one of the newest customers.
    async fn list_tickets(&self) -> sqlx::Result<Vec<Ticket>> {
        let customers = self.customers.list_newest(QUESTIONS.len()).await?;
        let tickets = (FIRST_NUMBER..).zip(QUESTIONS).zip(customers);
        Ok(tickets
            .map(|((number, (subject, page, text)), customer)| Ticket {
                number,
                subject,
                page,
                text,
                customer,
            })
            .collect())
    }

    /// Fails with the answer that says why it is not kept.
    async fn keep_comment(&self, number: u32, new: NewComment) -> Result<(), Response> {
        let ticket = self.find_ticket(number).await.map_err(|_| pages::database_error())?;
        if ticket.is_none() {
            return Err(pages::not_found().await.into_response());
        }
        let text = new.comment.trim().replace("\r\n", "\n");
        if text.len() > LONGEST_COMMENT || new.id.len() > LONGEST_ID {
            return Err((StatusCode::PAYLOAD_TOO_LARGE, "This comment is too long.").into_response());
        }
        if !text.is_empty() {
            self.helpdesk.add_comment(number, Comment { id: new.id, text });
        }
        Ok(())
    }

    async fn find_ticket(&self, number: u32) -> sqlx::Result<Option<Ticket>> {
        Ok(self.list_tickets().await?.into_iter().find(|ticket| ticket.number == number))
    }
}

async fn list_tickets(State(shared): State<Arc<AppState>>) -> Response {
    let Ok(tickets) = shared.list_tickets().await else { return pages::database_error() };
    let listed: Vec<Value> = tickets.iter().map(Ticket::to_json).collect();
    pages::render_for_nobody("Helpdesk", "helpdesk", &json!({ "tickets": listed }))
}

async fn show_ticket(State(shared): State<Arc<AppState>>, Path(number): Path<u32>) -> Response {
    let Ok(ticket) = shared.find_ticket(number).await else { return pages::database_error() };
    let Some(ticket) = ticket else { return pages::not_found().await.into_response() };
    let mut filled = ticket.to_json();
    filled["comments"] = json!(shared.helpdesk.list_comments(number));
    let files = shared.helpdesk.list_files(number);
    filled["files"] = files.iter().map(|file| file.name.as_str()).collect();
    pages::render_for_nobody("Ticket", "ticket", &filled)
}

#[derive(Deserialize)]
struct NewComment {
    comment: String,
    /// The same if a program sends the same comment again.
    #[serde(default)]
    id: String,
}

async fn add_comment(
    State(shared): State<Arc<AppState>>,
    Path(number): Path<u32>,
    Form(comment): Form<NewComment>,
) -> Response {
    match shared.keep_comment(number, comment).await {
        Ok(()) => Redirect::to(&format!("/helpdesk/{number}")).into_response(),
        Err(refusal) => refusal,
    }
}

/// The same for programs, as helpdesks have it.
async fn receive_comment(
    State(shared): State<Arc<AppState>>,
    Path(number): Path<u32>,
    Json(comment): Json<NewComment>,
) -> Response {
    shared
        .keep_comment(number, comment)
        .await
        .map_or_else(|refusal| refusal, |()| StatusCode::CREATED.into_response())
}

/// A file for a ticket, as helpdesks take it from programs.
async fn receive_file(
    State(shared): State<Arc<AppState>>,
    Path(number): Path<u32>,
    Json(file): Json<AttachedFile>,
) -> Response {
    match shared.find_ticket(number).await {
        Err(_) => return pages::database_error(),
        Ok(None) => return pages::not_found().await.into_response(),
        Ok(Some(_)) => {}
    }
    let is_page = std::path::Path::new(&file.name).extension().is_some_and(|ending| ending == "html");
    if !is_page || file.name.len() > LONGEST_NAME || file.id.len() > LONGEST_ID {
        return (StatusCode::UNPROCESSABLE_ENTITY, "Only HTML files with short names.").into_response();
    }
    if BASE64_STANDARD.decode(&file.content).is_err() {
        return (StatusCode::UNPROCESSABLE_ENTITY, "The file is not in Base64.").into_response();
    }
    shared.helpdesk.add_file(number, file);
    StatusCode::CREATED.into_response()
}

async fn show_file(
    State(shared): State<Arc<AppState>>,
    Path((number, place)): Path<(u32, usize)>,
) -> Response {
    let files = shared.helpdesk.list_files(number);
    let content = files.get(place).and_then(|file| BASE64_STANDARD.decode(&file.content).ok());
    let Some(content) = content else { return pages::not_found().await.into_response() };
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_SECURITY_POLICY, POLICY_OF_FILES),
        (header::CACHE_CONTROL, "no-store"),
    ];
    (headers, content).into_response()
}
