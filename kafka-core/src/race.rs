//! Several ways to one end, of which some may be silent.

use std::time::Duration;

use futures_util::{StreamExt, stream::FuturesUnordered};
use tokio::time::sleep;

/// The first success of `attempts`: the next begins when one has failed, or when `patience` has passed without a
/// result. Ends early at an error that is `last`, whatever the others may bring.
///
/// # Errors
/// Every attempt's error, in the order they came.
pub(crate) async fn first_success<T, E, F>(
    attempts: impl IntoIterator<Item = F>,
    patience: Duration,
    last: impl Fn(&E) -> bool,
) -> Result<T, Vec<E>>
where
    F: Future<Output = Result<T, E>>,
{
    let mut waiting = attempts.into_iter();
    let mut running = FuturesUnordered::new();
    let mut errors = Vec::new();
    running.extend(waiting.next());
    while !running.is_empty() {
        tokio::select! {
            biased;
            Some(result) = running.next() => match result {
                Ok(success) => return Ok(success),
                Err(error) => {
                    let last = last(&error);
                    errors.push(error);
                    if last {
                        return Err(errors);
                    }
                }
            },
            () = sleep(patience) => {}
        }
        running.extend(waiting.next());
    }
    Err(errors)
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;
    use crate::env::BoxFuture;

    const PATIENCE: Duration = Duration::from_secs(1);

    fn after(seconds: u64, result: Result<u64, u64>) -> BoxFuture<'static, Result<u64, u64>> {
        Box::pin(async move {
            sleep(Duration::from_secs(seconds)).await;
            result
        })
    }

    #[tokio::test(start_paused = true)]
    async fn the_next_is_tried_after_a_failure_or_when_patience_ends() {
        for (attempts, expected, takes) in [
            (vec![after(0, Ok(1)), after(0, Ok(2))], Ok(1), 0),
            (vec![after(0, Err(1)), after(0, Ok(2))], Ok(2), 0),
            // The silent one costs the patience, not its time.
            (vec![after(60, Ok(1)), after(0, Ok(2))], Ok(2), 1),
            (vec![after(60, Ok(1)), after(60, Err(2)), after(0, Ok(3))], Ok(3), 2),
            (vec![after(0, Err(1)), after(5, Err(2))], Err(vec![1, 2]), 5),
            // A slow one is not given up while the others fail.
            (vec![after(5, Ok(1)), after(0, Err(2))], Ok(1), 5),
            (vec![after(0, Err(9)), after(0, Ok(2))], Err(vec![9]), 0),
            (vec![], Err(vec![]), 0),
        ] {
            let begun = Instant::now();
            assert_eq!(first_success(attempts, PATIENCE, |error| *error == 9).await, expected);
            assert_eq!(begun.elapsed().as_secs(), takes);
        }
    }
}
