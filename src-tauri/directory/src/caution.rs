//! What whoever sets a directory up should know of it, beside its search plan.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// The directory works, but not as one would expect: users are hidden from this role, or some cannot be opened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct Caution {
    /// What is so, and why.
    pub message: String,
    /// What to do next; where there is a statement, it stands before it.
    pub hint: Option<String>,
    /// The statement that changes it.
    pub statement: Option<String>,
    /// Users may be hidden: a short or an empty list does not mean that there are no more.
    pub hides_users: bool,
}
