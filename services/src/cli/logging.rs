//! What is said on standard error, and where spans go.

use std::{
    fmt::Display,
    io::{self, IsTerminal},
};

use clap::{ArgAction, Args, ValueEnum};
use ottla::{Env, envelope::Timestamp};
use serde_json::json;
use tracing_subscriber::{
    EnvFilter, Layer, Registry, fmt::format::JsonFields, layer::SubscriberExt, util::SubscriberInitExt,
};

use super::spans::{Collector, Spans};
use crate::{config::Settings, telemetry::JsonLines};

/// How much is said on standard error.
#[derive(Args, Clone, Debug)]
pub(super) struct TalkArgs {
    /// Says more on standard error; twice, everything.
    #[arg(short, long, global = true, action = ArgAction::Count)]
    verbose: u8,
    /// Says only on standard error why it failed.
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    quiet: bool,
}

/// How it is said, and to whom else.
#[derive(Args, Clone, Debug, Default)]
pub(super) struct TelemetryArgs {
    /// How standard error is written: text, or json, one object a line.
    #[arg(long, value_enum, default_value_t, env = "OTTLA_LOG_FORMAT", hide_env_values = true, value_name = "FORMAT")]
    pub(super) log_format: LogFormat,
    /// Sends spans to this OpenTelemetry collector, by OTLP over HTTP, if this ottla was built with the feature otlp.
    #[arg(long, value_name = "http://HOST:PORT")]
    pub(super) otlp: Option<Collector>,
}

/// How standard error is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum LogFormat {
    /// Lines for people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

impl LogFormat {
    /// Says something whatever the level is.
    pub(super) fn say(self, level: &str, message: &dyn Display) {
        match self {
            Self::Text if level == "ERROR" => eprintln!("ottla: {message}"),
            Self::Text => eprintln!("ottla: warning: {message}"),
            Self::Json => {
                let timestamp = Timestamp::saturating_from_millis(Env::system().now_ms()).to_string();
                let message = message.to_string();
                eprintln!("{}", json!({"timestamp": timestamp, "level": level, "target": "ottla", "message": message}));
            }
        }
    }
}

/// Logs to standard error: as `RUST_LOG` says, else the flags, else `KAFKA_LOG_LEVEL`, else from `default` on.
pub(super) fn start(
    talk: &TalkArgs,
    telemetry: TelemetryArgs,
    settings: Option<&Settings>,
    default: &str,
) -> Option<Spans> {
    let level = match (talk.quiet, talk.verbose) {
        (true, _) => "off",
        (false, 0) => settings.and_then(Settings::log_level).unwrap_or(default),
        (false, 1) => "debug",
        (false, _) => "trace",
    };
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(level));
    let (spans, layer) = Spans::to(telemetry.otlp);
    let logging = Registry::default().with(lines(telemetry.log_format).with_filter(filter)).with(layer).try_init();
    if logging.is_err() {
        telemetry.log_format.say("WARN", &"a logger was there already");
    }
    if !talk.quiet {
        for warning in settings.map(Settings::warnings).unwrap_or_default() {
            telemetry.log_format.say("WARN", warning);
        }
    }
    spans
}

fn lines(format: LogFormat) -> Box<dyn Layer<Registry> + Send + Sync> {
    let lines = tracing_subscriber::fmt::layer().with_writer(io::stderr);
    match format {
        LogFormat::Text => lines.with_ansi(io::stderr().is_terminal()).boxed(),
        LogFormat::Json => lines.with_ansi(false).fmt_fields(JsonFields::new()).event_format(JsonLines).boxed(),
    }
}
