use tokio::sync::watch;

/// Whether the server is to end; every request carries it.
#[derive(Clone, Debug)]
pub(super) struct Ending(watch::Receiver<bool>);

impl Ending {
    /// Tells it by the sender's value; that the sender is gone says it, too.
    pub(super) fn new(stopped: watch::Receiver<bool>) -> Self {
        Self(stopped)
    }

    /// Waits until the server is to end.
    pub(super) async fn told(&mut self) {
        // The value that it waited for is a lock, which must not be held any longer.
        let _ = self.0.wait_for(|stopped| *stopped).await;
    }
}
