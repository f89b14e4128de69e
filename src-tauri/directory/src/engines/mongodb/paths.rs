//! Paths through documents and lists: `profile.name`, `emails.0.address`.

use std::borrow::Cow;

use bson::{Bson, Document, doc};

/// The value at a path, if there is one. A number in the path is an array index. Without one, the result for a list is
/// the list of its elements' values, or the value itself if there is only one.
pub(crate) fn value_at<'a>(document: &'a Document, path: &str) -> Option<Cow<'a, Bson>> {
    let (name, rest) = path.split_once('.').map_or((path, None), |(name, rest)| (name, Some(rest)));
    let value = document.get(name)?;
    let Some(rest) = rest else { return Some(Cow::Borrowed(value)) };
    match value {
        Bson::Document(inner) => value_at(inner, rest),
        Bson::Array(items) => in_list(items, rest),
        _ => None,
    }
}

/// The same for a list.
pub(crate) fn in_list<'a>(items: &'a [Bson], path: &str) -> Option<Cow<'a, Bson>> {
    let (first, rest) = path.split_once('.').map_or((path, None), |(first, rest)| (first, Some(rest)));
    if let Some(item) = first.parse::<usize>().ok().and_then(|place| items.get(place)) {
        return match (item, rest) {
            (item, None) => Some(Cow::Borrowed(item)),
            (Bson::Document(inner), Some(rest)) => value_at(inner, rest),
            (Bson::Array(items), Some(rest)) => in_list(items, rest),
            _ => None,
        };
    }
    let mut found = items.iter().filter_map(|item| value_at(item.as_document()?, path));
    let first = found.next()?;
    let mut all: Vec<Bson> = found.map(Cow::into_owned).collect();
    if all.is_empty() {
        return Some(first);
    }
    all.insert(0, first.into_owned());
    Some(Cow::Owned(Bson::Array(all)))
}

/// Whether there is a list on `path` or at its end, other than one with an array index in the path.
pub(crate) fn goes_through_list(document: &Document, path: &str) -> bool {
    let mut value: Option<&Bson> = None;
    for name in path.split('.') {
        let next = match value {
            None => document.get(name),
            Some(Bson::Document(inner)) => inner.get(name),
            Some(Bson::Array(items)) => match name.parse::<usize>() {
                Ok(place) => items.get(place),
                Err(_) => return true,
            },
            Some(_) => return false,
        };
        let Some(next) = next else { return false };
        value = Some(next);
    }
    matches!(value, Some(Bson::Array(_)))
}

/// The positions on `path` where a list would give several values, with the rest of the path (`None` at the end). A
/// list with an array index gives only one.
pub(crate) fn possible_lists(path: &str) -> Vec<(&str, Option<&str>)> {
    let mut lists: Vec<(&str, Option<&str>)> = path
        .match_indices('.')
        .map(|(dot, _)| (&path[..dot], &path[dot + 1..]))
        .filter(|(_, rest)| rest.split('.').next().is_some_and(|next| next.parse::<usize>().is_err()))
        .map(|(list, rest)| (list, Some(rest)))
        .collect();
    lists.push((path, None));
    lists
}

/// The smallest projection that contains all `paths`.
pub(crate) fn project_paths<'a>(paths: impl Iterator<Item = &'a str>) -> Document {
    // A projection follows lists by itself but does not support array indexes. It also drops elements that are not
    // documents, which would shift the others, so a list with an array index is read in full.
    let until_place = |path: &str| {
        let is_place = |name: &str| name.parse::<usize>().is_ok();
        let names = path.split('.').enumerate().take_while(|(at, name)| *at == 0 || !is_place(name));
        names.map(|(_, name)| name).collect::<Vec<_>>().join(".")
    };
    let wanted: Vec<String> = paths.map(until_place).collect();
    let covered = |path: &str| {
        wanted.iter().any(|other| {
            path.len() > other.len()
                && path.starts_with(other.as_str())
                && path[other.len()..].starts_with('.')
        })
    };
    let mut projection = doc! {};
    for path in wanted.iter().filter(|path| !covered(path)) {
        projection.insert(path, 1);
    }
    if !projection.contains_key("_id") {
        projection.insert("_id", 0);
    }
    projection
}

/// The path as indexes and projections have it, without array indexes.
pub(crate) fn in_lists(path: &str) -> String {
    let names: Vec<&str> = path
        .split('.')
        .enumerate()
        .filter(|(at, name)| *at == 0 || name.parse::<usize>().is_err())
        .map(|(_, name)| name)
        .collect();
    names.join(".")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engines::mongodb::values::format_value;
    use crate::schema::bytes::BinaryFormat;

    #[test]
    fn a_path_goes_through_documents_and_lists() {
        let user = doc! {
            "profile": { "name": "Ada" },
            "emails": [{ "address": "a@b.c", "verified": true }, { "address": "d@e.f" }],
            "phones": [{ "number": 1 }],
            "0": { "1": "odd" },
            "tags": ["x", "y"],
        };
        let read = |path: &str| {
            value_at(&user, path).and_then(|value| format_value(&value, BinaryFormat::default()))
        };
        assert_eq!(read("profile.name").as_deref(), Some("Ada"));
        assert_eq!(read("emails.0.address").as_deref(), Some("a@b.c"));
        assert_eq!(read("emails.1.verified"), None);
        assert_eq!(read("emails.address").as_deref(), Some(r#"["a@b.c","d@e.f"]"#));
        assert_eq!(read("phones.number").as_deref(), Some("1"));
        assert_eq!(read("0.1").as_deref(), Some("odd"));
        assert_eq!(read("tags.1").as_deref(), Some("y"));
        assert_eq!(read("tags").as_deref(), Some(r#"["x","y"]"#));
        assert_eq!(read("profile.name.first"), None);
    }

    #[test]
    fn a_place_in_a_list_is_one_value() {
        assert_eq!(possible_lists("name"), [("name", None)]);
        assert_eq!(possible_lists("emails.address"), [("emails", Some("address")), ("emails.address", None)]);
        let nested = "a.b.0.c";
        assert_eq!(possible_lists(nested), [("a", Some("b.0.c")), ("a.b.0", Some("c")), (nested, None)]);
    }

    #[test]
    fn only_mapped_paths_are_projected() {
        let paths = ["id", "profile.name", "profile", "emails.0.address", "tags.0"];
        let asked = project_paths(paths.into_iter());
        let names: Vec<&str> = asked.keys().map(String::as_str).collect();
        assert_eq!(names, ["id", "profile", "emails", "tags", "_id"]);
        assert_eq!(asked.get("_id"), Some(&Bson::Int32(0)));
    }
}
