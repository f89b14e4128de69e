//! A bare webview without anything of Understudy's, as the baseline for a session's memory.
//!
//! The program `bare` reads lines with three fields, separated by tabs: a title, the origin of the customer
//! application, and the JSON body for its login endpoint. For each line it opens a window of a session's size with an
//! incognito webview that is signed in and on the application's first page, like a session.

use std::io::BufRead;

use gtk::prelude::*;
use webkit2gtk::{WebContext, WebView, WebViewExt};

/// The size of a session's window without its bar.
const SIZE: (i32, i32) = (1280, 814);

/// The program `bare`; it exits when its standard input closes.
pub fn main() -> anyhow::Result<()> {
    gtk::init()?;
    std::thread::spawn(|| {
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            gtk::glib::idle_add_once(move || open(&line));
        }
        gtk::glib::idle_add_once(gtk::main_quit);
    });
    gtk::main();
    Ok(())
}

fn open(line: &str) {
    let mut fields = line.splitn(3, '\t');
    let (Some(title), Some(origin), Some(login)) = (fields.next(), fields.next(), fields.next()) else {
        return;
    };
    let window = gtk::Window::new(gtk::WindowType::Toplevel);
    window.set_title(title);
    window.set_default_size(SIZE.0, SIZE.1);
    let view = WebView::builder().web_context(&WebContext::new_ephemeral()).build();
    window.add(&view);
    window.show_all();
    let page = format!(
        "<script>fetch('/login', {{ method: 'POST', headers: {{ 'content-type': 'application/json' }}, body: {} }})\
         .then(() => location.replace('/'))</script>",
        serde_json::Value::from(login)
    );
    view.load_html(&page, Some(&format!("{origin}/")));
}
