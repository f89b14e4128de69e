//! MySQL's types, as far as showing, comparing and ordering their values differs.

use crate::model::FieldKind;
use crate::schema::name::CatalogueName;

/// A column's type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum MyType {
    /// `tinyint(1)` and `bit(1)`, which is what `boolean` becomes.
    Boolean,
    Signed,
    /// Also `year`, and `bit(n)` as the number it is.
    Unsigned,
    Decimal {
        precision: u32,
        scale: u32,
    },
    /// `float` and `double`; the server writes the first, which is single, with fewer digits than it has.
    Real {
        is_single: bool,
    },
    Text(Text),
    /// `enum` and `set`: shown by name, ordered by their number.
    Listed,
    /// A point in time, given in UTC.
    Timestamp,
    /// A time on a wall.
    DateTime,
    Date,
    /// `time`: a duration of up to 838 hours.
    Time,
    Json,
    Binary {
        /// The most bytes a value can have.
        bytes: u64,
        /// `binary(16)`: room for a UUID and nothing else.
        uuid: bool,
    },
    Geometry,
    /// `MariaDB`'s own, compared by its parts.
    Uuid,
    /// `MariaDB`'s `inet4` and `inet6`.
    Address,
}

/// `char`, `varchar` and `text` of all sizes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Text {
    pub(crate) charset: CatalogueName,
    pub(crate) collation: CatalogueName,
    /// The most characters a value can have.
    pub(crate) chars: u64,
}

impl Text {
    /// Its own comparison ignores case.
    pub(crate) fn folds(&self) -> bool {
        self.collation.as_str().ends_with("_ci")
    }

    /// Its own comparison takes every Latin letter with a mark for the one without. Older collations tell some of them
    /// apart (ł and l), those of a language the ones that are letters of their own there.
    pub(crate) fn folds_accents(&self) -> bool {
        let ends = ["_unicode_520_ci", "_0900_ai_ci", "_uca1400_ai_ci"];
        self.is_utf8mb4() && ends.iter().any(|end| self.collation.as_str() == format!("utf8mb4{end}"))
    }

    /// The last of its characters is known.
    pub(crate) fn is_unicode(&self) -> bool {
        matches!(self.charset.as_str(), "utf8mb4" | "utf8mb3" | "utf8")
    }

    /// It can hold every character there is, as what is compared with it does.
    pub(crate) fn is_utf8mb4(&self) -> bool {
        self.charset.as_str() == "utf8mb4"
    }
}

/// What `information_schema.columns` says of a type.
pub(crate) struct Declared<'a> {
    /// `tinyint`
    pub(crate) name: &'a str,
    /// `tinyint(1) unsigned`
    pub(crate) whole: &'a str,
    pub(crate) precision: u32,
    pub(crate) scale: u32,
    /// The most characters, or bytes.
    pub(crate) length: u64,
    /// Character set and collation.
    pub(crate) text: Option<(CatalogueName, CatalogueName)>,
}

/// Orders look at so many characters, or bytes, of a value: the server itself goes no further than
/// `max_sort_length` bytes (1024), and pages must agree with it.
pub(crate) const ORDERED_CHARS: u64 = 255;
pub(crate) const ORDERED_BYTES: u64 = 1000;

impl MyType {
    pub(crate) fn of(declared: Declared<'_>) -> Self {
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
            // What is still unknown has bytes, and those can be shown.
            _ => match declared.text {
                Some((charset, collation)) => Self::Text(Text { charset, collation, chars: declared.length }),
                None => Self::Binary { bytes: declared.length, uuid: whole == "binary(16)" },
            },
        }
    }

    /// The column itself is what its values are compared by, so an index on it serves that.
    pub(crate) fn is_compared_as_it_is(&self) -> bool {
        !matches!(self, Self::Listed | Self::Json | Self::Geometry | Self::Time)
    }

    /// The database itself knows its values as times.
    pub(crate) fn is_temporal(&self) -> bool {
        matches!(self, Self::Timestamp | Self::DateTime | Self::Date)
    }

    /// The column itself is what orders its values.
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

/// A time as RFC 3339 from MySQL's form: `2024-01-02 03:04:05.6` in UTC becomes `2024-01-02T03:04:05.6Z`.
/// Dates that no calendar has (`0000-00-00 00:00:00`, `2024-00-00`) stay.
pub(crate) fn rfc3339(text: String, is_utc: bool) -> String {
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
            MyType::Text(Text { charset, collation, chars: 16 })
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
            let declared = Declared { name, whole, precision: 20, scale: 5, length: 16, text: charset };
            assert_eq!(MyType::of(declared), expected, "{whole}");
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
            assert_eq!(rfc3339(mysql.to_owned(), is_utc), expected);
        }
    }
}
