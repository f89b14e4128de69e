//! `understudy://` links, which any page can open.

use understudy_core::customer_link::{CustomerLink, TicketContext};
use url::Url;

/// What Understudy writes may be longer than what it reads: it escapes what others leave as it is.
const LONGEST_LINK: usize = 8192;

pub fn check(input: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(input) else { return false };
    let link = match CustomerLink::parse(text) {
        Ok(link) => link,
        Err(error) => {
            // What a link quotes of itself is made fit to be shown.
            assert!(error.message.chars().count() < 1_000, "{}", error.message);
            assert!(!error.message.chars().any(char::is_control), "{:?}", error.message);
            return false;
        }
    };
    for value in [&link.connection, &link.user, &link.ticket, &link.reason, &link.page] {
        assert!(!value.chars().any(char::is_control), "{value:?}");
        assert_eq!(value.trim(), value);
    }
    assert!(!link.connection.is_empty() && !link.user.is_empty(), "{link:?}");
    let written = link.to_url();
    assert!(written.is_ascii(), "{written}");
    if written.len() <= LONGEST_LINK {
        assert_eq!(CustomerLink::parse(&written).ok().as_ref(), Some(&link), "{written}");
    }
    let ticket = TicketContext { ticket: link.ticket, page: link.page };
    assert!(ticket.check().is_ok(), "{ticket:?}");
    let begin = Url::parse("https://app.example/start?new").expect("a URL");
    assert_eq!(ticket.choose_start(begin.clone()).origin(), begin.origin(), "{ticket:?}");
    true
}
