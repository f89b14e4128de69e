//! What a valid `[sign_in]` and `[sign_out]` mean: requests, steps, and the recipe that signs the window in.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::connection::{Encoding, ForestConfig, Method};
use crate::template::{Expression, JsonTemplate, Template};

/// A request as the file describes it. The session's page sends it, or the console does.
#[derive(Debug, Clone)]
pub struct Request {
    pub method: Method,
    /// Absolute, https or loopback, with a literal [`Template::origin`]; without secrets.
    pub url: Template,
    /// Sorted by name.
    pub headers: Vec<(String, Template)>,
    pub body: Option<JsonTemplate>,
    pub encoding: Encoding,
    /// The statuses that mean success; if empty, the default ones.
    pub expect: Vec<u16>,
    /// Conditions on the answer, in addition to the status.
    pub that: Vec<Expression>,
}

impl Request {
    /// The names of the secrets in the request.
    pub fn secret_names(&self) -> BTreeSet<String> {
        let in_headers = self.headers.iter().flat_map(|(_, value)| value.secret_names());
        in_headers.chain(self.body.iter().flat_map(JsonTemplate::secret_names)).collect()
    }

    /// All names that its templates use: `user.email`.
    pub fn names(&self) -> BTreeSet<String> {
        let texts = std::iter::once(&self.url).chain(self.headers.iter().map(|(_, value)| value));
        let in_texts = texts.flat_map(|template| template.names().iter().cloned());
        in_texts.chain(self.body.iter().flat_map(JsonTemplate::names)).collect()
    }
}

#[derive(Debug, Clone)]
pub struct SignIn {
    pub recipe: Recipe,
    /// Requests that the console sends before anything else.
    pub steps: Vec<SignInStep>,
    /// The application's origin, where the session begins and its cookies belong.
    pub origin: ::url::Origin,
    /// How long each of the application's answers may take.
    pub timeout: Duration,
    /// The message for a successful sign-in; without secrets.
    pub success: Option<Template>,
    /// The first page, as a URL template; `None` is the root of [`Self::origin`].
    pub redirect_to: Option<Template>,
    pub verify: Option<Verify>,
    /// Path prefixes that the session's window may not reach.
    pub block: Vec<String>,
}

/// How the session's window gets signed in, after the console has taken its steps.
#[derive(Debug, Clone)]
pub enum Recipe {
    /// The window sends this request.
    Webhook(Request),
    /// The window gets the cookies with these names that belong to the application or to one of these origins.
    Exchange {
        cookies: Vec<String>,
        origins: Vec<url::Url>,
    },
    /// The window opens the URL captured under this name, if it has one of these origins.
    Link {
        open: String,
        origins: Vec<::url::Origin>,
    },
    /// The window sends this request, if there is one; then the items are put into its page's storage.
    Storage {
        request: Option<Request>,
        items: Vec<StorageItem>,
    },
    Forest(Forest),
}

/// One entry of a page's storage.
#[derive(Debug, Clone)]
pub struct StorageItem {
    /// Whether it belongs to sessionStorage rather than localStorage.
    pub of_session: bool,
    pub name: String,
    /// A string is stored as it is, anything else as JSON.
    pub value: JsonTemplate,
}

/// A Smart Action of Forest Admin.
#[derive(Debug, Clone)]
pub struct Forest {
    pub part: ForestConfig,
    /// The action's URL.
    pub url: Template,
    /// Values for the action's form.
    pub values: Vec<(String, JsonTemplate)>,
}

/// One request that the console sends.
#[derive(Debug, Clone)]
pub struct SignInStep {
    /// Shown to people; may be empty.
    pub name: String,
    pub request: Request,
    /// The name of the captured URL to request instead of the request's own, if its origin is the same.
    pub follow: Option<String>,
    /// How many redirects are followed, within the origin.
    pub redirects: u32,
    pub capture: Vec<Capture>,
}

/// A value to take from an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Capture {
    pub name: String,
    pub place: CapturePlace,
    /// If set, the value is a JWT and this claim of it is taken.
    pub claim: Option<String>,
}

/// Where in an answer the value is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CapturePlace {
    /// A JSON pointer (RFC 6901).
    Json(String),
    Cookie(String),
    Header(String),
    /// A form field or a `<meta>` of the page.
    Form(String),
    /// The first link whose path begins like this.
    Link(String),
}

#[derive(Debug, Clone, Default)]
pub struct SignOut {
    /// Sent by the session's window.
    pub request: Option<Request>,
    /// Sent by the console after `request`.
    pub steps: Vec<SignInStep>,
}

/// Asks the application who is signed in.
#[derive(Debug, Clone)]
pub struct Verify {
    pub url: Template,
    /// Without secrets.
    pub headers: Vec<(String, Template)>,
    /// Whether the console asks, with `headers` only, because the URL has another origin and the window's cookies would
    /// not be sent there.
    pub by_console: bool,
    /// Uses `response.status`, `response.json`, `response.text` and what the request knows, without secrets.
    pub expect: Expression,
    /// `expect` as it is in the file.
    pub source: String,
}

impl Verify {
    /// Whether it can only be rendered once the sign-in has been answered.
    pub fn needs_response(&self) -> bool {
        self.url.uses("response") || self.headers.iter().any(|(_, value)| value.uses("response"))
    }

    /// Whether it authenticates with a captured or answered value rather than just the window's cookies.
    pub fn shows_a_token(&self) -> bool {
        let names = |template: &Template| !template.captured_names().is_empty() || template.uses("response");
        self.headers.iter().any(|(_, value)| names(value)) || names(&self.url)
    }
}
