//! Finds text in a page with WebKit's own controller, which marks all matches and selects one.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

use gtk::glib;
use gtk::prelude::*;
use webkit2gtk::{FindController, FindControllerExt, FindOptions, WebViewExt};
use wry::{WebView, WebViewExtUnix};

use super::super::find::{FindStep, FoundText};

/// The search in one page.
pub struct Finder {
    view: webkit2gtk::WebView,
    controller: Option<FindController>,
    text: RefCell<String>,
    /// What was asked and is not answered yet, in order.
    asked: Rc<RefCell<VecDeque<FindStep>>>,
}

impl Finder {
    /// `heard` is told what each search and each step has found.
    pub fn for_page(page: &WebView, heard: impl Fn(FoundText) + 'static) -> Self {
        let view = page.webview();
        let (controller, found) = (view.find_controller(), Rc::new(Cell::new(FoundText::default())));
        let asked = Rc::new(RefCell::new(VecDeque::new()));
        let heard = Rc::new(heard);
        if let Some(controller) = &controller {
            controller.connect_found_text(
                glib::clone!(@strong found, @strong asked, @strong heard => move |_, count| {
                    let step = asked.borrow_mut().pop_front().unwrap_or(FindStep::First);
                    // Only a search counts all matches; a step reports the one that it has found.
                    let count = if step == FindStep::First { count } else { found.get().count };
                    found.set(FoundText { count, ..found.get() }.after_step(step));
                    heard(found.get());
                }),
            );
            controller.connect_failed_to_find_text(glib::clone!(@strong found, @strong asked => move |_| {
                asked.borrow_mut().pop_front();
                found.set(FoundText::default());
                heard(found.get());
            }));
        }
        view.connect_button_press_event(glib::clone!(@strong found => move |_, _| {
            found.set(FoundText { at: None, ..found.get() });
            glib::Propagation::Proceed
        }));
        Self { view, controller, text: RefCell::default(), asked }
    }

    /// Goes to the first match of a text.
    pub fn search(&self, text: &str) {
        text.clone_into(&mut self.text.borrow_mut());
        let Some(controller) = &self.controller else { return };
        // The search begins at the selection, which the last one has left.
        self.view.execute_editing_command("Unselect");
        if text.is_empty() {
            return controller.search_finish();
        }
        self.asked.borrow_mut().push_back(FindStep::First);
        let options = FindOptions::CASE_INSENSITIVE | FindOptions::WRAP_AROUND;
        controller.search(text, options.bits(), u32::MAX - 1);
    }

    /// Goes on to another match; `false` if there is no search to go on with.
    pub fn step(&self, step: FindStep) -> bool {
        let Some(controller) = self.controller.as_ref().filter(|_| !self.text.borrow().is_empty()) else {
            return false;
        };
        self.asked.borrow_mut().push_back(step);
        match step {
            FindStep::Previous => controller.search_previous(),
            FindStep::First | FindStep::Next => controller.search_next(),
        }
        true
    }

    /// Removes the marks. The match that was shown stays selected.
    pub fn finish(&self) {
        self.text.borrow_mut().clear();
        if let Some(controller) = &self.controller {
            controller.search_finish();
        }
    }
}
