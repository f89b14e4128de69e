//! Blocks paths with WebKit's content filters, for which the binding has no safe wrapper.
#![allow(unsafe_code, reason = "the binding has no safe wrapper for content filters")]

use std::ffi::CString;
use std::os::unix::ffi::OsStrExt;

use gtk::glib;
use gtk::glib::translate::ToGlibPtr;
use tempfile::TempDir;
use webkit2gtk::{UserContentManager, WebViewExt, ffi};
use wry::{WebView, WebViewExtUnix};

use super::{Blocked, Done};

/// Makes WebKit's network process refuse all requests to these paths: pages, forms, frames, images, scripts. The rules
/// are compiled into a file, which is removed once they are loaded.
pub fn block_paths(page: &WebView, blocked: &Blocked, done: Done<()>) {
    let Some(manager) = page.webview().user_content_manager() else {
        let _ = done.send(Err("the page takes no rules".into()));
        return;
    };
    let folder = match tempfile::tempdir() {
        Ok(folder) => folder,
        Err(cause) => {
            let _ = done.send(Err(format!("no temporary folder could be made: {cause}")));
            return;
        }
    };
    let rules = glib::Bytes::from_owned(blocked.to_webkit_rules().to_string().into_bytes());
    add_filter(&manager, folder, &rules, done);
}

/// The state while WebKit compiles the rules.
struct PendingFilter {
    manager: UserContentManager,
    _folder: TempDir,
    done: Done<()>,
}

fn add_filter(manager: &UserContentManager, folder: TempDir, rules: &glib::Bytes, done: Done<()>) {
    let Ok(path) = CString::new(folder.path().as_os_str().as_bytes()) else {
        let _ = done.send(Err("the temporary folder has an odd name".into()));
        return;
    };
    let waiting = Box::new(PendingFilter { manager: manager.clone(), _folder: folder, done });
    // SAFETY: on the main thread; the strings and bytes outlive the call, which copies or references them; `waiting` is
    // taken back exactly once, by the callback, which GIO calls exactly once.
    unsafe {
        let store = ffi::webkit_user_content_filter_store_new(path.as_ptr());
        ffi::webkit_user_content_filter_store_save(
            store,
            c"understudy".as_ptr(),
            rules.to_glib_none().0,
            std::ptr::null_mut(),
            Some(compiled),
            Box::into_raw(waiting).cast(),
        );
        glib::gobject_ffi::g_object_unref(store.cast());
    }
}

unsafe extern "C" fn compiled(
    store: *mut glib::gobject_ffi::GObject,
    result: *mut gtk::gio::ffi::GAsyncResult,
    waiting: glib::ffi::gpointer,
) {
    // SAFETY: see `add`; we own the filter until it is unreferenced, and the manager keeps its own reference.
    unsafe {
        let waiting: Box<PendingFilter> = Box::from_raw(waiting.cast());
        let mut error = std::ptr::null_mut();
        let filter = ffi::webkit_user_content_filter_store_save_finish(store.cast(), result, &raw mut error);
        let outcome = if error.is_null() {
            ffi::webkit_user_content_manager_add_filter(waiting.manager.to_glib_none().0, filter);
            ffi::webkit_user_content_filter_unref(filter);
            Ok(())
        } else {
            let error: glib::Error = glib::translate::from_glib_full(error);
            Err(error.message().to_owned())
        };
        let _ = waiting.done.send(outcome);
    }
}
