//! Where an endpoint leads.

use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use secrecy::SecretString;

use super::*;
use crate::reach::password_source::PasswordSourceError;

/// Counts how often it is asked; its destination can change.
#[derive(Default)]
struct Asked {
    times: AtomicUsize,
    destination: std::sync::Mutex<String>,
}

#[async_trait]
impl PasswordSource for Asked {
    async fn read_password(&self) -> Result<Option<SecretString>, PasswordSourceError> {
        self.times.fetch_add(1, Ordering::SeqCst);
        Ok(Some("a password".into()))
    }

    fn destination(&self) -> String {
        self.destination.lock().unwrap().clone()
    }

    fn is_replaceable(&self) -> bool {
        true
    }
}

#[tokio::test]
async fn a_password_for_one_destination_is_not_used_for_another() {
    let config: DirectoryConfig =
        toml::from_str("url = \"postgres://reader@db.acme.internal/acme\"\ntable = \"users\"\nid = \"id\"")
            .unwrap();
    let asked = Arc::new(Asked::default());
    let endpoint = Endpoint::new(&config, &(Arc::clone(&asked) as Arc<dyn PasswordSource>)).unwrap();
    for _ in 0..2 {
        endpoint.current_password().await.unwrap();
    }
    assert_eq!(asked.times.load(Ordering::SeqCst), 1, "it is kept");
    // As if the authority's certificate file had been replaced.
    "another".clone_into(&mut asked.destination.lock().unwrap());
    endpoint.current_password().await.unwrap();
    assert_eq!(asked.times.load(Ordering::SeqCst), 2);
}
