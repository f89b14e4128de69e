//! Faults that tests can switch on one by one; real applications have all of them.

use std::time::Duration;

use tokio::sync::watch;

/// The active faults; none by default. Set with [`super::Application::change_faults`].
#[derive(Debug, Clone, Default)]
pub struct Faults {
    pub login: LoginAnswer,
    pub login_delay: Delay,
    pub me: MeAnswer,
    pub me_delay: Delay,
    /// The status that `/logout` answers with instead of ending the session.
    pub logout: Option<u16>,
    pub logout_delay: Delay,
    pub same_site: CookieSameSite,
    /// `X-Frame-Options` of every response.
    pub frame_options: Option<String>,
}

/// How `POST /login` answers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum LoginAnswer {
    /// Signs in and answers 200 with JSON; 401 for a wrong token, 404 for an unknown user.
    #[default]
    Usual,
    /// Below 300: signs in as usual, but answers with this status (204 has no body). 300 and above: refuses with this
    /// status.
    Status(u16),
    /// Signs in and redirects with this status.
    Redirect { status: u16, to: String },
    /// Answers 200 with a proxy's HTML page without signing in.
    Html,
    /// Answers 500 and echoes the whole request with its token, as careless error pages do.
    Echo,
    /// Signs in and answers one megabyte of JSON.
    Huge,
    /// Signs in and never ends the response.
    Endless,
}

/// How `GET /api/me` answers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum MeAnswer {
    #[default]
    Usual,
    /// As usual, but with another user's ID.
    WrongUser,
    /// Answers 200 with HTML instead of JSON.
    Html,
    /// Answers with this status and a JSON error.
    Status(u16),
}

/// How long an answer is delayed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Delay {
    #[default]
    None,
    For(Duration),
    /// Until [`super::Application::release_answers`].
    UntilReleased,
}

/// The session cookie's `SameSite` attribute.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum CookieSameSite {
    #[default]
    Strict,
    Lax,
    /// Without `Secure`, a mistake that real applications make.
    None,
    Absent,
}

impl CookieSameSite {
    pub(super) fn cookie_attribute(self) -> &'static str {
        match self {
            Self::Strict => "; SameSite=Strict",
            Self::Lax => "; SameSite=Lax",
            Self::None => "; SameSite=None",
            Self::Absent => "",
        }
    }
}

/// Holds delayed answers.
pub(super) struct Gate(watch::Sender<()>);

impl Gate {
    pub fn new() -> Self {
        Self(watch::Sender::new(()))
    }

    /// Sends all answers that are waiting now.
    pub fn release_all(&self) {
        self.0.send_replace(());
    }

    pub async fn wait_for(&self, delay: Delay) {
        match delay {
            Delay::None => {}
            Delay::For(time) => tokio::time::sleep(time).await,
            Delay::UntilReleased => {
                // `self` owns the sender, so the channel cannot close meanwhile.
                let _ = self.0.subscribe().changed().await;
            }
        }
    }
}
