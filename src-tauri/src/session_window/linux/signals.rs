//! What WebKit and GTK tell of a session's window, and what they are answered at once.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use gtk::glib::translate::{IntoGlib, ToGlibPtr};
use gtk::glib::{self, Propagation, gobject_ffi};
use gtk::prelude::*;
use tauri::WebviewWindow;
use webkit2gtk::{
    AuthenticationRequest, LoadEvent, ScriptDialogType, WebProcessTerminationReason, WebViewExt,
};
use wry::{WebView, WebViewExtUnix};

use super::super::browser::MARKED_HOST;
use super::{Heard, action, cookies, printing};

/// `is_ours`: whether a page of Understudy's stands there.
pub fn listen(
    window: &WebviewWindow,
    page: &WebView,
    is_ours: impl Fn() -> bool + 'static,
    heard: impl Fn(Heard) + 'static,
) {
    let is_ours: Rc<dyn Fn() -> bool> = Rc::new(is_ours);
    let heard: Rc<dyn Fn(Heard)> = Rc::new(heard);
    let view = page.webview();
    close_by_end(&view);
    paint_after_swap(&view);
    view.connect_close(glib::clone!(@strong heard => move |_| heard(Heard::Gone)));
    view.connect_script_dialog(glib::clone!(@strong is_ours => move |_, dialog| {
        let ours = is_ours();
        if ours && dialog.dialog_type() == ScriptDialogType::BeforeUnloadConfirm {
            dialog.confirm_set_confirmed(true);
        }
        // A page that is being left asks nothing any more.
        ours
    }));
    view.connect_authenticate(glib::clone!(@strong is_ours => move |_, request| {
        let ours = is_ours();
        if ours {
            go_on_without_password(request);
        }
        ours
    }));
    printing::listen(&view, &is_ours, &heard);
    view.connect_web_process_terminated(glib::clone!(@strong heard => move |_, reason| {
        if reason != WebProcessTerminationReason::TerminatedByApi {
            heard(Heard::ProcessEnded);
        }
    }));
    view.connect_load_changed(glib::clone!(@strong is_ours, @strong heard => move |view, event| {
        if event == LoadEvent::Finished && !is_ours() {
            look_for_cookies(view, &is_ours, &heard);
        }
    }));
    view.connect_uri_notify(glib::clone!(@strong heard => move |_| heard(Heard::History)));
    // The window hears keys before the page does.
    if let Ok(window) = window.gtk_window() {
        window.connect_key_press_event(move |_, event| match action(event) {
            Some(action) => {
                heard(Heard::Key(action));
                Propagation::Stop
            }
            None => Propagation::Proceed,
        });
    }
}

/// The mark is gone when the network process is another one than at the sign-in.
fn look_for_cookies(view: &webkit2gtk::WebView, is_ours: &Rc<dyn Fn() -> bool>, heard: &Rc<dyn Fn(Heard)>) {
    let (is_ours, heard) = (Rc::clone(is_ours), Rc::clone(heard));
    cookies::ask(view, &format!("http://{MARKED_HOST}/"), move |found| {
        if found.is_ok_and(|cookies| cookies.is_empty()) && !is_ours() {
            heard(Heard::CookiesLost);
        }
    });
}

/// Nobody is asked: what a desk sends is answered 401, as it would be without a browser.
#[allow(unsafe_code, reason = "the binding has no way to answer this request")]
fn go_on_without_password(request: &AuthenticationRequest) {
    // SAFETY: on the main thread, with a live request; no credential means to go on without one.
    unsafe {
        webkit2gtk::ffi::webkit_authentication_request_authenticate(
            request.to_glib_none().0,
            std::ptr::null_mut(),
        );
    }
}

/// `window.close()` of a page ends its session. wry would destroy the view before anybody could sign out in it.
#[allow(unsafe_code, reason = "the binding disconnects no handler that somebody else connected")]
fn close_by_end(view: &webkit2gtk::WebView) {
    // SAFETY: on the main thread, with a live view; the signal is one of its class's, nothing but that is looked for,
    // and a handler that was found is connected.
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

/// A page in another web process than the one before it (`Cross-Origin-Opener-Policy` wants that) may stay unpainted
/// until its size changes (2.50, under X11): it changes by a pixel, and back.
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
