//! A shared open directory that closes when its last user drops it.

use std::ops::Deref;
use std::sync::Arc;

use crate::directory::Directory;

/// Closes the directory on drop. Share it in an `Arc`: a query that is running while the connection changes keeps it
/// open until it is done.
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
        // Without a runtime, the process is ending, and its connections with it.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            let directory = Arc::clone(&self.0);
            runtime.spawn(async move { directory.close().await });
        }
    }
}
