use std::{
    io::{self, Write},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use futures_util::future::join_all;
use libtest_mimic::Failed;
use ottla_kafka_core::{ClientBuilder, Sasl, Secret};
use tokio::time::sleep;
use tracing_subscriber::{filter::LevelFilter, util::SubscriberInitExt};

use super::{client, mechanisms, tls};
use crate::{
    fixture::{Listener, Secured},
    harness::{Context, Outcome},
};

/// Of passwords that are wrong and right.
const CANARIES: [&str; 2] = [Secured::PASSWORD, "canary-wrong"];

/// What is logged, in memory.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

pub(super) async fn no_secret_is_told_by_any_log_or_error(cx: Context) -> Outcome {
    let secured = cx.fixture().secured().await?;
    let mut builders = Vec::new();
    let wrong = || Secret::new("canary-wrong");
    let wrong = [
        Sasl::plain(Secured::USER, wrong()),
        Sasl::scram_sha_256(Secured::USER, wrong()),
        Sasl::scram_sha_512(Secured::USER, wrong()),
        Sasl::oauthbearer_token(wrong()),
    ];
    for sasl in mechanisms().into_iter().chain(wrong) {
        builders.push(client(secured, Listener::SaslTls)?.tls(tls(secured)?).sasl(sasl.clone()));
        builders.push(client(secured, Listener::Sasl)?.sasl(sasl.allow_plaintext()));
    }
    let log = Log::default();
    let written = log.clone();
    // On a thread and a runtime of its own, whose every task logs here.
    let told = cx.env().run_blocking(move || tell_all(builders, log)).await.ok_or("the thread panicked")?;
    let errors = told.map_err(Failed::from)?;
    let log = String::from_utf8_lossy(&written.0.lock().unwrap_or_else(PoisonError::into_inner)).into_owned();
    assert!(log.contains("TRACE") || log.contains("DEBUG"), "nothing was logged: {log}");
    assert!(log.contains("authenticated again"), "no session was renewed");
    for canary in CANARIES {
        let spellings =
            [canary.to_owned(), BASE64.encode(canary), BASE64.encode(format!("\0{}\0{canary}", Secured::USER))];
        for spelling in &spellings {
            for (what, text) in [("log", &log), ("errors", &errors)] {
                assert!(!text.contains(spelling.as_str()), "the {what} tells '{spelling}'");
            }
        }
    }
    cx.figure(&format!("{} bytes of log at TRACE, {} of errors and settings", log.len(), errors.len()));
    Ok(())
}

/// Lets every client do its best on a runtime whose tasks all log to `log`; what their errors and settings say.
fn tell_all(builders: Vec<ClientBuilder>, log: Log) -> Result<String, String> {
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(LevelFilter::TRACE)
        .with_ansi(false)
        .with_writer(move || log.clone())
        .finish();
    let _logging = subscriber.set_default();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|e| e.to_string())?;
    runtime.block_on(async {
        let told = join_all(builders.into_iter().map(tell)).await.into_iter().collect::<Result<String, String>>();
        // What ends with the clients may log as well.
        sleep(Duration::from_millis(100)).await;
        told
    })
}

/// What one client, its settings and its errors tell: now, and when its session is due but its connection not yet idle.
async fn tell(builder: ClientBuilder) -> Result<String, String> {
    let mut told = format!("{builder:?}\n");
    let client = builder.build().map_err(|error| error.to_string())?;
    for _ in 0..2 {
        let answer = client.metadata().refresh_after(client.metadata().cluster().generation()).await;
        told.push_str(&format!("{client:?} {answer:?}\n"));
        if let Err(error) = answer {
            told.push_str(&format!("{error} {error:?} {error:#?} {}\n", super::chain(&error)));
        }
        sleep(Secured::SESSION.mul_f32(0.85)).await;
    }
    client.close().await;
    Ok(told)
}
