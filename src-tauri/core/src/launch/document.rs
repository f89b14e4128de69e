//! The launch page's document, and the one that stands in for a page that is gone.

use serde::Serialize;
use uuid::Uuid;

const DOCUMENT: &str = include_str!("launch_page.html");

/// What happened to the application's page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultKind {
    /// The page's web process crashed, was killed, or ran out of memory.
    PageEnded,
    /// The process that keeps the session's cookies was replaced by another one.
    CookiesLost,
}

/// A page about a fault.
pub(super) struct LaunchFault {
    pub(super) kind: FaultKind,
    /// The address of the page that is gone, if it may be loaded again.
    pub(super) page: Option<String>,
    /// The end of its own address, which nobody can guess.
    pub(super) nonce: String,
}

/// The words of a fault, and its buttons.
#[derive(Serialize)]
struct FaultWords<'a> {
    title: &'static str,
    hint: &'static str,
    /// The address to load again, if that may help.
    page: Option<&'a str>,
}

/// An HTML document and the nonce of its only script.
pub(super) struct LaunchDocument {
    pub(super) html: String,
    pub(super) policy: String,
}

/// The launch page. There is nothing in it that another session's page could not have.
pub(super) fn write_launch_document() -> LaunchDocument {
    write_document("null")
}

pub(super) fn write_fault_document(fault: &LaunchFault) -> LaunchDocument {
    let page = fault.page.as_deref();
    let words = match fault.kind {
        FaultKind::PageEnded => FaultWords {
            title: "This page stopped working",
            hint: match page {
                Some(_) => "Its process ended unexpectedly. Reload the page, or end the session to sign out.",
                None => "Its process ended unexpectedly. End the session and open it again.",
            },
            page,
        },
        FaultKind::CookiesLost => FaultWords {
            title: "This session's cookies are gone",
            hint: "The network process that kept them ended unexpectedly, so you are no longer signed in here. End \
                   the session and open it again.",
            page,
        },
    };
    write_document(&serde_json::to_string(&words).expect("strings serialise").replace('<', "\\u003c"))
}

fn write_document(fault: &str) -> LaunchDocument {
    let nonce = Uuid::new_v4().simple().to_string();
    LaunchDocument {
        // The fault goes last, because an address may contain the placeholder.
        html: DOCUMENT.replace("{nonce}", &nonce).replace("{fault}", fault),
        policy: format!(
            "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; connect-src 'self'; \
             base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_stays_text_in_the_page_about_a_fault() {
        let page = "https://app.example/?q=</script><script>alert(1)</script>{nonce}{fault}".to_owned();
        let fault = LaunchFault { kind: FaultKind::PageEnded, page: Some(page), nonce: "n".into() };
        let document = write_fault_document(&fault);
        assert_eq!(document.html.matches("</script>").count(), 1);
        assert!(document.html.contains("This page stopped working"));
        assert!(document.html.contains("{nonce}{fault}"), "an address can have no nonce filled in");
    }

    #[test]
    fn a_page_that_may_not_be_loaded_again_is_left_to_its_end() {
        let fault = LaunchFault { kind: FaultKind::PageEnded, page: None, nonce: "n".into() };
        let document = write_fault_document(&fault);
        assert!(
            document.html.contains("End the session and open it again.")
                && document.html.contains("\"page\":null")
        );
    }

    #[test]
    fn no_two_documents_share_a_nonce() {
        let (one, other) = (write_launch_document(), write_launch_document());
        assert_ne!(one.policy, other.policy);
        assert!(!one.html.contains("{nonce}") && !one.html.contains("{fault}"));
    }
}
