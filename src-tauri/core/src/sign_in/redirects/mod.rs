//! What a redirect means: the endpoint has moved, another service requires a sign-in first, or the application refuses
//! with a page. Only the names in a query are quoted, never the values. `pages` recognises the page that it leads to.

mod pages;
#[cfg(test)]
mod tests;

use url::Url;

use self::pages::{
    PathSpelling, asks_for_sign_in, fault_in_path, fault_in_query, find_gate, find_spelling, is_sign_in_page,
};
use super::causes::RefusalCause;
use super::exchange;
use crate::browser::Refusal;

/// An observed redirect, for the message if no one turns out to be signed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redirect {
    /// Where it leads: a path of the same origin, or an origin with a path.
    place: String,
    lead: RedirectKind,
}

/// How the new address relates to the one that redirected.
#[derive(Debug, Clone, PartialEq, Eq)]
enum RedirectKind {
    /// The same address, which is how forms answer whether they succeeded or not.
    Back,
    /// The same address in its proper spelling.
    Moved(PathSpelling),
    /// The sign-in of this service.
    Gate(&'static str),
    /// A sign-in page, of this origin or another one.
    SignIn {
        is_here: bool,
    },
    /// A page that reports an error, recognised by this word in its path or name in its query.
    Fault(String),
    Elsewhere,
    /// Any other page of the same origin.
    Within,
}

impl Redirect {
    /// An answer from `url` that redirects to `to`.
    pub fn from_urls(url: &Url, to: &Url) -> Self {
        let place = exchange::mask_link(to);
        let here = to.origin().ascii_serialization();
        let place = match place.strip_prefix(&here).filter(|_| url.origin() == to.origin()) {
            Some("") => "/".to_owned(),
            Some(path) => path.to_owned(),
            None => place,
        };
        Self { place, lead: RedirectKind::from_urls(url, to) }
    }

    /// Why the request should go to another URL; `None` if its URL is right.
    pub(super) fn explain_move(&self) -> Option<String> {
        let Self { place, lead: RedirectKind::Moved(spelling) } = self else { return None };
        let lost = "and a redirect loses what was sent. Write it like that.";
        Some(match spelling {
            PathSpelling::WithSlash => {
                format!("It leads to {place}, the same address with a slash at its end, {lost}")
            }
            PathSpelling::WithoutSlash => {
                format!("It leads to {place}, the same address without the slash at its end, {lost}")
            }
            PathSpelling::Https => {
                "It leads to the same address with https: write `https://` in its address.".into()
            }
            PathSpelling::Host => format!("It leads to {place}, the same address at another host, {lost}"),
        })
    }

    /// The refusal for a login endpoint whose URL is another one; `to` is where it redirects.
    pub(crate) fn refuse_move(&self, to: &Url) -> Option<Refusal> {
        let hint = self.explain_move()?;
        let title =
            format!("The login endpoint is elsewhere: the answer leads to {}", exchange::redact_link(to));
        Some(Refusal::new(title, hint))
    }

    /// A sentence for a note, without a full stop: `whose` leads there.
    pub fn describe_for(&self, whose: &str) -> String {
        let Self { place, lead } = self;
        let what = match lead {
            RedirectKind::Back => ", the same address again".to_owned(),
            RedirectKind::Moved(_) | RedirectKind::Within => String::new(),
            RedirectKind::Gate(name) => format!(", where {name} asks for a sign-in"),
            RedirectKind::SignIn { .. } => ", a sign-in page".into(),
            RedirectKind::Fault(word) => format!(", an error page (`{word}`)"),
            RedirectKind::Elsewhere => ", which is another origin".into(),
        };
        format!("{whose} leads to {place}{what}")
    }

    /// Whether it means that the sign-in failed, whatever the status is.
    pub fn is_astray(&self) -> bool {
        !matches!(self.lead, RedirectKind::Back | RedirectKind::Within)
    }

    /// What to do about a login endpoint that redirects there; `None` if unknown.
    pub(super) fn suggest_fix(&self) -> Option<String> {
        Some(match &self.lead {
            RedirectKind::Gate(_) | RedirectKind::SignIn { is_here: false } => format!("{} {PASS}", self.describe_gate()),
            RedirectKind::SignIn { is_here: true } => "The application did not accept the sign-in: check the secrets \
                                                       of this connection, and that the login endpoint needs no \
                                                       session."
                .into(),
            RedirectKind::Fault(_) => "That page says what went wrong. Check the application's log, the secrets of \
                                       this connection, and that this user may be impersonated."
                .into(),
            RedirectKind::Back | RedirectKind::Moved(_) | RedirectKind::Elsewhere | RedirectKind::Within => return None,
        })
    }

    /// Whether the question who is signed in never reached the application.
    pub(super) fn is_of_gate(&self) -> bool {
        matches!(self.lead, RedirectKind::Gate(_) | RedirectKind::SignIn { is_here: false })
    }

    fn describe_gate(&self) -> String {
        let name = match self.lead {
            RedirectKind::Gate(name) => name,
            _ => "A service",
        };
        format!(
            "{name} in front of the application asks for a sign-in first, so the request may never have reached it."
        )
    }
}

const PASS: &str = "Let these paths through there, or use the address behind it. If the application itself sends \
                    people there, it did not accept the request: check the secrets of this connection.";

/// Why a step's answer redirects to `to` unexpectedly.
pub(super) fn of_step(url: &Url, to: &Url) -> RefusalCause {
    let redirect = Redirect::from_urls(url, to);
    let place = &redirect.place;
    let secrets = |hint: String| RefusalCause { said: None, hint, is_secrets: true };
    if let Some(hint) = redirect.explain_move() {
        return RefusalCause { said: None, hint, is_secrets: false };
    }
    match &redirect.lead {
        RedirectKind::Gate(_) | RedirectKind::SignIn { is_here: false } => {
            secrets(format!("{}. {} {PASS}", redirect.describe_for("It"), redirect.describe_gate()))
        }
        RedirectKind::SignIn { is_here: true } => secrets(format!(
            "It leads to {place}: a sign-in page. Check the secrets of this connection, and what the step expects."
        )),
        RedirectKind::Fault(_) => secrets(format!(
            "{}. {}",
            redirect.describe_for("It"),
            redirect.suggest_fix().unwrap_or_default()
        )),
        RedirectKind::Back => secrets(format!(
            "It leads to {place}, the same address again. Forms answer like this whether it worked or not. If it \
             worked, the step needs `expect = [301, 302, 303]`. If it did not, check the secrets of this connection, \
             and what the step sends."
        )),
        RedirectKind::Moved(_) | RedirectKind::Elsewhere | RedirectKind::Within => secrets(format!(
            "It leads to {place}. Many applications answer like this when it worked: then the step needs `expect = \
             [301, 302, 303]`. \
             If it did not, check the secrets of this connection."
        )),
    }
}

impl RedirectKind {
    fn from_urls(url: &Url, to: &Url) -> Self {
        let is_here = url.origin() == to.origin();
        let is_same_path = url.path() == to.path();
        if let Some(word) = fault_in_query(to).filter(|_| is_here && is_same_path) {
            return Self::Fault(word);
        }
        if is_here && is_same_path {
            let is_asked = is_sign_in_page(to.path()) && url.query() != to.query();
            return if is_asked { Self::SignIn { is_here } } else { Self::Back };
        }
        if let Some(spelling) = find_spelling(url, to) {
            return Self::Moved(spelling);
        }
        if let Some(name) = find_gate(to) {
            return Self::Gate(name);
        }
        if is_sign_in_page(to.path()) || asks_for_sign_in(to) {
            return Self::SignIn { is_here };
        }
        if let Some(word) = fault_in_path(to.path()).or_else(|| fault_in_query(to)) {
            return Self::Fault(word);
        }
        if is_here {
            return Self::Within;
        }
        if is_same_path && to.path() != "/" { Self::Moved(PathSpelling::Host) } else { Self::Elsewhere }
    }
}
