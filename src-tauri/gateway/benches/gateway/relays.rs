//! What stands between a client and the application in place of a gateway: distance, or the least that any gateway does.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::{TlsAcceptor, TlsConnector};

use crate::application::{Company, Shown};

/// Delays what passes, in each direction, without a limit to how much. A connection takes a round trip to open.
pub async fn delay_all(to: SocketAddr, delay: Duration) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    tokio::spawn(async move {
        while let Ok((near, _)) = listener.accept().await {
            tokio::spawn(async move {
                let far = TcpStream::connect(to).await?;
                let _ = (near.set_nodelay(true), far.set_nodelay(true));
                let ((from_near, to_near), (from_far, to_far)) = (near.into_split(), far.into_split());
                let open = Instant::now() + 2 * delay;
                tokio::spawn(pass_late(from_near, to_far, delay, open));
                pass_late(from_far, to_near, delay, open).await
            });
        }
    });
    port
}

async fn pass_late(
    mut from: tokio::net::tcp::OwnedReadHalf,
    mut to: tokio::net::tcp::OwnedWriteHalf,
    delay: Duration,
    open: Instant,
) -> std::io::Result<()> {
    let (sender, mut pieces) = tokio::sync::mpsc::channel::<(Instant, Vec<u8>)>(4096);
    tokio::spawn(async move {
        let mut buffer = vec![0; 64 << 10];
        while let Ok(length @ 1..) = from.read(&mut buffer).await {
            if sender.send((open.max(Instant::now()) + delay, buffer[..length].to_vec())).await.is_err() {
                return;
            }
        }
    });
    while let Some((due, piece)) = pieces.recv().await {
        tokio::time::sleep_until(due.into()).await;
        to.write_all(&piece).await?;
    }
    to.shutdown().await
}

/// Decrypts and encrypts again, and looks at nothing: no gateway that reads requests can do less.
pub async fn reencrypt_all(company: &Company, to: SocketAddr) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let acceptor = TlsAcceptor::from(Arc::new(company.issue(Shown::Good)));
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from(company.certificate())).expect("a certificate");
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("the versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let connector = TlsConnector::from(Arc::new(config));
    tokio::spawn(async move {
        while let Ok((near, _)) = listener.accept().await {
            let (acceptor, connector) = (acceptor.clone(), connector.clone());
            tokio::spawn(async move {
                let far = TcpStream::connect(to).await?;
                let _ = (near.set_nodelay(true), far.set_nodelay(true));
                let name = ServerName::try_from("localhost").expect("a name");
                let mut near = acceptor.accept(near).await?;
                let mut far = connector.connect(name, far).await?;
                tokio::io::copy_bidirectional_with_sizes(&mut near, &mut far, 64 << 10, 64 << 10).await
            });
        }
    });
    port
}
