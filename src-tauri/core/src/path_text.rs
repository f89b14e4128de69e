//! For tests: file paths as connection files write them on this system.

use std::path::Path;

/// With forward slashes, as needed inside quotes or in a URL's option.
pub fn to_forward_slashes(path: &Path) -> String {
    path.display().to_string().replace('\\', "/")
}
