//! What the session's window gets and does to sign in, once the console has taken its steps.

use secrecy::SecretString;
use serde_json::Value;
use url::{Origin, Url};

use super::client::Client;
use super::exchange::{self, Exchange};
use super::forest::ForestBackend;
use super::safe_html::SafeHtml;
use super::{capture, cookie_rules, forest, plan_request};
use crate::browser::{PageStorage, PlannedRequest, Refusal, SessionCookie};
use crate::connection::{Connection, Recipe, StorageItem};
use crate::error::Result;
use crate::template::{SignInContext, leads_elsewhere};

/// The parts of one attempt to sign in, in this order.
#[derive(Default)]
pub struct Handoff {
    /// Put among the window's cookies.
    pub cookies: Vec<SessionCookie>,
    /// Sent by the window.
    pub request: Option<PlannedRequest>,
    /// The request with every secret masked, for people.
    pub shown: Option<Exchange>,
    /// Go into the page's storage once `request` is answered.
    pub storage: Vec<StorageItem>,
    /// A one-time link for the window to open.
    pub link: Option<Url>,
    /// The first page, if the application named one.
    pub redirect_to: Option<Url>,
    /// The success message, if the application sent one.
    pub success: Option<String>,
    /// A longer message from the application.
    pub said: Vec<SafeHtml>,
    /// Unexpected places that steps led to, which often means that no one is signed in; sentences like `notes`.
    pub astray: Vec<String>,
    /// What went wrong without being a refusal, in sentences without a full stop.
    pub notes: Vec<String>,
    /// The application has changed the users' data.
    pub refresh: bool,
}

/// Determines what the window gets. For a Smart Action, the console calls its backend first; `told` receives those
/// requests.
pub async fn hand_off(
    connection: &Connection,
    context: &SignInContext,
    client: &mut Client,
    observer: &mut (dyn FnMut(Exchange) + Send),
) -> Result<Handoff, Refusal> {
    let (sign_in, seen) = (&connection.sign_in, context.rendered());
    match &sign_in.recipe {
        Recipe::Webhook(request) | Recipe::Storage { request: Some(request), .. } => {
            let timeout = sign_in.timeout;
            let masked = plan_request(request, timeout, &exchange::mask_context(&seen))?;
            let request = plan_request(request, timeout, &seen)?;
            client.hide_values(exchange::secret_derived_values(&request, &masked));
            Ok(Handoff {
                request: Some(request),
                shown: Some(Exchange::for_request("The login endpoint", true, &masked)),
                storage: storage_items(&sign_in.recipe),
                ..Handoff::default()
            })
        }
        Recipe::Storage { request: None, .. } => {
            Ok(Handoff { storage: storage_items(&sign_in.recipe), ..Handoff::default() })
        }
        Recipe::Exchange { cookies, origins } => {
            let begin = super::redirect_to(connection, &seen)?;
            let (got, notes) = for_window(cookies, origins, &begin, client)?;
            Ok(Handoff { cookies: got, notes, astray: client.stray_notes().to_vec(), ..Handoff::default() })
        }
        Recipe::Link { open, origins } => {
            let text = context.captured(open).and_then(Value::as_str).unwrap_or_default();
            let is_meant = |link: &Url| origins.contains(&link.origin()) && !leads_elsewhere(link.path());
            let link = Url::parse(text).ok().filter(is_meant);
            match link {
                Some(link) => Ok(Handoff { link: Some(link), ..Handoff::default() }),
                None => Err(Refusal {
                    title: format!(
                        "The value captured as `{open}` is not a link to where this sign-in may lead"
                    ),
                    excerpt: Url::parse(text).ok().map(|link| link.origin().ascii_serialization()),
                    hint: format!(
                        "It may lead to {}. Check the application, or add the link's origin to `sign_in.open_origins`.",
                        origins.iter().map(Origin::ascii_serialization).collect::<Vec<_>>().join(", ")
                    ),
                    ..Refusal::default()
                }),
            }
        }
        Recipe::Forest(forest) => {
            let (secrets, now) = (context.secret_values().cloned().collect::<Vec<_>>(), context.now());
            let backend = ForestBackend { connection, forest, context: &seen, secrets: &secrets, now };
            forest::call_action(&backend, client, observer).await
        }
    }
}

/// The cookies that the steps have collected for the window so far; none if the recipe gives it none. A sign-in that is
/// stopped halfway needs them to sign out.
pub fn cookies_for_window(
    connection: &Connection,
    context: &Value,
    client: &Client,
) -> Result<Vec<SessionCookie>> {
    let Recipe::Exchange { cookies, origins } = &connection.sign_in.recipe else { return Ok(Vec::new()) };
    Ok(client.select_cookies(cookies, &super::redirect_to(connection, context)?, origins))
}

/// The cookies that the window gets, and notes about those that it does not.
fn for_window(
    wanted: &[String],
    origins: &[Url],
    begin: &Url,
    client: &Client,
) -> Result<(Vec<SessionCookie>, Vec<String>), Refusal> {
    let all = client.select_cookies(wanted, begin, origins);
    let is_there = |name: &str| all.iter().any(|cookie| cookie.name == name);
    let is_exact = |name: &&String| !name.starts_with('!') && !name.ends_with('*');
    let absent: Vec<&String> = wanted.iter().filter(is_exact).filter(|name| !is_there(name)).collect();
    let there = capture::list_names("there is", client.cookie_names(begin));
    let there = if there.is_empty() { String::new() } else { format!("; {there}") };
    let origin = begin.origin().ascii_serialization();
    let lost = client.unsent_to(begin);
    if all.is_empty() {
        let lost = lost
            .iter()
            .filter(|cookie| is_wanted(wanted, &cookie.name))
            .map(|cookie| capitalize_first(&cookie.to_string()));
        let known: String =
            client.stray_notes().iter().cloned().chain(lost).map(|sentence| sentence + ". ").collect();
        return Err(Refusal::new(
            format!(
                "The application answered the sign-in, but set no cookie {} for {origin}{there}",
                wanted.join(", ")
            ),
            format!(
                "{known}Check `sign_in.cookies` against what the application sets for this address. It may require a \
                 second factor. Cookies of another host are left out, unless `sign_in.cookie_origins` names it."
            ),
        ));
    }
    let (unsent, got): (Vec<_>, Vec<_>) = all.into_iter().partition(|cookie| {
        // A cookie of another host is sent to that host, so it does not concern this one.
        begin.host_str().is_some_and(|host| cookie.domain == host)
            && cookie_rules::find_send_problem(cookie, begin).is_some()
    });
    let mut notes: Vec<String> = unsent
        .iter()
        .filter_map(|cookie| cookie_rules::find_send_problem(cookie, begin))
        .map(|unsent| capitalize_first(&unsent.to_string()))
        .collect();
    if got.is_empty() {
        return Err(Refusal::new(
            format!(
                "The sign-in was answered, but the session's window would not send its cookie to {origin}"
            ),
            format!(
                "{}. Serve the application by https, or have it leave `Secure` out where it runs on http.",
                notes.join(". ")
            ),
        ));
    }
    notes.extend(absent.iter().map(|name| match lost.iter().find(|cookie| cookie.name == **name) {
        Some(cookie) => capitalize_first(&cookie.to_string()),
        None => format!("The cookie `{name}`, which `sign_in.cookies` names, was not set{there}"),
    }));
    Ok((got, notes))
}

/// Whether `sign_in.cookies` names this cookie, in full or by its prefix.
fn is_wanted(wanted: &[String], name: &str) -> bool {
    wanted.iter().any(|pattern| match pattern.strip_suffix('*') {
        Some(start) => name.starts_with(start),
        None => name == pattern,
    })
}

fn capitalize_first(sentence: &str) -> String {
    let mut chars = sentence.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}

fn storage_items(recipe: &Recipe) -> Vec<StorageItem> {
    match recipe {
        Recipe::Storage { items, .. } => items.clone(),
        _ => Vec::new(),
    }
}

/// The content of the page's storage. `context` has `captured`, and `response` if the window sent a request.
pub fn render_storage(items: &[StorageItem], context: &Value) -> Result<PageStorage> {
    let mut stored = PageStorage::default();
    for item in items {
        let value = match item.value.render(context)? {
            Value::String(text) => text,
            other => other.to_string(),
        };
        let place = if item.of_session { &mut stored.session } else { &mut stored.local };
        place.push((item.name.clone(), SecretString::from(value)));
    }
    Ok(stored)
}
