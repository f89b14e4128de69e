//! Finds the scripts and styles that a document declares, while it passes. It need not understand every page: what it
//! misses, the browser loads itself.

/// What a document declares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct DeclaredFile {
    /// As the document has it, so possibly relative.
    pub(super) url: String,
    pub(super) kind: FileKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FileKind {
    Script,
    Module,
    Style,
}

/// Elements whose text is no markup, or is none of the page's own.
const OPAQUE: [&str; 7] = ["script", "style", "noscript", "template", "textarea", "title", "svg"];

/// Looks for tags in a document that comes in pieces.
#[derive(Default)]
pub(super) struct TagScanner {
    text: Vec<u8>,
    /// What comes before has been looked at.
    at: usize,
    inside: Option<Inside>,
    tag_end: TagEnd,
    /// What follows is relative to another address.
    has_base: bool,
}

/// What has begun and not ended, other than a tag that may declare a file.
#[derive(Debug, Clone, Copy)]
enum Inside {
    Opaque(&'static str),
    Comment,
    EndTag,
}

impl TagScanner {
    /// How much of the document has come.
    pub(super) fn len(&self) -> usize {
        self.text.len()
    }

    pub(super) fn push(&mut self, piece: &[u8]) {
        self.text.extend_from_slice(piece);
    }

    /// What has been declared since the last call.
    pub(super) fn take_files(&mut self) -> Vec<DeclaredFile> {
        let mut files = Vec::new();
        while !self.has_base
            && let Some(after) = self.step(&mut files)
        {
            self.at = after;
        }
        files
    }

    /// Looks at the next tag; returns where it ends, or `None` if it has not come yet. What was searched in vain is not
    /// searched again: a page may come in any number of pieces.
    fn step(&mut self, files: &mut Vec<DeclaredFile>) -> Option<usize> {
        let (found, then) = match self.inside {
            None => (find(&self.text, self.at, b"<"), None),
            Some(Inside::Opaque(name)) => (find_end_tag(&self.text, self.at, name), Some(Inside::EndTag)),
            Some(Inside::Comment) => (find(&self.text, self.at, b"-->"), None),
            Some(Inside::EndTag) => (find(&self.text, self.at, b">"), None),
        };
        let end = match found {
            Ok(end) => end,
            Err(searched) => {
                self.at = searched;
                return None;
            }
        };
        if self.inside.is_some() {
            self.inside = then;
            return Some(end);
        }
        self.at = end - 1;
        let rest = &self.text[self.at..];
        if rest.starts_with(b"<!--") {
            self.inside = Some(Inside::Comment);
            return Some(self.at + 4);
        }
        if b"<!--".starts_with(rest) {
            return None;
        }
        if !rest.get(1)?.is_ascii_alphabetic() {
            return Some(end);
        }
        let end = self.at + self.tag_end.find(rest)?;
        self.tag_end = TagEnd::default();
        let Some((tag, length)) = Tag::read(rest) else { return Some(end) };
        self.inside = OPAQUE.into_iter().find(|name| tag.name == *name).map(Inside::Opaque);
        self.has_base = tag.name == "base";
        files.extend(tag.declared_file());
        Some(self.at + length)
    }
}

/// The search for the end of a tag that has begun.
#[derive(Default)]
struct TagEnd {
    searched: usize,
    quote: Option<u8>,
    follows_equals: bool,
}

impl TagEnd {
    /// Where the tag at the start of a text ends; `None` if that has not come yet.
    fn find(&mut self, text: &[u8]) -> Option<usize> {
        for (at, byte) in text.iter().copied().enumerate().skip(self.searched) {
            if let Some(quote) = self.quote {
                self.quote = (byte != quote).then_some(quote);
                continue;
            }
            match byte {
                b'>' => return Some(at + 1),
                b'"' | b'\'' if self.follows_equals => self.quote = Some(byte),
                _ => {}
            }
            self.follows_equals = byte == b'=' || self.follows_equals && byte.is_ascii_whitespace();
        }
        self.searched = text.len();
        None
    }
}

struct Tag {
    name: String,
    attributes: Vec<(String, String)>,
}

impl Tag {
    /// The tag at the start of a text, and its length; `None` if it is not whole.
    fn read(text: &[u8]) -> Option<(Self, usize)> {
        let mut at = 1;
        let name = read_while(text, &mut at, |byte| !byte.is_ascii_whitespace() && !b"/>".contains(&byte))?;
        let mut tag = Self { name: name.to_ascii_lowercase(), attributes: Vec::new() };
        loop {
            read_while(text, &mut at, |byte| byte.is_ascii_whitespace() || byte == b'/')?;
            if text[at] == b'>' {
                return Some((tag, at + 1));
            }
            let is_name = |byte: u8| !byte.is_ascii_whitespace() && !b"/>=".contains(&byte);
            let from = at;
            let name = read_while(text, &mut at, is_name)?.to_ascii_lowercase();
            read_while(text, &mut at, |byte| byte.is_ascii_whitespace())?;
            let mut value = String::new();
            if text[at] == b'=' {
                at += 1;
                read_while(text, &mut at, |byte| byte.is_ascii_whitespace())?;
                value = read_value(text, &mut at)?;
            }
            tag.attributes.push((name, value));
            // A character that begins no name must not stop us.
            at = at.max(from + 1);
        }
    }

    fn declared_file(&self) -> Option<DeclaredFile> {
        let (url, kind) = match self.name.as_str() {
            "script" if !self.has("nomodule") => match self.get("type").unwrap_or_default().trim() {
                "" | "text/javascript" | "application/javascript" => (self.get("src")?, FileKind::Script),
                "module" => (self.get("src")?, FileKind::Module),
                _ => return None,
            },
            "link" if !self.has("disabled") && self.get("media").is_none_or(|media| media == "all") => {
                let relations = self.get("rel")?.to_ascii_lowercase();
                let is = |name: &str| relations.split_ascii_whitespace().any(|one| one == name);
                let kind = match self.get("as") {
                    _ if is("alternate") => return None,
                    _ if is("stylesheet") => FileKind::Style,
                    _ if is("modulepreload") => FileKind::Module,
                    Some("script") if is("preload") => FileKind::Script,
                    Some("style") if is("preload") => FileKind::Style,
                    _ => return None,
                };
                (self.get("href")?, kind)
            }
            _ => return None,
        };
        let url = url.trim().replace("&amp;", "&");
        // Another reference might stand in it; the browser knows them all.
        (!url.is_empty() && !url.contains(';')).then_some(DeclaredFile { url, kind })
    }

    fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// What stands at `at` as long as it is wanted; `None` if the text ends with it.
fn read_while(text: &[u8], at: &mut usize, is_wanted: impl Fn(u8) -> bool) -> Option<String> {
    let rest = text.get(*at..)?;
    let length = rest.iter().position(|byte| !is_wanted(*byte))?;
    *at += length;
    Some(String::from_utf8_lossy(&rest[..length]).into_owned())
}

fn read_value(text: &[u8], at: &mut usize) -> Option<String> {
    match *text.get(*at)? {
        quote @ (b'"' | b'\'') => {
            *at += 1;
            let value = read_while(text, at, |byte| byte != quote)?;
            *at += 1;
            Some(value)
        }
        _ => read_while(text, at, |byte| !byte.is_ascii_whitespace() && byte != b'>'),
    }
}

/// Behind the name in an element's end tag, or as `find`.
fn find_end_tag(text: &[u8], from: usize, name: &str) -> Result<usize, usize> {
    let mut at = from;
    loop {
        at = find(text, at, b"</")?;
        let Some(end) = text.get(at..=at + name.len()) else { return Err(at - 2) };
        if end[..name.len()].eq_ignore_ascii_case(name.as_bytes()) && !end[name.len()].is_ascii_alphanumeric()
        {
            return Ok(at + name.len());
        }
    }
}

/// Behind what is wanted, or else where to go on once there is more text.
fn find(text: &[u8], from: usize, wanted: &[u8]) -> Result<usize, usize> {
    let rest = text.get(from..).unwrap_or_default();
    let found = rest.windows(wanted.len()).position(|window| window == wanted);
    found.map(|at| from + at + wanted.len()).ok_or(from.max((text.len() + 1).saturating_sub(wanted.len())))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PAGE: &str = r#"<!DOCTYPE html><html><head><title>a <script src=/no-title.js></title>
        <!-- <script src="/no-comment.js"></script> --><base target=_top2
        ><link rel="stylesheet" href="/a.css?x=1&amp;y=2"><LINK REL=modulepreload HREF=/chunk.js crossorigin>
        <link rel=preload as=font href=/no.woff2><link rel="alternate stylesheet" href=/no.css>
        <link rel=stylesheet media=print href=/no-print.css><link as='script' rel='preload' href='/p.js'>
        <script>document.write("<script src='/no-text.js'><\/script>")</script>
        <script type=module src='app.js'></script><script nomodule src=/no-module.js></script>
        <noscript><link rel=stylesheet href=/no-noscript.css></noscript>
        <script type="text/template" src=/no-template></script></head>
        <body><p title="a > b"><img src=/no.png><script async src=/z.js></script>"#;

    fn scan(pieces: impl IntoIterator<Item = impl AsRef<[u8]>>) -> Vec<DeclaredFile> {
        let mut scanner = TagScanner::default();
        let mut files = Vec::new();
        for piece in pieces {
            scanner.push(piece.as_ref());
            files.extend(scanner.take_files());
        }
        files
    }

    #[test]
    fn scripts_and_styles_are_found_and_nothing_that_the_page_does_not_load() {
        let page = PAGE.replace("<base target=_top2\n        >", "");
        let found: Vec<_> = scan([&page]).into_iter().map(|file| (file.url, file.kind)).collect();
        let expected = [
            ("/a.css?x=1&y=2", FileKind::Style),
            ("/chunk.js", FileKind::Module),
            ("/p.js", FileKind::Script),
            ("app.js", FileKind::Module),
            ("/z.js", FileKind::Script),
        ];
        assert_eq!(found, expected.map(|(url, kind)| (url.to_owned(), kind)));
    }

    #[test]
    fn after_another_base_nothing_is_certain() {
        assert_eq!(scan([PAGE]), []);
    }

    #[test]
    fn what_was_searched_in_vain_is_not_searched_again() {
        for (begin, more) in [
            ("", "text "),
            ("<!--", "comment "),
            ("<a ", "attribute "),
            ("<a title=\"", "> "),
            ("<script>", "code </ "),
            ("<script></script", "  "),
        ] {
            let mut scanner = TagScanner::default();
            scanner.push(begin.as_bytes());
            for _ in 0..99 {
                scanner.push(more.as_bytes());
                assert_eq!(scanner.take_files(), []);
                let searched = scanner.at + scanner.tag_end.searched;
                assert!(searched + "</script".len() >= scanner.len(), "{begin}{more} {searched}");
            }
        }
        let long = format!("<p title=\"{}\"><script src=/a.js></script>", ">".repeat(9_000));
        assert_eq!(scan(long.as_bytes().chunks(7)).len(), 1, "behind a long tag");
    }

    proptest! {
        #[test]
        fn the_pieces_in_which_a_page_comes_make_no_difference(size in 1_usize..80) {
            let page = PAGE.replace("<base target=_top2\n        >", "");
            prop_assert_eq!(scan(page.as_bytes().chunks(size)), scan([&page]));
        }

        #[test]
        fn no_page_stops_it(page in "([<>/!='\"a-z -]|<script|</script>|<!--){0,99}", size in 1_usize..9) {
            prop_assert_eq!(scan(page.as_bytes().chunks(size)), scan([&page]));
        }
    }
}
