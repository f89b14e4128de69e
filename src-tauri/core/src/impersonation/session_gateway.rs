//! The gateway of one session: what its window's requests pass on their way out.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::{Mutex, RwLock};
use secrecy::SecretString;
use secrecy::zeroize::Zeroizing;
use tokio::sync::oneshot;
use understudy_gateway::fence::FenceRules;
use understudy_gateway::{
    CredentialStore, Gateway, GatewayConfig, HeldBack, HostCredentials, JournalEntry, LinkRefusal,
    OutboundProxy, PasswordQuestion, PermitOutcome, PublicCache, ReachFault, RecordedExchange, RedactSecrets,
    RequestPermit, SentCookies, SessionObserver, read_certificates,
};
use url::{Origin, Url};

use super::driver::{LinkArrival, LinkFailure};
use super::sightings::Sightings;
use crate::access::{OffSiteChoice, OffSitePage, SessionMode};
use crate::browser::{Answer, PlannedRequest, SessionCookie, Unanswered};
use crate::client_window::WindowReply;
use crate::clock::Clock;
use crate::connection::Connection;
use crate::error::{Code, Error, Result};
use crate::evidence::{PageTrail, PageVisit, SessionRedactor};
use crate::held_back::HeldBackList;
use crate::launch::{LaunchPage, LaunchSite};
use crate::masks::Masks;
use crate::notice::{Notice, Notices};
use crate::sign_in::{self, Exchange, WindowCookies};

/// The public files of one connection's application, for all its sessions, in bytes.
const CACHE_LIMIT: usize = 64 << 20;

/// How long changes of what the bar shows are collected: a page can make hundreds of requests at once.
const TELL_AFTER: Duration = Duration::from_millis(100);

/// The public files of each connection's application, by the connection's ID.
#[derive(Default)]
pub(crate) struct PublicCaches(Mutex<HashMap<String, Arc<PublicCache>>>);

impl PublicCaches {
    fn find_cache(&self, connection: &str) -> Arc<PublicCache> {
        let mut caches = self.0.lock();
        Arc::clone(
            caches.entry(connection.to_owned()).or_insert_with(|| Arc::new(PublicCache::new(CACHE_LIMIT))),
        )
    }

    /// Forgets the files of a connection, for its running sessions too; returns how many there were.
    pub(super) fn clear_cache(&self, connection: &str) -> usize {
        let Some(cache) = self.0.lock().get(connection).cloned() else { return 0 };
        let (files, _) = cache.measure();
        cache.clear();
        files
    }
}

pub(crate) struct SessionGateway {
    gateway: Gateway,
    launch: LaunchSite,
    events: Arc<SessionEvents>,
    redactor: Arc<SessionRedactor>,
    hidden: Mutex<HiddenTexts>,
}

/// What the gateways of all sessions share.
#[derive(Clone, Copy)]
pub(crate) struct GatewaySurroundings<'a> {
    pub(crate) caches: &'a PublicCaches,
    pub(crate) notices: &'a Notices,
    pub(crate) clock: &'a Clock,
}

/// What the masks are made of.
#[derive(Default)]
struct HiddenTexts {
    of_attempt: Vec<SecretString>,
    /// Passwords that the operator has entered for hosts.
    entered: Vec<SecretString>,
}

impl HiddenTexts {
    fn to_masks(&self) -> Masks {
        Masks::for_secrets(self.of_attempt.iter().chain(&self.entered))
    }
}

/// The answer to a request of the window, with what only the gateway sees of it.
pub(crate) struct ObservedAnswer {
    /// As a page's script has it.
    pub(crate) answer: Result<Answer, Unanswered>,
    /// Where it redirects to.
    pub(crate) redirect: Option<Url>,
}

impl ObservedAnswer {
    /// Records it in its exchange.
    pub(crate) fn record_in(&self, exchange: &mut Exchange) {
        exchange.record_answer(&self.answer);
        if let Some(to) = &self.redirect {
            exchange.record_redirect(to);
        }
    }
}

impl From<Result<Answer, Unanswered>> for ObservedAnswer {
    fn from(answer: Result<Answer, Unanswered>) -> Self {
        Self { answer, redirect: None }
    }
}

impl SessionGateway {
    /// Starts the gateway of a session with this ID, which answers for this launch page. Fails if no port can be opened
    /// or the connection's authority or proxy cannot be used.
    pub(crate) async fn start(
        session: &str,
        launch_page: LaunchPage,
        connection: &Connection,
        around: GatewaySurroundings<'_>,
    ) -> Result<Self> {
        let failed = |cause: understudy_gateway::GatewayError| {
            Error::new(Code::WindowFailed, format!("The session's gateway could not be started. {cause}"))
                .with_hint("Try again. If it keeps happening, restart Understudy.")
        };
        let proxy = connection.network.proxy.as_ref().map(OutboundProxy::from_url).transpose();
        let masks = Arc::new(RwLock::new(Masks::for_secrets(&[])));
        let redactor = Arc::new(SessionRedactor::new(Arc::clone(&masks)));
        let events = Arc::new(SessionEvents {
            session: session.to_owned(),
            notices: around.notices.clone(),
            application: RwLock::new(plan_fence(connection).application),
            sightings: Sightings::new(around.clock.clone()),
            masks,
            redactor: Arc::clone(&redactor),
            trail: PageTrail::default(),
            off_site: Mutex::default(),
            cookies: Arc::default(),
            arrival: Mutex::default(),
            is_telling: AtomicBool::new(false),
        });
        let launch = LaunchSite::create(launch_page).map_err(failed)?;
        // A file that can't be read would block the verifier, or be passed over in silence.
        sign_in::check_authorities()?;
        let config = GatewayConfig {
            extra_roots: read_certificates(&connection.network.read_authority()?),
            proxy: proxy.map_err(failed)?,
            credentials: Vec::new(),
            launch: Some(launch.route()),
            cache: around.caches.find_cache(&connection.id),
            static_hosts: Vec::new(),
            rules: plan_fence(connection),
            observer: Arc::new(SessionObservation(Arc::clone(&events))),
            redactor: Arc::clone(&redactor) as Arc<dyn RedactSecrets>,
        };
        let origins = config.rules.application.clone();
        let gateway = Gateway::start(config).await.map_err(failed)?;
        // While the window opens, or the operator still types: it takes a distant application two or three round trips.
        for url in origins.iter().filter_map(|origin| origin.ascii_serialization().parse().ok()) {
            gateway.preconnect(&url);
        }
        Ok(Self { gateway, launch, events, redactor, hidden: Mutex::default() })
    }

    /// What the session's window connects to.
    pub(crate) fn gateway(&self) -> &Gateway {
        &self.gateway
    }

    /// The launch page in the session's window.
    pub(crate) fn launch(&self) -> &LaunchSite {
        &self.launch
    }

    /// The cookies of the session's window.
    pub(crate) fn cookies(&self) -> &Arc<WindowCookies> {
        &self.events.cookies
    }

    /// Puts cookies into the window, by its launch page at `origin`.
    pub(crate) async fn set_cookies(&self, origin: &Origin, cookies: &[SessionCookie]) -> Result<()> {
        self.launch.set_cookies(origin, cookies).await?;
        self.events.cookies.add_cookies(cookies);
        Ok(())
    }

    /// Lets the launch page send a request of the console's own, which passes the fence in any mode. The gateway knows
    /// better than the page why there is no answer, and where a redirect leads.
    pub(crate) async fn send_request(&self, request: &PlannedRequest) -> ObservedAnswer {
        let permit = self.permit_request(request);
        let answer = self.launch.page().send_request(request).await;
        match (answer, permit.as_ref().map(RequestPermit::outcome).unwrap_or_default()) {
            (_, PermitOutcome::Failed(fault)) => Err(to_unanswered(&fault)).into(),
            // All that a page can say is that it failed. It has arrived, and what came back is not whole.
            (Err(Unanswered::Failed(words)), PermitOutcome::Sent | PermitOutcome::Answered { .. }) => {
                Err(Unanswered::BrokenOff(words)).into()
            }
            (answer, PermitOutcome::Answered { redirect }) => ObservedAnswer { answer, redirect },
            (answer, PermitOutcome::Unused | PermitOutcome::Sent) => answer.into(),
        }
    }

    /// Masks these values in the journal and in the bar from now on, with the passwords that were entered.
    pub(crate) fn mask_secrets(&self, secrets: &[SecretString]) {
        let mut hidden = self.hidden.lock();
        hidden.of_attempt = secrets.to_vec();
        self.redactor.replace_masks(hidden.to_masks());
    }

    /// Lets hosts ask the operator for a password, now that the application's pages are shown.
    pub(crate) fn ask_for_passwords(&self) {
        self.gateway.set_asks_for_passwords(true);
    }

    pub(super) fn password_question(&self) -> Option<PasswordQuestion> {
        self.gateway.password_question()
    }

    /// Answers a host's question. The password is kept in memory, for this session and for what has asked.
    pub(super) fn enter_password(&self, number: u32, user: String, password: SecretString) {
        let mut hidden = self.hidden.lock();
        hidden.entered.push(password.clone());
        self.redactor.replace_masks(hidden.to_masks());
        self.gateway.enter_password(number, user, password);
    }

    pub(super) fn decline_password(&self, number: u32) {
        self.gateway.decline_password(number);
    }

    /// What hosts that ask for a user name and a password get from now on.
    pub(crate) fn set_credentials(&self, credentials: Vec<HostCredentials>) {
        self.gateway.set_credentials(credentials);
    }

    pub(crate) fn credentials(&self) -> Arc<CredentialStore> {
        Arc::clone(self.gateway.credentials())
    }

    fn permit_request(&self, request: &PlannedRequest) -> Option<RequestPermit> {
        let method = request.method.as_str().parse().ok()?;
        Some(self.gateway.permit_once(method, request.url.clone()))
    }

    /// Lets a one-time link's pages do what they have to until a page of `origin` is there, and returns who tells that
    /// it is, or what went wrong on the way.
    pub(crate) fn open_for_link(&self, origin: &Origin) -> LinkArrival {
        let (arrived, arrival) = oneshot::channel();
        *self.events.arrival.lock() = Some(arrived);
        self.gateway.set_full_until_arrival(origin.clone());
        arrival
    }

    /// Takes the application's origins as the connection has them now: the rest of what a window was opened with cannot
    /// change.
    pub(crate) fn set_application(&self, connection: &Connection) {
        let application = plan_fence(connection).application;
        self.events.application.write().clone_from(&application);
        self.gateway.set_application(application);
    }

    /// Lets pages of the window reach the application again, for another attempt. That asks for no passwords.
    pub(crate) fn admit_pages(&self) {
        self.gateway.set_asks_for_passwords(false);
        self.gateway.admit_pages();
    }

    pub(crate) fn set_mode(&self, mode: SessionMode) {
        self.gateway.set_mode(mode);
    }

    pub(super) fn list_held_back(&self, connection_name: &str) -> HeldBackList {
        let groups = self.gateway.held_back_summary();
        let mut list = HeldBackList::from_groups(connection_name, self.gateway.held_back_count(), &groups);
        let masks = self.events.masks.read();
        for group in &mut list.groups {
            group.address = masks.mask_text(&group.address);
        }
        list
    }

    pub(super) fn count_held_back(&self) -> u64 {
        self.gateway.held_back_count()
    }

    /// The newest requests, oldest first, at most `limit` of them. Redacting them takes a while.
    pub(super) fn list_exchanges(&self, limit: usize) -> Vec<RecordedExchange> {
        self.gateway.journal().list_exchanges(limit)
    }

    /// A line of text that the page has written.
    pub(super) fn redact_line(&self, line: &str) -> String {
        self.redactor.redact_line(line)
    }

    /// What the operator wrote, without the secrets of the sign-in, which can be pasted by mistake.
    pub(super) fn mask_text(&self, text: &str) -> String {
        self.events.masks.read().mask_text(text)
    }

    /// What is still to be written to the audit log.
    pub(super) fn sightings(&self) -> &Sightings {
        &self.events.sightings
    }

    /// The pages that the session's windows have shown, without what has turned out to be secret since then.
    pub(super) fn trail(&self) -> Vec<PageVisit> {
        let masks = self.events.masks.read();
        let mut visits = self.events.trail.list_visits();
        for visit in &mut visits {
            visit.url = masks.mask_text(&visit.url);
        }
        visits
    }

    pub(super) fn contains_secret(&self, text: &str) -> bool {
        self.events.masks.read().mask_text(text) != text
    }

    pub(super) fn off_site_page(&self) -> Option<OffSitePage> {
        self.events.off_site.lock().as_ref().map(|asked| asked.shown.clone())
    }

    /// Takes the operator's answer about the page that is shown with this URL, and returns where that page leads; `None`
    /// if another one waits by now. An address with a secret of the sign-in is given to no other program.
    pub(super) fn take_off_site_target(&self, url: &str, choice: OffSiteChoice) -> Result<Option<Url>> {
        self.events.take_target(url, choice)
    }

    /// Lets this session go to a host from now on.
    pub(super) fn allow_host(&self, host: &str) {
        self.gateway.allow_host(host);
    }

    /// Lets nothing of a page reach the application any longer, not even what is under way.
    pub(crate) async fn leave_pages(&self) {
        self.gateway.set_asks_for_passwords(false);
        self.gateway.leave_pages().await;
    }

    /// Ends every connection of the session's window, and everything that waits for its launch page.
    pub(crate) async fn close(&self) {
        self.launch.page().close();
        self.gateway.close().await;
    }
}

/// Why a request of the console's own was not answered, in the words of a window.
pub(crate) fn to_unanswered(fault: &ReachFault) -> Unanswered {
    match fault {
        ReachFault::BrokenOff { .. } | ReachFault::NotHttp { .. } => Unanswered::BrokenOff(fault.to_string()),
        _ => Unanswered::Failed(fault.to_string()),
    }
}

/// What the connection lets a session's requests do.
fn plan_fence(connection: &Connection) -> FenceRules {
    let (sign_in, access) = (&connection.sign_in, &connection.policy.access);
    let start = sign_in.redirect_to.as_ref().and_then(|template| template.origin().cloned());
    let mut application = vec![sign_in.origin.clone()];
    application.extend(start.filter(|start| *start != sign_in.origin));
    FenceRules {
        mode: access.mode,
        application,
        blocked_paths: sign_in.block.clone(),
        allowed: access.allowed.clone(),
        open_hosts: access.open_hosts.clone(),
        blocked_hosts: access.blocked_hosts.clone(),
    }
}

/// What a session's gateway reports: for the bar, the sign-in by a link, and the sign-out.
struct SessionEvents {
    session: String,
    notices: Notices,
    /// The application's origins.
    application: RwLock<Vec<Origin>>,
    sightings: Sightings,
    masks: Arc<RwLock<Masks>>,
    redactor: Arc<SessionRedactor>,
    trail: PageTrail,
    off_site: Mutex<Option<OffSiteQuestion>>,
    cookies: Arc<WindowCookies>,
    /// Waits for the page that a one-time link leads to.
    arrival: Mutex<Option<oneshot::Sender<Result<(), LinkFailure>>>>,
    is_telling: AtomicBool,
}

impl SessionEvents {
    /// Tells how a one-time link has ended. What comes later does not count.
    fn end_link(&self, end: Result<(), LinkFailure>) {
        if let Some(arrived) = self.arrival.lock().take() {
            let _ = arrived.send(end);
        }
    }

    fn is_of_application(&self, url: &Url) -> bool {
        self.application.read().contains(&url.origin())
    }

    /// See [`SessionGateway::take_off_site_target`].
    fn take_target(&self, url: &str, choice: OffSiteChoice) -> Result<Option<Url>> {
        let mut off_site = self.off_site.lock();
        if let Some(asked) = &*off_site
            && asked.shown.url == url
            && choice == OffSiteChoice::OpenInBrowser
            && asked.target.as_str() != url
        {
            let message = "This page's address contains a secret of the sign-in or a masked value, so no other program may get it.";
            return Err(Error::new(Code::PolicyRefused, message)
                .with_hint("Stay, or go there in this session if you trust the site."));
        }
        let taken = off_site.take_if(|asked| asked.shown.url == url).map(|asked| asked.target);
        if let (Some(target), OffSiteChoice::OpenInBrowser) = (&taken, choice) {
            self.sightings.note_left(target.host_str().unwrap_or_default(), true);
        }
        Ok(taken)
    }
}

/// A page about which the operator is asked.
struct OffSiteQuestion {
    /// For people: with its secrets masked.
    shown: OffSitePage,
    target: Url,
}

struct SessionObservation(Arc<SessionEvents>);

impl SessionObserver for SessionObservation {
    fn on_held_back(&self, entry: &JournalEntry, why: &HeldBack) {
        // As the session's end counts them. About a page that leads elsewhere, the operator decides.
        if matches!(why, HeldBack::Refused(_)) {
            self.0.sightings.note_held_back(&entry.method, &self.0.masks.read().mask_text(&entry.url));
        }
        if let HeldBack::LeadsElsewhere(url) = why {
            let shown = OffSitePage {
                host: url.host_str().unwrap_or_default().into(),
                url: self.0.masks.read().mask_text(url.as_str()),
            };
            *self.0.off_site.lock() = Some(OffSiteQuestion { shown, target: url.clone() });
        }
        if self.0.is_telling.swap(true, Ordering::SeqCst) {
            return;
        }
        let events = Arc::clone(&self.0);
        tokio::spawn(async move {
            tokio::time::sleep(TELL_AFTER).await;
            events.is_telling.store(false, Ordering::SeqCst);
            events.notices.send(Notice::SessionAccess(events.session.clone()));
        });
    }

    fn on_password_question(&self) {
        self.0.notices.send(Notice::SessionPassword(self.0.session.clone()));
    }

    fn on_page(&self, url: &Url, status: Option<u16>) {
        if !self.0.is_of_application(url) {
            self.0.sightings.note_left(url.host_str().unwrap_or_default(), false);
        }
        let at = jiff::Timestamp::now().as_millisecond();
        self.0.trail.add_visit(PageVisit { at, url: self.0.redactor.redact_url(url.as_str()), status });
    }

    fn on_arrival(&self, _url: &Url) {
        self.0.end_link(Ok(()));
    }

    fn on_link_fault(&self, _url: &Url, fault: &ReachFault) {
        self.0.end_link(Err(LinkFailure::Unanswered(to_unanswered(fault))));
    }

    fn on_link_refused(&self, _url: &Url, answer: LinkRefusal) {
        let LinkRefusal { status, headers, body } = answer;
        let refused = match WindowReply::decode(status, headers, Zeroizing::new(body)) {
            Ok(reply) => LinkFailure::Refused(reply.to_answer()),
            Err(words) => LinkFailure::Unanswered(Unanswered::BrokenOff(words)),
        };
        self.0.end_link(Err(refused));
    }

    fn on_cookies_sent(&self, url: &Url, sent: SentCookies<'_>) {
        self.0.cookies.record_sent(url, sent);
    }

    fn on_cookies_set(&self, url: &Url, set: &[&str]) {
        self.0.cookies.record_set(url, set);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_fault_before_the_application_answered_counts_as_not_sent() {
        let server = || "app.example:443".to_owned();
        assert!(!to_unanswered(&ReachFault::ConnectionRefused { server: server() }).may_have_acted());
        assert!(!to_unanswered(&ReachFault::NameNotFound { host: server() }).may_have_acted());
        assert!(to_unanswered(&ReachFault::BrokenOff { server: server() }).may_have_acted());
        assert!(to_unanswered(&ReachFault::NotHttp { server: server() }).may_have_acted());
    }

    #[tokio::test]
    async fn an_address_with_a_secret_is_shown_masked_and_given_to_no_other_program() {
        let secret = SecretString::from("canary-of-a-one-time-link");
        let masks = Arc::new(RwLock::new(Masks::for_secrets([&secret])));
        let events = Arc::new(SessionEvents {
            session: "s1".into(),
            notices: Notices::default(),
            application: RwLock::default(),
            sightings: Sightings::new(Clock::system()),
            redactor: Arc::new(SessionRedactor::new(Arc::clone(&masks))),
            masks,
            trail: PageTrail::default(),
            off_site: Mutex::default(),
            cookies: Arc::default(),
            arrival: Mutex::default(),
            is_telling: AtomicBool::new(false),
        });
        let target = Url::parse("https://id.example/?token=canary-of-a-one-time-link").expect("a URL");
        let entry = JournalEntry {
            number: 1,
            method: "GET".into(),
            url: String::new(),
            outcome: understudy_gateway::RequestOutcome::Waiting,
            started_ms: 0,
            elapsed_ms: None,
            sent_bytes: 0,
            received_bytes: 0,
            from_cache: false,
        };
        SessionObservation(Arc::clone(&events))
            .on_held_back(&entry, &HeldBack::LeadsElsewhere(target.clone()));
        let shown = events.off_site.lock().as_ref().map(|asked| asked.shown.clone()).expect("it asks");
        assert!(shown.host == "id.example" && !shown.url.contains("canary"), "{shown:?}");
        let refused =
            events.take_target(&shown.url, OffSiteChoice::OpenInBrowser).expect_err("it is refused");
        assert_eq!(refused.code, Code::PolicyRefused);
        assert_eq!(
            events.take_target("https://other.example/", OffSiteChoice::GoThere).expect("heard"),
            None
        );
        assert_eq!(events.take_target(&shown.url, OffSiteChoice::GoThere).expect("heard"), Some(target));
    }
}
