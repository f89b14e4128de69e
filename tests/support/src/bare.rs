//! Bare windows without anything of Understudy's: what no session and no console can do without.
//!
//! The program `bare` opens a window for each line that it reads, with a title, the origin of the customer application
//! and the JSON body for its login endpoint, separated by tabs. The window has a session's size, and an incognito
//! webview that is signed in and on the application's first page, like a session. The first word of a line is `page`
//! for that, `ready` for a webview that stays signed in on an empty page, and `load` has such a one load the first page.
//! `bare list` opens a window of the console's size that shows a static list.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::BufRead;

use gtk::prelude::*;
use webkit2gtk::{WebContext, WebView, WebViewExt};

/// The size of a session's window without its bar.
const SIZE: (i32, i32) = (1280, 814);
/// The size of the console's window.
const CONSOLE: (i32, i32) = (1280, 800);

thread_local! {
    static VIEWS: RefCell<HashMap<String, (WebView, String)>> = RefCell::default();
}

/// The program `bare`; it exits when its standard input closes.
pub fn main() -> anyhow::Result<()> {
    gtk::init()?;
    if std::env::args().nth(1).as_deref() == Some("list") {
        let list = open_window("bare list", CONSOLE, &WebContext::new());
        list.load_html(&static_list(), None);
    }
    std::thread::spawn(|| {
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            gtk::glib::idle_add_once(move || obey(&line));
        }
        gtk::glib::idle_add_once(gtk::main_quit);
    });
    gtk::main();
    Ok(())
}

fn obey(line: &str) {
    match *line.splitn(4, '\t').collect::<Vec<_>>() {
        ["load", title] => VIEWS.with_borrow(|views| {
            if let Some((view, origin)) = views.get(title) {
                view.load_uri(&format!("{origin}/"));
            }
        }),
        [kind, title, origin, login] => {
            let view = open_window(title, SIZE, &WebContext::new_ephemeral());
            let then = if kind == "page" { "location.replace('/')" } else { "0" };
            let page = format!(
                "<script>fetch('/login', {{ method: 'POST', headers: {{ 'content-type': 'application/json' }}, \
                 body: {} }}).then(() => {then})</script>",
                serde_json::Value::from(login)
            );
            view.load_html(&page, Some(&format!("{origin}/")));
            VIEWS.with_borrow_mut(|views| views.insert(title.to_owned(), (view, origin.to_owned())));
        }
        _ => {}
    }
}

fn open_window(title: &str, size: (i32, i32), context: &WebContext) -> WebView {
    let window = gtk::Window::new(gtk::WindowType::Toplevel);
    window.set_title(title);
    window.set_default_size(size.0, size.1);
    let view = WebView::builder().web_context(context).build();
    window.add(&view);
    window.show_all();
    view
}

/// As many rows as the console shows, and about as much text.
fn static_list() -> String {
    let mut page = String::from(
        "<!doctype html><style>body { margin: 0; font: 14px sans-serif } td { padding: 9px 14px; border-bottom: \
         1px solid #ddd }</style><table width=100%>",
    );
    for row in 0..20 {
        let _ = write!(
            page,
            "<tr><td>{row:04}<td>customer.{row}@example.com<td>Customer {row}<td>Company {row} Ltd<td>pro<td>yesterday"
        );
    }
    page
}
