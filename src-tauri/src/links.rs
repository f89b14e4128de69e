//! Links to customers (`understudy://…`), however the system hands them over: as an argument of this start or of
//! another one, or as an event on macOS.

use std::sync::Arc;

use parking_lot::Mutex;
use tauri::{AppHandle, Manager};
use understudy_core::console::Console;
use understudy_core::customer_link::LINK_SCHEME;

use crate::quit::bring_console_to_front;

/// Links from before there was a console.
pub struct EarlyLinks(Mutex<Vec<String>>);

impl EarlyLinks {
    pub fn new(started_with: Option<String>) -> Self {
        Self(Mutex::new(started_with.into_iter().collect()))
    }
}

/// Whether an argument is a link, right or wrong.
pub fn is_link(argument: &str) -> bool {
    argument.get(..LINK_SCHEME.len()).is_some_and(|start| start.eq_ignore_ascii_case(LINK_SCHEME))
}

/// The link among a start's arguments, the program's name first: `understudy LINK` or `understudy open LINK`.
pub fn find_link(arguments: &[String]) -> Option<&str> {
    arguments.iter().skip(1).map(String::as_str).find(|argument| is_link(argument))
}

/// Hands a link to the console, now or once there is one.
pub fn open_link(app: &AppHandle, link: &str) {
    let early = app.state::<EarlyLinks>();
    let mut waiting = early.0.lock();
    let Some(console) = app.try_state::<Arc<Console>>() else { return waiting.push(link.to_owned()) };
    drop(waiting);
    console.receive_link(link);
    bring_console_to_front(app);
}

/// Hands over what came before this console was there.
pub fn open_early_links(app: &AppHandle, console: &Console) {
    for link in app.state::<EarlyLinks>().0.lock().drain(..) {
        console.receive_link(&link);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_found_among_the_arguments_of_a_start() {
        let found = |arguments: &[&str]| {
            let arguments: Vec<String> = arguments.iter().map(|&one| one.to_owned()).collect();
            find_link(&arguments).map(str::to_owned)
        };
        assert_eq!(found(&["understudy", "UNDERSTUDY://open?user=1"]).unwrap(), "UNDERSTUDY://open?user=1");
        assert_eq!(found(&["understudy", "open", "understudy://x"]).unwrap(), "understudy://x");
        assert_eq!(found(&["understudy://", "demo"]), None, "the program's own name");
        assert_eq!(found(&["understudy", "déjà"]), None);
    }
}
