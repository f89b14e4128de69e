//! "Did you mean …?": the known word that somebody who wrote another one may have meant.

/// 0.8: `tabel` finds `table`, `prod` finds `production`, `mode` does not find `reason`.
const ALIKE: f64 = 0.8;

/// The closest of the known words, if one is close enough; case does not count.
pub fn closest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_lowercase();
    known
        .into_iter()
        .map(|known| (strsim::jaro_winkler(&word, &known.to_lowercase()), known))
        .filter(|(likeness, _)| *likeness >= ALIKE)
        .max_by(|(left, _), (right, _)| left.total_cmp(right))
        .map(|(_, known)| known)
}
