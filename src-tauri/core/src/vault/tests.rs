//! What a vault shows of itself.

use super::*;

#[test]
fn a_secret_longer_than_anybody_takes_is_refused_with_the_number() {
    check_length(LONGEST).unwrap();
    let error = check_length(LONGEST + 1).unwrap_err();
    assert!(error.message.contains("65536") && error.hint.is_some(), "{error}");
}
