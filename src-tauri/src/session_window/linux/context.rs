//! The web context of one session: cookies, storage and cache in memory, its way to the gateway, its downloads, and the sandbox of
//! its web processes.

use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

use gtk::glib;
use gtk::prelude::ObjectExt;
use secrecy::ExposeSecret;
use tauri::AppHandle;
use webkit2gtk::{
    DownloadExt, NetworkProxyMode, NetworkProxySettings, TLSErrorsPolicy, URIRequestExt, WebContext,
    WebContextExt, WebsiteDataManager, WebsiteDataManagerExt,
};

use super::super::popups::close_popup_of_download;
use super::super::window::find_window_with;
use super::{Downloads, SessionWindow, sandbox};

/// Destroying a context's last view destroys the context and everything in it.
pub fn create_context(app: &AppHandle, open: &Arc<SessionWindow>, downloads: &Rc<Downloads>) -> WebContext {
    let data = WebsiteDataManager::new_ephemeral();
    let mut settings = NetworkProxySettings::new(Some(open.access.socks_url.expose_secret()), &[]);
    data.set_network_proxy_settings(NetworkProxyMode::Custom, Some(&mut settings));
    // Every connection ends at the session's gateway, whose certificates only this session knows. The gateway verifies
    // those of the application.
    data.set_tls_errors_policy(TLSErrorsPolicy::Ignore);
    let context = WebContext::with_website_data_manager(&data);
    if sandbox::is_usable().is_ok() {
        // Must come before the first view; later, WebKit would exit the whole program.
        context.set_sandbox_enabled(true);
    }
    context.set_use_system_appearance_for_scrollbars(false);
    let (app, open, downloads) = (app.clone(), Arc::clone(open), Rc::clone(downloads));
    context.connect_download_started(move |_, download| watch_download(download, &app, &open, &downloads));
    context
}

fn watch_download(
    download: &webkit2gtk::Download,
    app: &AppHandle,
    open: &Arc<SessionWindow>,
    downloads: &Rc<Downloads>,
) {
    let url = |download: &webkit2gtk::Download| {
        download.request().and_then(|request| request.uri()).map(String::from).unwrap_or_default()
    };
    let has_failed = Rc::new(std::cell::Cell::new(false));
    download.connect_decide_destination(glib::clone!(@strong app, @strong open, @strong downloads => move |download, name| {
        let decided = glib::clone!(@strong download, @weak downloads => move |place: Option<PathBuf>| match place {
            Some(place) => {
                download.set_destination(&place.to_string_lossy());
                let broken = download.downgrade();
                downloads.breaks_by(move || if let Some(download) = broken.upgrade() { download.cancel() });
            }
            None => download.cancel(),
        });
        // WebKit waits for the destination.
        downloads.decide_download(&open, &url(download), Path::new(name), Box::new(decided));
        if let Some(opened) = download.web_view().and_then(|view| find_window_with(&view)) {
            close_popup_of_download(&app, &opened);
        }
        true
    }));
    download.connect_failed(glib::clone!(@strong has_failed => move |_, _| has_failed.set(true)));
    download.connect_finished(glib::clone!(@strong downloads => move |download| {
        downloads.finish_download(&url(download), !has_failed.get());
    }));
}
