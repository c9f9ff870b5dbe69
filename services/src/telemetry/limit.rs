use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

/// At most so many a second: a line for each of thousands of requests would cost more than they do.
#[derive(Debug)]
pub(crate) struct Limit {
    most: u32,
    window: Mutex<(Instant, u32)>,
}

impl Limit {
    /// At most `most` a second.
    pub(crate) fn a_second(most: u32) -> Self {
        Self { most, window: Mutex::new((Instant::now(), 0)) }
    }

    /// Whether there is room for one more now.
    pub(crate) fn allows(&self) -> bool {
        let mut window = self.window.lock().unwrap_or_else(PoisonError::into_inner);
        if window.0.elapsed() >= Duration::from_secs(1) {
            *window = (Instant::now(), 0);
        }
        window.1 = window.1.saturating_add(1);
        window.1 <= self.most
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_exceeds_a_second_is_left_out_and_the_next_second_begins_anew() {
        let limit = Limit::a_second(2);
        assert_eq!([limit.allows(), limit.allows(), limit.allows()], [true, true, false]);
        tokio::time::advance(Duration::from_secs(1)).await;
        assert!(limit.allows());
    }
}
