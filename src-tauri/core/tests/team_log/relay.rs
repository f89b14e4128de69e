//! A network between a console and the database that can be cut.

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// Runs until the test's runtime ends.
pub struct Relay {
    pub port: u16,
    cut: watch::Sender<u64>,
}

impl Relay {
    pub async fn start(to: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let cut = watch::Sender::new(0);
        let cuts = cut.clone();
        tokio::spawn(async move {
            while let Ok((mut console, _)) = listener.accept().await {
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
        Self { port, cut }
    }

    /// Cuts all connections at this moment. New ones come through.
    pub fn cut(&self) {
        self.cut.send_modify(|times| *times += 1);
    }
}
