//! What has arrived at a server of a story, for whoever waits for it.

use parking_lot::Mutex;
use tokio::sync::Notify;
use understudy_test_support::wait::PATIENCE;

/// Requests in the order of their arrival.
pub struct Arrivals<T> {
    list: Mutex<Vec<T>>,
    came: Notify,
}

impl<T> Default for Arrivals<T> {
    fn default() -> Self {
        Self { list: Mutex::default(), came: Notify::default() }
    }
}

impl<T: Clone> Arrivals<T> {
    pub fn push(&self, one: T) {
        self.list.lock().push(one);
        self.came.notify_one();
    }

    pub fn all(&self) -> Vec<T> {
        self.list.lock().clone()
    }

    /// Waits until this many have come.
    pub async fn until_came(&self, count: usize) {
        self.until(|list| list.len() >= count).await;
    }

    /// Waits until what has come is as wanted.
    pub async fn until(&self, is_wanted: impl Fn(&[T]) -> bool) {
        let waiting = async {
            while !is_wanted(&self.list.lock()) {
                self.came.notified().await;
            }
        };
        tokio::time::timeout(PATIENCE, waiting).await.expect("the requests come");
    }
}
