//! Filters that match what they should, whatever a text holds.

use proptest::prelude::*;

use super::*;

proptest! {
    #[test]
    fn every_text_is_literal_in_a_pattern(text in "[^\0]*") {
        let pattern = escape_regex(&text);
        let mut read = String::new();
        let mut chars = pattern.chars();
        while let Some(char) = chars.next() {
            let literal = if char == '\\' { chars.next().unwrap() } else { char };
            prop_assert!(char == '\\' || literal.is_ascii_alphanumeric() || !literal.is_ascii());
            // After a backslash, letters and digits would have a special meaning.
            prop_assert!(char != '\\' || !literal.is_alphanumeric());
            read.push(literal);
        }
        prop_assert_eq!(read, text);
    }
}

#[test]
fn a_single_list_member_must_meet_the_whole_range() {
    let range = doc! { "$gte": 1, "$lt": 5 };
    let no_list = |path: &str| doc! { path: { "$not": { "$type": "array" } } };
    assert_eq!(
        lies_in("a.b", &range),
        doc! { "$and": [{ "a.b": range.clone() }, { "$or": [
            { "$nor": [{ "a": { "$type": "array" } }, { "a.b": { "$type": "array" } }] },
            { "a": { "$elemMatch": { "$and": [{ "b": range.clone() }, no_list("b")] } } },
            { "a.b": { "$elemMatch": range.clone() } },
        ] }] }
    );
    assert_eq!(lies_in("a.b", &doc! { "$gt": 1 }), doc! { "a.b": { "$gt": 1 } });
}

#[test]
fn beyond_a_value_lie_those_of_other_types_too() {
    let up = beyond_condition("_id", &Bson::Int32(7), true);
    let branches = up.get_array("$or").unwrap();
    assert_eq!(branches[0], Bson::Document(doc! { "_id": { "$gt": 7 } }));
    assert!(branches[1].to_string().contains("objectId") && !branches[1].to_string().contains("minKey"));
    assert_eq!(beyond_condition("_id", &Bson::MaxKey, true), doc! { "_id": { "$gt": Bson::MaxKey } });
}
