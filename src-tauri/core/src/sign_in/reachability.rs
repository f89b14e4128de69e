//! Why the window cannot reach the application: the console tries in its place and names the cause, in the same words
//! as the sign-in test.

use std::time::Duration;

use url::{Origin, Url};

use super::client::Client;
use crate::browser::{PlannedRequest, Unanswered};
use crate::connection::{Connection, Method};

const LIMIT: Duration = Duration::from_secs(5);

/// The cause of a failure that a window reported, if the console finds one: WebKit only says "Load failed".
pub async fn name_cause(connection: &Connection, request: &PlannedRequest, why: Unanswered) -> Unanswered {
    match why {
        Unanswered::Failed(words) => {
            let found = probe_origin(connection, &request.url.origin()).await;
            // The application is reachable, so the request may have arrived.
            found.err().unwrap_or(Unanswered::BrokenOff(words))
        }
        other => other,
    }
}

/// Requests the origin's root, without cookies or secrets. Any answer will do.
async fn probe_origin(connection: &Connection, origin: &Origin) -> Result<(), Unanswered> {
    let (Ok(mut client), Ok(url)) =
        (Client::in_place_of_window(&connection.network), Url::parse(&origin.ascii_serialization()))
    else {
        return Ok(());
    };
    let request = PlannedRequest {
        method: Method::Get,
        url,
        headers: Vec::new(),
        body: None,
        timeout: LIMIT,
        expect: Vec::new(),
        that: Vec::new(),
        secrets: Vec::new(),
    };
    match client.send_request(&request, 0).await {
        Err(why @ (Unanswered::Failed(_) | Unanswered::BrokenOff(_))) => Err(why),
        _ => Ok(()),
    }
}

/// Whether rustls complains about the certificate.
pub(super) fn is_certificate(words: &str) -> bool {
    words.contains("certificate")
}
