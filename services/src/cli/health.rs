use std::time::Duration;

use bytes::Bytes;
use clap::Args;
use http_body_util::{BodyExt, Full, Limited};
use hyper::{StatusCode, Uri};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};

use super::{Exit, Problem};

pub(super) const EXAMPLES: &str = "\
Example:
  ottla health http://127.0.0.1:3011/health/live

Ends with 0 if the answer is 2xx, otherwise with 1: what a container without a shell is watched by.";

/// What a health body can have; more is nobody's health.
const BODY_BYTES_MAX: usize = 64 * 1024;

/// What `ottla health` takes.
#[derive(Args, Clone, Debug)]
pub(super) struct HealthArgs {
    /// What to ask; http only.
    #[arg(default_value = "http://127.0.0.1:3010/health/ready", value_name = "URL", value_parser = http)]
    url: Uri,
    /// Waits this long for the answer, in seconds.
    #[arg(long, default_value_t = 5, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=600))]
    timeout: u64,
}

fn http(text: &str) -> Result<Uri, String> {
    let url: Uri = text.parse().map_err(|error| format!("not a URL: {error}"))?;
    match (url.scheme_str(), url.host()) {
        (Some("http"), Some(_)) => Ok(url),
        _ => Err("not of the form http://HOST:PORT/PATH".to_owned()),
    }
}

pub(super) async fn run(args: HealthArgs) -> Result<Exit, Problem> {
    let limit = Duration::from_secs(args.timeout);
    let unhealthy = |why: String| Problem::new(Exit::Failed, format!("{}: {why}", args.url));
    let answer = tokio::time::timeout(limit, ask(args.url.clone())).await;
    let (status, body) =
        answer.map_err(|_| unhealthy(format!("no answer within {limit:?}")))?.map_err(|why| unhealthy(why.clone()))?;
    let body = String::from_utf8_lossy(&body);
    if status.is_success() {
        super::print_line(&body);
        return Ok(Exit::Done);
    }
    Err(unhealthy(format!("{status}: {body}")))
}

async fn ask(url: Uri) -> Result<(StatusCode, Bytes), String> {
    let client: Client<HttpConnector, Full<Bytes>> = Client::builder(TokioExecutor::new()).build_http();
    let answer = client.get(url).await.map_err(|error| told(&error))?;
    let status = answer.status();
    let body = Limited::new(answer.into_body(), BODY_BYTES_MAX).collect().await.map_err(|error| error.to_string())?;
    Ok((status, body.to_bytes()))
}

/// The error with its causes, of which the last says most.
fn told(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(source) = cause {
        text = format!("{text}: {source}");
        cause = source.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use axum::{Router, routing::get};

    use super::*;

    #[test]
    fn only_an_absolute_http_url_is_asked() {
        for (text, taken) in [
            ("http://127.0.0.1:3010/health/ready", true),
            ("http://orders:3010", true),
            ("https://orders/", false),
            ("/health", false),
            ("127.0.0.1:3010", false),
        ] {
            assert_eq!(http(text).is_ok(), taken, "{text}");
        }
    }

    #[tokio::test]
    async fn two_hundreds_are_healthy_and_nothing_else_is() {
        let router = Router::new()
            .route("/200", get(async || "well"))
            .route("/503", get(async || (StatusCode::SERVICE_UNAVAILABLE, "ill")))
            .route("/never", get(async || std::future::pending::<String>().await));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let addr = listener.local_addr().expect("its address");
        let server = async { axum::serve(listener, router).await.expect("a server") };
        let asked = async {
            let url = |path: &str| format!("http://{addr}/{path}").parse::<Uri>().expect("a URL");
            assert_eq!(run(HealthArgs { url: url("200"), timeout: 30 }).await, Ok(Exit::Done));
            for (path, timeout, part) in
                [("503", 30, "503 Service Unavailable: ill"), ("never", 1, "no answer within 1s")]
            {
                let problem = run(HealthArgs { url: url(path), timeout }).await.expect_err("ill");
                assert_eq!(problem.exit(), Exit::Failed);
                assert!(problem.to_string().contains(part), "{problem}");
            }
        };
        tokio::select! { biased; () = asked => {}, () = server => {} }
    }
}
