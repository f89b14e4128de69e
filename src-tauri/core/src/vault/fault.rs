//! What the keyring's errors mean (absent, locked or denied), and what the operator can do about them.
//!
//! Only texts that cannot contain a secret get into a message; errors that carry the entry's bytes are described
//! without them.

use std::sync::Arc;
use std::time::Duration;

use keyring_core::Error as Fault;

use crate::error::{Code, Error, SecretName};

/// The keyring could not be opened.
pub(super) fn open_error(cause: Fault) -> Error {
    let error = match classify_cause(&cause).unwrap_or(Code::VaultUnavailable) {
        Code::VaultDenied => denied_error("open", &describe_cause(&cause)),
        _ => unavailable_error(&describe_cause(&cause)),
    };
    keep_cause(error, cause)
}

/// The keyring could not do something with one secret. `verb` completes "could not …".
pub(super) fn entry_error(verb: &str, name: &SecretName, cause: Fault) -> Error {
    let error = match classify_cause(&cause).unwrap_or(Code::VaultDenied) {
        Code::VaultLocked => locked_error("it was not unlocked"),
        Code::VaultUnavailable => unavailable_error(&describe_cause(&cause)),
        _ => denied_error(&format!("{verb} \"{}/{}\"", name.connection, name.name), &describe_cause(&cause)),
    };
    keep_cause(error, cause)
}

/// Whether the error carries the entry or its bytes, and its `Display` may show them.
fn may_show_entry(cause: &Fault) -> bool {
    matches!(cause, Fault::BadEncoding(_) | Fault::BadDataFormat(..) | Fault::Ambiguous(_))
}

fn keep_cause(error: Error, cause: Fault) -> Error {
    match cause {
        cause if may_show_entry(&cause) => error,
        Fault::PlatformFailure(cause) | Fault::NoStorageAccess(cause) => {
            let cause: Arc<dyn std::error::Error + Send + Sync> = Arc::from(cause);
            Error { cause: cause.into(), ..error }
        }
        cause => error.caused_by(cause),
    }
}

/// The entry's value is not text, so Understudy did not write it.
pub(super) fn not_text(name: &SecretName) -> Error {
    let SecretName { connection, name } = name;
    Error::new(Code::VaultDenied, format!("The keyring's entry \"{connection}/{name}\" is not text."))
        .with_hint(format!("Store it again: understudy secret set {connection} {name}"))
}

/// The entry is longer than any secret, so Understudy did not write it.
pub(super) fn too_long(name: &SecretName) -> Error {
    let SecretName { connection, name } = name;
    Error::new(
        Code::VaultDenied,
        format!("The keyring's entry \"{connection}/{name}\" is longer than any secret may be."),
    )
    .with_hint(format!("Store it again: understudy secret set {connection} {name}"))
}

/// The parts belong to different values: a write was interrupted, or two programs stored the secret at once.
pub(super) fn not_whole(name: &SecretName) -> Error {
    let SecretName { connection, name } = name;
    Error::new(
        Code::VaultDenied,
        format!("The keyring holds \"{connection}/{name}\" in parts that do not belong together."),
    )
    .with_hint(format!("Store it again: understudy secret set {connection} {name}"))
}

/// The operator was asked to unlock the keyring and did not.
#[cfg(target_os = "linux")]
pub(super) fn still_locked() -> Error {
    Error { message: "The keyring is still locked.".into(), ..locked_error("") }
}

/// The operator did not answer in time.
pub(super) fn nobody_unlocked(after: Duration) -> Error {
    locked_error(&format!("no one unlocked it within {} s", after.as_secs_f32().round()))
}

/// The keyring's service did not answer in time.
pub(super) fn no_answer(after: Duration) -> Error {
    unavailable_error(&format!("it did not answer within {} s", after.as_secs()))
}

/// The Secret Service itself returned an error.
#[cfg(target_os = "linux")]
pub(super) fn lookup_error(cause: secret_service::Error) -> Error {
    let error = match service_code(&cause) {
        Some(Code::VaultLocked) => locked_error("it has to be unlocked first"),
        Some(Code::VaultDenied) => denied_error("be looked at", &platform_words(&cause)),
        _ => unavailable_error(&platform_words(&cause)),
    };
    error.caused_by(cause)
}

fn locked_error(how: &str) -> Error {
    Error::new(Code::VaultLocked, format!("The keyring is locked: {how}.")).with_hint(next_step(
        "Enter its password in the window that asks for it (or unlock it in \"Passwords and Keys\" or \
         KDE Wallet), then try again. Or type the secret in the console, for this run only.",
        "Unlock the login keychain in Keychain Access, then try again. Or type the secret in the console, for this run only.",
        "Log in to Windows again, then try again. Or type the secret in the console, for this run only.",
    ))
}

fn unavailable_error(why: &str) -> Error {
    Error::new(Code::VaultUnavailable, format!("No keyring was found: {why}.")).with_hint(next_step(
        "Start a keyring service (GNOME Keyring, KDE Wallet or KeePassXC) in this session and give it a \
         default keyring; no restart is needed. Or type the secret in the console, for this run only.",
        "Check the login keychain in Keychain Access. Or type the secret in the console, for this run only.",
        "Start Understudy in a desktop session: Credential Manager does not serve services and remote \
         shells. Or type the secret in the console, for this run only.",
    ))
}

fn denied_error(doing: &str, why: &str) -> Error {
    Error::new(Code::VaultDenied, format!("The keyring refused to {doing}: {why}.")).with_hint(next_step(
        "Allow Understudy in the settings of your keyring, then try again.",
        "Choose \"Always Allow\" when macOS asks, or allow Understudy under \"Access Control\" of the entry \
         in Keychain Access.",
        "Check in Credential Manager that your account may keep generic credentials.",
    ))
}

const fn next_step(linux: &'static str, macos: &'static str, windows: &'static str) -> &'static str {
    if cfg!(target_os = "macos") {
        macos
    } else if cfg!(windows) {
        windows
    } else {
        linux
    }
}

/// Describes the cause without any secret.
fn describe_cause(cause: &Fault) -> String {
    match cause {
        Fault::BadEncoding(_) | Fault::BadDataFormat(..) => "the entry is damaged".into(),
        Fault::Ambiguous(entries) => format!(
            "it holds {} entries of this name; remove all but one in the keyring's own application",
            entries.len()
        ),
        Fault::PlatformFailure(cause) | Fault::NoStorageAccess(cause) => platform_words(cause.as_ref()),
        other => other.to_string(),
    }
}

#[cfg(target_os = "linux")]
fn platform_words(cause: &(dyn std::error::Error + Send + Sync + 'static)) -> String {
    use secret_service::Error as Service;
    let Some(service) = cause.downcast_ref::<Service>() else { return cause.to_string() };
    match service_code(service) {
        _ if matches!(service, Service::NoResult) => "there is no default keyring",
        Some(Code::VaultUnavailable) => "no Secret Service answers on the session's D-Bus",
        Some(Code::VaultDenied) => "the session's D-Bus does not let Understudy talk to it",
        _ => "the keyring service answered with an error",
    }
    .into()
}

#[cfg(not(target_os = "linux"))]
fn platform_words(cause: &(dyn std::error::Error + Send + Sync + 'static)) -> String {
    cause.to_string()
}

/// Which of the three codes it is, if the cause tells.
fn classify_cause(cause: &Fault) -> Option<Code> {
    match cause {
        Fault::NoDefaultStore => Some(Code::VaultUnavailable),
        // keyring-core: "typically because of access rules; for example, the store is locked". On Windows it means that
        // there is no logon session.
        Fault::NoStorageAccess(cause) => Some(platform_code(cause.as_ref()).unwrap_or(if cfg!(windows) {
            Code::VaultUnavailable
        } else {
            Code::VaultLocked
        })),
        Fault::PlatformFailure(cause) => platform_code(cause.as_ref()),
        _ => None,
    }
}

#[cfg(target_os = "linux")]
fn platform_code(cause: &(dyn std::error::Error + Send + Sync + 'static)) -> Option<Code> {
    cause.downcast_ref().and_then(service_code)
}

#[cfg(target_os = "linux")]
fn service_code(cause: &secret_service::Error) -> Option<Code> {
    use secret_service::Error as Service;
    use zbus::DBusError;
    match cause {
        Service::Locked | Service::Prompt => Some(Code::VaultLocked),
        Service::NoResult | Service::Unavailable | Service::PromptDisconnected => {
            Some(Code::VaultUnavailable)
        }
        Service::Zbus(zbus::Error::InputOutput(_)) => Some(Code::VaultUnavailable),
        Service::Zbus(zbus::Error::MethodError(name, ..)) => bus_code(name),
        Service::Zbus(zbus::Error::FDO(cause)) => bus_code(&cause.name()),
        Service::ZbusFdo(cause) => bus_code(&cause.name()),
        _ => None,
    }
}

/// The names come from the D-Bus specification ("Message Bus Messages") and the Secret Service's ("Errors").
#[cfg(target_os = "linux")]
fn bus_code(name: &str) -> Option<Code> {
    match name {
        "org.freedesktop.Secret.Error.IsLocked" => Some(Code::VaultLocked),
        "org.freedesktop.DBus.Error.AccessDenied" | "org.freedesktop.DBus.Error.AuthFailed" => {
            Some(Code::VaultDenied)
        }
        "org.freedesktop.Secret.Error.NoSession"
        | "org.freedesktop.DBus.Error.ServiceUnknown"
        | "org.freedesktop.DBus.Error.NameHasNoOwner"
        | "org.freedesktop.DBus.Error.NoReply"
        | "org.freedesktop.DBus.Error.Disconnected"
        | "org.freedesktop.DBus.Error.TimedOut" => Some(Code::VaultUnavailable),
        name if name.starts_with("org.freedesktop.DBus.Error.Spawn.") => Some(Code::VaultUnavailable),
        _ => None,
    }
}

/// The numbers come from Apple's `SecBase.h`.
#[cfg(target_os = "macos")]
fn platform_code(cause: &(dyn std::error::Error + Send + Sync + 'static)) -> Option<Code> {
    match cause.downcast_ref::<security_framework::base::Error>()?.code() {
        -25308 => Some(Code::VaultLocked), // errSecInteractionNotAllowed: locked, and it may not ask
        -25291 | -25294 | -25295 | -25307 => Some(Code::VaultUnavailable), // not available; no (valid, default) keychain
        -61 | -128 | -25244 | -25292 | -25293 => Some(Code::VaultDenied), // not permitted, cancelled, read-only, wrong password
        _ => None,
    }
}

#[cfg(windows)]
fn platform_code(_: &(dyn std::error::Error + Send + Sync + 'static)) -> Option<Code> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_of_an_entry_are_in_no_message_and_no_cause() {
        let name = SecretName::new("shop", "admin_token");
        let damaged = entry_error("read", &name, Fault::BadEncoding(b"canary".to_vec()));
        assert_eq!(damaged.cause.lines(), [""; 0]);
        let inner = std::io::Error::other("canary");
        let damaged = entry_error("read", &name, Fault::BadDataFormat(b"canary".to_vec(), Box::new(inner)));
        assert!(!format!("{damaged:#} {damaged:?}").contains("canary"), "{damaged:?}");
        assert_eq!(
            damaged.message,
            "The keyring refused to read \"shop/admin_token\": the entry is damaged."
        );
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn every_kind_of_sentence() {
        let name = SecretName::new("shop", "admin_token");
        let service = |cause: secret_service::Error| Fault::PlatformFailure(Box::new(cause));
        let told: Vec<String> = [
            ("nobody answered", nobody_unlocked(Duration::from_mins(2))),
            ("the service did not answer", no_answer(Duration::from_secs(10))),
            ("not text", not_text(&name)),
            ("too long", too_long(&name)),
            ("not whole", not_whole(&name)),
            ("still locked", still_locked()),
            ("locked", lookup_error(secret_service::Error::Locked)),
            ("no default keyring", open_error(service(secret_service::Error::NoResult))),
            (
                "the service failed",
                entry_error("store", &name, service(secret_service::Error::Zbus(zbus::Error::InvalidReply))),
            ),
            ("twice", entry_error("read", &name, Fault::Ambiguous(Vec::new()))),
        ]
        .map(|(kind, error)| format!("# {kind}\n{error}"))
        .into();
        insta::assert_snapshot!(told.join("\n\n"));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn what_the_bus_says_is_the_cause_and_the_sentence_is_ours() {
        let gone = || {
            let cause = std::io::Error::from(std::io::ErrorKind::ConnectionRefused);
            secret_service::Error::Zbus(zbus::Error::InputOutput(Arc::new(cause)))
        };
        for error in [lookup_error(gone()), open_error(Fault::NoStorageAccess(Box::new(gone())))] {
            assert_eq!(
                error.message,
                "No keyring was found: no Secret Service answers on the session's D-Bus."
            );
            assert!(error.hint.as_ref().is_some_and(|hint| hint.contains("Start a keyring service")));
            assert!(!error.to_string().contains("connection refused"), "{error}");
            assert!(format!("{error:#}").contains("caused by: ") && format!("{error:#}").contains("refused"));
        }
        let broken = secret_service::Error::Zbus(zbus::Error::InvalidReply);
        let error = open_error(Fault::PlatformFailure(Box::new(broken)));
        assert!(error.message.ends_with("the keyring service answered with an error."), "{error}");
        assert!(!error.message.contains("zbus"), "{error}");
    }
}
