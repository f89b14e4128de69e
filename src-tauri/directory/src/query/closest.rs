//! "Did you mean …?": finds the known word closest to an unknown one.

/// 0.8: `tabel` matches `table` and `prod` matches `production`, but `mode` does not match `reason`.
const ALIKE: f64 = 0.8;

/// The known word closest to `word`, if one is close enough. Ignores case.
pub fn closest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_lowercase();
    known
        .into_iter()
        .map(|known| (strsim::jaro_winkler(&word, &known.to_lowercase()), known))
        .filter(|(likeness, _)| *likeness >= ALIKE)
        .max_by(|(left, _), (right, _)| left.total_cmp(right))
        .map(|(_, known)| known)
}
