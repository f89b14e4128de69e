//! Where a session's pages may lead, and the windows that they open.

use std::sync::Arc;

use gtk::gdk::ModifierType;
use gtk::glib;
use gtk::prelude::*;
use tauri::AppHandle;
use understudy_gateway::WAY_BACK;
use webkit2gtk::{
    NavigationAction, NavigationPolicyDecision, NavigationPolicyDecisionExt, NavigationType, PolicyDecision,
    PolicyDecisionExt, PolicyDecisionType, ResponsePolicyDecision, ResponsePolicyDecisionExt, SettingsExt,
    URIRequestExt, URIResponseExt, WebViewExt,
};
use wry::{NewWindowOpener, WebView, WebViewBuilder, WebViewExtUnix};

use super::super::contact::offer_contact;
use super::super::popups::{PopupRequest, open_popup};
use super::super::stage::{SessionWindow, is_web, may_navigate};
use super::super::window::with_page;

/// The builder's own handlers know neither buttons nor gestures, so the view's signals are used instead of them.
pub fn decide_navigation<'a>(
    bare: WebViewBuilder<'a>,
    _app: &AppHandle,
    _open: &Arc<SessionWindow>,
) -> WebViewBuilder<'a> {
    bare
}

/// Connects what decides about navigations and new windows.
pub fn watch_navigation(page: &WebView, app: &AppHandle, open: &Arc<SessionWindow>) {
    let view = page.webview();
    if let Some(settings) = WebViewExt::settings(&view) {
        // Otherwise WebKit silently refuses what a page opens after a while, such as a bank's page for a payment.
        settings.set_javascript_can_open_windows_automatically(true);
    }
    view.connect_decide_policy(glib::clone!(@strong app, @strong open => move |view, decision, kind| {
        if kind == PolicyDecisionType::Response {
            return save_unshowable(decision);
        }
        let policy = decision.downcast_ref::<NavigationPolicyDecision>();
        let action = policy.and_then(NavigationPolicyDecisionExt::navigation_action);
        let Some(action) = action.filter(|_| kind == PolicyDecisionType::NavigationAction) else { return false };
        let Some(url) = address_of(&action) else { return false };
        if offer_contact(&app, &open, &url, action.is_user_gesture()) {
            decision.ignore();
        } else if is_for_new_window(&action) && is_web(&url) && url != WAY_BACK && open.is_of_application() {
            decision.ignore();
            open_link(&app, &open, view, &action, url);
        } else if may_navigate(&open, &url) {
            decision.use_();
        } else {
            decision.ignore();
        }
        true
    }));
    view.connect_create(glib::clone!(@strong app, @strong open => move |view, action| {
        let url = address_of(action).unwrap_or_default();
        if offer_contact(&app, &open, &url, action.is_user_gesture()) {
            return None;
        }
        let request = request_popup(view, action, url);
        let opened = open_popup(&app, &open.key, request)?;
        with_page(&opened, |page| page.view.webview().upcast()).ok()
    }));
    view.connect_button_press_event(glib::clone!(@strong open => move |_, _| {
        open.popups.note_input();
        glib::Propagation::Proceed
    }));
}

/// Saves a page's answer that cannot be shown as a page, such as an archive. By itself, WebKit drops it.
fn save_unshowable(decision: &PolicyDecision) -> bool {
    let Some(policy) = decision.downcast_ref::<ResponsePolicyDecision>() else { return false };
    // 0: from a `blob:`. The page stays where it is after 204 and 205, and after an error there is nothing to save.
    let is_content = policy.response().is_some_and(|answer| {
        matches!(answer.status_code(), 0 | 200..=203 | 206..=299) && answer.mime_type().is_some()
    });
    let is_saved = is_content && policy.is_main_frame_main_resource() && !policy.is_mime_type_supported();
    if is_saved {
        decision.download();
    }
    is_saved
}

fn address_of(action: &NavigationAction) -> Option<String> {
    action.request().and_then(|request| request.uri()).map(String::from)
}

/// A link that was clicked with the middle button, or with Ctrl or Shift.
fn is_for_new_window(action: &NavigationAction) -> bool {
    let held = ModifierType::from_bits_truncate(action.modifiers());
    let is_held = held.intersects(ModifierType::CONTROL_MASK | ModifierType::SHIFT_MASK);
    action.navigation_type() == NavigationType::LinkClicked
        && (action.mouse_button() == 2 || action.mouse_button() == 1 && is_held)
}

fn request_popup(view: &webkit2gtk::WebView, action: &NavigationAction, url: String) -> PopupRequest {
    PopupRequest {
        url,
        opener: NewWindowOpener { webview: view.clone() },
        is_asked_for: action.is_user_gesture(),
        size: None,
    }
}

/// Opens a link in a window that does not know its opener.
fn open_link(
    app: &AppHandle,
    open: &SessionWindow,
    view: &webkit2gtk::WebView,
    action: &NavigationAction,
    url: String,
) {
    let popup = PopupRequest { is_asked_for: true, ..request_popup(view, action, url) };
    if let (Some(opened), Some(link)) = (open_popup(app, &open.key, popup), action.request()) {
        let _ = with_page(&opened, |page| page.view.webview().load_request(&link));
    }
}
