//! The codes by which callers tell errors apart.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// The kind of an error. Callers treat each kind differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum Code {
    /// The connection file cannot be used as it is; the message names line, column and key.
    ConnectionInvalid,
    /// No connection has this ID.
    ConnectionUnknown,
    /// The connection comes from IT's folder and cannot be changed here.
    ConnectionLocked,
    /// The database does not answer.
    DirectoryUnreachable,
    /// The database denies access (password, permission, TLS).
    DirectoryRefused,
    /// The database does not have the table or columns that the connection names.
    DirectoryMismatch,
    /// The database took longer than the connection allows.
    DirectoryTimeout,
    /// A newer search replaced this one.
    Cancelled,
    /// The request itself is wrong (unknown sort column, damaged cursor).
    QueryInvalid,
    /// No user has this ID any longer.
    UserNotFound,
    /// The connection's policy requires a reason.
    ReasonRequired,
    /// The connection's policy does not allow impersonating this user.
    PolicyRefused,
    /// A colleague has to approve the session first.
    ApprovalRequired,
    /// A secret that the connection needs is not in the vault; `secret` names it.
    SecretMissing,
    /// A stored secret would go to another place than the one it was stored for, so nothing was sent; `moved` has both
    /// places.
    DestinationChanged,
    /// The keyring is locked and was not unlocked.
    VaultLocked,
    /// No keyring service is running.
    VaultUnavailable,
    /// The keyring denied access.
    VaultDenied,
    /// A template or expression could not be evaluated for this user.
    TemplateFailed,
    /// The application refused the sign-in, or signed in another user.
    SignInRefused,
    /// The helpdesk did not take what was sent into a ticket.
    TicketFailed,
    /// The audit log cannot be written, and no session begins without it.
    AuditFailed,
    /// No session has this ID, or no longer.
    SessionUnknown,
    /// A window could not be opened or controlled.
    WindowFailed,
    /// A setting cannot be used as it is.
    SettingsInvalid,
    /// A file could not be read or written.
    FileFailed,
    /// A fault of Understudy itself.
    Internal,
}
