//! The console's page and the bars live in one web process. When it ends, by itself or by the system's hand, they are
//! loaded again: nothing that counts is kept in them.

use tauri::WebviewWindow;

/// Loads the window's own page again whenever its web process has ended.
#[cfg(target_os = "linux")]
pub fn revive(window: &WebviewWindow) {
    use std::cell::Cell;
    use std::time::{Duration, Instant};

    use webkit2gtk::WebViewExt;

    /// One that ends again right after its start is not started in a loop.
    const PAUSE: Duration = Duration::from_secs(2);

    let watching = window.with_webview(|view| {
        let last = Cell::new(None::<Instant>);
        view.inner().connect_web_process_terminated(move |view, reason| {
            tracing::warn!("the console's web process has ended ({reason:?}); it is started again");
            let is_loop = last.replace(Some(Instant::now())).is_some_and(|before| before.elapsed() < PAUSE);
            if is_loop {
                let view = view.clone();
                glib::timeout_add_local_once(PAUSE, move || view.reload());
            } else {
                view.reload();
            }
        });
    });
    if let Err(error) = watching {
        tracing::warn!("the console's web process is not watched: {error}");
    }
}

/// The system's webview does so itself, or tells nobody.
#[cfg(not(target_os = "linux"))]
pub fn revive(_window: &WebviewWindow) {}
