//! Turns untrusted HTML into a tree of words, without addresses, styles or scripts. The UI puts the text into elements
//! of its own.

use scraper::{Html, Node, node::Element};
use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// The most bytes that are read: a message is not a page.
const LONGEST: usize = 64 * 1024;
/// The most elements and pieces of text that are kept in all.
const MOST: usize = 400;
/// The deepest nesting of elements.
const DEEPEST: usize = 12;

/// A text, or an element with its content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum SafeHtml {
    Text(String),
    Element { tag: SafeHtmlTag, children: Vec<SafeHtml> },
}

/// The elements that are kept; of any other, only the content is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum SafeHtmlTag {
    Heading,
    Paragraph,
    Strong,
    Emphasis,
    Code,
    Preformatted,
    List,
    NumberedList,
    Item,
    Table,
    Row,
    HeaderCell,
    Cell,
    Quote,
    Break,
}

fn tag_for(element: &Element) -> Option<SafeHtmlTag> {
    Some(match element.name() {
        "h1" | "h2" | "h3" | "h4" | "h5" | "h6" => SafeHtmlTag::Heading,
        "p" | "div" | "section" | "article" => SafeHtmlTag::Paragraph,
        "strong" | "b" => SafeHtmlTag::Strong,
        "em" | "i" => SafeHtmlTag::Emphasis,
        "code" | "kbd" | "samp" => SafeHtmlTag::Code,
        "pre" => SafeHtmlTag::Preformatted,
        "ul" => SafeHtmlTag::List,
        "ol" => SafeHtmlTag::NumberedList,
        "li" => SafeHtmlTag::Item,
        "table" => SafeHtmlTag::Table,
        "tr" => SafeHtmlTag::Row,
        "th" => SafeHtmlTag::HeaderCell,
        "td" => SafeHtmlTag::Cell,
        "blockquote" => SafeHtmlTag::Quote,
        "br" => SafeHtmlTag::Break,
        _ => return None,
    })
}

/// Reads the words in `html` and the few elements that structure them.
pub fn parse_safe_html(html: &str) -> Vec<SafeHtml> {
    // Ammonia removes scripts and styles with their content; the rest is read as elements and words.
    let page = Html::parse_fragment(&ammonia::clean(&html[..html.floor_char_boundary(LONGEST)]));
    let mut left = MOST;
    read_children(*page.root_element(), 0, &mut left)
}

fn read_children(of: ego_tree::NodeRef<'_, Node>, depth: usize, left: &mut usize) -> Vec<SafeHtml> {
    let mut found = Vec::new();
    for child in of.children() {
        if *left == 0 {
            break;
        }
        match child.value() {
            Node::Text(text) => {
                let is_preformatted = tag_of(of) == Some(SafeHtmlTag::Preformatted);
                let words = if is_preformatted { text.to_string() } else { collapse_whitespace(text) };
                if !words.is_empty() {
                    *left -= 1;
                    found.push(SafeHtml::Text(words));
                }
            }
            // Anything nested deeper becomes plain words, because the author must not control the recursion.
            Node::Element(_) if depth == DEEPEST => {
                let words = child.descendants().filter_map(|node| node.value().as_text());
                let words = collapse_whitespace(&words.map(|text| &**text).collect::<Vec<&str>>().concat());
                if !words.is_empty() {
                    *left -= 1;
                    found.push(SafeHtml::Text(words));
                }
            }
            Node::Element(element) => {
                let tag = tag_for(element);
                let within = read_children(child, depth + 1, left);
                match tag {
                    // Empty elements have nothing to read.
                    Some(tag) if !within.is_empty() || tag == SafeHtmlTag::Break => {
                        *left = left.saturating_sub(1);
                        found.push(SafeHtml::Element { tag, children: within });
                    }
                    _ => found.extend(within),
                }
            }
            _ => {}
        }
    }
    // Spaces between elements are layout, not words.
    if found.iter().any(|one| matches!(one, SafeHtml::Element { tag, .. } if is_block(*tag))) {
        found.retain(|one| !matches!(one, SafeHtml::Text(text) if text.trim().is_empty()));
    }
    found
}

fn tag_of(node: ego_tree::NodeRef<'_, Node>) -> Option<SafeHtmlTag> {
    node.value().as_element().and_then(tag_for)
}

fn is_block(tag: SafeHtmlTag) -> bool {
    !matches!(tag, SafeHtmlTag::Strong | SafeHtmlTag::Emphasis | SafeHtmlTag::Code | SafeHtmlTag::Break)
}

/// Collapses white space as browsers do.
fn collapse_whitespace(text: &str) -> String {
    let mut words = String::new();
    for char in text.chars() {
        match char {
            ' ' | '\t' | '\n' | '\r' => {
                if !words.ends_with(' ') {
                    words.push(' ');
                }
            }
            _ => words.push(char),
        }
    }
    words
}

/// Applies `change` to each text.
pub fn each_text(tree: &mut [SafeHtml], change: &dyn Fn(&str) -> String) {
    for one in tree {
        match one {
            SafeHtml::Text(text) => *text = change(text),
            SafeHtml::Element { children, .. } => each_text(children, change),
        }
    }
}

/// Only the words, on one line.
pub fn to_text(tree: &[SafeHtml]) -> String {
    fn collect_words<'a>(tree: &'a [SafeHtml], words: &mut Vec<&'a str>) {
        for one in tree {
            match one {
                SafeHtml::Text(text) => words.extend(text.split_whitespace()),
                SafeHtml::Element { children, .. } => collect_words(children, words),
            }
        }
    }
    let mut words = Vec::new();
    collect_words(tree, &mut words);
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn element(tag: SafeHtmlTag, children: Vec<SafeHtml>) -> SafeHtml {
        SafeHtml::Element { tag, children }
    }

    fn words(text: &str) -> SafeHtml {
        SafeHtml::Text(text.into())
    }

    #[test]
    fn headings_paragraphs_and_tables_stay_and_nothing_that_acts() {
        let html = r#"<h2>Account</h2>
            <p onclick="steal()">Plan: <strong style="color:red">pro</strong></p>
            <script>steal()</script><style>p{}</style><img src=x onerror="steal()">
            <a href="https://evil.example">click</a><iframe src="https://evil.example"></iframe>
            <table><tr><th>Seats</th><td>4</td></tr></table>"#;
        let cell = |tag, text| element(tag, vec![words(text)]);
        let row = element(
            SafeHtmlTag::Row,
            vec![cell(SafeHtmlTag::HeaderCell, "Seats"), cell(SafeHtmlTag::Cell, "4")],
        );
        assert_eq!(
            parse_safe_html(html),
            [
                element(SafeHtmlTag::Heading, vec![words("Account")]),
                element(
                    SafeHtmlTag::Paragraph,
                    vec![words("Plan: "), element(SafeHtmlTag::Strong, vec![words("pro")])]
                ),
                words("click"),
                element(SafeHtmlTag::Table, vec![row]),
            ]
        );
    }

    #[test]
    fn words_alone_are_in_one_line() {
        assert_eq!(
            to_text(&parse_safe_html("<p>Ask <strong>billing</strong>\n first.</p>")),
            "Ask billing first."
        );
        assert_eq!(to_text(&parse_safe_html("a < b & c")), "a < b & c");
    }

    #[test]
    fn a_page_is_cut_to_a_message() {
        fn count(tree: &[SafeHtml]) -> usize {
            tree.iter()
                .map(|one| match one {
                    SafeHtml::Text(_) => 1,
                    SafeHtml::Element { children, .. } => 1 + count(children),
                })
                .sum()
        }
        assert!(count(&parse_safe_html(&"<p>x</p>".repeat(100_000))) <= 2 * MOST);
        assert_eq!(to_text(&parse_safe_html(&format!("{}deep", "<div>".repeat(10_000)))), "deep");
    }

    proptest! {
        #[test]
        fn whatever_is_read_nothing_of_it_is_lost_to_a_panic(html in "\\PC{0,400}") {
            let _ = to_text(&parse_safe_html(&html));
        }
    }
}
