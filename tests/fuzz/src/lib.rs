//! What has to hold for any text from others. Each module has one kind of text; its `check` panics if something does not
//! hold, and otherwise returns whether the text was understood, so that there was something to look at.
//!
//! `script/fuzz` has libFuzzer look for texts that break it, guided by which code they reach. `tests/seeds.rs` checks the
//! texts that it begins with, so that CI compiles and runs everything here but the fuzzer.

pub mod audit_lines;
pub mod captures;
pub mod connection_file;
pub mod gateway;
pub mod launch_page;
pub mod links;
pub mod queries;
pub mod team_file;
pub mod templates;

/// Checks one input.
pub type Check = fn(&[u8]) -> bool;

/// All kinds of input, by the names of their folders and programs.
pub const TARGETS: [(&str, Check); 9] = [
    ("audit_lines", audit_lines::check),
    ("captures", captures::check),
    ("connection_file", connection_file::check),
    ("gateway", gateway::check),
    ("launch_page", launch_page::check),
    ("links", links::check),
    ("queries", queries::check),
    ("team_file", team_file::check),
    ("templates", templates::check),
];

/// A secret.
const CANARY: &str = "canary-7c1f9b2e-secret";

/// Whether an input contains the beginning of the secret, or has been told it: the fuzzer learns what texts are compared
/// with. Then it proves nothing that the secret is somewhere.
fn knows_secret(input: &[u8]) -> bool {
    String::from_utf8_lossy(input).to_ascii_lowercase().contains(&CANARY[..8])
}

/// The parts of an input that has several, each after a line of four equals signs.
fn split_parts<const COUNT: usize>(text: &str) -> [&str; COUNT] {
    let mut parts = text.splitn(COUNT, "\n====\n");
    std::array::from_fn(|_| parts.next().unwrap_or_default())
}

/// Decisions that an input makes, each by one of its bytes; once there are no more, the first of each.
struct Choices<'a>(std::slice::Iter<'a, u8>);

impl<'a> Choices<'a> {
    fn of(text: &'a str) -> Self {
        Self(text.as_bytes().iter())
    }

    fn is_empty(&self) -> bool {
        self.0.as_slice().is_empty()
    }

    fn below(&mut self, count: usize) -> usize {
        // Digits and letters, so that seeds can be read, choose what they say: `0` the first, `a` the eleventh.
        let byte = self.0.next().copied().unwrap_or(b'0');
        let number = char::from(byte).to_digit(36).unwrap_or_else(|| byte.into());
        number as usize % count.max(1)
    }

    fn one_of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }
}

/// Each byte as text.
fn spell_bytes(bytes: &[u8], spell: impl Fn(u8) -> String) -> String {
    bytes.iter().fold(String::new(), |spelt, byte| spelt + &spell(*byte))
}

/// An error as the UI gets it. Its cause goes to the log alone.
fn as_shown(error: &understudy_core::error::Error) -> String {
    serde_json::to_string(error).expect("an error is JSON")
}
