//! How much of a value is read and shown.

/// Cells are cut to so many characters: a page of 500 rows stays light whatever the columns hold.
pub(crate) const CELL_CHARS: usize = 2000;

/// The database gives one more, by which it is known that something was cut.
pub(crate) const CHARS_READ: usize = CELL_CHARS + 1;

/// A cell as people see it.
pub(crate) fn shortened(mut text: String) -> String {
    if let Some((end, _)) = text.char_indices().nth(CELL_CHARS) {
        text.truncate(end);
        text.push(CUT);
    }
    text
}

/// Whether a cell is not the whole value.
pub(crate) fn is_cut(cell: &str) -> bool {
    cell.ends_with(CUT) && cell.chars().nth(CELL_CHARS).is_some()
}

/// Stands behind what was cut.
const CUT: char = '…';
