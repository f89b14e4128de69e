//! What a page writes to the browser's console, and its errors that nothing catches.
//!
//! WebKitGTK has no way to hear the console from outside of the web process. So `page_messages.js` wraps the console's
//! functions in the page, and passes what they get on by an event whose name no page knows. Only `own_messages.js`, in a
//! script world of ours that pages cannot see, can send something to us. A page can write what it likes to the console,
//! and so can it here; more it cannot do.

use gtk::glib;
use javascriptcore::ValueExt;
use understudy_core::evidence::{ConsoleMessage, MessageLevel};
use uuid::Uuid;
use webkit2gtk::{
    JavascriptResult, UserContentInjectedFrames, UserContentManager, UserContentManagerExt, UserScript,
    UserScriptInjectionTime, WebViewExt,
};

/// The script world of ours.
pub(super) const WORLD: &str = "understudy";
const HANDLER: &str = "messages";

/// Hears what the pages of this view write from now on.
pub(super) fn watch_messages(view: &webkit2gtk::WebView, heard: impl Fn(ConsoleMessage) + 'static) {
    let Some(manager) = view.user_content_manager() else { return };
    let name = Uuid::new_v4().to_string();
    let fill = |source: &str| source.replace("EVENT_NAME", &name);
    let (frames, start) = (UserContentInjectedFrames::AllFrames, UserScriptInjectionTime::Start);
    manager.add_script(&UserScript::for_world(
        &fill(include_str!("own_messages.js")),
        frames,
        start,
        WORLD,
        &[],
        &[],
    ));
    manager.add_script(&UserScript::new(&fill(include_str!("page_messages.js")), frames, start, &[], &[]));
    if manager.register_script_message_handler_in_world(HANDLER, WORLD) {
        manager.connect_script_message_received(
            Some(HANDLER),
            move |_: &UserContentManager, result: &JavascriptResult| {
                if let Some(message) = result.js_value().and_then(|value| read_message(&value.to_str())) {
                    heard(message);
                }
            },
        );
    }
}

fn read_message(sent: &str) -> Option<ConsoleMessage> {
    let (level, text) = sent.split_once('\n')?;
    let level = match level {
        "error" => MessageLevel::Error,
        "warning" => MessageLevel::Warning,
        _ => MessageLevel::Info,
    };
    let at = glib::real_time() / 1000;
    Some(ConsoleMessage { at, level, text: text.chars().take(2000).collect() })
}
