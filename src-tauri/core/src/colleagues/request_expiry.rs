//! Whether a request of this console's own has expired. The team's log itself is asked, because what is known of it here may
//! not go back far enough; while it is out of reach, nobody guesses.

use parking_lot::Mutex;
use sqlx::postgres::PgListener;
use tokio::sync::oneshot;

use super::approvals::RequestExpiry;
use super::reading::read_request;
use super::watch::in_time;
use super::{Colleagues, TeamLogReach};
use crate::audit::RequestName;
use crate::clock::Moment;

/// The requests that somebody wants to know about, until the team's log has answered.
#[derive(Default)]
pub(super) struct OpenQuestions {
    open: Mutex<Vec<Question>>,
}

struct Question {
    name: RequestName,
    answer: oneshot::Sender<RequestExpiry>,
}

impl OpenQuestions {
    fn ask(&self, name: RequestName) -> oneshot::Receiver<RequestExpiry> {
        let (answer, told) = oneshot::channel();
        self.open.lock().push(Question { name, answer });
        told
    }

    fn first_name(&self) -> Option<RequestName> {
        let mut open = self.open.lock();
        open.retain(|question| !question.answer.is_closed());
        open.first().map(|question| question.name.clone())
    }

    fn answer(&self, name: &RequestName, answer: RequestExpiry) {
        for question in self.open.lock().extract_if(.., |question| question.name == *name) {
            // Whoever asked may have gone.
            let _ = question.answer.send(answer);
        }
    }
}

impl Colleagues {
    /// Waits until a request of this console's own log has expired by the clock of the team's log; `false`: it was declined
    /// instead. One that never gets there has expired at `own_end`.
    pub(crate) async fn wait_for_expiry(&self, name: &RequestName, own_end: Moment) -> bool {
        loop {
            let next = match self.judge_expiry(name).await {
                RequestExpiry::Declined => return false,
                RequestExpiry::Over => return true,
                RequestExpiry::NotYet { left_ms } => self.clock.now().add_ms(left_ms),
                RequestExpiry::NeverArrived => own_end,
            };
            let next = next.by_boot_clock();
            if next.is_reached(self.clock.now()) {
                return true;
            }
            self.clock.wait_until(next).await;
        }
    }

    /// Asks the team's log. Takes as long as the log is out of reach.
    async fn judge_expiry(&self, name: &RequestName) -> RequestExpiry {
        let told = self.questions.ask(name.clone());
        self.wake.notify_one();
        match told.await {
            Ok(answer) => answer,
            // Cannot be: the question is kept until it is answered.
            Err(_) => std::future::pending().await,
        }
    }

    /// Answers what is asked, over this connection. If that fails, it is asked again over the next one.
    pub(super) async fn answer_questions(&self, listener: &mut PgListener) -> sqlx::Result<()> {
        while let Some(name) = self.questions.first_name() {
            let rows = in_time(read_request(listener, &name)).await?;
            let mut answer = RequestExpiry::NeverArrived;
            self.update(TeamLogReach::InReach, None, |known| {
                known.apply(&rows);
                answer = known.approvals.judge_expiry(&name, known.server_ms(self.clock.now()));
            });
            self.questions.answer(&name, answer);
        }
        Ok(())
    }
}
