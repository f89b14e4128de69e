//! What a page says to its reader: an application's HTML as words, beginning at its message, without styles, scripts
//! and hidden elements.

use scraper::{ElementRef, Html, Node, Selector};

use crate::browser::Answer;

/// Where frameworks put error messages: ARIA, Bootstrap, flashes of Tailwind and Rails, Django, Symfony, `WordPress`.
const MESSAGES: &str = "[role=alert], .alert, .alert-danger, .errorlist, .error, .errors, .error-message, \
     .flash, .flashes, .messages, .notice, .invalid-feedback, .help-block, .text-danger, .text-red-600, #login_error";
const HEADINGS: &str = "h1, h2";

/// The most bytes of a page that are read.
const READ: usize = 256 << 10;

/// Whether the answer is a page, by its type or else by how it begins.
pub fn is_html(answer: &Answer) -> bool {
    let begins = |with: &str| {
        answer.body.trim_start().get(..with.len()).is_some_and(|start| start.eq_ignore_ascii_case(with))
    };
    match answer.header("content-type") {
        Some(kind) => kind.to_lowercase().contains("html"),
        None => begins("<!doctype") || begins("<html") || begins("<head"),
    }
}

/// The page's words, on one line: its message if it marks one, else from its first heading on, else all of it, else its
/// title.
pub fn extract_words(html: &str) -> String {
    let page = Html::parse_document(&html[..html.floor_char_boundary(READ)]);
    let select = |what: &str| {
        let selector = Selector::parse(what).expect("a selector");
        page.select(&selector).collect::<Vec<_>>()
    };
    let message = select(MESSAGES).into_iter().map(text_of).find(|text| !text.is_empty());
    let rest = || match select(HEADINGS).into_iter().find(|heading| !text_of(*heading).is_empty()) {
        Some(heading) => from(&page, heading),
        None => select("body").into_iter().map(text_of).collect::<Vec<_>>().join(" "),
    };
    let title = || {
        select("title").into_iter().map(|title| collapse_whitespace(title.text())).next().unwrap_or_default()
    };
    let found = message.unwrap_or_else(rest);
    if found.is_empty() { title() } else { found }
}

/// The words of the whole page, for marks that may be anywhere in it.
pub fn all_words(html: &str) -> String {
    let page = Html::parse_document(&html[..html.floor_char_boundary(READ)]);
    text_of(page.root_element())
}

fn text_of(element: ElementRef<'_>) -> String {
    collapse_whitespace(element.descendants().filter_map(visible_text))
}

/// The words from a heading to the end of the page.
fn from(page: &Html, heading: ElementRef<'_>) -> String {
    let all = page.root_element().descendants();
    collapse_whitespace(all.skip_while(|node| node.id() != heading.id()).filter_map(visible_text))
}

/// The text of a node, if it is visible.
fn visible_text(node: ego_tree::NodeRef<'_, Node>) -> Option<&str> {
    let text = node.value().as_text()?;
    let is_hidden = node.ancestors().filter_map(|above| above.value().as_element()).any(|element| {
        matches!(element.name(), "script" | "style" | "noscript" | "template" | "svg" | "head" | "select")
            || element.attr("hidden").is_some()
            || element.attr("aria-hidden") == Some("true")
    });
    (!is_hidden).then_some(text)
}

fn collapse_whitespace<'a>(texts: impl Iterator<Item = &'a str>) -> String {
    texts.flat_map(str::split_whitespace).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_read_from_its_message_on() {
        for (html, expected) in [
            // Django's CSRF page, shortened.
            (
                "<!DOCTYPE html><html><head><title>403 Forbidden</title><style>html * { padding:0 }</style></head>\
                 <body><div id=summary><h1>Forbidden <span>(403)</span></h1><p>CSRF verification failed. Request aborted.\
                 </p></div></body></html>",
                "Forbidden (403) CSRF verification failed. Request aborted.",
            ),
            (
                "<!doctype html>\n<html lang=en>\n<title>400 Bad Request</title>\n<h1>Bad Request</h1>\n<p>The CSRF token is \
                 missing.</p>",
                "Bad Request The CSRF token is missing.",
            ),
            (
                "<nav>Home Prices</nav><h1>Log in</h1><div class=alert hidden></div><div class='alert alert-danger'>These \
                 credentials\n do not match.</div><form><input></form>",
                "These credentials do not match.",
            ),
            (
                "<title>Just a moment...</title><body><script>run()</script><noscript>Enable it</noscript>",
                "Just a moment...",
            ),
            ("<p>plain <b>words</b></p>", "plain words"),
            ("", ""),
        ] {
            assert_eq!(extract_words(html), expected);
        }
    }

    #[test]
    fn a_page_is_known_by_its_type_or_how_it_begins() {
        let answer = |kind: Option<&str>, body: &str| Answer {
            status: 200,
            headers: kind.map(|kind| ("content-type".to_owned(), kind.to_owned())).into_iter().collect(),
            body: body.into(),
        };
        assert!(is_html(&answer(Some("text/html; charset=utf-8"), "x")));
        assert!(is_html(&answer(None, "\n<!DOCTYPE HTML><p>")));
        assert!(!is_html(&answer(Some("application/json"), "<html>")));
        assert!(!is_html(&answer(None, "é<html>")));
    }
}
