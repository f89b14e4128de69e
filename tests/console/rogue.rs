//! Servers that record everything sent to them, to find secrets that don't belong there.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex};

use md5::{Digest, Md5};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const SALT: &[u8; 4] = b"salt";

pub struct Rogue {
    /// `127.0.0.1:port`
    pub address: String,
    heard: Arc<Mutex<Vec<u8>>>,
}

impl Rogue {
    /// A PostgreSQL server that asks for the password with MD5, because it would not be sent in clear text.
    pub async fn database() -> Self {
        Self::start(|mut peer, heard| async move {
            write_down(&mut peer, &heard).await;
            // AuthenticationMD5Password: https://www.postgresql.org/docs/current/protocol-message-formats.html
            let _ = peer.write_all(&[&[b'R', 0, 0, 0, 12, 0, 0, 0, 5], &SALT[..]].concat()).await;
            write_down(&mut peer, &heard).await;
        })
        .await
    }

    /// An application, or a proxy in front of one, that accepts everything.
    pub async fn application() -> Self {
        Self::start(|mut peer, heard| async move {
            while write_down(&mut peer, &heard).await {
                let _ = peer.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}").await;
            }
        })
        .await
    }

    async fn start<F>(serve: impl Fn(TcpStream, Arc<Mutex<Vec<u8>>>) -> F + Send + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        let heard = Arc::new(Mutex::default());
        let noted = Arc::clone(&heard);
        tokio::spawn(async move {
            while let Ok((peer, _)) = listener.accept().await {
                tokio::spawn(serve(peer, Arc::clone(&noted)));
            }
        });
        Self { address, heard }
    }

    /// The URL of a directory on this server.
    pub fn url(&self) -> String {
        format!("postgres://reader@{}/acme?sslmode=disable", self.address)
    }

    pub fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Whether it received this password, as a database would for the user `reader`.
    pub fn learnt(&self, password: &str) -> bool {
        let stored = hex(&Md5::digest(format!("{password}reader")));
        self.heard().contains(&format!("md5{}", hex(&Md5::digest([stored.as_bytes(), SALT].concat()))))
    }

    /// Everything received, as text.
    pub fn heard(&self) -> String {
        String::from_utf8_lossy(&self.heard.lock().expect("no panic")).into_owned()
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut digits, byte| {
        let _ = write!(digits, "{byte:02x}");
        digits
    })
}

/// `false` once nothing more comes.
async fn write_down(peer: &mut TcpStream, heard: &Mutex<Vec<u8>>) -> bool {
    let mut bytes = vec![0; 8192];
    match peer.read(&mut bytes).await {
        Ok(read) if read > 0 => {
            heard.lock().expect("no panic").extend_from_slice(&bytes[..read]);
            true
        }
        _ => false,
    }
}
