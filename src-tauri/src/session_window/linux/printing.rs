//! Prints a session's page. WebKit's own dialog would run a nested main loop, in which nothing else works. So the
//! system's dialog is shown without one, and the page is printed once it is answered.
#![allow(unsafe_code, reason = "GtkPrintUnixDialog is in no binding")]

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use gtk::glib;
use gtk::glib::translate::{FromGlibPtrFull, FromGlibPtrNone, ToGlibPtr};
use gtk::prelude::*;
use webkit2gtk::{PrintOperation, PrintOperationExt, WebView, WebViewExt};
use wry::WebViewExtUnix;

use super::PageEvent;

/// <https://docs.gtk.org/gtk3/class.PrintUnixDialog.html>: in GTK's own library, but without a binding.
mod ffi {
    use gtk::ffi::{GtkPageSetup, GtkPrintSettings, GtkWidget, GtkWindow};
    use std::ffi::{c_char, c_uint};

    /// Pages per sheet, which pages, their order, copies, scale.
    pub const CAPABILITIES: c_uint =
        (1 << 0) | (1 << 1) | (1 << 2) | (1 << 3) | (1 << 4) | (1 << 8) | (1 << 9);

    unsafe extern "C" {
        pub fn gtk_print_unix_dialog_new(title: *const c_char, parent: *mut GtkWindow) -> *mut GtkWidget;
        pub fn gtk_print_unix_dialog_set_manual_capabilities(dialog: *mut GtkWidget, capabilities: c_uint);
        pub fn gtk_print_unix_dialog_set_settings(dialog: *mut GtkWidget, settings: *mut GtkPrintSettings);
        pub fn gtk_print_unix_dialog_get_settings(dialog: *mut GtkWidget) -> *mut GtkPrintSettings;
        pub fn gtk_print_unix_dialog_get_page_setup(dialog: *mut GtkWidget) -> *mut GtkPageSetup;
    }
}

/// Handles print requests of pages; launch pages cannot print.
pub fn intercept_printing(view: &WebView, is_ours: &Rc<dyn Fn() -> bool>, heard: &Rc<dyn Fn(PageEvent)>) {
    let (is_ours, heard) = (Rc::clone(is_ours), Rc::clone(heard));
    let is_asking = Rc::new(Cell::new(false));
    view.connect_print(move |view, _| {
        if !is_ours() && !is_asking.replace(true) {
            show_print_dialog(view, &is_asking, &heard);
        }
        // Never show WebKit's own dialog.
        true
    });
}

/// Asks how to print the page, as if it had asked for that itself.
#[allow(clippy::unnecessary_wraps, reason = "it can fail on other systems")]
pub fn print_page(page: &wry::WebView) -> wry::Result<()> {
    let view = page.webview();
    let _: bool = view.emit_by_name("print", &[&PrintOperation::new(&view)]);
    Ok(())
}

fn show_print_dialog(view: &WebView, is_asking: &Rc<Cell<bool>>, heard: &Rc<dyn Fn(PageEvent)>) {
    let parent = view.toplevel().and_then(|top| top.downcast::<gtk::Window>().ok());
    let settings = gtk::PrintSettings::new();
    // By default, a file goes to the operator's documents, not to the folder the program was started from.
    let folder = glib::user_special_dir(glib::UserDirectory::Documents).unwrap_or_else(glib::home_dir);
    settings.set(gtk::PRINT_SETTINGS_OUTPUT_DIR, folder.to_str());
    // SAFETY: on the main thread; title and settings outlive the calls, and GTK owns a new window.
    let dialog: gtk::Widget = unsafe {
        let dialog = ffi::gtk_print_unix_dialog_new(c"Print".as_ptr(), parent.to_glib_none().0);
        ffi::gtk_print_unix_dialog_set_manual_capabilities(dialog, ffi::CAPABILITIES);
        ffi::gtk_print_unix_dialog_set_settings(dialog, settings.to_glib_none().0);
        gtk::Widget::from_glib_none(dialog)
    };
    let Ok(dialog) = dialog.downcast::<gtk::Dialog>() else { return };
    let (view, is_asking, heard) = (view.downgrade(), Rc::clone(is_asking), Rc::clone(heard));
    dialog.connect_response(move |dialog, response| {
        is_asking.set(false);
        if let (gtk::ResponseType::Ok, Some(view)) = (response, view.upgrade()) {
            print_with_settings(&view, dialog, &heard);
        }
        // SAFETY: nothing of ours uses the dialog after its only response.
        unsafe { dialog.destroy() };
    });
    dialog.show();
}

/// Prints with the dialog's settings, without blocking.
fn print_with_settings(view: &WebView, dialog: &gtk::Dialog, heard: &Rc<dyn Fn(PageEvent)>) {
    let operation = PrintOperation::new(view);
    let raw = dialog.upcast_ref::<gtk::Widget>().to_glib_none().0;
    // SAFETY: the dialog has this class; the settings are transferred, the page setup is borrowed.
    let (settings, setup) = unsafe {
        (
            Option::<gtk::PrintSettings>::from_glib_full(ffi::gtk_print_unix_dialog_get_settings(raw)),
            Option::<gtk::PageSetup>::from_glib_none(ffi::gtk_print_unix_dialog_get_page_setup(raw)),
        )
    };
    if let Some(settings) = settings {
        operation.set_print_settings(&settings);
    }
    if let Some(setup) = setup {
        operation.set_page_setup(&setup);
    }
    let heard = Rc::clone(heard);
    operation.connect_failed(move |_, error| heard(PageEvent::NotPrinted(error.message().to_owned())));
    // Nothing else keeps the operation alive until it is done.
    let held = RefCell::new(Some(operation.clone()));
    operation.connect_finished(move |_| drop(held.take()));
    operation.print();
}
