//! Finding text in a page: what is asked, what was found, and which match is shown.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// Which match to go to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum FindStep {
    /// The first match of a text.
    First,
    Next,
    Previous,
}

/// What was found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, TS)]
#[ts(export)]
pub struct FoundText {
    /// How many matches there are.
    pub count: u32,
    /// Which one is shown, counted from 1. WebKit does not say; it is unknown once the operator has clicked in the page,
    /// because the search goes on from there.
    pub at: Option<u32>,
}

#[allow(dead_code, reason = "not every system's webview is searched from the bar")]
impl FoundText {
    /// After a step: the search wraps around at both ends.
    pub fn after_step(self, step: FindStep) -> Self {
        let last = self.count.max(1);
        let at = match (step, self.at) {
            (FindStep::First, _) => Some(1),
            (_, None) => None,
            (FindStep::Next, Some(at)) => Some(if at >= last { 1 } else { at + 1 }),
            (FindStep::Previous, Some(at)) => Some(if at <= 1 { last } else { at - 1 }),
        };
        Self { at, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shown_match_is_counted_and_wraps_at_both_ends() {
        let found = FoundText { count: 3, at: Some(1) };
        let steps = [FindStep::Next, FindStep::Next, FindStep::Next, FindStep::Previous, FindStep::Previous];
        let shown: Vec<_> = steps
            .into_iter()
            .scan(found, |found, step| {
                *found = found.after_step(step);
                found.at
            })
            .collect();
        assert_eq!(shown, [2, 3, 1, 3, 2]);
    }

    #[test]
    fn after_a_click_in_the_page_the_shown_match_is_unknown() {
        let found = FoundText { count: 3, at: None };
        assert_eq!(found.after_step(FindStep::Next), found);
        assert_eq!(found.after_step(FindStep::First).at, Some(1));
    }
}
