//! The spellings of a text that an index with case is searched for.

use super::*;
use crate::schema::table::IndexForm;

#[test]
fn spellings_that_an_index_would_miss_are_searched_too() {
    let (plain, ascii) =
        (IndexForm::default(), IndexForm { folds: true, ascii: true, ..IndexForm::default() });
    assert_eq!(list_case_variants("ada b", plain), ["ada b", "Ada B", "ADA B"]);
    assert_eq!(list_case_variants("ada", ascii), ["ada"]);
    assert_eq!(list_case_variants("märz", ascii), ["märz", "März", "MÄRZ"]);
    assert_eq!(list_case_variants("Østergård", ascii), ["Østergård", "østergård", "ØSTERGÅRD"]);
    assert_eq!(list_case_variants("Ada", IndexForm { lower: true, ..plain }), ["Ada"]);
}

#[test]
fn fewer_than_three_letters_hold_no_trigram() {
    for (text, expected) in [("an", false), ("a-b c", false), ("ann", true), ("a@ann", true), ("łuk", true)]
    {
        assert_eq!(has_trigram(text), expected, "{text}");
    }
}
