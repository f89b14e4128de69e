//! Values that a cursor carries.

use super::position::from_cursor_value;
use super::*;

#[test]
fn values_are_remembered_exactly() {
    for value in [
        Bson::Int64(9_007_199_254_740_993),
        Bson::Int32(7),
        Bson::Double(0.1 + 0.2),
        Bson::Double(-0.0),
        Bson::String("{\"$oid\":\"x\"}".into()),
        Bson::ObjectId(bson::oid::ObjectId::new()),
        Bson::DateTime(bson::DateTime::from_millis(i64::MIN)),
        Bson::Boolean(true),
        Bson::Document(doc! { "a": 1_i64 }),
    ] {
        assert_eq!(from_cursor_value(&to_cursor_value(&value)), Some(value));
    }
}
