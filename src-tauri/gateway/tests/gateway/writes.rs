//! A page that tries to write in every way that an engine has, and what it needs. The gateway's tests show it in two
//! engines; an end-to-end test shows it in the session window itself.

/// Path, content type, content, and one more header.
pub type Page = (&'static str, &'static str, &'static str, Option<(&'static str, &'static str)>);

pub const PAGES: &[Page] = &[
    ("/hostile", "text/html", include_str!("writes/page.html"), None),
    ("/quiet", "text/html", "<!doctype html><title>Quiet</title>", None),
    (
        "/worker.js",
        "text/javascript",
        "fetch('/write/worker', { method: 'POST', body: 'a=1' }).finally(() => postMessage(1));",
        None,
    ),
    (
        "/nesting-worker.js",
        "text/javascript",
        "new Worker('/nested-worker.js').onmessage = () => postMessage(1);",
        None,
    ),
    (
        "/nested-worker.js",
        "text/javascript",
        "fetch('/write/nested-worker', { method: 'POST', body: 'a=1' }).finally(() => postMessage(1));",
        None,
    ),
    (
        "/shared-worker.js",
        "text/javascript",
        "onconnect = ({ ports: [port] }) => fetch('/write/shared-worker', { method: 'POST', body: 'a=1' })
            .finally(() => port.postMessage(1));",
        None,
    ),
    (
        "/service-worker.js",
        "text/javascript",
        "oninstall = (event) => event.waitUntil(
            fetch('/write/service-worker', { method: 'POST', body: 'a=1' }).catch(() => {}));",
        None,
    ),
    (
        "/frame",
        "text/html",
        "<!doctype html><script>fetch('/write/other-frame', { method: 'POST', body: 'a=1' })</script>",
        None,
    ),
    (
        "/reporting-frame",
        "text/html",
        "<!doctype html><img src=/picture>",
        Some(("content-security-policy", "img-src 'none'; report-uri /write/report")),
    ),
];

/// Leads away from the page, so it comes last, once the server has answered [`FINISHED`].
pub const TOP_LEVEL_FORM: &str = "/write/top-level-form";
/// The repeat of a POST to [`REDIRECT`], which is answered with 307. Where the POST itself does not pass, there is none.
pub const REPEATED: &str = "/write/repeated";

/// Where the page posts to in order to be led to [`REPEATED`].
pub const REDIRECT: &str = "/redirect";

/// Asked for when everything else has been tried.
pub const FINISHED: &str = "/finished";

/// Asked for by a page in an engine that does not load pages ahead.
pub const NO_PREFETCH: &str = "/unsupported/prefetch";

/// The last of [`WRITES`].
pub const PREFETCHED: &str = "/write/prefetched";

/// Reads in the same ways as some of [`WRITES`] write: these pass.
pub const READS: [&str; 2] = ["/read/events", "/read/prefetched"];

/// What the page writes to. The last two are loads that ask to be taken for another method; the same without that are
/// [`READS`].
pub const WRITES: [&str; 24] = [
    "/write/fetch",
    "/write/put",
    "/write/delete",
    "/write/keepalive",
    "/write/xhr",
    "/write/sync-xhr",
    "/write/beacon",
    "/write/worker",
    "/write/shared-worker",
    "/write/service-worker",
    "/write/blob-worker",
    "/write/nested-worker",
    "/write/socket",
    "/write/form-in-frame",
    "/write/srcdoc",
    "/write/ping",
    "/write/other-frame",
    "/write/other-beacon",
    "/write/report",
    "/write/upload",
    TOP_LEVEL_FORM,
    REPEATED,
    "/write/events",
    PREFETCHED,
];
