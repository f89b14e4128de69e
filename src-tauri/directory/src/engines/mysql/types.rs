//! MySQL's types, as far as they differ in displaying, comparing and ordering values.

use crate::model::FieldKind;
use crate::schema::name::CatalogueName;

/// A column's type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum MyType {
    /// `tinyint(1)` and `bit(1)`; MySQL turns `boolean` into the former.
    Boolean,
    Signed,
    /// Also `year`, and `bit(n)` as its number.
    Unsigned,
    Decimal {
        precision: u32,
        scale: u32,
    },
    /// `float` (single) and `double`; the server prints fewer digits of a `float` than it has.
    Real {
        is_single: bool,
    },
    Text(MyTextType),
    /// `enum` and `set`: displayed by name, ordered by number.
    Listed,
    /// A point in time, read in UTC.
    Timestamp,
    /// A local date and time without a zone.
    DateTime,
    Date,
    /// `time`: a duration of up to 838 hours.
    Time,
    Json,
    Binary {
        /// The maximum length in bytes.
        bytes: u64,
        /// `binary(16)`, which may hold a UUID.
        uuid: bool,
    },
    Geometry,
    /// MariaDB's own UUID type, which compares by parts.
    Uuid,
    /// MariaDB's `inet4` and `inet6`.
    Address,
}

/// `char`, `varchar` and `text` of all sizes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MyTextType {
    pub(crate) charset: CatalogueName,
    pub(crate) collation: CatalogueName,
    /// The maximum length in characters.
    pub(crate) chars: u64,
}

impl MyTextType {
    /// Whether the collation ignores case.
    pub(crate) fn ignores_case(&self) -> bool {
        self.collation.as_str().ends_with("_ci")
    }

    /// Whether the collation treats every accented Latin letter like its base letter. Older collations distinguish some
    /// of them (ł and l), and those of a language distinguish its own letters.
    pub(crate) fn folds_accents(&self) -> bool {
        let ends = ["_unicode_520_ci", "_0900_ai_ci", "_uca1400_ai_ci"];
        self.is_utf8mb4() && ends.iter().any(|end| self.collation.as_str() == format!("utf8mb4{end}"))
    }

    /// Whether the greatest character of its character set is known.
    pub(crate) fn is_unicode(&self) -> bool {
        matches!(self.charset.as_str(), "utf8mb4" | "utf8mb3" | "utf8")
    }

    /// Whether it can represent every character, like the text that it is compared with.
    pub(crate) fn is_utf8mb4(&self) -> bool {
        self.charset.as_str() == "utf8mb4"
    }
}

/// A type's description in `information_schema.columns`.
pub(crate) struct DeclaredType<'a> {
    /// `tinyint`
    pub(crate) name: &'a str,
    /// `tinyint(1) unsigned`
    pub(crate) whole: &'a str,
    pub(crate) precision: u32,
    pub(crate) scale: u32,
    /// The maximum number of characters or bytes.
    pub(crate) length: u64,
    /// Character set and collation.
    pub(crate) text: Option<(CatalogueName, CatalogueName)>,
}

/// How many characters or bytes of a value are used for ordering. The server itself only compares `max_sort_length`
/// bytes (1024), and pages must agree with it.
pub(crate) const ORDERED_CHARS: u64 = 255;
pub(crate) const ORDERED_BYTES: u64 = 1000;

impl MyType {
    pub(crate) fn from_declared(declared: DeclaredType<'_>) -> Self {
        let whole = declared.whole;
        let unsigned = whole.contains("unsigned") || whole.contains("zerofill");
        match declared.name {
            "tinyint" if whole.starts_with("tinyint(1)") && !unsigned => Self::Boolean,
            "bit" if whole == "bit(1)" => Self::Boolean,
            "tinyint" | "smallint" | "mediumint" | "int" | "bigint" if !unsigned => Self::Signed,
            "tinyint" | "smallint" | "mediumint" | "int" | "bigint" | "year" | "bit" => Self::Unsigned,
            "decimal" => Self::Decimal { precision: declared.precision, scale: declared.scale },
            "float" => Self::Real { is_single: true },
            "double" => Self::Real { is_single: false },
            "enum" | "set" => Self::Listed,
            "timestamp" => Self::Timestamp,
            "datetime" => Self::DateTime,
            "date" => Self::Date,
            "time" => Self::Time,
            "json" => Self::Json,
            "uuid" => Self::Uuid,
            "inet4" | "inet6" => Self::Address,
            "geometry" | "point" | "linestring" | "polygon" | "multipoint" | "multilinestring"
            | "multipolygon" | "geometrycollection" | "geomcollection" => Self::Geometry,
            // Other types are shown as bytes.
            _ => match declared.text {
                Some((charset, collation)) => {
                    Self::Text(MyTextType { charset, collation, chars: declared.length })
                }
                None => Self::Binary { bytes: declared.length, uuid: whole == "binary(16)" },
            },
        }
    }

    /// Whether comparisons use the column itself, so that an index on it can be used.
    pub(crate) fn is_compared_as_it_is(&self) -> bool {
        !matches!(self, Self::Listed | Self::Json | Self::Geometry | Self::Time)
    }

    /// Whether the database stores the values as times.
    pub(crate) fn is_temporal(&self) -> bool {
        matches!(self, Self::Timestamp | Self::DateTime | Self::Date)
    }

    /// Whether ordering uses the column itself, so that an index on it can be used.
    pub(crate) fn is_ordered_as_it_is(&self) -> bool {
        match self {
            Self::Text(text) => text.chars <= ORDERED_CHARS,
            Self::Binary { bytes, .. } => *bytes <= ORDERED_BYTES,
            Self::Json | Self::Geometry => false,
            _ => true,
        }
    }

    pub(crate) fn kind(&self) -> FieldKind {
        match self {
            Self::Boolean => FieldKind::Boolean,
            Self::Signed | Self::Unsigned => FieldKind::Integer,
            Self::Decimal { .. } | Self::Real { .. } => FieldKind::Number,
            Self::Timestamp | Self::DateTime | Self::Date => FieldKind::Time,
            Self::Uuid => FieldKind::Uuid,
            Self::Json => FieldKind::Json,
            Self::Text(_)
            | Self::Listed
            | Self::Time
            | Self::Binary { .. }
            | Self::Geometry
            | Self::Address => FieldKind::Text,
        }
    }
}

/// Converts a time from MySQL's format to RFC 3339: `2024-01-02 03:04:05.6` in UTC becomes `2024-01-02T03:04:05.6Z`.
/// Invalid dates (`0000-00-00 00:00:00`, `2024-00-00`) stay as they are.
pub(crate) fn to_rfc3339(text: String, is_utc: bool) -> String {
    match text.split_once(' ') {
        Some((date, time)) if date.split('-').all(|part| part.bytes().any(|digit| digit != b'0')) => {
            format!("{date}T{time}{}", if is_utc { "Z" } else { "" })
        }
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::name::name_for_test;

    #[test]
    fn declared_types_say_what_a_column_is() {
        let utf8 = || (name_for_test("utf8mb4"), name_for_test("utf8mb4_0900_ai_ci"));
        let text = || {
            let (charset, collation) = utf8();
            MyType::Text(MyTextType { charset, collation, chars: 16 })
        };
        for (whole, charset, expected) in [
            ("tinyint(1)", None, MyType::Boolean),
            ("bit(1)", None, MyType::Boolean),
            ("tinyint(1) unsigned", None, MyType::Unsigned),
            ("tinyint", None, MyType::Signed),
            ("bigint(20) unsigned", None, MyType::Unsigned),
            ("int(10) unsigned zerofill", None, MyType::Unsigned),
            ("bit(8)", None, MyType::Unsigned),
            ("year(4)", None, MyType::Unsigned),
            ("decimal(20,5)", None, MyType::Decimal { precision: 20, scale: 5 }),
            ("varchar(255)", Some(utf8()), text()),
            ("longtext", Some(utf8()), text()),
            ("enum('a','b')", Some(utf8()), MyType::Listed),
            ("binary(16)", None, MyType::Binary { bytes: 16, uuid: true }),
            ("varbinary(16)", None, MyType::Binary { bytes: 16, uuid: false }),
            ("vector(3)", None, MyType::Binary { bytes: 16, uuid: false }),
            ("uuid", None, MyType::Uuid),
        ] {
            let name = whole.split(['(', ' ']).next().unwrap();
            let declared = DeclaredType { name, whole, precision: 20, scale: 5, length: 16, text: charset };
            assert_eq!(MyType::from_declared(declared), expected, "{whole}");
        }
    }

    #[test]
    fn times_become_rfc_3339_where_they_can() {
        for (mysql, is_utc, expected) in [
            ("2024-01-02 03:04:05.678901", true, "2024-01-02T03:04:05.678901Z"),
            ("2024-01-02 03:04:05", false, "2024-01-02T03:04:05"),
            ("2024-01-02", false, "2024-01-02"),
            ("0000-00-00 00:00:00", false, "0000-00-00 00:00:00"),
            ("0000-00-00 00:00:00.000000", true, "0000-00-00 00:00:00.000000"),
            ("2024-00-00 00:00:00", false, "2024-00-00 00:00:00"),
        ] {
            assert_eq!(to_rfc3339(mysql.to_owned(), is_utc), expected);
        }
    }
}
