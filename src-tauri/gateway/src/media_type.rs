//! The media types of messages (RFC 9110, 8.3), and header names as servers compare them.

use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName};

/// What a message says of its body's type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ContentType {
    /// It says nothing.
    Unnamed,
    /// Servers may read this in more than one way.
    Unclear,
    Named(MediaType),
}

/// A type and subtype with parameters; all in lower case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MediaType {
    pub(crate) essence: String,
    pub(crate) parameters: Vec<(String, String)>,
}

impl ContentType {
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let spelled = headers.iter().filter(|(name, _)| is_same_name(name.as_str(), CONTENT_TYPE.as_str()));
        let value = match (spelled.count(), headers.get(CONTENT_TYPE)) {
            (0, _) => return Self::Unnamed,
            (1, Some(value)) => value,
            _ => return Self::Unclear,
        };
        // Where several are joined by commas, servers differ in which they take.
        let text = value.to_str().ok().filter(|text| !text.contains(','));
        text.and_then(MediaType::parse).map_or(Self::Unclear, Self::Named)
    }

    /// The type and subtype, if there is no doubt about them.
    pub(crate) fn essence(&self) -> Option<&str> {
        match self {
            Self::Named(media_type) => Some(&media_type.essence),
            Self::Unnamed | Self::Unclear => None,
        }
    }
}

impl MediaType {
    /// `None` if anything in it is not as the standard has it.
    fn parse(text: &str) -> Option<Self> {
        let text = text.to_ascii_lowercase();
        let mut parts = text.split(';').map(|part| part.trim_matches([' ', '\t']));
        let essence = parts.next()?;
        let (kind, subtype) = essence.split_once('/')?;
        if !is_token(kind) || !is_token(subtype) {
            return None;
        }
        let mut parameters = Vec::new();
        // A semicolon may stand at the end.
        for part in parts.filter(|part| !part.is_empty()) {
            let (name, value) = part.split_once('=')?;
            let inside = value.strip_prefix('"').and_then(|value| value.strip_suffix('"'));
            let is_plain = |text: &str| !text.contains(['"', '\\']);
            if !is_token(name) || !inside.map_or_else(|| is_token(value), is_plain) {
                return None;
            }
            parameters.push((name.to_owned(), inside.unwrap_or(value).to_owned()));
        }
        Some(Self { essence: essence.to_owned(), parameters })
    }

    /// The charsets that it names.
    pub(crate) fn charsets(&self) -> impl Iterator<Item = &str> {
        self.parameters.iter().filter(|(name, _)| name == "charset").map(|(_, value)| value.as_str())
    }
}

fn is_token(text: &str) -> bool {
    !text.is_empty()
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}

/// Whether servers may take a header's or a parameter's name for this one: CGI and its heirs (WSGI, Rack, PHP) write
/// every sign in it as an underscore.
pub(crate) fn is_same_name(name: &str, known: &str) -> bool {
    let plain = |byte: u8| if byte.is_ascii_alphanumeric() { byte.to_ascii_lowercase() } else { b'-' };
    name.len() == known.len() && name.bytes().zip(known.bytes()).all(|(a, b)| plain(a) == plain(b))
}

/// Removes a header in every spelling.
pub(crate) fn remove_every_spelling(headers: &mut HeaderMap, known: &HeaderName) {
    let spelled = |name: &&HeaderName| is_same_name(name.as_str(), known.as_str());
    for name in headers.keys().filter(spelled).cloned().collect::<Vec<_>>() {
        headers.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn content_type(values: &[&str]) -> ContentType {
        let header = |value: &&str| (CONTENT_TYPE, HeaderValue::from_str(value).expect("a value"));
        ContentType::of(&values.iter().map(header).collect())
    }

    #[test]
    fn a_type_is_known_if_all_servers_read_the_same() {
        let known = content_type(&["Application/JSON; Charset=\"UTF-8\";"]);
        assert_eq!(known.essence(), Some("application/json"));
        let ContentType::Named(known) = known else { panic!("a type") };
        assert_eq!(known.charsets().collect::<Vec<_>>(), ["utf-8"]);
        assert_eq!(content_type(&[]), ContentType::Unnamed);
        for unclear in [
            &[""][..],
            &["json"],
            &["application/x-www-form-urlencoded;json"],
            &["application/json, text/plain"],
            &["application/json", "application/json"],
            &["application/json; charset"],
            &["application/json; x=\"a;b\""],
            &["application/json x"],
            &["application/"],
        ] {
            assert_eq!(content_type(unclear), ContentType::Unclear, "{unclear:?}");
        }
    }

    #[test]
    fn a_name_is_known_in_every_spelling() {
        let mut headers = HeaderMap::new();
        for name in
            ["x-understudy-mode", "x_understudy_mode", "X-Understudy_Mode", "x.understudy-mode", "x-other"]
        {
            headers.append(name.parse::<HeaderName>().expect("a name"), HeaderValue::from_static("full"));
        }
        remove_every_spelling(&mut headers, &HeaderName::from_static("x-understudy-mode"));
        assert_eq!(headers.keys().map(HeaderName::as_str).collect::<Vec<_>>(), ["x-other"]);
    }
}
