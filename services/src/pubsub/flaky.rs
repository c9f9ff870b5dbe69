//! A handler that fails on purpose, so that a demo has retries to show.

use ottla::{Context, Handler, HandlerError};

use super::counts::Counts;

/// Fails the first attempt of a share of the records, chosen by their keys: the same ones in every run.
#[derive(Clone, Debug)]
pub(super) struct Flaky<H> {
    handler: H,
    share: Share,
    counts: Counts,
}

/// A share of the keys in ten thousandths.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Share(u32);

impl Share {
    /// So many percent, between 0 and 100.
    pub fn percent(percent: f64) -> Self {
        Self((percent.clamp(0.0, 100.0) * 100.0).round() as u32)
    }

    /// Whether `key` belongs to the share.
    pub fn takes(self, key: &[u8]) -> bool {
        // FNV-1a, folded: spreads keys that differ in one digit.
        let hash = key
            .iter()
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3));
        (hash ^ (hash >> 32)) % 10_000 < u64::from(self.0)
    }
}

impl<H> Flaky<H> {
    pub(super) fn new(handler: H, share: Share, counts: Counts) -> Self {
        Self { handler, share, counts }
    }
}

impl<E: Send + 'static, H: Handler<E>> Handler<E> for Flaky<H> {
    async fn handle(&self, event: E, cx: Context) -> Result<(), HandlerError> {
        self.counts.handler_ran();
        if cx.attempt() == 1 && cx.key().is_some_and(|key| self.share.takes(key)) {
            self.counts.failed_on_purpose();
            return Err(HandlerError::retry("failed on purpose (--flaky)"));
        }
        self.handler.handle(event, cx).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_share_is_about_as_large_as_asked() {
        let taken = |percent| {
            let share = Share::percent(percent);
            (0..100_000_u128).filter(|n| share.takes(uuid::Uuid::from_u128(*n).to_string().as_bytes())).count()
        };
        assert_eq!(taken(0.0), 0);
        assert_eq!(taken(100.0), 100_000);
        assert_eq!(taken(250.0), 100_000);
        let half_a_percent = taken(0.5);
        assert!((400..600).contains(&half_a_percent), "{half_a_percent}");
    }
}
