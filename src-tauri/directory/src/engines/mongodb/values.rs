//! Converts BSON for display and back: the class of a value, its text, and the values that a text may stand for.

use bson::spec::BinarySubtype;
use bson::{Binary, Bson, DateTime, Decimal128};

use crate::model::FieldKind;
use crate::schema::bytes::{BYTES_READ, BinaryFormat, from_hex};
use crate::schema::cell::shorten_cell;
use crate::schema::uuids;
use crate::schema::value::to_hex;

/// Classes of values that MongoDB compares with one another, in its sort order.
/// <https://www.mongodb.com/docs/manual/reference/bson-type-comparison-order/>
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum BsonClass {
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

const CLASSES: [(BsonClass, &[&str]); 14] = [
    (BsonClass::MinKey, &["minKey"]),
    (BsonClass::Number, &["number"]),
    (BsonClass::Text, &["string", "symbol"]),
    (BsonClass::Object, &["object"]),
    (BsonClass::Array, &["array"]),
    (BsonClass::Binary, &["binData"]),
    (BsonClass::ObjectId, &["objectId"]),
    (BsonClass::Boolean, &["bool"]),
    (BsonClass::Date, &["date"]),
    (BsonClass::Timestamp, &["timestamp"]),
    (BsonClass::Regex, &["regex"]),
    (BsonClass::Code, &["javascript"]),
    (BsonClass::CodeWithScope, &["javascriptWithScope"]),
    (BsonClass::MaxKey, &["maxKey"]),
];

impl BsonClass {
    /// `None` if it is null or undefined.
    pub(crate) fn from_bson(value: &Bson) -> Option<Self> {
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

    /// The type names for `$type`.
    pub(crate) fn type_names(self) -> Vec<&'static str> {
        CLASSES.iter().filter(|(class, _)| *class == self).flat_map(|(_, names)| names.to_vec()).collect()
    }

    /// All types that sort after this class, or before it.
    pub(crate) fn types_beyond(self, up: bool) -> Vec<&'static str> {
        let lies = |class: Self| if up { class > self } else { class < self };
        CLASSES.iter().filter(|(class, _)| lies(*class)).flat_map(|(_, names)| names.to_vec()).collect()
    }
}

/// The kind of a value; `None` if it is null or undefined.
pub(crate) fn field_kind(value: &Bson) -> Option<FieldKind> {
    Some(match value {
        Bson::Null | Bson::Undefined => return None,
        Bson::Int32(_) | Bson::Int64(_) => FieldKind::Integer,
        Bson::Double(_) | Bson::Decimal128(_) => FieldKind::Number,
        Bson::Boolean(_) => FieldKind::Boolean,
        Bson::DateTime(_) => FieldKind::Time,
        Bson::Binary(binary) if decode_uuid(binary, BinaryFormat::default()).is_some() => FieldKind::Uuid,
        Bson::Document(_) | Bson::Array(_) => FieldKind::Json,
        _ => FieldKind::Text,
    })
}

/// The exact value for display; `None` if it is null or undefined.
pub(crate) fn format_value(value: &Bson, column: BinaryFormat) -> Option<String> {
    Some(match value {
        Bson::Null | Bson::Undefined => return None,
        Bson::String(text) | Bson::Symbol(text) | Bson::JavaScriptCode(text) => text.clone(),
        Bson::Int32(number) => number.to_string(),
        Bson::Int64(number) => number.to_string(),
        Bson::Double(number) => format_double(*number),
        Bson::Decimal128(number) => number.to_string(),
        Bson::Boolean(truth) => truth.to_string(),
        Bson::ObjectId(id) => id.to_hex(),
        Bson::DateTime(time) => format_millis(time.timestamp_millis()),
        Bson::Timestamp(time) => format_millis(i64::from(time.time) * 1000),
        Bson::Binary(binary) => match decode_uuid(binary, column) {
            Some(uuid) => uuid.to_string(),
            None if binary.subtype == BinarySubtype::Generic => column.to_display_text(&binary.bytes),
            None => to_hex(&binary.bytes),
        },
        Bson::RegularExpression(regex) => format!("/{}/{}", regex.pattern, regex.options),
        Bson::MinKey => "MinKey".to_owned(),
        Bson::MaxKey => "MaxKey".to_owned(),
        other => other.clone().into_relaxed_extjson().to_string(),
    })
}

/// The same, cut to a cell.
pub(crate) fn format_cell(value: &Bson, column: BinaryFormat) -> Option<String> {
    Some(shorten_cell(match value {
        // Cut before the conversion to text.
        Bson::Binary(binary) if binary.bytes.len() >= BYTES_READ => {
            column.to_cell(&binary.bytes[..BYTES_READ])
        }
        value => format_value(value, column)?,
    }))
}

/// As JavaScript writes it: without a decimal point if it is an integer, as most are.
fn format_double(number: f64) -> String {
    // The largest integer up to which an `f64` represents all integers exactly.
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

/// RFC 3339. Years outside four digits are in ISO 8601's extended form or as milliseconds since 1970.
fn format_millis(millis: i64) -> String {
    jiff::Timestamp::from_millisecond(millis).map_or_else(|_| millis.to_string(), |time| time.to_string())
}

/// In the old subtype, the byte order depends on the driver that wrote it.
/// <https://github.com/mongodb/specifications/blob/master/source/bson-binary-uuid/uuid.md>
fn decode_uuid(binary: &Binary, column: BinaryFormat) -> Option<uuid::Uuid> {
    let sixteen = <[u8; 16]>::try_from(&binary.bytes[..]).ok()?;
    match binary.subtype {
        BinarySubtype::Uuid => Some(uuid::Uuid::from_bytes(sixteen)),
        BinarySubtype::UuidOld => Some(column.order.decode_uuid(sixteen)),
        _ => None,
    }
}

/// All values that may store a UUID, except text.
pub(crate) fn uuid_readings(uuid: uuid::Uuid, column: BinaryFormat) -> Vec<Bson> {
    let kept = column.order.encode_uuid(uuid).to_vec();
    let binary = |subtype, bytes| Bson::Binary(Binary { subtype, bytes });
    vec![
        binary(BinarySubtype::Uuid, uuid.as_bytes().to_vec()),
        binary(BinarySubtype::UuidOld, kept.clone()),
        binary(BinarySubtype::Generic, kept),
    ]
}

/// All values that are displayed as `text`, or that a user may mean by it.
pub(crate) fn parse_possible_values(text: &str, column: BinaryFormat) -> Vec<Bson> {
    let mut readings: Vec<Bson> = uuids::also_spelled(text).into_iter().map(Bson::String).collect();
    // Equal to integers of any width, and to doubles.
    let whole = text.parse::<i64>().ok();
    readings.extend(whole.map(Bson::Int64));
    let number = text.parse::<f64>().ok().filter(|number| whole.is_none() && format_double(*number) == text);
    readings.extend(number.map(Bson::Double));
    let decimal = || text.parse::<Decimal128>().ok().filter(|number| number.to_string() == text);
    if whole.is_none() && text.bytes().any(|byte| byte.is_ascii_digit()) {
        readings.extend(decimal().map(Bson::Decimal128));
    }
    readings.extend(bson::oid::ObjectId::parse_str(text).map(Bson::ObjectId));
    readings.extend(uuids::parse_uuid(text).into_iter().flat_map(|uuid| uuid_readings(uuid, column)));
    readings.extend(text.parse::<bool>().map(Bson::Boolean));
    // A time outside the calendar is displayed as its milliseconds.
    let beyond = whole.filter(|whole| format_millis(*whole) == text);
    readings.extend(beyond.map(|millis| Bson::DateTime(DateTime::from_millis(millis))));
    if let Ok(time) = text.parse::<jiff::Timestamp>() {
        readings.push(Bson::DateTime(DateTime::from_millis(time.as_millisecond())));
    }
    if column.uuids {
        let texts = column.parse_possible_values(text).into_iter();
        readings.extend(texts.map(|bytes| Bson::Binary(Binary { subtype: BinarySubtype::Generic, bytes })));
    }
    // The subtype is not displayed, so try all of them.
    let hex = from_hex(text).into_iter();
    readings.extend(hex.flat_map(|bytes| {
        (0..=u8::MAX)
            .map(move |subtype| Bson::Binary(Binary { subtype: subtype.into(), bytes: bytes.clone() }))
    }));
    readings.extend(parse_document(text));
    readings
}

/// A document that is displayed as `text`. One with a `$` would be an operator to the server, and is not an ID.
fn parse_document(text: &str) -> Option<Bson> {
    let json: serde_json::Value = serde_json::from_str(text).ok().filter(|_| text.starts_with('{'))?;
    let is_plain = json.as_object()?.keys().all(|key| !key.starts_with('$'));
    json.try_into().ok().filter(|_| is_plain)
}

/// Whether the text displayed for `id` leads back to it through [`parse_possible_values`].
pub(crate) fn can_be_opened(id: &Bson, column: BinaryFormat) -> bool {
    let shown = format_value(id, column);
    let read = shown.as_deref().map(|shown| parse_possible_values(shown, column)).unwrap_or_default();
    read.iter().any(|one| {
        BsonClass::from_bson(one) == BsonClass::from_bson(id) && format_value(one, column) == shown
    })
}

#[cfg(test)]
mod tests {
    use bson::doc;

    use super::*;

    const ID: BinaryFormat = BinaryFormat { order: crate::config::UuidBytes::Standard, uuids: true };

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
            (binary(BinarySubtype::UuidOld, uuid.as_bytes()), Some("00000000-0000-0000-0000-000000000007")),
            (binary(BinarySubtype::Generic, uuid.as_bytes()), Some("00000000-0000-0000-0000-000000000007")),
            (binary(BinarySubtype::Generic, b"ada"), Some("ada")),
            (binary(BinarySubtype::UserDefined(200), b"ada"), Some("\\x616461")),
            (Bson::Document(doc! { "a": [1_i64, Bson::Null] }), Some(r#"{"a":[1,null]}"#)),
            (Bson::MinKey, Some("MinKey")),
        ] {
            assert_eq!(format_value(&value, ID).as_deref(), expected, "{value:?}");
            assert!(expected.is_none() || value == Bson::MinKey || can_be_opened(&value, ID), "{value:?}");
        }
        let timestamp = Bson::Timestamp(bson::Timestamp { time: 1, increment: 1 });
        for value in [timestamp, Bson::MinKey, Bson::Document(doc! { "$gt": "" })] {
            assert!(!can_be_opened(&value, ID), "{value:?}");
        }
        assert_eq!(format_cell(&Bson::String("ä".repeat(20_000)), ID).unwrap().chars().count(), 2001);
        assert_eq!(
            format_cell(&binary(BinarySubtype::Generic, &vec![0; 20_000]), ID).unwrap().chars().count(),
            2001
        );
    }

    #[test]
    fn a_text_is_tried_as_every_type_of_id() {
        let classes = |text: &str| {
            parse_possible_values(text, BinaryFormat::default())
                .iter()
                .filter_map(BsonClass::from_bson)
                .collect::<Vec<_>>()
        };
        assert_eq!(classes("ada"), [BsonClass::Text]);
        assert_eq!(classes("0100"), [BsonClass::Text, BsonClass::Number]);
        assert_eq!(classes("1e3"), [BsonClass::Text]);
        assert_eq!(classes("1.5"), [BsonClass::Text, BsonClass::Number, BsonClass::Number]);
        assert_eq!(classes("64b7f0c2a1b2c3d4e5f60718"), [BsonClass::Text, BsonClass::ObjectId]);
        let mut uuid = classes("0B5A2A3E-6F0E-4A56-9F3C-5D1A9F1F7C11");
        uuid.dedup();
        assert_eq!(uuid, [BsonClass::Text, BsonClass::Binary]);
        assert_eq!(classes(r#"{"$gt":""}"#), [BsonClass::Text]);
    }
}
