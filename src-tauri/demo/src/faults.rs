//! Switches that make the customer application misbehave, one by one, as real ones do.

use std::time::Duration;

use tokio::sync::watch;

/// What goes wrong; by default nothing does. Set with [`super::Application::set`].
#[derive(Debug, Clone, Default)]
pub struct Faults {
    pub login: LoginAnswer,
    pub login_delay: Delay,
    pub me: MeAnswer,
    pub me_delay: Delay,
    /// The status that `/logout` answers instead of ending the session.
    pub logout: Option<u16>,
    pub logout_delay: Delay,
    pub same_site: CookieSameSite,
    /// `X-Frame-Options` of every answer.
    pub frame_options: Option<String>,
}

/// How `POST /login` answers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum LoginAnswer {
    /// Signs in and answers 200 with JSON; 401 for a wrong token, 404 for an unknown user.
    #[default]
    Usual,
    /// Below 300: signs in as usual, but with this status (204 has no body). From 300 on: refuses with it.
    Status(u16),
    /// Signs in and redirects with this status.
    Redirect { status: u16, to: String },
    /// 200 and a page of a proxy in front; nobody is signed in.
    Html,
    /// 500, and the whole request repeated with its token, as careless error pages do.
    Echo,
    /// Signs in and answers one megabyte of JSON.
    Huge,
    /// Signs in and never stops answering.
    Endless,
}

/// How `GET /api/me` answers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum MeAnswer {
    #[default]
    Usual,
    /// As usual, but with the id of somebody else.
    WrongUser,
    /// 200 and a page instead of JSON.
    Html,
    /// This status, and JSON that says so.
    Status(u16),
}

/// How long an answer is held back.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Delay {
    #[default]
    None,
    For(Duration),
    /// Until [`super::Application::release`].
    UntilReleased,
}

/// The session cookie's attribute of that name.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum CookieSameSite {
    #[default]
    Strict,
    Lax,
    /// Without `Secure`, as carelessly as it is met.
    None,
    Absent,
}

impl CookieSameSite {
    pub(super) fn attribute(self) -> &'static str {
        match self {
            Self::Strict => "; SameSite=Strict",
            Self::Lax => "; SameSite=Lax",
            Self::None => "; SameSite=None",
            Self::Absent => "",
        }
    }
}

/// Where answers wait that are held back.
pub(super) struct Gate(watch::Sender<()>);

impl Gate {
    pub fn new() -> Self {
        Self(watch::Sender::new(()))
    }

    /// Lets everybody through who waits now.
    pub fn release(&self) {
        self.0.send_replace(());
    }

    pub async fn wait(&self, delay: Delay) {
        match delay {
            Delay::None => {}
            Delay::For(time) => tokio::time::sleep(time).await,
            Delay::UntilReleased => {
                // The sender is self, so the channel cannot be closed meanwhile.
                let _ = self.0.subscribe().changed().await;
            }
        }
    }
}
