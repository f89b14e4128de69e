//! The login protocol of MySQL and MariaDB.
//! <https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_connection_phase.html>
//!
//! The driver does not know about the encryption. Its packet numbers are one behind the server's, and if the server
//! wants the plain password over TLS, the driver is asked for it with `mysql_clear_password`.

use tokio::io::AsyncReadExt;

use crate::error::{DirectoryCode, DirectoryError, Result};
use crate::reach::wire::conversation::{Conversation, driver_gone_error};
use crate::reach::wire::service_detection::DetectedService;
use crate::reach::wire::{ConnectStage, Privacy, Server, Stream};

/// No login packet is longer.
const LONGEST: usize = 64 << 10;
/// The capability flag for TLS.
const TLS: u8 = 0x08;
/// The index of its byte in the capabilities.
const TLS_BYTE: usize = 1;
/// A TLS request is the first part of a login packet of this length.
const TLS_PLEASE: usize = 32;

const NATIVE: &str = "mysql_native_password";
const CACHING_SHA2: &str = "caching_sha2_password";
const SHA256: &str = "sha256_password";
const CLEAR: &str = "mysql_clear_password";

mod first {
    pub(crate) const OK: u8 = 0;
    pub(crate) const MORE: u8 = 1;
    pub(crate) const SWITCH: u8 = 0xfe;
    pub(crate) const ERROR: u8 = 0xff;
}

/// `caching_sha2_password` does not have this password cached and needs to see it.
const SHOW_IT: u8 = 4;

struct Packet {
    number: u8,
    body: Vec<u8>,
}

impl Packet {
    async fn read_from(from: &mut (impl AsyncReadExt + Unpin)) -> std::io::Result<Self> {
        let mut header = [0; 4];
        from.read_exact(&mut header).await?;
        Self::read_body(header, from).await
    }

    async fn read_body(header: [u8; 4], from: &mut (impl AsyncReadExt + Unpin)) -> std::io::Result<Self> {
        let length = u32::from_le_bytes([header[0], header[1], header[2], 0]) as usize;
        if !(1..=LONGEST).contains(&length) {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        let mut body = vec![0; length];
        from.read_exact(&mut body).await?;
        Ok(Self { number: header[3], body })
    }

    fn to_bytes(&self, number: u8) -> Vec<u8> {
        let length = u32::try_from(self.body.len()).unwrap_or_default().to_le_bytes();
        [&length[..3], &[number], &self.body[..]].concat()
    }
}

pub(crate) async fn log_in(
    conversation: &mut Conversation<'_, impl Stream>,
    mut server: Server,
) -> Result<Server> {
    let mut header = [0; 4];
    server.read_exact(&mut header).await.map_err(|cause| conversation.connection_error(&cause))?;
    conversation.seen.advance_to(ConnectStage::Answering);
    if let Some(stranger) = DetectedService::from_first_bytes(&header) {
        return Err(conversation.route.other_service_error(stranger));
    }
    let greeting = Packet::read_body(header, &mut server).await;
    let mut greeting = greeting.map_err(|cause| conversation.connection_error(&cause))?;
    if greeting.body[0] == first::ERROR {
        // The server accepts no one now, or not from this host.
        conversation.send_to_driver(&greeting.to_bytes(greeting.number)).await?;
        return Ok(server);
    }
    let Some(seen) = Greeting::adapt_for_driver(&mut greeting.body) else {
        let said = format!("protocol {}", greeting.body[0]);
        return Err(conversation.route.other_service_error(DetectedService::Unknown).with_details(said));
    };
    conversation.send_to_driver(&greeting.to_bytes(greeting.number)).await?;
    let mut login = Packet::read_from(conversation.driver).await.map_err(|_| driver_gone_error())?;
    let mut ahead = 0;
    // On a socket too: an account may require TLS.
    if conversation.wants_tls() {
        if seen.offers_tls && login.body.len() >= TLS_PLEASE {
            login.body[TLS_BYTE] |= TLS;
            let please = Packet { number: login.number, body: login.body[..TLS_PLEASE].to_vec() };
            conversation.send_to_server(&mut server, &please.to_bytes(please.number)).await?;
            server = conversation.encrypt_stream(server).await?;
            ahead = 1;
        } else if conversation.needs_tls() {
            return Err(conversation.route.missing_tls_error());
        }
    }
    let user = parse_user(&login.body);
    conversation.send_to_server(&mut server, &login.to_bytes(login.number.wrapping_add(ahead))).await?;
    loop {
        let packet =
            Packet::read_from(&mut server).await.map_err(|cause| conversation.connection_error(&cause))?;
        let number = packet.number.wrapping_sub(ahead);
        let (body, is_over) = check_packet(conversation, &seen, &user, packet.body)?;
        let body = Packet { number, body };
        conversation.send_to_driver(&body.to_bytes(number)).await?;
        if is_over {
            return Ok(server);
        }
        // The password was in the cache, so the server continues by itself.
        if body.body[0] == first::MORE && body.body.get(1) == Some(&3) {
            continue;
        }
        let answer = Packet::read_from(conversation.driver).await.map_err(|_| driver_gone_error())?;
        conversation.send_to_server(&mut server, &answer.to_bytes(answer.number.wrapping_add(ahead))).await?;
    }
}

/// The packet that the driver receives instead of `packet`. `true`: the login is over.
fn check_packet(
    conversation: &Conversation<'_, impl Stream>,
    greeting: &Greeting,
    user: &str,
    packet: Vec<u8>,
) -> Result<(Vec<u8>, bool)> {
    let clear = || [&[first::SWITCH], CLEAR.as_bytes(), &[0]].concat();
    // Over TLS, the password is sent to any server, as MySQL's own client does.
    let is_secret = conversation.route.is_local_socket() || conversation.privacy() != Privacy::Open;
    match packet[0] {
        first::OK | first::ERROR => Ok((packet, true)),
        first::MORE if packet.get(1) == Some(&SHOW_IT) => {
            if is_secret {
                Ok((clear(), false))
            } else {
                Err(needs_tls(conversation, CACHING_SHA2))
            }
        }
        first::SWITCH => {
            conversation.seen.update_facts(|facts| facts.asked = true);
            let name = packet[1..].split(|&byte| byte == 0).next().unwrap_or_default();
            let name = String::from_utf8_lossy(name).into_owned();
            match name.as_str() {
                NATIVE | CACHING_SHA2 => Ok((packet, false)),
                SHA256 if is_secret => Ok((clear(), false)),
                SHA256 => Err(needs_tls(conversation, SHA256)),
                CLEAR if conversation.is_certain() => {
                    conversation.seen.update_facts(|facts| facts.clear = true);
                    Ok((clear(), false))
                }
                CLEAR => Err(password_withheld_error(conversation)),
                name => Err(unsupported_login_error(conversation, greeting, user, name)),
            }
        }
        _ => Ok((packet, false)),
    }
}

/// What the server says about itself.
struct Greeting {
    offers_tls: bool,
    is_mariadb: bool,
}

impl Greeting {
    /// Rewrites the greeting for the driver: no TLS, and a plugin that the driver knows. The server will then ask to
    /// switch to the right one.
    fn adapt_for_driver(body: &mut Vec<u8>) -> Option<Self> {
        const SCRAMBLE: usize = 8;
        if *body.first()? != 10 {
            return None;
        }
        let version = 1..1 + body[1..].iter().position(|&byte| byte == 0)?;
        let is_mariadb = String::from_utf8_lossy(&body[version.clone()]).contains("MariaDB");
        let capabilities = version.end + 1 + 4 + SCRAMBLE + 1;
        let tls = body.get_mut(capabilities + TLS_BYTE)?;
        let offers_tls = *tls & TLS != 0;
        *tls &= !TLS;
        // Two bytes of capabilities, one of collation, two of status, two more of capabilities.
        let length = usize::from(*body.get(capabilities + 7)?);
        let plugin = capabilities + 8 + 10 + length.saturating_sub(SCRAMBLE).max(13);
        if let Some(name) = body.get(plugin..) {
            let name = name.split(|&byte| byte == 0).next().unwrap_or_default();
            if ![NATIVE, CACHING_SHA2].iter().any(|known| known.as_bytes() == name) {
                body.truncate(plugin);
                body.extend(NATIVE.bytes().chain([0]));
            }
        }
        Some(Self { offers_tls, is_mariadb })
    }
}

fn parse_user(login: &[u8]) -> String {
    let name =
        login.get(TLS_PLEASE..).unwrap_or_default().split(|&byte| byte == 0).next().unwrap_or_default();
    String::from_utf8_lossy(name).into_owned()
}

fn needs_tls(conversation: &Conversation<'_, impl Stream>, plugin: &str) -> DirectoryError {
    let place = &conversation.route.place;
    DirectoryError::new(
        DirectoryCode::Refused,
        format!(
            "{place} must see the password for its login plugin {plugin}, but {}. The password was not sent.",
            conversation.describe_risk()
        ),
    )
    .with_hint(
        "Add ssl-mode=VERIFY_IDENTITY to directory.url (and ssl-ca=/path/to/ca.pem for a private authority). The \
         server has to offer TLS. On the same computer, ?socket=/path/to/mysqld.sock works too.",
    )
}

fn password_withheld_error(conversation: &Conversation<'_, impl Stream>) -> DirectoryError {
    let place = &conversation.route.place;
    DirectoryError::new(
        DirectoryCode::Refused,
        format!(
            "{place} asks for the password in clear text (login plugin {CLEAR}), but {}. The password was not sent.",
            conversation.describe_risk()
        ),
    )
    .with_hint(
        "PAM, LDAP and cloud tokens work this way. Add ssl-mode=VERIFY_IDENTITY to directory.url (and \
         ssl-ca=/path/to/ca.pem for a private authority), or, on the same computer, ?socket=/path/to/mysqld.sock.",
    )
}

fn unsupported_login_error(
    conversation: &Conversation<'_, impl Stream>,
    greeting: &Greeting,
    user: &str,
    plugin: &str,
) -> DirectoryError {
    let known = match plugin {
        "client_ed25519" => " (ed25519)",
        "auth_gssapi_client" | "authentication_kerberos_client" => " (Kerberos)",
        "dialog" => " (PAM)",
        "authentication_ldap_sasl_client" => " (LDAP)",
        "authentication_windows_client" => " (Windows)",
        "authentication_webauthn_client" | "authentication_fido_client" => " (a security key)",
        "" | "mysql_old_password" => " (from before MySQL 4.1)",
        _ => "",
    };
    let plugin = if plugin.is_empty() { "mysql_old_password" } else { plugin };
    let account = format!("'{}'@'%'", user.replace('\'', "''"));
    let (instead, statement) = if greeting.is_mariadb {
        (NATIVE, format!("ALTER USER {account} IDENTIFIED VIA {NATIVE} USING PASSWORD('…')"))
    } else {
        (CACHING_SHA2, format!("ALTER USER {account} IDENTIFIED WITH {CACHING_SHA2} BY '…'"))
    };
    let pam = if plugin == "dialog" {
        " Or ask for pam_use_cleartext_plugin=ON, which works over verified TLS."
    } else {
        ""
    };
    DirectoryError::new(
        DirectoryCode::Refused,
        format!(
            "{} requires this user to log in with the plugin {plugin}{known}, which Understudy does not support.",
            conversation.route.place
        ),
    )
    .with_hint(format!(
        "Ask your database administrator to give this user {instead}, or to create another user with it.{pam} (The \
         part after @ is the account's host.)"
    ))
    .with_statement(statement)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_driver_sees_a_greeting_that_it_knows() {
        let mut greeting =
            b"\n8.0.18\x00\x19\x00\x00\x00\x114aB0c\x06g\x00\xff\xff\xff\x02\x00\xff\xc7\x15\x00\x00\
            \x00\x00\x00\x00\x00\x00\x00\x00tL\x03s\x0f[4\rl4. \x00sha256_password\x00"
                .to_vec();
        let seen = Greeting::adapt_for_driver(&mut greeting).unwrap();
        assert!(seen.offers_tls && !seen.is_mariadb);
        assert!(greeting.ends_with(b"l4. \x00mysql_native_password\x00"), "{greeting:?}");
        assert_eq!(greeting[8 + 4 + 8 + 1 + 1] & TLS, 0);
        let again = greeting.clone();
        assert!(!Greeting::adapt_for_driver(&mut greeting).unwrap().offers_tls);
        assert_eq!(greeting, again);
        for cut in 0..again.len() {
            Greeting::adapt_for_driver(&mut again[..cut].to_vec());
        }
        assert!(Greeting::adapt_for_driver(&mut b"HTTP/1.1 400".to_vec()).is_none());
    }
}
