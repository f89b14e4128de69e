//! Handles WebKit's and GTK's signals about a session's window.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use gtk::glib::translate::{IntoGlib, ToGlibPtr};
use gtk::glib::{self, Propagation, gobject_ffi};
use gtk::prelude::*;
use tauri::{Manager, WebviewWindow};
use webkit2gtk::{
    AuthenticationRequest, LoadEvent, ScriptDialogType, WebProcessTerminationReason, WebViewExt,
};
use wry::{WebView, WebViewExtUnix};

use super::super::stage::SessionWindow;
use super::keys::to_page_event;
use super::{PageEvent, messages, navigation, printing};

pub fn listen_for_events(
    window: &WebviewWindow,
    page: &WebView,
    open: &Arc<SessionWindow>,
    heard: impl Fn(PageEvent) + 'static,
) {
    let open_ = Arc::clone(open);
    let is_ours: Rc<dyn Fn() -> bool> = Rc::new(move || open_.is_ours());
    let heard: Rc<dyn Fn(PageEvent)> = Rc::new(heard);
    let view = page.webview();
    close_by_end(&view);
    navigation::watch_navigation(page, window.app_handle(), open);
    paint_after_swap(&view);
    view.connect_close(glib::clone!(@strong heard => move |_| heard(PageEvent::Gone)));
    view.connect_script_dialog(glib::clone!(@strong is_ours => move |_, dialog| {
        let ours = is_ours();
        if ours && dialog.dialog_type() == ScriptDialogType::BeforeUnloadConfirm {
            dialog.confirm_set_confirmed(true);
        }
        // A page that is being left must not open dialogs any more.
        ours
    }));
    // The gateway sends what it knows, and takes away every challenge that it cannot answer.
    view.connect_authenticate(|_, request| {
        go_on(request);
        true
    });
    messages::watch_messages(
        &view,
        glib::clone!(@strong heard => move |message| heard(PageEvent::Message(message))),
    );
    printing::intercept_printing(&view, &is_ours, &heard);
    view.connect_web_process_terminated(glib::clone!(@strong heard => move |_, reason| {
        if reason != WebProcessTerminationReason::TerminatedByApi {
            heard(PageEvent::ProcessEnded);
        }
    }));
    let progress = glib::clone!(@strong heard => move |view: &webkit2gtk::WebView| {
        heard(PageEvent::Progress(view.is_loading().then(|| view.estimated_load_progress())));
    });
    view.connect_estimated_load_progress_notify(progress.clone());
    view.connect_is_loading_notify(progress);
    view.connect_uri_notify(glib::clone!(@strong heard => move |_| heard(PageEvent::History)));
    // The window handles keys before the page does.
    if let Ok(window) = window.gtk_window() {
        let popups = Arc::clone(&open.popups);
        let page = view.downgrade();
        window.connect_key_press_event(move |_, event| {
            popups.note_input();
            // In the bar, Escape is first of all for what the bar asks.
            let is_loading = page.upgrade().is_some_and(|page| page.is_loading() && page.is_focus());
            match to_page_event(event, is_loading && !is_ours()) {
                Some(pressed) => {
                    heard(pressed);
                    Propagation::Stop
                }
                None => Propagation::Proceed,
            }
        });
    }
}

/// Answers without asking the operator. Without a credential, the page gets the 401, as it would without a browser.
#[allow(unsafe_code, reason = "the binding has no way to answer this request")]
fn go_on(request: &AuthenticationRequest) {
    // SAFETY: on the main thread, with a live request; null means to continue without a credential.
    unsafe {
        webkit2gtk::ffi::webkit_authentication_request_authenticate(
            request.to_glib_none().0,
            std::ptr::null_mut(),
        );
    }
}

/// Makes `window.close()` end the session. wry's own handler would destroy the view before the sign-out.
#[allow(unsafe_code, reason = "the binding disconnects no handler that somebody else connected")]
fn close_by_end(view: &webkit2gtk::WebView) {
    // SAFETY: on the main thread, with a live view; the signal belongs to its class, only the signal is matched, and a
    // handler that was found is connected.
    unsafe {
        let object = view.as_ptr().cast::<gobject_ffi::GObject>();
        let signal = gobject_ffi::g_signal_lookup(c"close".as_ptr(), view.type_().into_glib());
        loop {
            let handler = gobject_ffi::g_signal_handler_find(
                object,
                gobject_ffi::G_SIGNAL_MATCH_ID,
                signal,
                0,
                std::ptr::null_mut(),
                std::ptr::null_mut(),
                std::ptr::null_mut(),
            );
            if handler == 0 {
                return;
            }
            gobject_ffi::g_signal_handler_disconnect(object, handler);
        }
    }
}

/// After a page moves to another web process (because of `Cross-Origin-Opener-Policy`), it may stay unpainted until its
/// size changes (2.50, on X11). So the size is changed by a pixel and back.
fn paint_after_swap(view: &webkit2gtk::WebView) {
    let is_swapped = Rc::new(Cell::new(false));
    view.connect_page_id_notify(glib::clone!(@strong is_swapped => move |_| is_swapped.set(true)));
    view.connect_load_changed(move |view, event| {
        let is_due = match event {
            LoadEvent::Committed => is_swapped.get(),
            LoadEvent::Finished => is_swapped.replace(false),
            _ => false,
        };
        if is_due {
            view.set_margin_bottom(1);
            let view = view.downgrade();
            glib::timeout_add_local_once(Duration::from_millis(100), move || {
                if let Some(view) = view.upgrade() {
                    view.set_margin_bottom(0);
                }
            });
        }
    });
}
