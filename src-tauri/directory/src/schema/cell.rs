//! How much of a value is read and shown in a cell.

/// Cells are cut to this many characters, so that a page of 500 rows stays light whatever the columns hold.
pub(crate) const CELL_CHARS: usize = 2000;

/// One more than is shown, to tell whether the value was cut.
pub(crate) const CHARS_READ: usize = CELL_CHARS + 1;

/// Cuts `text` to [`CELL_CHARS`] and marks the cut.
pub(crate) fn shorten_cell(mut text: String) -> String {
    if let Some((end, _)) = text.char_indices().nth(CELL_CHARS) {
        text.truncate(end);
        text.push(CUT);
    }
    text
}

/// Whether `cell` was cut by [`shorten_cell`].
pub(crate) fn is_cut(cell: &str) -> bool {
    cell.ends_with(CUT) && cell.chars().nth(CELL_CHARS).is_some()
}

/// Marks the cut.
const CUT: char = '…';
