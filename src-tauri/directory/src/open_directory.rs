//! An open directory with several users: it closes when the last of them drops it.

use std::ops::Deref;
use std::sync::Arc;

use crate::directory::Directory;

/// A directory that is closed when it is dropped. A query that is running while the connection changes
/// keeps it open until it is done.
pub struct OpenDirectory(Arc<dyn Directory>);

impl OpenDirectory {
    pub fn new(directory: Arc<dyn Directory>) -> Self {
        Self(directory)
    }
}

impl Deref for OpenDirectory {
    type Target = dyn Directory;

    fn deref(&self) -> &Self::Target {
        &*self.0
    }
}

impl Drop for OpenDirectory {
    fn drop(&mut self) {
        // Without a runtime the process ends, and its connections with it.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            let directory = Arc::clone(&self.0);
            runtime.spawn(async move { directory.close().await });
        }
    }
}
