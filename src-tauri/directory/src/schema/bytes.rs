//! Displays binary values and parses them back: as text if they are text, as a UUID if they are one, otherwise as
//! hexadecimal digits.

use uuid::Uuid;

use crate::config::UuidBytes;
use crate::schema::cell::{CELL_CHARS, shorten_cell};
use crate::schema::name_words::ends_in_identity;
use crate::schema::uuids;
use crate::schema::value::to_hex;

/// How many bytes of a value are read for a cell: always more than the cell shows.
pub(crate) const BYTES_READ: usize = 4 * (CELL_CHARS + 1);

/// How to interpret a column's bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct BinaryFormat {
    /// The byte order in which UUIDs are stored.
    pub(crate) order: UuidBytes,
    /// Whether sixteen bytes in this column are an identifier.
    pub(crate) uuids: bool,
}

impl BinaryFormat {
    pub(crate) fn for_column(name: &str, is_id: bool, order: UuidBytes) -> Self {
        Self { order, uuids: is_id || ends_in_identity(name) }
    }

    /// The whole value, for display.
    pub(crate) fn to_display_text(self, bytes: &[u8]) -> String {
        if let Ok(sixteen) = <[u8; 16]>::try_from(bytes)
            && self.uuids
            && (is_variant(sixteen) || as_readable_text(bytes).is_none())
        {
            return self.order.decode_uuid(sixteen).to_string();
        }
        as_readable_text(bytes).map_or_else(|| to_hex(bytes), str::to_owned)
    }

    /// The value cut to a cell. `bytes` holds at most [`BYTES_READ`] bytes of it.
    pub(crate) fn to_cell(self, bytes: &[u8]) -> String {
        if bytes.len() < BYTES_READ {
            return shorten_cell(self.to_display_text(bytes));
        }
        // The cut may have split the last character.
        let whole = match std::str::from_utf8(bytes) {
            Err(error) if error.error_len().is_none() => &bytes[..error.valid_up_to()],
            _ => bytes,
        };
        shorten_cell(as_readable_text(whole).map_or_else(|| to_hex(bytes), str::to_owned))
    }

    /// Every value that `text` may stand for, including all spellings of a UUID.
    pub(crate) fn parse_possible_values(self, text: &str) -> Vec<Vec<u8>> {
        let mut readings = vec![text.as_bytes().to_vec()];
        if let Some(uuid) = uuids::parse_uuid(text) {
            readings.push(self.order.encode_uuid(uuid).to_vec());
            // A UUID may also be stored as text, in another spelling.
            readings.extend(uuids::list_spellings(uuid).into_iter().map(String::into_bytes));
        }
        readings.extend(from_hex(text));
        let mut known = std::collections::HashSet::new();
        readings.retain(|reading| known.insert(reading.clone()));
        readings
    }

    /// The values that are displayed as `text`.
    pub(crate) fn shown_as(self, text: &str) -> Vec<Vec<u8>> {
        let mut readings = self.parse_possible_values(text);
        readings.retain(|reading| self.to_display_text(reading) == text);
        readings
    }
}

impl UuidBytes {
    pub(crate) fn decode_uuid(self, kept: [u8; 16]) -> Uuid {
        Uuid::from_bytes(self.reorder_bytes(kept, false))
    }

    pub(crate) fn encode_uuid(self, uuid: Uuid) -> [u8; 16] {
        self.reorder_bytes(*uuid.as_bytes(), true)
    }

    /// Converts from the stored order to RFC 9562's, or with `back` the other way.
    fn reorder_bytes(self, bytes: [u8; 16], back: bool) -> [u8; 16] {
        // For each byte, the index it comes from.
        let places: [usize; 16] = match (self, back) {
            (Self::Standard, _) => return bytes,
            (Self::TimeFirst, false) => [4, 5, 6, 7, 2, 3, 0, 1, 8, 9, 10, 11, 12, 13, 14, 15],
            (Self::TimeFirst, true) => [6, 7, 4, 5, 0, 1, 2, 3, 8, 9, 10, 11, 12, 13, 14, 15],
            (Self::LittleEndian, _) => [3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15],
            (Self::Java, _) => [7, 6, 5, 4, 3, 2, 1, 0, 15, 14, 13, 12, 11, 10, 9, 8],
        };
        places.map(|place| bytes[place])
    }
}

/// Checks the variant bits in the ninth byte. In UTF-8, only a continuation byte has them.
fn is_variant(bytes: [u8; 16]) -> bool {
    bytes[8] & 0b1100_0000 == 0b1000_0000
}

/// UTF-8 without control characters, which could drive a terminal.
fn as_readable_text(bytes: &[u8]) -> Option<&str> {
    let is_plain = |char: char| !char.is_control() || matches!(char, '\n' | '\r' | '\t');
    std::str::from_utf8(bytes).ok().filter(|text| text.chars().all(is_plain))
}

/// Parses what [`to_hex`] writes.
pub(crate) fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digits = text.strip_prefix("\\x")?;
    if !digits.len().is_multiple_of(2) || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(&digits[at..at + 2], 16).ok()).collect()
}

/// Hexadecimal digits without a prefix, for the database's own decoding function.
pub(crate) fn to_hex_digits(bytes: &[u8]) -> String {
    to_hex(bytes).split_off(2)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ORDERS: [UuidBytes; 4] =
        [UuidBytes::Standard, UuidBytes::TimeFirst, UuidBytes::LittleEndian, UuidBytes::Java];

    #[test]
    fn bytes_are_shown_as_the_ids_they_hold() {
        let id = BinaryFormat { order: UuidBytes::Standard, uuids: true };
        let other = BinaryFormat { uuids: false, ..id };
        let uuid = Uuid::parse_str("0b5a2a3e-6f0e-4a56-9f3c-5d1a9f1f7c11").unwrap();
        let places: [u8; 16] = std::array::from_fn(|at| u8::try_from(at).unwrap());
        for (bytes, as_id, as_other) in [
            (
                &uuid.as_bytes()[..],
                "0b5a2a3e-6f0e-4a56-9f3c-5d1a9f1f7c11",
                "\\x0b5a2a3e6f0e4a569f3c5d1a9f1f7c11",
            ),
            (&places, "00010203-0405-0607-0809-0a0b0c0d0e0f", "\\x000102030405060708090a0b0c0d0e0f"),
            (b"sixteen letters!", "sixteen letters!", "sixteen letters!"),
            ("Zoë".as_bytes(), "Zoë", "Zoë"),
            (b"", "", ""),
            (b"\x00\xff", "\\x00ff", "\\x00ff"),
            (b"\x1b[31m", "\\x1b5b33316d", "\\x1b5b33316d"),
        ] {
            assert_eq!(
                (id.to_display_text(bytes), other.to_display_text(bytes)),
                (as_id.to_owned(), as_other.to_owned())
            );
        }
        for long in ["a", "aä", "👩", "\0"] {
            let cut = long.repeat(BYTES_READ);
            assert_eq!(other.to_cell(&cut.as_bytes()[..BYTES_READ]).chars().count(), 2001, "{long}");
        }
    }

    #[test]
    fn each_byte_order_matches_its_database() {
        let uuid = Uuid::parse_str("00112233-4455-6677-8899-aabbccddeeff").unwrap();
        let kept = ORDERS.map(|order| to_hex_digits(&order.encode_uuid(uuid)));
        assert_eq!(
            kept,
            [
                "00112233445566778899aabbccddeeff",
                // SELECT HEX(UUID_TO_BIN('00112233-4455-6677-8899-aabbccddeeff', 1))
                "66774455001122338899aabbccddeeff",
                // Guid.ToByteArray()
                "33221100554477668899aabbccddeeff",
                // Two longs, each in little-endian order.
                "7766554433221100ffeeddccbbaa9988",
            ]
        );
    }

    proptest! {
        #[test]
        fn every_id_that_is_shown_can_be_searched(bytes in prop::collection::vec(any::<u8>(), 0..20), uuids: bool, at in 0_usize..4) {
            let column = BinaryFormat { order: ORDERS[at], uuids };
            prop_assert!(column.shown_as(&column.to_display_text(&bytes)).contains(&bytes));
        }

        #[test]
        fn a_uuid_comes_back_from_every_order(uuid: u128, at in 0_usize..4) {
            let uuid = Uuid::from_u128(uuid);
            prop_assert_eq!(ORDERS[at].decode_uuid(ORDERS[at].encode_uuid(uuid)), uuid);
        }
    }
}
