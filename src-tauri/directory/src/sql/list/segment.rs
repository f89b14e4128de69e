//! The parts of a list that are read one after the other, and the column that orders each.

use crate::model::Tier;
use crate::plan::cursor::Cursor;
use crate::plan::{AccessPath, Order, SearchPass};
use crate::schema::mapping::Mapping;
use crate::schema::table::{IndexForm, TableColumn};
use crate::schema::value::Value;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SegmentPart {
    /// All rows of the search pass, by ID.
    ById,
    /// Rows with a value in the ordering column, by value and then by ID.
    Valued,
    /// Rows without a value, by ID.
    Null,
    /// Rows with a value, then rows without, for rows that are sorted after they are found.
    Mixed,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Segment {
    /// Its index in the list.
    pub(super) at: usize,
    /// The index of its pass in the plan.
    pub(super) pass: usize,
    pub(super) part: SegmentPart,
}

impl Segment {
    pub(super) fn accepts_cursor(self, cursor: &Cursor) -> bool {
        if cursor.id == Value::Null {
            return cursor.key == Value::Null;
        }
        match self.part {
            SegmentPart::Valued => cursor.key != Value::Null,
            SegmentPart::ById | SegmentPart::Null => cursor.key == Value::Null,
            SegmentPart::Mixed => true,
        }
    }
}

/// The column that an order uses before the ID, and the form of its index.
pub(super) fn find_order_key<T>(mapping: &Mapping<T>, order: Order) -> Option<(&TableColumn<T>, IndexForm)> {
    match order {
        Order::Id => None,
        Order::Shown(at) => {
            let column = &mapping.shown[at];
            let unique = column.access.order.as_ref().is_some_and(|served| served.form.unique);
            Some((column, IndexForm { unique, ..IndexForm::default() }))
        }
        Order::Searched(at, form) => Some((&mapping.search[at], form)),
    }
}

pub(super) fn key_of_null<'a, T>(mapping: &'a Mapping<T>, pass: &SearchPass) -> &'a TableColumn<T> {
    find_order_key(mapping, pass.order)
        .expect("only an ordering column has NULLs in a segment of their own")
        .0
}

pub(super) fn segment_parts<T>(mapping: &Mapping<T>, pass: &SearchPass) -> &'static [SegmentPart] {
    match (find_order_key(mapping, pass.order), pass.order) {
        (None, _) => &[SegmentPart::ById],
        // It starts with a text, so it is not NULL.
        (Some(_), Order::Searched(..)) => &[SegmentPart::Valued],
        (Some((column, _)), _) if !column.nullable => &[SegmentPart::Valued],
        (Some(_), _) if pass.reach == AccessPath::Newest => &[SegmentPart::Valued],
        (Some(_), _) if pass.reach == AccessPath::Quick && pass.tier == Tier::All => {
            &[SegmentPart::Valued, SegmentPart::Null]
        }
        (Some(_), _) => &[SegmentPart::Mixed],
    }
}
