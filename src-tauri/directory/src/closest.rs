//! "Did you mean …?": finds the known words closest to an unknown one.

/// The known word closest to `word`, if one is close enough. Ignores case.
pub fn find_closest_names<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // 0.8: `tabel` matches `table` and `prod` matches `production`, but `mode` does not match `reason`.
    let alike = alike(word, known, 0.8, str::to_lowercase);
    alike.max_by(|(left, _), (right, _)| left.total_cmp(right)).map(|(_, known)| known)
}

/// Up to three names that `name` may have been meant as, closest first. Ignores case, the schema, `_` and `-`.
pub(crate) fn closest_names<'a>(name: &str, known: &[&'a str]) -> Vec<&'a str> {
    let plain = |text: &str| text.rsplit('.').next().unwrap_or(text).to_lowercase().replace(['_', '-'], "");
    // 0.75: `emial` and `mail` match `email`, but `phone` does not match `plan`.
    let mut alike: Vec<(f64, &str)> = alike(name, known.iter().copied(), 0.75, plain).collect();
    alike.sort_by(|(left, _), (right, _)| right.total_cmp(left));
    alike.into_iter().take(3).map(|(_, name)| name).collect()
}

/// The known words with a similarity of at least `enough`, after normalising both with `plain`.
fn alike<'a>(
    word: &str,
    known: impl IntoIterator<Item = &'a str>,
    enough: f64,
    plain: impl Fn(&str) -> String,
) -> impl Iterator<Item = (f64, &'a str)> {
    let word = plain(word);
    known
        .into_iter()
        .map(move |known| (strsim::jaro_winkler(&word, &plain(known)), known))
        .filter(move |(likeness, _)| *likeness >= enough)
}
