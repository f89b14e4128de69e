//! The codes by which callers tell errors apart.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// One per thing a caller treats differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum Code {
    /// The connection file cannot be used as it is; the message names line, column and key.
    ConnectionInvalid,
    /// No connection has this id.
    ConnectionUnknown,
    /// The connection was handed out by IT and cannot be changed here.
    ConnectionLocked,
    /// The database does not answer.
    DirectoryUnreachable,
    /// The database answers and says no (password, permission, TLS).
    DirectoryRefused,
    /// The database does not hold the table or columns that the connection names.
    DirectoryMismatch,
    /// The database took longer than the connection allows.
    DirectoryTimeout,
    /// A newer search took this one's place.
    Cancelled,
    /// The question itself is wrong (unknown sort column, damaged cursor).
    QueryInvalid,
    /// No user has this id any more.
    UserNotFound,
    /// The connection's policy wants a reason.
    ReasonRequired,
    /// The connection's policy forbids becoming this user.
    PolicyRefused,
    /// A secret that the connection needs is not in the vault; `secret` names it.
    SecretMissing,
    /// A stored secret would go elsewhere than it was stored for, so nothing was sent; `moved` has both places.
    DestinationChanged,
    /// The keyring is locked and was not unlocked.
    VaultLocked,
    /// There is no keyring service to ask.
    VaultUnavailable,
    /// The keyring refused.
    VaultDenied,
    /// A template or expression could not be evaluated for this user.
    TemplateFailed,
    /// The application refused the sign-in, or answered for somebody else.
    SignInRefused,
    /// The audit log cannot be written: nothing may happen without it.
    AuditFailed,
    /// No session has this id (any more).
    SessionUnknown,
    /// A window could not be opened or driven.
    WindowFailed,
    /// A setting cannot be used as it is.
    SettingsInvalid,
    /// A file could not be read or written.
    FileFailed,
    /// A fault of Understudy itself.
    Internal,
}
