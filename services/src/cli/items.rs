//! What became of several topics or groups.

use ottla::Error;

use serde_json::Value;

use super::{Exit, Problem, print_json};
use crate::config::Settings;

/// The exit of a command about several items: what went wrong with each, and [`Exit::Partial`] if not all did.
pub(super) fn verdict(
    doing: &str,
    results: impl IntoIterator<Item = (String, Result<(), Error>)>,
    settings: &Settings,
) -> Result<Exit, Problem> {
    let mut done = Vec::new();
    let mut problems = Vec::new();
    for (name, result) in results {
        match result {
            Ok(()) => done.push(name),
            Err(error) => problems.push(Problem::kafka(&format!("{doing} {name}"), settings.brokers(), &error)),
        }
    }
    tracing::info!(?done, "{doing}");
    let Some(problem) = Problem::together(problems) else { return Ok(Exit::Done) };
    if done.is_empty() {
        return Err(problem);
    }
    Err(problem.exit_with(Exit::Partial).account(format!("{doing} {}", done.join(", "))))
}

/// Shows what was found, for programs or for people, and what was not.
pub(super) fn show<T>(
    found: &[T],
    problems: Vec<Problem>,
    json: Option<fn(&T) -> Value>,
    print: fn(&T),
) -> Result<Exit, Problem> {
    match json {
        Some(json) => print_json(&found.iter().map(json).collect())?,
        None => found.iter().for_each(print),
    }
    match Problem::together(problems) {
        Some(problem) if found.is_empty() => Err(problem),
        Some(problem) => Err(problem.exit_with(Exit::Partial)),
        None => Ok(Exit::Done),
    }
}

#[cfg(test)]
mod tests {
    use ottla::kafka::ErrorCode;

    use super::*;
    use crate::config::Given;

    #[test]
    fn some_of_several_is_partial() {
        let settings = Settings::read(Given::default(), []).expect("valid");
        let failed = |code| Err(Error::broker(code, "DeleteTopics"));
        let unknown = || failed(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
        let refused = || failed(ErrorCode::TOPIC_AUTHORIZATION_FAILED);
        for (results, exit) in [
            (vec![Ok(()), Ok(())], 0),
            (vec![unknown(), unknown()], 3),
            (vec![unknown(), refused()], 3),
            (vec![refused()], 4),
            (vec![Ok(()), refused()], 6),
        ] {
            let named = results.into_iter().enumerate().map(|(index, result)| (format!("t{index}"), result));
            let verdict = verdict("delete", named, &settings);
            let code = match &verdict {
                Ok(exit) => exit.code(),
                Err(problem) => problem.exit().code(),
            };
            assert_eq!(code, exit, "{verdict:?}");
        }
    }
}
