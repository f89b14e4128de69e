//! A network between a console and the database that can be cut.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// Runs until the test's runtime ends.
pub struct Relay {
    pub port: u16,
    cut: watch::Sender<u64>,
    taken: Arc<AtomicU64>,
}

impl Relay {
    pub async fn start(to: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let cut = watch::Sender::new(0);
        let cuts = cut.clone();
        let taken = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&taken);
        tokio::spawn(async move {
            while let Ok((mut console, _)) = listener.accept().await {
                counted.fetch_add(1, Ordering::SeqCst);
                let mut cut = cuts.subscribe();
                tokio::spawn(async move {
                    let Ok(mut server) = TcpStream::connect(("127.0.0.1", to)).await else { return };
                    tokio::select! {
                        _ = tokio::io::copy_bidirectional(&mut console, &mut server) => {}
                        _ = cut.changed() => {}
                    }
                });
            }
        });
        Self { port, cut, taken }
    }

    /// How many connections there have been.
    pub fn count_connections(&self) -> u64 {
        self.taken.load(Ordering::SeqCst)
    }

    /// Cuts all connections at this moment. New ones come through.
    pub fn cut(&self) {
        self.cut.send_modify(|times| *times += 1);
    }
}
