//! Invented names: parses `names.toml` into cultures and companies, and transliterates names to ASCII.

use serde::Deserialize;

use crate::error::{DemoError, Result};

/// A group of people with similar names, and the companies they work for.
pub(super) struct Culture {
    pub locales: Vec<String>,
    pub weight: u64,
    pub family_first: bool,
    pub two_families: bool,
    /// The percentage of people who write their name in their own script.
    pub own_script: u64,
    pub given: Vec<Name>,
    pub family: Vec<Name>,
    /// Largest first.
    pub companies: Vec<Company>,
}

/// One part of a person's name.
pub(super) struct Name {
    pub latin: String,
    pub own: Option<String>,
    /// Only lower-case ASCII letters, for email addresses.
    pub ascii: String,
}

pub(super) struct Company {
    pub name: String,
    /// Below `.example`, which RFC 2606 reserves.
    pub domain: String,
}

#[derive(Deserialize)]
struct Source {
    culture: Vec<SourceCulture>,
}

#[derive(Deserialize)]
struct SourceCulture {
    locales: Vec<String>,
    weight: u64,
    #[serde(default)]
    family_first: bool,
    #[serde(default)]
    two_families: bool,
    #[serde(default)]
    own_script: u64,
    given: String,
    family: String,
    stems: String,
    trades: String,
    forms: String,
}

/// Parses the built-in cultures.
pub(super) fn read_cultures() -> Result<Vec<Culture>> {
    let source: Source = toml::from_str(include_str!("names.toml"))
        .map_err(|cause| DemoError::internal(format!("the demo's names cannot be read: {cause}")))?;
    Ok(source.culture.into_iter().map(build_culture).collect())
}

fn build_culture(source: SourceCulture) -> Culture {
    let german = source.locales.iter().any(|locale| locale.starts_with("de"));
    Culture {
        given: parse_names(&source.given, german),
        family: parse_names(&source.family, german),
        companies: combine_companies(&source, german),
        locales: source.locales,
        weight: source.weight,
        family_first: source.family_first,
        two_families: source.two_families,
        own_script: source.own_script,
    }
}

fn split_list(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim)
}

fn parse_names(text: &str, german: bool) -> Vec<Name> {
    let name = |entry: &str| {
        let (latin, own) = match entry.split_once(':') {
            Some((latin, own)) => (latin, Some(own.to_owned())),
            None => (entry, None),
        };
        Name { latin: latin.to_owned(), own, ascii: to_ascii(latin, german).replace('-', "") }
    };
    split_list(text).map(name).collect()
}

/// Each stem alone, with each trade, and paired with each other stem.
fn combine_companies(source: &SourceCulture, german: bool) -> Vec<Company> {
    let stems: Vec<&str> = split_list(&source.stems).collect();
    let forms: Vec<&str> = split_list(&source.forms).collect();
    let plain = stems.iter().map(|stem| (*stem).to_owned());
    let trading =
        split_list(&source.trades).flat_map(|trade| stems.iter().map(move |stem| format!("{stem} {trade}")));
    let pairs = stems
        .iter()
        .enumerate()
        .flat_map(|(n, one)| stems[n + 1..].iter().map(move |two| format!("{one} & {two}")));
    plain
        .chain(trading)
        .chain(pairs)
        .enumerate()
        .map(|(n, stem)| Company {
            domain: format!("{}.example", to_ascii(&stem, german)),
            name: format!("{stem} {}", forms[n % forms.len()]),
        })
        .collect()
}

/// The accented letters of the Latin alphabets used here, by base letter.
const ACCENTED: [(&str, &str); 22] = [
    ("a", "àáâãäåāăąǎạảấầẩẫậắằẳẵặ"),
    ("ae", "æ"),
    ("c", "çćč"),
    ("d", "đð"),
    ("e", "èéêëēęěẹẻẽếềểễệ"),
    ("g", "ğ"),
    ("i", "ìíîïīįıịỉĩ"),
    ("l", "ł"),
    ("n", "ñńň"),
    ("o", "òóôõöøōőơọỏốồổỗộớờởỡợ"),
    ("oe", "œ"),
    ("r", "ř"),
    ("s", "śşšṣ"),
    ("ss", "ß"),
    ("t", "ťţ"),
    ("th", "þ"),
    ("u", "ùúûüūůűưụủũứừửữự"),
    ("y", "ýỳỵỷỹ"),
    ("z", "źżž"),
    ("-", " "),
    // Combining marks: Yoruba's tones, and the dot that İ leaves in lower case.
    ("", "\u{300}\u{301}\u{307}\u{323}"),
    ("", "’.&"),
];

/// Lower-case ASCII letters, words joined by one hyphen. German umlauts get an e.
fn to_ascii(text: &str, german: bool) -> String {
    let mut spelt = String::with_capacity(text.len());
    for letter in text.chars().flat_map(char::to_lowercase) {
        let replacement = match letter {
            'ä' if german => Some("ae"),
            'ö' if german => Some("oe"),
            'ü' if german => Some("ue"),
            _ => ACCENTED.iter().find(|(_, letters)| letters.contains(letter)).map(|(base, _)| *base),
        };
        match replacement {
            Some("-") if spelt.ends_with('-') => {}
            Some(base) => spelt.push_str(base),
            None => spelt.push(letter),
        }
    }
    spelt
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_and_domain_can_stand_in_an_address() {
        for culture in read_cultures().unwrap() {
            for name in culture.given.iter().chain(&culture.family) {
                assert!(!name.ascii.is_empty(), "{} has no spelling", name.latin);
                assert!(name.ascii.bytes().all(|b| b.is_ascii_lowercase()), "{}: {}", name.latin, name.ascii);
                assert_eq!(name.own.is_some(), culture.own_script > 0, "{}: own script or not?", name.latin);
            }
            for company in &culture.companies {
                let host = company.domain.strip_suffix(".example").unwrap();
                let plain = |b: u8| b.is_ascii_lowercase() || b == b'-';
                assert!(host.bytes().all(plain), "{}: {}", company.name, company.domain);
                assert!(!host.contains("--") && !host.starts_with('-') && !host.ends_with('-'), "{host}");
            }
        }
    }

    #[test]
    fn names_are_spelt_as_their_owners_would() {
        assert_eq!(to_ascii("Schäfer", true), "schaefer");
        assert_eq!(to_ascii("Hägglund", false), "hagglund");
        assert_eq!(to_ascii("Bjørnstad", false), "bjornstad");
        assert_eq!(to_ascii("İbrahim Işıl", false), "ibrahim-isil");
        assert_eq!(to_ascii("Nguyễn Thị", false), "nguyen-thi");
        assert_eq!(to_ascii("Ọlátúnjí", false), "olatunji");
        assert_eq!(to_ascii("Adébáyọ̀", false), "adebayo");
        assert_eq!(to_ascii("O’Connor", false), "oconnor");
        assert_eq!(to_ascii("Piedraluna & Nopal", false), "piedraluna-nopal");
    }
}
