//! The exporter of spans, or what is said where it was not built.

#[cfg(feature = "otlp")]
pub(super) use built::{Collector, Spans};
#[cfg(not(feature = "otlp"))]
pub(super) use missing::{Collector, Spans};

#[cfg(feature = "otlp")]
mod built {
    use ottla::Env;
    use tracing::Subscriber;
    use tracing_subscriber::{Layer, filter::filter_fn, registry::LookupSpan};

    use crate::telemetry::otlp::{Endpoint, Exporter, Exporting};

    pub(in crate::cli) type Collector = Endpoint;

    /// Sends spans while a command runs.
    pub(in crate::cli) struct Spans(Exporter);

    impl Spans {
        /// The exporter to `collector`, and the layer that hands it spans whatever the lines' level is.
        pub(in crate::cli) fn to<S>(collector: Option<Collector>) -> (Option<Self>, Option<impl Layer<S>>)
        where
            S: Subscriber + for<'a> LookupSpan<'a>,
        {
            let made = collector.map(|endpoint| Exporter::new(&Env::system(), endpoint, "ottla"));
            let ours = || filter_fn(|metadata| metadata.is_span() && metadata.fields().field("otel.kind").is_some());
            match made {
                Some((exporter, layer)) => (Some(Self(exporter)), Some(layer.with_filter(ours()))),
                None => (None, None),
            }
        }

        pub(in crate::cli) fn start(self) -> Exporting {
            self.0.start()
        }
    }
}

#[cfg(not(feature = "otlp"))]
mod missing {
    use std::{convert::Infallible, str::FromStr};

    use tracing_subscriber::layer::Identity;

    /// There is none: asking for one is refused.
    #[derive(Clone, Debug)]
    pub(in crate::cli) struct Collector(Infallible);

    impl FromStr for Collector {
        type Err = String;

        fn from_str(_: &str) -> Result<Self, String> {
            Err("this ottla was built without it; with it: cargo build --release -p ottla-services --features otlp"
                .to_owned())
        }
    }

    /// What would send spans.
    pub(in crate::cli) struct Spans(Infallible);

    impl Spans {
        pub(in crate::cli) fn to(collector: Option<Collector>) -> (Option<Self>, Identity) {
            (collector.map(|collector| Self(collector.0)), Identity::new())
        }

        pub(in crate::cli) fn start(self) -> Self {
            self
        }

        pub(in crate::cli) async fn finish(self) {
            match self.0 {}
        }
    }
}
