//! A request that did not leave the computer, and why.

use std::fmt;

use http::StatusCode;
use url::Url;

use crate::fence::FenceReason;

/// Why a request was held back. `Display` is a sentence for the page, the bar and the audit log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HeldBack {
    Refused(FenceReason),
    /// It leads out of the application, so the operator decides.
    LeadsElsewhere(Url),
    /// Its address or its body could not be read.
    Unreadable,
}

impl HeldBack {
    pub(crate) fn status(&self) -> StatusCode {
        if *self == Self::Unreadable { StatusCode::BAD_REQUEST } else { StatusCode::FORBIDDEN }
    }

    pub(crate) fn title(&self) -> &'static str {
        match self {
            Self::Refused(_) => "Understudy held this request back",
            Self::LeadsElsewhere(_) => "This page leads out of the application",
            Self::Unreadable => "This request can't be read",
        }
    }

    pub(crate) fn hint(&self) -> &'static str {
        match self {
            Self::Refused(FenceReason::BlockedPath | FenceReason::BlockedHost) => {
                "If it's needed, ask the person who looks after the connection."
            }
            Self::Refused(_) => {
                "If the connection allows it, switch the session to full access in the bar, then try again."
            }
            Self::LeadsElsewhere(_) => {
                "Choose in the bar: open it in your browser, go there in this session, or stay."
            }
            Self::Unreadable => "Try again.",
        }
    }
}

impl fmt::Display for HeldBack {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(reason) => write!(formatter, "It was held back because {reason}."),
            Self::LeadsElsewhere(url) => {
                write!(
                    formatter,
                    "{} does not belong to the application.",
                    url.host_str().unwrap_or_default()
                )
            }
            Self::Unreadable => formatter.write_str("Its address is not valid, or its content was cut off."),
        }
    }
}
