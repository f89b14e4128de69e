//! PostgreSQL's start-up, until the server accepts or refuses the login.
//! <https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-START-UP>

use tokio::io::AsyncReadExt;

use crate::error::{DirectoryCode, DirectoryError, Result};
use crate::reach::wire::conversation::{Conversation, driver_gone_error};
use crate::reach::wire::service_detection::DetectedService;
use crate::reach::wire::{ConnectStage, Server, Stream};

/// No login message is longer.
const LONGEST: usize = 64 << 10;
/// Message type and length.
const HEAD: usize = 5;
pub(crate) const TLS_PLEASE: [u8; 8] = [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f];

/// The code after `R`.
mod auth_request {
    pub(crate) const OK: u32 = 0;
    pub(crate) const CLEAR_TEXT: u32 = 3;
    pub(crate) const MD5: u32 = 5;
    pub(crate) const SASL: u32 = 10;
    pub(crate) const SASL_MORE: u32 = 11;
    pub(crate) const SASL_END: u32 = 12;
}

pub(crate) async fn log_in(
    conversation: &mut Conversation<'_, impl Stream>,
    mut server: Server,
    options: Option<&str>,
) -> Result<Server> {
    let startup = Startup::read_from(conversation.driver).await?;
    if conversation.wants_tls() && !conversation.route.is_local_socket() {
        conversation.send_to_server(&mut server, &TLS_PLEASE).await?;
        let mut answer = [0];
        server.read_exact(&mut answer).await.map_err(|cause| conversation.connection_error(&cause))?;
        conversation.seen.advance_to(ConnectStage::Answering);
        match answer[0] {
            b'S' => server = conversation.encrypt_stream(server).await?,
            b'N' if conversation.needs_tls() => return Err(conversation.route.missing_tls_error()),
            b'N' => {}
            other => {
                let stranger = DetectedService::identify_after(other, &mut server).await;
                let said = format!("0x{other:02x} in answer to SSLRequest");
                return Err(conversation.route.other_service_error(stranger).with_details(said));
            }
        }
    }
    conversation.send_to_server(&mut server, &startup.to_bytes(options)).await?;
    loop {
        let mut head = [0; HEAD];
        server.read_exact(&mut head).await.map_err(|cause| conversation.connection_error(&cause))?;
        conversation.seen.advance_to(ConnectStage::Answering);
        if let Some(stranger) = DetectedService::from_first_bytes(&head)
            .or_else(|| parse_length(head).is_none().then_some(DetectedService::Unknown))
        {
            return Err(conversation
                .route
                .other_service_error(stranger)
                .with_details(format!("{head:02x?} in answer to the startup message")));
        }
        let message =
            read_message(head, &mut server).await.map_err(|cause| conversation.connection_error(&cause))?;
        let is_answered = match message[0] {
            b'R' => check_message(conversation, &startup, &message[5..])?,
            // A notice, or a protocol version; the server continues.
            b'N' | b'v' => Next::Server,
            // An error, or a message for the driver.
            _ => Next::Open,
        };
        conversation.send_to_driver(&message).await?;
        match is_answered {
            Next::Open => return Ok(server),
            Next::Server => {}
            Next::Driver => {
                let mut head = [0; HEAD];
                conversation.driver.read_exact(&mut head).await.map_err(|_| driver_gone_error())?;
                let answer =
                    self::read_message(head, conversation.driver).await.map_err(|_| driver_gone_error())?;
                conversation.send_to_server(&mut server, &answer).await?;
            }
        }
    }
}

/// Whose turn it is.
enum Next {
    Server,
    Driver,
    /// The login is over.
    Open,
}

fn check_message(
    conversation: &Conversation<'_, impl Stream>,
    startup: &Startup,
    body: &[u8],
) -> Result<Next> {
    let (code, rest) = body.split_at(body.len().min(4));
    let code = <[u8; 4]>::try_from(code).map_or(u32::MAX, u32::from_be_bytes);
    if code != auth_request::OK {
        conversation.seen.update_facts(|facts| facts.asked = true);
    }
    match code {
        auth_request::OK => Ok(Next::Open),
        auth_request::SASL_END => Ok(Next::Server),
        auth_request::MD5 | auth_request::SASL_MORE => Ok(Next::Driver),
        auth_request::SASL => {
            let mut mechanisms = rest.split(|&byte| byte == 0).map(String::from_utf8_lossy);
            if mechanisms.clone().any(|mechanism| mechanism == "SCRAM-SHA-256") {
                return Ok(Next::Driver);
            }
            let offered = mechanisms.find(|mechanism| !mechanism.is_empty()).unwrap_or_default();
            Err(unsupported_login_error(conversation, startup, &format!("SASL with {offered}")))
        }
        auth_request::CLEAR_TEXT => {
            conversation.seen.update_facts(|facts| facts.clear = true);
            if conversation.is_certain() {
                Ok(Next::Driver)
            } else {
                Err(password_withheld_error(conversation))
            }
        }
        7 | 8 => Err(unsupported_login_error(conversation, startup, "GSSAPI (Kerberos)")),
        9 => Err(unsupported_login_error(conversation, startup, "SSPI (Windows)")),
        other => Err(unsupported_login_error(conversation, startup, &format!("its method number {other}"))),
    }
}

fn unsupported_login_error(
    conversation: &Conversation<'_, impl Stream>,
    startup: &Startup,
    method: &str,
) -> DirectoryError {
    let place = &conversation.route.place;
    DirectoryError::new(
        DirectoryCode::Refused,
        format!("{place} requires this user to log in by {method}, which Understudy does not support."),
    )
    .with_hint(
        "Ask your database administrator to add this line to pg_hba.conf, above the ones for this user, and to reload \
         it. The user also needs a password.",
    )
    .with_statement(startup.format_hba_line("scram-sha-256"))
}

fn password_withheld_error(conversation: &Conversation<'_, impl Stream>) -> DirectoryError {
    DirectoryError::new(
        DirectoryCode::Refused,
        format!(
            "{} asks for the password in clear text, but {}. The password was not sent.",
            conversation.route.place,
            conversation.describe_risk()
        ),
    )
    .with_hint(
        "LDAP, RADIUS, PAM and cloud tokens work this way. Add sslmode=verify-full to directory.url (and \
         sslrootcert=/path/to/ca.pem for a private authority), or use a local socket. Or ask your database \
         administrator \
         for scram-sha-256 in pg_hba.conf.",
    )
}

/// The first message: user, database and settings.
struct Startup {
    version: [u8; 4],
    settings: Vec<(String, String)>,
}

impl Startup {
    async fn read_from(driver: &mut impl Stream) -> Result<Self> {
        let read = async {
            let mut length = [0; 4];
            driver.read_exact(&mut length).await?;
            let length = u32::from_be_bytes(length) as usize;
            if !(8..=LONGEST).contains(&length) {
                return Err(std::io::ErrorKind::InvalidData.into());
            }
            let mut body = vec![0; length - 4];
            driver.read_exact(&mut body).await?;
            Ok::<_, std::io::Error>(body)
        };
        let body = read.await.map_err(|_| driver_gone_error())?;
        let (version, rest) = body.split_at(4);
        let mut words = rest.split(|&byte| byte == 0).map(|word| String::from_utf8_lossy(word).into_owned());
        let mut settings = Vec::new();
        while let (Some(key), Some(value)) = (words.next().filter(|key| !key.is_empty()), words.next()) {
            settings.push((key, value));
        }
        Ok(Self { version: version.try_into().map_err(|_| driver_gone_error())?, settings })
    }

    /// Encodes the message with these `options` instead of the driver's, which come from the environment.
    fn to_bytes(&self, options: Option<&str>) -> Vec<u8> {
        let kept = self.settings.iter().filter(|(key, _)| key != "options");
        let kept = kept.map(|(key, value)| (key.as_str(), value.as_str()));
        let mut body = self.version.to_vec();
        for (key, value) in kept.chain(options.map(|options| ("options", options))) {
            for word in [key, value] {
                body.extend(word.bytes().filter(|&byte| byte != 0));
                body.push(0);
            }
        }
        body.push(0);
        let length = u32::try_from(body.len() + 4).unwrap_or(u32::MAX);
        [&length.to_be_bytes()[..], &body].concat()
    }

    /// A line of `pg_hba.conf` that allows this login by `method`.
    fn format_hba_line(&self, method: &str) -> String {
        let said = |key: &str| {
            let found = self.settings.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str());
            found.unwrap_or("all").replace('"', "\"\"")
        };
        format!("hostssl \"{}\" \"{}\" all {method}", said("database"), said("user"))
    }
}

/// The length of the message, including the length field; `None` if it cannot be a login message.
fn parse_length(head: [u8; HEAD]) -> Option<usize> {
    let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]) as usize;
    (4..=LONGEST).contains(&length).then_some(length)
}

/// Reads the rest of the message that starts with `head`.
async fn read_message(head: [u8; HEAD], from: &mut (impl AsyncReadExt + Unpin)) -> std::io::Result<Vec<u8>> {
    let length = parse_length(head).ok_or(std::io::ErrorKind::UnexpectedEof)?;
    let mut message = head.to_vec();
    message.resize(length + 1, 0);
    from.read_exact(&mut message[HEAD..]).await?;
    Ok(message)
}
