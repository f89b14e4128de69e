//! BSON for people and back: what a value is, how it reads, and which values could read as a text.

use bson::spec::BinarySubtype;
use bson::{Binary, Bson, DateTime, Decimal128};

use crate::directory::FieldKind;
use crate::directory::cursor::hex;
use crate::directory::sql::{CELL_CHARS, shortened};

/// Values that MongoDB compares with one another; in the order in which it sorts them.
/// <https://www.mongodb.com/docs/manual/reference/bson-type-comparison-order/>
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(in crate::directory) enum Class {
    MinKey,
    Number,
    Text,
    Object,
    Array,
    Binary,
    ObjectId,
    Boolean,
    Date,
    Timestamp,
    Regex,
    Code,
    CodeWithScope,
    MaxKey,
}

const CLASSES: [(Class, &[&str]); 14] = [
    (Class::MinKey, &["minKey"]),
    (Class::Number, &["number"]),
    (Class::Text, &["string", "symbol"]),
    (Class::Object, &["object"]),
    (Class::Array, &["array"]),
    (Class::Binary, &["binData"]),
    (Class::ObjectId, &["objectId"]),
    (Class::Boolean, &["bool"]),
    (Class::Date, &["date"]),
    (Class::Timestamp, &["timestamp"]),
    (Class::Regex, &["regex"]),
    (Class::Code, &["javascript"]),
    (Class::CodeWithScope, &["javascriptWithScope"]),
    (Class::MaxKey, &["maxKey"]),
];

impl Class {
    /// `None`: no value at all.
    pub(in crate::directory) fn of(value: &Bson) -> Option<Self> {
        Some(match value {
            Bson::Null | Bson::Undefined => return None,
            Bson::Int32(_) | Bson::Int64(_) | Bson::Double(_) | Bson::Decimal128(_) => Self::Number,
            Bson::String(_) | Bson::Symbol(_) => Self::Text,
            Bson::Document(_) | Bson::DbPointer(_) => Self::Object,
            Bson::Array(_) => Self::Array,
            Bson::Binary(_) => Self::Binary,
            Bson::ObjectId(_) => Self::ObjectId,
            Bson::Boolean(_) => Self::Boolean,
            Bson::DateTime(_) => Self::Date,
            Bson::Timestamp(_) => Self::Timestamp,
            Bson::RegularExpression(_) => Self::Regex,
            Bson::JavaScriptCode(_) => Self::Code,
            Bson::JavaScriptCodeWithScope(_) => Self::CodeWithScope,
            Bson::MinKey => Self::MinKey,
            Bson::MaxKey => Self::MaxKey,
        })
    }

    /// For `$type`.
    pub(in crate::directory) fn names(self) -> Vec<&'static str> {
        CLASSES.iter().filter(|(class, _)| *class == self).flat_map(|(_, names)| names.to_vec()).collect()
    }

    /// All types that sort behind this one's, or before.
    pub(in crate::directory) fn beyond(self, up: bool) -> Vec<&'static str> {
        let lies = |class: Self| if up { class > self } else { class < self };
        CLASSES.iter().filter(|(class, _)| lies(*class)).flat_map(|(_, names)| names.to_vec()).collect()
    }
}

/// What a value is to Understudy; `None` for none.
pub(in crate::directory) fn kind(value: &Bson) -> Option<FieldKind> {
    Some(match value {
        Bson::Null | Bson::Undefined => return None,
        Bson::Int32(_) | Bson::Int64(_) => FieldKind::Integer,
        Bson::Double(_) | Bson::Decimal128(_) => FieldKind::Number,
        Bson::Boolean(_) => FieldKind::Boolean,
        Bson::DateTime(_) => FieldKind::Time,
        Bson::Binary(binary) if uuid(binary).is_some() => FieldKind::Uuid,
        Bson::Document(_) | Bson::Array(_) => FieldKind::Json,
        _ => FieldKind::Text,
    })
}

/// The value as people read it, exactly; `None` for none.
pub(in crate::directory) fn text(value: &Bson) -> Option<String> {
    Some(match value {
        Bson::Null | Bson::Undefined => return None,
        Bson::String(text) | Bson::Symbol(text) | Bson::JavaScriptCode(text) => text.clone(),
        Bson::Int32(number) => number.to_string(),
        Bson::Int64(number) => number.to_string(),
        Bson::Double(number) => double(*number),
        Bson::Decimal128(number) => number.to_string(),
        Bson::Boolean(truth) => truth.to_string(),
        Bson::ObjectId(id) => id.to_hex(),
        Bson::DateTime(time) => millis(time.timestamp_millis()),
        Bson::Timestamp(time) => millis(i64::from(time.time) * 1000),
        Bson::Binary(binary) => uuid(binary).map_or_else(|| hex(&binary.bytes), |uuid| uuid.to_string()),
        Bson::RegularExpression(regex) => format!("/{}/{}", regex.pattern, regex.options),
        Bson::MinKey => "MinKey".to_owned(),
        Bson::MaxKey => "MaxKey".to_owned(),
        other => other.clone().into_relaxed_extjson().to_string(),
    })
}

/// The same for a cell: cut.
pub(in crate::directory) fn cell(value: &Bson) -> Option<String> {
    Some(shortened(match value {
        // Cut before it becomes text: two digits per byte.
        Bson::Binary(binary) if binary.bytes.len() > CELL_CHARS / 2 => hex(&binary.bytes[..CELL_CHARS / 2]),
        value => text(value)?,
    }))
}

/// As JavaScript writes it: whole numbers without a point, as that is what most of them are.
fn double(number: f64) -> String {
    // Up to here every whole number is exact.
    const WHOLE: f64 = 9_007_199_254_740_992.0;
    if number.is_nan() {
        "NaN".to_owned()
    } else if number.is_infinite() {
        if number > 0.0 { "Infinity" } else { "-Infinity" }.to_owned()
    } else if number.fract() == 0.0 && number.abs() < WHOLE {
        format!("{number:.0}")
    } else {
        format!("{number:?}")
    }
}

/// RFC 3339; where years have no four digits, as ISO 8601 extends it or as milliseconds since 1970.
fn millis(millis: i64) -> String {
    jiff::Timestamp::from_millisecond(millis).map_or_else(|_| millis.to_string(), |time| time.to_string())
}

fn uuid(binary: &Binary) -> Option<uuid::Uuid> {
    if binary.subtype != BinarySubtype::Uuid {
        return None;
    }
    uuid::Uuid::from_slice(&binary.bytes).ok()
}

/// Every value that reads as `text`, or that somebody who wrote it may mean.
pub(in crate::directory) fn readings(text: &str) -> Vec<Bson> {
    let mut readings = vec![Bson::String(text.to_owned())];
    // Equal to whole numbers of any width, and to doubles.
    let whole = text.parse::<i64>().ok();
    readings.extend(whole.map(Bson::Int64));
    let number = text.parse::<f64>().ok().filter(|number| whole.is_none() && double(*number) == text);
    readings.extend(number.map(Bson::Double));
    let decimal = || text.parse::<Decimal128>().ok().filter(|number| number.to_string() == text);
    if whole.is_none() && text.bytes().any(|byte| byte.is_ascii_digit()) {
        readings.extend(decimal().map(Bson::Decimal128));
    }
    readings.extend(bson::oid::ObjectId::parse_str(text).map(Bson::ObjectId));
    if let Ok(uuid) = text.parse::<uuid::Uuid>() {
        readings.push(Bson::Binary(Binary { subtype: BinarySubtype::Uuid, bytes: uuid.as_bytes().to_vec() }));
    }
    readings.extend(text.parse::<bool>().map(Bson::Boolean));
    if let Ok(time) = text.parse::<jiff::Timestamp>() {
        readings.push(Bson::DateTime(DateTime::from_millis(time.as_millisecond())));
    }
    readings.extend(bytes(text).map(|bytes| Bson::Binary(Binary { subtype: BinarySubtype::Generic, bytes })));
    readings
}

/// What [`hex`] has written.
fn bytes(text: &str) -> Option<Vec<u8>> {
    let digits = text.strip_prefix("\\x").filter(|digits| digits.is_ascii() && digits.len() % 2 == 0)?;
    (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(&digits[at..at + 2], 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use bson::doc;

    use super::*;

    #[test]
    fn values_read_as_in_the_other_engines() {
        let uuid = uuid::Uuid::from_u128(7);
        let binary = |subtype, bytes: &[u8]| Bson::Binary(Binary { subtype, bytes: bytes.to_vec() });
        for (value, expected) in [
            (Bson::Null, None),
            (Bson::Double(1.0), Some("1")),
            (Bson::Double(-0.1), Some("-0.1")),
            (Bson::Double(f64::NAN), Some("NaN")),
            (Bson::Double(f64::NEG_INFINITY), Some("-Infinity")),
            (Bson::Double(1e300), Some("1e300")),
            (Bson::Int64(9_007_199_254_740_993), Some("9007199254740993")),
            (Bson::DateTime(DateTime::from_millis(0)), Some("1970-01-01T00:00:00Z")),
            (Bson::DateTime(DateTime::from_millis(i64::MAX)), Some("9223372036854775807")),
            (Bson::DateTime(DateTime::from_millis(-62_198_755_200_000)), Some("-000001-01-01T00:00:00Z")),
            (binary(BinarySubtype::Generic, &[0, 255]), Some("\\x00ff")),
            (binary(BinarySubtype::Uuid, uuid.as_bytes()), Some("00000000-0000-0000-0000-000000000007")),
            (binary(BinarySubtype::Uuid, &[1]), Some("\\x01")),
            (Bson::Document(doc! { "a": [1_i64, Bson::Null] }), Some(r#"{"a":[1,null]}"#)),
            (Bson::MinKey, Some("MinKey")),
        ] {
            assert_eq!(text(&value).as_deref(), expected, "{value:?}");
            assert!(
                expected.is_none() || matches!(value, Bson::Document(_) | Bson::MinKey) || {
                    let read = readings(expected.unwrap());
                    read.iter().any(|read| text(read).as_deref() == expected)
                }
            );
        }
        assert_eq!(cell(&Bson::String("ä".repeat(20_000))).unwrap().chars().count(), 2001);
        assert_eq!(cell(&binary(BinarySubtype::Generic, &vec![0; 20_000])).unwrap().chars().count(), 2001);
    }

    #[test]
    fn a_text_is_read_as_every_id_that_it_could_be() {
        let classes = |text: &str| readings(text).iter().filter_map(Class::of).collect::<Vec<_>>();
        assert_eq!(classes("ada"), [Class::Text]);
        assert_eq!(classes("0100"), [Class::Text, Class::Number]);
        assert_eq!(classes("1e3"), [Class::Text]);
        assert_eq!(classes("1.5"), [Class::Text, Class::Number, Class::Number]);
        assert_eq!(classes("64b7f0c2a1b2c3d4e5f60718"), [Class::Text, Class::ObjectId]);
        assert_eq!(classes("0B5A2A3E-6F0E-4A56-9F3C-5D1A9F1F7C11"), [Class::Text, Class::Binary]);
        assert_eq!(classes(r#"{"$gt":""}"#), [Class::Text]);
    }
}
