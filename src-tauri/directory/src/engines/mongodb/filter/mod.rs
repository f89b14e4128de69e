//! Turns a search's tests and list positions into MongoDB filters.
//!
//! User input appears in a filter only as a value or as an escaped regular expression, never as an operator or code.

#[cfg(test)]
mod tests;

use bson::{Bson, Document, Regex, doc};
use mongodb::options::Collation;

use crate::engines::mongodb::catalogue::Field;
use crate::engines::mongodb::values::BsonClass;
use crate::engines::mongodb::{paths, values};
use crate::plan::{MatchKind, PassTest, SearchPass};
use crate::query::spelling;
use crate::schema::mapping::Mapping;
use crate::schema::table::TableColumn;

pub(crate) type Column = TableColumn<Field>;

/// Sorts after every text with the same prefix, in every language:
/// <https://unicode.org/reports/tr35/tr35-collation.html#tailored-noncharacter-weights>
const LAST: char = '\u{ffff}';

/// How to write a filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FilterForm {
    /// For use with its index and [`pass_collation`].
    ForIndex,
    /// Independent of the collation, for excluding what earlier passes have found.
    Exact,
}

/// The filter for a search pass; `None` if it matches everything.
pub(crate) fn found_by(mapping: &Mapping<Field>, pass: &SearchPass, manner: FilterForm) -> Option<Document> {
    let tests: Option<Vec<Document>> =
        pass.tests.iter().map(|test| build_test_condition(mapping, test, manner)).collect();
    tests.map(any_of)
}

/// The filter for these words as whole words, with a text index.
///
/// The index stems words and leaves out stop words, so patterns verify the match. They also stand alone if the index
/// cannot be used.
pub(crate) fn whole_words(
    mapping: &Mapping<Field>,
    pass: &SearchPass,
    manner: FilterForm,
) -> Option<Document> {
    let [PassTest::Words { columns, words }] = &pass.tests[..] else { return None };
    let all = words.iter().map(|word| {
        let pattern = format!("(^|[^\\p{{L}}\\p{{N}}]){}($|[^\\p{{L}}\\p{{N}}])", escape_regex(word));
        let paths = columns.iter().map(|&at| mapping.search[at].name.as_str());
        any_of(paths.map(|path| doc! { path: build_regex(pattern.clone(), "i") }).collect())
    });
    let mut conditions: Vec<Document> = all.collect();
    if manner == FilterForm::ForIndex {
        // Each word as a phrase: all of them are required, and none is an operator.
        let plain = |word: &String| word.replace(['"', '\\'], " ");
        let phrases: Vec<String> = words.iter().map(|word| format!("\"{}\"", plain(word))).collect();
        conditions.insert(0, doc! { "$text": { "$search": phrases.join(" ") } });
    }
    Some(all_of(conditions))
}

/// The collation of the pass's index; `None` compares byte by byte.
pub(crate) fn pass_collation(mapping: &Mapping<Field>, pass: &SearchPass) -> Option<Collation> {
    match pass.tests.first()? {
        PassTest::Email(_, Some(form)) if form.folds => {
            mapping.shown[mapping.searched_email?].db_type.equals_by.clone()
        }
        PassTest::Equals { column, form, .. } if form.folds => {
            mapping.search[*column].db_type.equals_by.clone()
        }
        PassTest::Begins { column, form, .. } if form.folds => {
            mapping.search[*column].db_type.begins_by.clone()
        }
        _ => None,
    }
}

fn build_test_condition(mapping: &Mapping<Field>, test: &PassTest, manner: FilterForm) -> Option<Document> {
    let exact = manner == FilterForm::Exact;
    Some(match test {
        PassTest::Everything => return None,
        PassTest::Id(typed) => has_key(mapping.id(), typed, manner),
        PassTest::Key { column, text } => has_key(&mapping.shown[*column], text, manner),
        PassTest::Equals { column, text, form } => {
            let column = &mapping.search[*column];
            match (form.folds, exact) {
                (false, _) => has_key(column, text, manner),
                (true, false) => {
                    indexed_condition(column, &doc! { "$eq": text }, Some(whole_text_regex(text, "i")))
                }
                (true, true) => doc! { column.name.as_str(): whole_text_regex(text, "i") },
            }
        }
        PassTest::Email(typed, form) => {
            let email = &mapping.shown[mapping.searched_email?];
            let path = email.name.as_str();
            match form {
                Some(form) if !form.folds => {
                    let spelled = [typed.clone(), typed.to_lowercase()];
                    if exact {
                        doc! { path: { "$in": spelled.map(|spelling| whole_text_regex(&spelling, "")).to_vec() } }
                    } else {
                        indexed_condition(email, &doc! { "$in": spelled.to_vec() }, None)
                    }
                }
                Some(_) if !exact => {
                    indexed_condition(email, &doc! { "$eq": typed }, Some(whole_text_regex(typed, "i")))
                }
                _ => doc! { path: whole_text_regex(typed, "i") },
            }
        }
        PassTest::Begins { column, text, form } => {
            begins_with_condition(&mapping.search[*column], text, form.folds, manner)
        }
        PassTest::Any { columns, how, text } => any_of(any_column(mapping, columns, *how, text)),
        PassTest::Words { columns, words } => {
            let all =
                words.iter().map(|word| any_of(any_column(mapping, columns, MatchKind::Contains, word)));
            all_of(all.collect())
        }
        PassTest::Alike { columns, words } => {
            let path = |at: &usize| mapping.search[*at].name.as_str();
            let found = |word: &String| {
                any_of(
                    columns
                        .iter()
                        .map(|at| doc! { path(at): build_regex(spelling::to_spelling_regex(word), "") })
                        .collect(),
                )
            };
            all_of(words.iter().map(found).collect())
        }
        PassTest::Digits { columns, digits } => {
            any_of(columns.iter().map(|&at| has_digits(&mapping.search[at], digits)).collect())
        }
        PassTest::Phone { columns, number } => {
            let is_number = |at: &usize| {
                doc! { mapping.search[*at].name.as_str(): build_regex(number.to_whole_regex(), "") }
            };
            any_of(columns.iter().map(is_number).collect())
        }
    })
}

/// A text with these digits, ignoring punctuation between them.
pub(crate) fn has_digits(column: &Column, digits: &str) -> Document {
    doc! { column.name.as_str(): build_regex(spelling::digits_regex(digits), "") }
}

fn has_key(column: &Column, text: &str, manner: FilterForm) -> Document {
    let mut readings = values::parse_possible_values(text, column.bytes);
    if manner == FilterForm::Exact {
        for value in &mut readings {
            if let Bson::String(text) = value {
                *value = whole_text_regex(text, "");
            }
        }
    }
    doc! { column.name.as_str(): { "$in": readings } }
}

fn begins_with_condition(column: &Column, text: &str, folds: bool, manner: FilterForm) -> Document {
    let path = column.name.as_str();
    let beginning = build_regex(format!("^{}", escape_regex(text)), if folds { "i" } else { "" });
    if manner == FilterForm::Exact {
        return doc! { path: beginning };
    }
    if folds {
        // The range is a superset: it does not distinguish accents.
        return indexed_condition(
            column,
            &doc! { "$gte": text, "$lt": format!("{text}{LAST}") },
            Some(beginning),
        );
    }
    // The server derives the index bounds from the pattern. With `$gte` and `$lt`, two elements of a list could each
    // meet one of them: https://www.mongodb.com/docs/manual/core/multikey-index-bounds/
    match column.db_type.index_path.as_str() {
        indexed if indexed == path => doc! { path: beginning },
        indexed => all_of(vec![doc! { indexed: beginning.clone() }, doc! { path: beginning }]),
    }
}

/// The condition on the indexed path, and what has to hold at the column's own path.
fn indexed_condition(column: &Column, condition: &Document, also: Option<Bson>) -> Document {
    let (path, indexed) = (column.name.as_str(), column.db_type.index_path.as_str());
    let mut conditions = vec![doc! { indexed: condition.clone() }];
    match also {
        Some(also) => conditions.push(doc! { path: also }),
        // Through a list, the index finds values at other positions too.
        None if path != indexed => conditions.push(doc! { path: condition.clone() }),
        None => {}
    }
    all_of(conditions)
}

fn any_column(mapping: &Mapping<Field>, columns: &[usize], how: MatchKind, text: &str) -> Vec<Document> {
    let pattern = to_regex(how, text);
    let mut tests = Vec::new();
    for column in columns.iter().map(|&at| &mapping.search[at]) {
        let path = column.name.as_str();
        tests.push(doc! { path: pattern.clone() });
        if column.db_type.class != BsonClass::Text {
            // Only text has prefixes and parts; other values have to match as a whole.
            let mut values = values::parse_possible_values(text, column.bytes);
            values.retain(|value| BsonClass::from_bson(value) != Some(BsonClass::Text));
            tests.push(doc! { path: { "$in": values } });
        }
    }
    tests
}

/// Matches text that starts with, ends with or contains `text`, ignoring case.
pub(crate) fn to_regex(how: MatchKind, text: &str) -> Bson {
    let escaped = escape_regex(text);
    let pattern = match how {
        MatchKind::Prefix => format!("^{escaped}"),
        MatchKind::Contains => escaped,
        MatchKind::Suffix => format!("{escaped}\\z"),
    };
    build_regex(pattern, "i")
}

/// Matches exactly `text`.
pub(crate) fn whole_text_regex(text: &str, options: &str) -> Bson {
    // Not `$`, which also matches before a trailing newline.
    build_regex(format!("^{}\\z", escape_regex(text)), options)
}

/// Matches text that the pattern covers completely.
pub(crate) fn whole_pattern_regex(pattern: &str) -> Bson {
    build_regex(format!("^{pattern}\\z"), "")
}

fn build_regex(pattern: String, options: &str) -> Bson {
    let pattern = pattern.try_into().expect("a searched text holds no NUL");
    let options = options.try_into().expect("options hold no NUL");
    Bson::RegularExpression(Regex { pattern, options })
}

/// `text` escaped as a pattern. <https://www.pcre.org/original/doc/html/pcrepattern.html#SEC5>
fn escape_regex(text: &str) -> String {
    let mut pattern = String::with_capacity(text.len() * 2);
    for char in text.chars() {
        if char.is_ascii() && !char.is_ascii_alphanumeric() {
            pattern.push('\\');
        }
        pattern.push(char);
    }
    pattern
}

/// The value at `path` is in `range`; in a list, a single element is.
///
/// MongoDB's own condition is also met if one element is above the lower bound and another one below the upper bound.
/// Whether there is a list, and where on the path, differs between documents.
pub(crate) fn lies_in(path: &str, range: &Document) -> Document {
    let condition = doc! { path: range.clone() };
    if range.len() < 2 {
        return condition;
    }
    let mut ways = vec![holds_no_list(path)];
    for (list, rest) in paths::possible_lists(path) {
        let member = match rest {
            None => range.clone(),
            // Each list further up the path has its own condition.
            Some(rest) => doc! { "$and": [{ rest: range.clone() }, holds_no_list(rest)] },
        };
        ways.push(doc! { list: { "$elemMatch": member } });
    }
    // The first condition can use an index.
    all_of(vec![condition, any_of(ways)])
}

/// There is at most one value at `path`.
pub(crate) fn holds_no_list(path: &str) -> Document {
    match &paths::possible_lists(path)[..] {
        [(list, _)] => doc! { *list: { "$not": { "$type": "array" } } },
        lists => {
            let lists = lists.iter().map(|(list, _)| doc! { *list: { "$type": "array" } });
            doc! { "$nor": lists.collect::<Vec<_>>() }
        }
    }
}

/// After `value` in ascending order, or before it. Includes other types, which MongoDB's own operators exclude.
pub(crate) fn beyond_condition(path: &str, value: &Bson, up: bool) -> Document {
    let operator = if up { "$gt" } else { "$lt" };
    let mut conditions = vec![doc! { path: { operator: value.clone() } }];
    let others = BsonClass::from_bson(value).map(|class| class.types_beyond(up)).unwrap_or_default();
    if !others.is_empty() {
        conditions.push(doc! { path: { "$type": others } });
    }
    any_of(conditions)
}

/// The column has a value of its main class, which can be ordered.
pub(crate) fn valued_condition(column: &Column) -> Document {
    let path = column.name.as_str();
    let mut condition = doc! { "$type": column.db_type.class.type_names() };
    if column.db_type.class == BsonClass::Number {
        // NaN compares neither as less nor as greater.
        condition.insert("$ne", f64::NAN);
    }
    all_of(vec![doc! { path: condition }, holds_no_list(path)])
}

/// The column has no such value.
pub(crate) fn not_valued_condition(column: &Column) -> Document {
    if column.access.order.is_none() {
        return doc! { "$nor": [valued_condition(column)] };
    }
    // Written so that an index can be used, without conditions on lists: a column that an index orders has none.
    let class = column.db_type.class;
    let mut others = class.types_beyond(false);
    others.extend(class.types_beyond(true));
    others.extend(["undefined", "dbPointer"]);
    others.retain(|name| *name != "array");
    let path = column.name.as_str();
    let mut conditions = vec![doc! { path: Bson::Null }, doc! { path: { "$type": others } }];
    if class == BsonClass::Number {
        conditions.push(doc! { path: f64::NAN });
    }
    any_of(conditions)
}

/// There is a value at `path`, possibly only in one element of a list.
pub(crate) fn has_value(path: &str) -> Document {
    let mut names = BsonClass::MinKey.types_beyond(true);
    names.extend(["minKey", "dbPointer"]);
    doc! { path: { "$type": names } }
}

/// The value at `path` can be an ID, which a list cannot.
pub(crate) fn is_identity(path: &str) -> Document {
    all_of(vec![doc! { path: { "$ne": Bson::Null } }, holds_no_list(path)])
}

pub(crate) fn any_of(mut conditions: Vec<Document>) -> Document {
    match conditions.len() {
        0 => doc! { "$nor": [{}] },
        1 => conditions.remove(0),
        _ => doc! { "$or": conditions },
    }
}

pub(crate) fn all_of(mut conditions: Vec<Document>) -> Document {
    match conditions.len() {
        0 => Document::new(),
        1 => conditions.remove(0),
        _ => doc! { "$and": conditions },
    }
}
