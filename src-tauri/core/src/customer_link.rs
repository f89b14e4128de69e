//! Links that lead from a ticket to a customer: `understudy://open?connection=acme&user=anna%40example.com&ticket=4711`.
//!
//! Anyone can write such a link, and any page can open one. So it only fills in what the agent would have typed, and
//! nothing happens until the agent has looked at it: it signs nobody in, and names nothing but a connection that exists.

use std::borrow::Cow;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use serde::{Deserialize, Serialize};
use ts_rs::TS;
use url::Url;

use crate::error::{Code, Error, Result};
use crate::sanitize::sanitize_line;

/// What links begin with.
pub const LINK_SCHEME: &str = "understudy:";

/// The one thing that a link can ask for.
const OPEN: &str = "open";

/// The longest link, in bytes. Browsers and systems pass on more, but nobody needs it.
const LONGEST_LINK: usize = 8192;

/// How much of a link's own text an error quotes, in characters.
const QUOTED: usize = 60;

/// What stays readable in a link that Understudy writes.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~').remove(b'/');

const HOW_TO_ENCODE: &str = "In the helpdesk's setting that makes the link, each value has to be URL-encoded: see \
                             docs/tickets.md.";

/// What a link fills in. Nothing of it has been looked up.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, TS)]
#[ts(export)]
pub struct CustomerLink {
    /// The connection's ID.
    pub connection: String,
    /// Whatever identifies the user in the search field: an ID, an email address, a number.
    pub user: String,
    /// The ticket's number or address in the helpdesk; may be empty.
    pub ticket: String,
    /// May be empty.
    pub reason: String,
    /// Where in the application the customer's problem is: a path, with a query if needed. May be empty.
    pub page: String,
}

impl CustomerLink {
    /// Reads a link.
    ///
    /// # Errors
    /// If it is no such link, if a part is missing, unknown, repeated, too long or badly encoded, or if `page` is not a
    /// path.
    pub fn parse(text: &str) -> Result<Self> {
        let text = text.trim();
        if text.len() > LONGEST_LINK {
            return Err(link_error(format!("The link is longer than {LONGEST_LINK} bytes.")));
        }
        let mut link = Self::default();
        for pair in find_query(text)?.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            link.fill_in(name, &decode_value(name, value)?)?;
        }
        for (name, value) in [("connection", &link.connection), ("user", &link.user)] {
            if value.is_empty() {
                return Err(link_error(format!("The link has no `{name}`.")));
            }
        }
        Ok(link)
    }

    /// Writes the link. [`Self::parse`] reads it as it was.
    pub fn to_url(&self) -> String {
        let pairs = PARTS.iter().map(|part| (part.name, (part.value)(self)));
        let pairs = pairs.filter(|(_, value)| !value.is_empty());
        let pairs = pairs.map(|(name, value)| format!("{name}={}", utf8_percent_encode(value, ESCAPED)));
        format!("{LINK_SCHEME}//{OPEN}?{}", pairs.collect::<Vec<_>>().join("&"))
    }

    fn fill_in(&mut self, name: &str, value: &str) -> Result<()> {
        let Some(part) = PARTS.iter().find(|part| part.name == name) else {
            let known: Vec<_> = PARTS.iter().map(|part| part.name).collect();
            let message = format!("The link contains `{}`, which has no meaning here.", quote(name));
            let hint = format!("It can contain {}. {HOW_TO_ENCODE}", known.join(", "));
            return Err(link_error(message).with_hint(hint));
        };
        if !(part.value)(self).is_empty() {
            return Err(link_error(format!("The link contains `{name}` twice.")).with_hint(HOW_TO_ENCODE));
        }
        // A helpdesk that knows no value for a placeholder leaves nothing, or only space.
        let value = value.trim();
        if value.chars().count() > part.longest {
            let message = format!("`{name}` of the link is longer than {} characters.", part.longest);
            return Err(link_error(message));
        }
        if value.chars().any(char::is_control) {
            return Err(link_error(format!("`{name}` of the link contains control characters.")));
        }
        if value.contains("{{") || value.contains("}}") {
            let message = format!("`{name}` of the link is still a placeholder: {}", quote(value));
            let hint = "The helpdesk has not replaced it. Check its spelling there.";
            return Err(link_error(message).with_hint(hint));
        }
        if name == "page" {
            check_page(value)?;
        }
        value.clone_into((part.place)(self));
        Ok(())
    }
}

/// What a session keeps of the ticket that it is for. Both may be empty.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct TicketContext {
    /// The ticket's number or address in the helpdesk.
    pub ticket: String,
    /// Where in the application the customer's problem is: a path, with a query if needed.
    pub page: String,
}

impl TicketContext {
    /// Checks it as if a link had brought it.
    ///
    /// # Errors
    /// As [`CustomerLink::parse`].
    pub fn check(&self) -> Result<()> {
        let mut link = CustomerLink::default();
        link.fill_in("ticket", &self.ticket)?;
        link.fill_in("page", &self.page)
    }

    /// Where the session begins: at this page, at the origin of `begin`, where it would begin without one.
    pub fn choose_start(&self, begin: Url) -> Url {
        if self.page.is_empty() {
            return begin;
        }
        match begin.join(&self.page) {
            Ok(page) if page.origin() == begin.origin() => page,
            _ => begin,
        }
    }
}

/// One of a link's parts.
struct LinkPart {
    name: &'static str,
    /// In characters.
    longest: usize,
    value: fn(&CustomerLink) -> &str,
    place: fn(&mut CustomerLink) -> &mut String,
}

macro_rules! parts {
    ($($field:ident: $longest:literal),*) => {
        [$(LinkPart {
            name: stringify!($field),
            longest: $longest,
            value: |link| &link.$field,
            place: |link| &mut link.$field,
        }),*]
    };
}

const PARTS: [LinkPart; 5] = parts![connection: 64, user: 320, ticket: 200, reason: 500, page: 2000];

/// What follows `understudy://open?`.
fn find_query(text: &str) -> Result<&str> {
    let unknown = || {
        let hint = format!("A link to a customer begins with {LINK_SCHEME}//{OPEN}?");
        link_error(format!("Understudy can't open this link: {}", quote(text))).with_hint(hint)
    };
    let (scheme, rest) = text.split_at_checked(LINK_SCHEME.len()).ok_or_else(unknown)?;
    if !scheme.eq_ignore_ascii_case(LINK_SCHEME) {
        return Err(unknown());
    }
    let rest = rest.split('#').next().unwrap_or_default();
    let (what, query) = rest.split_once('?').ok_or_else(unknown)?;
    // Browsers and systems add or remove the slash before the query.
    let what = what.strip_prefix("//").ok_or_else(unknown)?;
    let what = what.strip_suffix('/').unwrap_or(what);
    if what.eq_ignore_ascii_case(OPEN) { Ok(query) } else { Err(unknown()) }
}

/// A value as text. A plus is a plus, because helpdesks often put addresses into links as they are; only in a reason, it
/// is the space of a form's encoding.
fn decode_value(name: &str, value: &str) -> Result<String> {
    let spaced = if name == "reason" { Cow::Owned(value.replace('+', " ")) } else { Cow::Borrowed(value) };
    let Ok(text) = percent_decode_str(&spaced).decode_utf8() else {
        let message = format!("`{}` of the link is not text in UTF-8.", quote(name));
        return Err(link_error(message).with_hint(HOW_TO_ENCODE));
    };
    Ok(text.into_owned())
}

/// Whether a browser would stay at the application with this path.
fn check_page(page: &str) -> Result<()> {
    if page.is_empty() || (page.starts_with('/') && !page.starts_with("//") && !page.contains('\\')) {
        return Ok(());
    }
    let message = format!("`page` of the link is not a path of the application: {}", quote(page));
    Err(link_error(message)
        .with_hint("It begins with one slash, such as /orders/42, and contains no backslash."))
}

fn quote(text: &str) -> String {
    sanitize_line(text, QUOTED)
}

fn link_error(message: String) -> Error {
    Error::new(Code::QueryInvalid, message)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn refusal(text: &str) -> String {
        CustomerLink::parse(text).expect_err(text).to_string()
    }

    #[test]
    fn a_helpdesk_s_link_fills_in_what_it_names() {
        let text = "understudy://open?connection=acme&user=anna%2Bshop%40example.com&ticket=4711\
                    &reason=Cannot+pay%3A%20card%20refused&page=/orders/42%3Ftab%3Dpayment";
        let link = CustomerLink::parse(text).unwrap();
        assert_eq!(
            link,
            CustomerLink {
                connection: "acme".into(),
                user: "anna+shop@example.com".into(),
                ticket: "4711".into(),
                reason: "Cannot pay: card refused".into(),
                page: "/orders/42?tab=payment".into(),
            }
        );
    }

    #[test]
    fn an_address_that_was_put_in_as_it_is_keeps_its_plus() {
        let link =
            CustomerLink::parse("understudy://open/?connection=acme&user=anna+shop@example.com").unwrap();
        assert_eq!(link.user, "anna+shop@example.com");
    }

    #[test]
    fn systems_may_spell_scheme_and_host_differently() {
        for text in [
            "UNDERSTUDY://OPEN?connection=a&user=1",
            " understudy://open/?connection=a&user=1\n",
            "understudy://open?&connection=a&user=1&ticket=&reason=#top",
        ] {
            let link = CustomerLink::parse(text).unwrap();
            assert_eq!((link.connection.as_str(), link.user.as_str()), ("a", "1"), "{text}");
        }
    }

    #[test]
    fn a_link_that_is_not_understood_is_refused_in_words() {
        for (text, why) in [
            ("https://example.com", "can't open this link"),
            ("understudy://impersonate?connection=a&user=1", "can't open this link"),
            ("understudy:open?connection=a&user=1", "can't open this link"),
            ("understudy://open@evil.example?connection=a&user=1", "can't open this link"),
            ("understudy://open?user=1", "has no `connection`"),
            ("understudy://open?connection=a", "has no `user`"),
            ("understudy://open?connection=a&user=%20", "has no `user`"),
            ("understudy://open?connection=a&user=1&user=2", "`user` twice"),
            ("understudy://open?connection=a&user=1&sign_in=now", "`sign_in`, which has no meaning"),
            ("understudy://open?connection=a&user=1&reason=R&D", "`D`, which has no meaning"),
            ("understudy://open?connection=a&user=%ff", "not text in UTF-8"),
            ("understudy://open?connection=a&user=1%0d%0ax", "control characters"),
            ("understudy://open?connection=a&user={{ticket.requester.email}}", "is still a placeholder"),
            ("understudy://open?connection=a&user=1&page=https://evil.example/", "not a path"),
            ("understudy://open?connection=a&user=1&page=//evil.example/", "not a path"),
            ("understudy://open?connection=a&user=1&page=/\\evil.example/", "not a path"),
        ] {
            let said = refusal(text);
            assert!(said.contains(why), "{text}: {said}");
        }
    }

    #[test]
    fn what_is_too_long_is_refused() {
        let long = "x".repeat(321);
        assert!(refusal(&format!("understudy://open?connection=a&user={long}")).contains("longer than 320"));
        let longest = "x".repeat(LONGEST_LINK);
        assert!(refusal(&format!("understudy://open?connection=a&user={longest}")).contains("8192 bytes"));
    }

    #[test]
    fn a_session_begins_at_the_page_of_its_ticket_and_stays_with_its_application() {
        let begin = |page: &str| {
            let ticket = TicketContext { ticket: String::new(), page: page.into() };
            ticket.choose_start(Url::parse("https://app.example/home?new").unwrap()).to_string()
        };
        assert_eq!(begin(""), "https://app.example/home?new");
        assert_eq!(begin("/orders/42?tab=payment#last"), "https://app.example/orders/42?tab=payment#last");
        assert_eq!(begin("/#/orders/42"), "https://app.example/#/orders/42");
        // The parser refuses these; if one came by another way, it would not count.
        assert_eq!(begin("//evil.example/"), "https://app.example/home?new");
        assert_eq!(begin("https://evil.example/"), "https://app.example/home?new");
    }

    proptest! {
        #[test]
        fn a_written_link_is_read_as_it_was(
            connection in "[a-z0-9-]{1,64}",
            user in "[^\\p{C}{}]{1,200}",
            ticket in "[^\\p{C}{}]{0,100}",
            reason in "[^\\p{C}{}]{0,300}",
            page in "(/[^\\p{C}{}\\\\/][^\\p{C}{}\\\\]{0,100})?",
        ) {
            let trimmed = |text: String| text.trim().to_owned();
            let link = CustomerLink {
                connection, user: trimmed(user), ticket: trimmed(ticket), reason: trimmed(reason), page: trimmed(page),
            };
            prop_assume!(!link.user.is_empty());
            prop_assert_eq!(CustomerLink::parse(&link.to_url()).unwrap(), link);
        }

        #[test]
        fn no_text_gets_more_than_a_link_may_hold(text in ".{0,400}") {
            for text in [text.clone(), format!("understudy://open?{text}"), format!("understudy://open?connection=a&user=1&page={text}")] {
                let Ok(link) = CustomerLink::parse(&text) else { continue };
                prop_assert!(!link.connection.is_empty() && !link.user.is_empty());
                for value in PARTS.iter().map(|part| (part.value)(&link)) {
                    prop_assert!(!value.chars().any(char::is_control));
                }
                let begin = Url::parse("https://app.example/start").unwrap();
                let ticket = TicketContext { ticket: link.ticket, page: link.page };
                prop_assert_eq!(begin.origin(), ticket.choose_start(begin).origin());
            }
        }
    }
}
