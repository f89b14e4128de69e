//! SOCKS5 (RFC 1928) with a user name and a password (RFC 1929), as far as browsers use it: CONNECT.

use std::io::{Error, ErrorKind, Result};
use std::net::{Ipv4Addr, Ipv6Addr};

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

use super::Admission;
use crate::target::Target;

const VERSION: u8 = 5;
const PASSWORD_METHOD: u8 = 2;
const NO_ACCEPTABLE_METHOD: u8 = 0xff;
const PASSWORD_VERSION: u8 = 1;
const CONNECT: u8 = 1;
const IPV4: u8 = 1;
const DOMAIN: u8 = 3;
const IPV6: u8 = 4;
const SUCCEEDED: u8 = 0;
const COMMAND_NOT_SUPPORTED: u8 = 7;
const ADDRESS_NOT_SUPPORTED: u8 = 8;

/// Reads the credentials and the target, and accepts. The server is only contacted with the first request, so that a
/// failure can be explained on a page and not only as a number.
///
/// # Errors
/// `PermissionDenied` for a peer that does not know the credentials, `InvalidData` for anything but SOCKS5.
pub(super) async fn negotiate<S>(stream: &mut S, admission: &Admission) -> Result<Target>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    expect_byte(stream, VERSION).await?;
    let methods = read_block(stream).await?;
    if !methods.contains(&PASSWORD_METHOD) {
        stream.write_all(&[VERSION, NO_ACCEPTABLE_METHOD]).await?;
        return Err(denied());
    }
    stream.write_all(&[VERSION, PASSWORD_METHOD]).await?;

    expect_byte(stream, PASSWORD_VERSION).await?;
    let (user, password) = (read_block(stream).await?, read_block(stream).await?);
    let is_admitted = admission.accepts(&user, &password);
    stream.write_all(&[PASSWORD_VERSION, u8::from(!is_admitted)]).await?;
    if !is_admitted {
        return Err(denied());
    }

    expect_byte(stream, VERSION).await?;
    let command = stream.read_u8().await?;
    let _reserved = stream.read_u8().await?;
    let host = match stream.read_u8().await? {
        IPV4 => Ipv4Addr::from(stream.read_u32().await?).to_string(),
        IPV6 => Ipv6Addr::from(stream.read_u128().await?).to_string(),
        DOMAIN => String::from_utf8(read_block(stream).await?)
            .map_err(|_| invalid("the host's name is not text"))?,
        _ => {
            reply(stream, ADDRESS_NOT_SUPPORTED).await?;
            return Err(invalid("an unknown kind of address"));
        }
    };
    let port = stream.read_u16().await?;
    if command != CONNECT {
        reply(stream, COMMAND_NOT_SUPPORTED).await?;
        return Err(invalid("a command other than CONNECT"));
    }
    reply(stream, SUCCEEDED).await?;
    Ok(Target { host: host.to_ascii_lowercase(), port })
}

/// Browsers don't use the address in a reply.
async fn reply(stream: &mut (impl AsyncWrite + Unpin), code: u8) -> Result<()> {
    stream.write_all(&[VERSION, code, 0, IPV4, 0, 0, 0, 0, 0, 0]).await
}

async fn expect_byte(stream: &mut (impl AsyncRead + Unpin), expected: u8) -> Result<()> {
    if stream.read_u8().await? == expected { Ok(()) } else { Err(invalid("another version of the protocol")) }
}

/// Up to 255 bytes, after one byte with their number.
async fn read_block(stream: &mut (impl AsyncRead + Unpin)) -> Result<Vec<u8>> {
    let mut block = vec![0; stream.read_u8().await?.into()];
    stream.read_exact(&mut block).await?;
    Ok(block)
}

fn denied() -> Error {
    Error::new(
        ErrorKind::PermissionDenied,
        "a program without the session's credentials wanted to use the gateway",
    )
}

fn invalid(what: &str) -> Error {
    Error::new(ErrorKind::InvalidData, format!("SOCKS5: {what}"))
}
