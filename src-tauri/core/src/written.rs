//! For tests: paths as files of connections have them on this system.

use std::path::Path;

/// In quotes, or in an option of a URL: with slashes everywhere.
pub fn written(path: &Path) -> String {
    path.display().to_string().replace('\\', "/")
}
