//! Reloads the console's page and the bars after a crash. They share one web process, and all webviews share one
//! network process; when one of these ends, what depends on it is loaded again. Nothing that matters is kept there.

#[cfg(target_os = "linux")]
pub use self::linux::{reload_on_crash, watch_network};

/// Here, the system's webview reloads by itself or reports nothing.
#[cfg(not(target_os = "linux"))]
pub fn reload_on_crash(_window: &tauri::WebviewWindow) {}

/// Here, the system's webview reloads by itself or reports nothing.
#[cfg(not(target_os = "linux"))]
pub fn watch_network(_console: &tauri::WebviewWindow) {}

#[cfg(target_os = "linux")]
mod linux {
    use std::cell::Cell;
    use std::os::fd::AsRawFd;
    use std::rc::Rc;
    use std::time::{Duration, Instant};

    use rustix::process::{Pid, PidfdFlags, pidfd_open};
    use tauri::{AppHandle, Manager, WebviewWindow};
    use webkit2gtk::{LoadEvent, WebViewExt};

    use crate::session_window::network_ended;

    /// Keeps a process that ends right after its start from being restarted in a loop.
    const PAUSE: Duration = Duration::from_secs(2);

    /// Loads the window's own page again whenever its web process has ended.
    pub fn reload_on_crash(window: &WebviewWindow) {
        let watching = window.with_webview(|view| {
            let last = Cell::new(None::<Instant>);
            view.inner().connect_web_process_terminated(move |view, reason| {
                tracing::warn!("the console's web process has ended ({reason:?}); it is started again");
                let is_loop =
                    last.replace(Some(Instant::now())).is_some_and(|before| before.elapsed() < PAUSE);
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

    /// If the network process ends, WebKit starts another one without reporting it; pages then wait for answers that
    /// never come, and sessions have lost their cookies.
    pub fn watch_network(console: &WebviewWindow) {
        let app = console.app_handle().clone();
        let watching = console.with_webview(move |view| {
            let is_watched = Rc::new(Cell::new(false));
            view.inner().connect_load_changed(move |view, event| {
                if event == LoadEvent::Finished && !is_watched.get() {
                    is_watched.set(wait_for_end(&app, view, &is_watched).is_some());
                }
            });
        });
        if let Err(error) = watching {
            tracing::warn!("WebKit's network process is not watched: {error}");
        }
    }

    fn wait_for_end(app: &AppHandle, view: &webkit2gtk::WebView, is_watched: &Rc<Cell<bool>>) -> Option<()> {
        let process = pidfd_open(network_process()?, PidfdFlags::empty()).ok()?;
        let (app, view, is_watched) = (app.clone(), view.clone(), Rc::clone(is_watched));
        let end = process.as_raw_fd();
        // Readable means that the process has ended (pidfd_open(2)); the descriptor is kept until then.
        let mut held = Some(process);
        glib::source::unix_fd_add_local(end, glib::IOCondition::IN, move |_, _| {
            held.take();
            tracing::warn!("WebKit's network process has ended");
            is_watched.set(false);
            view.reload();
            network_ended(&app);
            glib::ControlFlow::Break
        });
        Some(())
    }

    fn network_process() -> Option<Pid> {
        let threads = std::fs::read_dir("/proc/self/task").ok()?.flatten();
        let lists = threads.filter_map(|thread| std::fs::read_to_string(thread.path().join("children")).ok());
        let children: Vec<i32> = lists
            .flat_map(|list| list.split_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<_>>())
            .collect();
        let is_it = |pid: &i32| {
            // The kernel keeps only the first 15 characters of a name.
            std::fs::read_to_string(format!("/proc/{pid}/comm"))
                .is_ok_and(|name| name.trim_end() == "WebKitNetworkPr")
        };
        children.into_iter().find(is_it).and_then(Pid::from_raw)
    }
}
