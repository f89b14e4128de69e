//! Links to an email address or a phone number. No program is started for them: the bar offers to copy the address.

use percent_encoding::percent_decode_str;
use serde::Serialize;
use tauri::{AppHandle, Emitter};
use ts_rs::TS;
use understudy_core::sanitize;

use super::bar::bar_label;
use super::stage::SessionWindow;
use super::window::{PageView, with_page};

/// What such a link leads to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
#[ts(export)]
pub struct ContactLink {
    pub kind: ContactKind,
    pub address: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum ContactKind {
    Email,
    Phone,
}

/// Handles a link of this kind; `false` if it is none. A page on its own is not heard. Main thread only.
pub(super) fn offer_contact(app: &AppHandle, open: &SessionWindow, url: &str, is_asked_for: bool) -> bool {
    let Some(link) = parse_contact(url) else { return false };
    if is_asked_for && open.shows_application() && !link.address.is_empty() {
        let _ = with_page(&open.key, PageView::focus_bar);
        let _ = app.emit_to(bar_label(&open.key), "contact_asked", link);
    }
    true
}

fn parse_contact(url: &str) -> Option<ContactLink> {
    let (scheme, rest) = url.split_once(':')?;
    let kind = match scheme.to_ascii_lowercase().as_str() {
        "mailto" => ContactKind::Email,
        "tel" | "sms" | "callto" => ContactKind::Phone,
        _ => return None,
    };
    let address = rest.split(['?', '#']).next().unwrap_or_default();
    let address = percent_decode_str(address).decode_utf8_lossy();
    Some(ContactLink { kind, address: sanitize::sanitize_line(address.trim(), 320) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_read_as_people_write_it() {
        let email = |address: &str| Some(ContactLink { kind: ContactKind::Email, address: address.into() });
        let phone = |address: &str| Some(ContactLink { kind: ContactKind::Phone, address: address.into() });
        for (url, expected) in [
            ("mailto:ada@acme.example?subject=Invoice%207", email("ada@acme.example")),
            (
                "MAILTO:ada%2Bbilling@acme.example,bea@acme.example",
                email("ada+billing@acme.example,bea@acme.example"),
            ),
            ("mailto:?to=ada@acme.example", email("")),
            ("tel:+41-44-123-45-67", phone("+41-44-123-45-67")),
            ("sms:+41441234567?body=hi", phone("+41441234567")),
            ("https://acme.example/mailto:ada", None),
            ("javascript:alert(1)", None),
        ] {
            assert_eq!(parse_contact(url), expected, "{url}");
        }
        let hidden = parse_contact("mailto:ada%0A%E2%80%AEx@acme.example").expect("an address").address;
        assert!(!hidden.contains(['\n', '\u{202e}']), "{hidden}");
    }
}
