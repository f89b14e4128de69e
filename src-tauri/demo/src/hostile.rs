//! A customer's page that attacks the console, to prove that a session's page can reach nothing outside.
//!
//! Its script is `pages/hostile.js`. It reports to `/hostile/report`, which the journal records. A page that is
//! navigated to a forbidden place reports that too, from its `pagehide` event.

use std::sync::Arc;

use axum::Router;
use axum::http::{StatusCode, header};
use axum::response::Html;
use axum::routing::{get, post};

use super::application::AppState;

/// No Content-Security-Policy here: only the console's own defences stop the attacker.
pub(super) fn build_routes() -> Router<Arc<AppState>> {
    Router::new()
        .route("/hostile", get(async || Html(render_page("top"))))
        .route("/hostile/child", get(async || Html(render_page("child"))))
        .route("/hostile/frame", get(async || Html(render_page("frame"))))
        .route("/hostile/harmless", get(async || Html("<!doctype html><title>Harmless</title><p>harmless")))
        .route("/hostile/hostile.js", get(serve_script))
        .route("/hostile/report", post(async || StatusCode::NO_CONTENT))
}

async fn serve_script() -> ([(header::HeaderName, &'static str); 1], &'static str) {
    ([(header::CONTENT_TYPE, "text/javascript; charset=utf-8")], include_str!("pages/hostile.js"))
}

/// `place` is where the page is shown: at the top, in a window that it opened, or in a frame.
fn render_page(place: &str) -> String {
    format!(
        r#"<!doctype html>
<html lang="en" data-place="{place}">
<head><meta charset="utf-8"><title>Hostile page</title></head>
<body>
<h1>Hostile page</h1>
<p>It tries what it must not be able to do. What it says of each attempt goes to the journal.</p>
<ol id="results"></ol>
<script src="/hostile/hostile.js"></script>
</body>
</html>
"#
    )
}
