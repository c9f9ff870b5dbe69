use std::time::Duration;

use tokio::{
    sync::watch,
    time::{sleep, timeout},
};

use super::wish::Wish;

/// How long a connection without a word is left in peace: its next request may be on its way.
const IDLE: Duration = Duration::from_millis(100);

/// How long the first bytes of a request are, before somebody else may have the place.
const HALF_A_HEAD: Duration = Duration::from_secs(1);

/// How long a connection without a request is kept once the server is to end: an answer may be on its way.
const QUIET: Duration = Duration::from_millis(200);

/// What happens on one connection, told by those who see it.
#[derive(Clone, Debug)]
pub(super) struct Activity(watch::Sender<State>);

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct State {
    /// Requests that are being answered.
    running: u32,
    /// Requests that there have been.
    begun: u64,
    /// The client has said something since the last answer.
    unanswered: bool,
    /// It has not taken yet what was written to it.
    unsent: bool,
}

impl State {
    /// How long the connection may go on like this when its place is wanted; as long as it likes, if none.
    fn keeps_its_place(self) -> Option<Duration> {
        match self {
            Self { running: 1.., .. } | Self { unsent: true, .. } => None,
            Self { unanswered: true, .. } => Some(HALF_A_HEAD),
            _ => Some(IDLE),
        }
    }
}

impl Activity {
    pub(super) fn new() -> Self {
        Self(watch::Sender::default())
    }

    /// The client said something.
    pub(super) fn heard(&self) {
        self.change(|state| state.unanswered = true);
    }

    /// It takes nothing of what is written to it.
    pub(super) fn stalled(&self) {
        self.change(|state| state.unsent = true);
    }

    /// It took something of an answer.
    pub(super) fn sent(&self) {
        self.change(|state| (state.unanswered, state.unsent) = (false, false));
    }

    /// Whether the client has said something since the last answer.
    pub(super) fn is_unanswered(&self) -> bool {
        self.0.borrow().unanswered
    }

    /// A request's head is complete.
    pub(super) fn request(&self) -> Running {
        self.change(|state| (state.running, state.begun) = (state.running.saturating_add(1), state.begun + 1));
        Running(self.clone())
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        self.0.send_if_modified(|state| {
            let before = *state;
            change(state);
            *state != before
        });
    }

    /// Completes once no request has run for a moment.
    pub(super) async fn left_alone(&self) {
        let mut state = self.0.subscribe();
        loop {
            // The sender is here, so both only wait.
            let _ = state.wait_for(|state| state.running == 0).await.map(drop);
            if timeout(QUIET, state.wait_for(|state| state.running > 0)).await.is_err() {
                return;
            }
        }
    }

    /// Completes when this connection is to make room: it is the one that has been idle longest, and another wants a
    /// place. A request that runs and an answer that is not sent are never cut.
    pub(super) async fn makes_room(&self, wish: &Wish) {
        let mut state = self.0.subscribe();
        loop {
            let (kept, begun) = {
                let state = state.borrow_and_update();
                (state.keeps_its_place(), state.begun)
            };
            let chosen = async {
                match kept {
                    Some(kept) => sleep(kept).await,
                    None => std::future::pending().await,
                }
                wish.granted().await;
            };
            tokio::select! {
                biased;
                _ = state.wait_for(|state| (state.keeps_its_place(), state.begun) != (kept, begun)) => {}
                () = chosen => return,
            }
        }
    }
}

/// A request that has not been answered yet.
pub(super) struct Running(Activity);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.change(|state| state.running = state.running.saturating_sub(1));
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;
    use tokio::time::advance;

    use super::*;

    /// Whether a connection makes room that has been as it is for `long`.
    async fn leaves(activity: &Activity, long: Duration) -> bool {
        let wish = Wish::default();
        wish.make();
        let mut leaving = std::pin::pin!(activity.makes_room(&wish));
        assert!(leaving.as_mut().now_or_never().is_none(), "at once");
        advance(long).await;
        leaving.now_or_never().is_some()
    }

    #[tokio::test(start_paused = true)]
    async fn only_who_is_owed_nothing_makes_room() {
        let moment = Duration::from_millis(1);
        let activity = Activity::new();
        assert!(!leaves(&activity, IDLE - moment).await);
        assert!(leaves(&activity, IDLE + moment).await);
        activity.heard();
        assert!(!leaves(&activity, HALF_A_HEAD - moment).await);
        assert!(leaves(&activity, HALF_A_HEAD + moment).await);
        let running = activity.request();
        assert!(!leaves(&activity, Duration::from_secs(3600)).await);
        activity.stalled();
        drop(running);
        assert!(!leaves(&activity, Duration::from_secs(3600)).await);
        activity.sent();
        assert!(leaves(&activity, IDLE + moment).await);
    }

    #[tokio::test(start_paused = true)]
    async fn the_longest_idle_makes_room_first() {
        let wish = Wish::default();
        let [one, two, three] = [Activity::new(), Activity::new(), Activity::new()];
        let mut first = std::pin::pin!(one.makes_room(&wish));
        let mut second = std::pin::pin!(two.makes_room(&wish));
        let mut third = std::pin::pin!(three.makes_room(&wish));
        for leaving in [&mut first, &mut second, &mut third] {
            assert!(leaving.as_mut().now_or_never().is_none());
            advance(IDLE).await;
            assert!(leaving.as_mut().now_or_never().is_none());
        }
        // A request, answered before anybody looked: it has not been idle longest any more.
        drop(one.request());
        assert!(first.as_mut().now_or_never().is_none());
        wish.make();
        assert!(first.as_mut().now_or_never().is_none());
        assert!(third.as_mut().now_or_never().is_none());
        // Chosen, but a request came first: the wish goes on to the next.
        let _running = two.request();
        assert!(second.as_mut().now_or_never().is_none());
        assert!(third.as_mut().now_or_never().is_some());
    }
}
