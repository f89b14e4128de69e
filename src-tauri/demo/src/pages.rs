//! Ledgerline's pages. They only show the data of the signed-in customer.
//!
//! The templates are in `pages/`, and every value in them is escaped. The pages have a strict Content-Security-Policy,
//! like those of a careful application.

use std::sync::{Arc, LazyLock};

use axum::extract::{FromRequestParts, Path, Query, State};
use axum::http::{HeaderValue, StatusCode, header, request::Parts};
use axum::middleware::map_response;
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::get;
use axum::{Form, Router};
use jiff::civil::Date;
use minijinja::value::{Serde, Value as Filled};
use minijinja::{AutoEscape, Environment, UndefinedBehavior, context};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::application::AppState;
use super::billing::{self, Invoice, InvoiceLine, InvoiceStatus, Market, Profile};
use super::customers::Customer;
use super::sign_in::SupportAgent;

const POLICY: &str =
    "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

pub(super) fn build_routes() -> Router<Arc<AppState>> {
    Router::new()
        .route("/", get(show_overview))
        .route("/invoices", get(show_invoices))
        .route("/invoices.csv", get(export_invoices))
        .route("/invoices/{number}", get(show_invoice))
        .route("/team", get(show_team))
        .route("/settings", get(show_settings).post(save_settings))
        .route("/login", get(show_login))
        .layer(map_response(with_policy))
        .route(
            "/assets/ledgerline.css",
            get(async || serve_asset("text/css", include_str!("pages/ledgerline.css"))),
        )
        .route("/assets/icon.svg", get(async || serve_asset("image/svg+xml", include_str!("pages/icon.svg"))))
}

pub(super) async fn with_policy(mut page: Response) -> Response {
    let headers = page.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    page
}

fn serve_asset(media_type: &'static str, content: &'static str) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, media_type)], content)
}

static TEMPLATES: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut templates = Environment::new();
    templates.set_undefined_behavior(UndefinedBehavior::Strict);
    templates.set_auto_escape_callback(|_| AutoEscape::Html);
    for (name, source) in [
        ("layout", include_str!("pages/layout.html")),
        ("overview", include_str!("pages/overview.html")),
        ("invoices", include_str!("pages/invoices.html")),
        ("invoice", include_str!("pages/invoice.html")),
        ("team", include_str!("pages/team.html")),
        ("settings", include_str!("pages/settings.html")),
        ("helpdesk", include_str!("pages/helpdesk.html")),
        ("ticket", include_str!("pages/ticket.html")),
        ("login", include_str!("pages/login.html")),
        ("not_found", include_str!("pages/not_found.html")),
    ] {
        templates.add_template(name, source).expect("the templates are part of the program and its tests");
    }
    templates
});

/// The signed-in customer. Without one, there is only the login page.
struct Visitor {
    customer: Customer,
    by: SupportAgent,
    market: Market,
    profile: Profile,
}

impl FromRequestParts<Arc<AppState>> for Visitor {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, shared: &Arc<AppState>) -> Result<Self, Response> {
        let to_login = || Redirect::to("/login").into_response();
        let session = shared.sessions.find_session(&parts.headers).ok_or_else(to_login)?;
        let customer = shared.customers.find_by_id(session.user).await.map_err(|_| database_error())?;
        let customer = customer.ok_or_else(to_login)?;
        let chosen = shared.profiles.lock().get(&customer.id).copied();
        Ok(Self {
            by: session.by,
            market: Market::for_customer(&customer),
            profile: chosen.unwrap_or_else(|| Profile::first_of(&customer)),
            customer,
        })
    }
}

impl Visitor {
    /// Renders a template. `content` is what it needs besides the customer's own data.
    fn render_page(&self, section: &str, template: &str, content: Value) -> Response {
        let customer = &self.customer;
        let mut filled = json!({
            "id": customer.id.to_string(),
            "called": customer.display_name(),
            "email": customer.email,
            "company": customer.company_name.as_deref().unwrap_or(customer.display_name()),
            "plan": customer.plan,
            "role": customer.role,
            "locale": customer.locale,
            "since": format_day_of(&customer.created_at),
            "vat_missing": self.profile == Profile::Default,
            "vat_number": self.market.vat_number(customer),
            "vat_percent": self.market.vat_percent,
        });
        if let (Value::Object(filled), Value::Object(content)) = (&mut filled, content) {
            filled.extend(content);
        }
        let visitor = json!({
            "called": customer.display_name(),
            "initials": to_initials(customer.display_name()),
            "operator": self.by.operator,
            "reason": self.by.reason,
        });
        render_layout(StatusCode::OK, section, template, &filled, &visitor)
    }

    fn invoice_rows(&self, today: Date) -> Vec<TableRow> {
        billing::list_invoices(&self.customer, today)
            .iter()
            .map(|invoice| self.invoice_row(invoice))
            .collect()
    }

    /// An invoice with its amounts and dates formatted for display.
    fn invoice_row(&self, invoice: &Invoice) -> TableRow {
        let line = |line: &InvoiceLine| LineRow {
            what: line.what,
            quantity: line.quantity,
            each: self.market.format_money(line.each),
            amount: self.market.format_money(line.amount),
        };
        TableRow {
            number: invoice.number.clone(),
            client: invoice.client,
            issued: format_date(invoice.issued),
            due: format_date(invoice.due),
            status: invoice.status,
            lines: invoice.lines.iter().map(line).collect(),
            net: self.market.format_money(invoice.net),
            vat: self.market.format_money(invoice.vat),
            total: self.market.format_money(invoice.total),
        }
    }
}

#[derive(Serialize)]
struct TableRow {
    number: String,
    client: &'static str,
    issued: String,
    due: String,
    status: InvoiceStatus,
    lines: Vec<LineRow>,
    net: String,
    vat: String,
    total: String,
}

#[derive(Serialize)]
struct LineRow {
    what: &'static str,
    quantity: u64,
    each: String,
    amount: String,
}

async fn show_overview(State(shared): State<Arc<AppState>>, visitor: Visitor) -> Response {
    let all = billing::list_invoices(&visitor.customer, shared.today);
    let with = |status: InvoiceStatus| {
        let these: Vec<&Invoice> = all.iter().filter(|invoice| invoice.status == status).collect();
        let total = these.iter().map(|invoice| invoice.total).sum();
        json!({ "count": these.len(), "total": visitor.market.format_money(total) })
    };
    let (_, used) = match list_team(&shared, &visitor.customer).await {
        Ok(colleagues) => colleagues,
        Err(answer) => return answer,
    };
    let (months, most) = chart_months(&all, visitor.market, shared.today);
    let latest: Vec<TableRow> = all.iter().take(6).map(|invoice| visitor.invoice_row(invoice)).collect();
    let content = json!({
        "sent": all.len(),
        "open": with(InvoiceStatus::Open),
        "overdue": with(InvoiceStatus::Overdue),
        "paid": with(InvoiceStatus::Paid),
        "latest": latest,
        "seats_used": used,
        "seats": billing::included_seats(&visitor.customer.plan, used),
        "months": months,
        "most": most,
    });
    visitor.render_page("Overview", "overview", content)
}

/// The chart's six months, oldest first, and a description of the largest.
fn chart_months(invoices: &[Invoice], market: Market, today: Date) -> (Vec<Value>, String) {
    const TALLEST: u64 = 128;
    let months: Vec<(String, u64)> = (0..6)
        .rev()
        .map(|back| {
            let first = today.first_of_month().saturating_sub(jiff::Span::new().months(back));
            let in_it = invoices.iter().filter(|it| it.issued.first_of_month() == first);
            (first.strftime("%b").to_string(), in_it.map(|invoice| invoice.total).sum())
        })
        .collect();
    let most = months.iter().map(|(_, total)| *total).max().unwrap_or_default();
    let bars = months.into_iter().map(|(name, total)| {
        let height = (total * TALLEST).checked_div(most).unwrap_or_default();
        json!({ "name": name, "total": market.format_money(total), "height": height })
    });
    (bars.collect(), market.format_money(most))
}

async fn show_invoices(State(shared): State<Arc<AppState>>, visitor: Visitor) -> Response {
    visitor.render_page("Invoices", "invoices", json!({ "invoices": visitor.invoice_rows(shared.today) }))
}

async fn export_invoices(State(shared): State<Arc<AppState>>, visitor: Visitor) -> Response {
    let quoted = |text: &str| format!("\"{}\"", text.replace('"', "\"\""));
    let mut file = String::from("number,client,issued,due,net,vat,total\r\n");
    for row in visitor.invoice_rows(shared.today) {
        let values = [&*row.number, row.client, &row.issued, &row.due, &row.net, &row.vat, &row.total];
        file.push_str(&values.map(quoted).join(","));
        file.push_str("\r\n");
    }
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"invoices.csv\""),
    ];
    (headers, file).into_response()
}

async fn show_invoice(
    State(shared): State<Arc<AppState>>,
    visitor: Visitor,
    Path(number): Path<String>,
) -> Response {
    let Some(row) = visitor.invoice_rows(shared.today).into_iter().find(|row| row.number == number) else {
        return not_found().await;
    };
    let profile = if visitor.profile == Profile::Default { "Default" } else { "Head office" };
    visitor.render_page("Invoices", "invoice", json!({ "invoice": row, "profile": profile }))
}

async fn show_team(State(shared): State<Arc<AppState>>, visitor: Visitor) -> Response {
    let (listed, used) = match list_team(&shared, &visitor.customer).await {
        Ok(colleagues) => colleagues,
        Err(answer) => return answer,
    };
    let more = usize::try_from(used).unwrap_or(usize::MAX).saturating_sub(listed.len());
    let members: Vec<Value> = listed
        .iter()
        .map(|member| {
            json!({
                "called": member.display_name(),
                "initials": to_initials(member.display_name()),
                "email": member.email,
                "role": member.role,
                "last_seen": member.last_login_at.as_deref().map_or("never".to_owned(), format_day_of),
                "you": member.id == visitor.customer.id,
            })
        })
        .collect();
    let seats = billing::included_seats(&visitor.customer.plan, used);
    let content = json!({ "members": members, "more": more, "seats": seats, "seats_used": used });
    visitor.render_page("Team", "team", content)
}

/// The team, with the visitor first, and its size.
async fn list_team(shared: &AppState, customer: &Customer) -> Result<(Vec<Customer>, u32), Response> {
    let Some(company) = &customer.company_name else { return Ok((vec![customer.clone()], 1)) };
    let (mut listed, all) = shared.customers.list_colleagues(company).await.map_err(|_| database_error())?;
    listed.retain(|member| member.id != customer.id);
    listed.insert(0, customer.clone());
    Ok((listed, all))
}

#[derive(Deserialize)]
struct Saved {
    saved: Option<String>,
}

async fn show_settings(visitor: Visitor, Query(query): Query<Saved>) -> Response {
    visitor.render_page("Settings", "settings", json!({ "saved": query.saved.is_some() }))
}

#[derive(Deserialize)]
struct SettingsForm {
    profile: String,
}

/// Kept in memory while the application runs; the directory is never written to.
async fn save_settings(
    State(shared): State<Arc<AppState>>,
    visitor: Visitor,
    Form(chosen): Form<SettingsForm>,
) -> Response {
    let Some(profile) = Profile::from_name(&chosen.profile) else {
        return StatusCode::UNPROCESSABLE_ENTITY.into_response();
    };
    shared.profiles.lock().insert(visitor.customer.id, profile);
    Redirect::to("/settings?saved").into_response()
}

async fn show_login() -> Response {
    render_layout(StatusCode::OK, "Signed out", "login", &json!({}), &Value::Null)
}

pub(super) async fn not_found() -> Response {
    with_policy(render_layout(StatusCode::NOT_FOUND, "No such page", "not_found", &json!({}), &Value::Null))
        .await
}

pub(super) fn database_error() -> Response {
    (StatusCode::INTERNAL_SERVER_ERROR, "The customers cannot be read.").into_response()
}

/// Renders a page that no customer has to be signed in for.
pub(super) fn render_for_nobody(section: &str, template: &str, content: &Value) -> Response {
    render_layout(StatusCode::OK, section, template, content, &Value::Null)
}

fn render_layout(
    status: StatusCode,
    section: &str,
    template: &str,
    content: &Value,
    visitor: &Value,
) -> Response {
    let page = TEMPLATES.get_template(template);
    let rendered = page.and_then(|page| page.render(Serde(content))).and_then(|body| {
        let body = Filled::from_safe_string(body);
        let visitor = Filled::from(Serde(visitor));
        TEMPLATES.get_template("layout")?.render(context! { title => section, section, visitor, body })
    });
    match rendered {
        Ok(page) => (status, Html(page)).into_response(),
        Err(cause) => {
            tracing::error!(%template, %cause, "a page of the demo application could not be rendered");
            (StatusCode::INTERNAL_SERVER_ERROR, "This page is broken.").into_response()
        }
    }
}

/// `18 Nov 2026`.
fn format_date(date: Date) -> String {
    date.strftime("%-d %b %Y").to_string()
}

/// The day of a time that the directory stores as text.
fn format_day_of(time: &str) -> String {
    time.get(..10).and_then(|date| date.parse().ok()).map_or_else(|| time.to_owned(), format_date)
}

/// The first letters of the first and last words.
fn to_initials(name: &str) -> String {
    let mut letters = name.split_whitespace().filter_map(|word| word.chars().find(|c| c.is_alphanumeric()));
    let first = letters.next();
    first.into_iter().chain(letters.next_back()).flat_map(char::to_uppercase).collect()
}
