//! Whether the application is down for maintenance, and when to try again.

use serde_json::Value;

use super::RefusalCause;
use crate::browser::Answer;
use crate::sign_in::page_text;

/// What applications and hosts say during maintenance, in lower case.
const MAINTENANCE: &[&str] = &[
    "maintenance",
    "be right back",
    "be back soon",
    "back shortly",
    "back online shortly",
    "temporarily offline",
    "offline for",
    "under construction",
    "this web app is stopped",
    "app_offline",
    "wartung",
    "mantenimiento",
    "manutenzione",
    "manutenção",
    "onderhoud",
    "underhåll",
    "konserwacj",
    "přerušen",
    "huolto",
    "bakım",
    "технические работы",
    "техническое обслуживание",
    "メンテナンス",
    "维护",
    "維護",
    "점검",
];

/// Apache says this about any server that does not answer.
const OF_APACHE: &str = "due to maintenance downtime or capacity problems";

/// Laravel's whole text in maintenance mode by default.
const OF_LARAVEL: &[&str] = &["503 service unavailable", "service unavailable"];

/// The application is in maintenance.
pub(super) fn detect_maintenance(answer: &Answer, words: &str) -> Option<RefusalCause> {
    let words = words.to_lowercase().replace(OF_APACHE, "");
    let message =
        || serde_json::from_str::<Value>(&answer.body).ok()?["message"].as_str().map(str::to_lowercase);
    let is_said = (500..600).contains(&answer.status) && MAINTENANCE.iter().any(|mark| words.contains(mark))
        || answer.status >= 400 && words.contains("this web app is stopped")
        || answer.status == 503 && answer.header("x-nextcloud-maintenance-mode").is_some();
    let is_laravel = || {
        let is_its = |text: &str| OF_LARAVEL.contains(&text.trim());
        let is_page = page_text::is_html(answer) && answer.body.contains("antialiased") && is_its(&words);
        answer.status == 503 && (is_page || message().is_some_and(|message| is_its(&message)))
    };
    if is_said {
        return Some(RefusalCause {
            said: Some("The application is down for maintenance".into()),
            hint: "Its answer says that it is being worked on. Try again later, or ask whoever runs it."
                .into(),
            is_secrets: false,
        });
    }
    is_laravel().then(|| RefusalCause {
        said: Some("The application is down for maintenance".into()),
        hint: "Laravel answers like this in maintenance mode. Try again when that is over (`php artisan up`), or ask \
               whoever runs it.".into(),
        is_secrets: false,
    })
}

/// When to try again, if the answer says so (RFC 9110, 10.2.3): a sentence with a leading space.
pub(in crate::sign_in) fn describe_retry_after(answer: &Answer) -> String {
    let Some(said) = answer.header("retry-after").map(str::trim).filter(|_| answer.status >= 400) else {
        return String::new();
    };
    match said.parse::<u32>() {
        Ok(0) => String::new(),
        Ok(seconds @ ..=119) => format!(" The answer asks you to wait {seconds} s."),
        Ok(seconds @ ..=7_199) => format!(" The answer asks you to wait {} minutes.", seconds.div_ceil(60)),
        Ok(seconds) => format!(" The answer asks you to wait {} hours.", seconds.div_ceil(3_600)),
        Err(_) if jiff::fmt::rfc2822::parse(said).is_ok() => {
            format!(" The answer asks you to wait until {said}.")
        }
        Err(_) => String::new(),
    }
}
