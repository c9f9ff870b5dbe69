//! The Kubernetes manifests agree with the binary and with its image.

use libtest_mimic::Failed;

use crate::{
    command,
    harness::{Context, Outcome},
};

const MANIFESTS: [(&str, &str, &str); 2] = [
    ("pubsub.producer", "3010", include_str!("../../../deploy/k8s/producer.yaml")),
    ("pubsub.consumer", "3011", include_str!("../../../deploy/k8s/consumer.yaml")),
];
const DOCKERFILE: &str = include_str!("../../../deploy/Dockerfile");

pub(super) async fn manifests_agree_with_the_binary_and_the_image(cx: Context) -> Outcome {
    let user = value_of(DOCKERFILE, "USER ")?.split(':').next().unwrap_or_default().to_owned();
    let grace: u32 = default_of(&help(&cx).await?, "--grace")?.parse()?;
    for (service, port, manifest) in MANIFESTS {
        // Those that the service itself needs to be alone in its rights, and let go in order.
        for line in [
            "runAsNonRoot: true",
            "readOnlyRootFilesystem: true",
            "allowPrivilegeEscalation: false",
            "capabilities: {drop: [ALL]}",
            "kind: PodDisruptionBudget",
            "httpGet: {path: /health/live, port: http}",
            "httpGet: {path: /health/ready, port: http}",
            &format!("runAsUser: {user}"),
            &format!("args: [serve, {service}, --listen, \"0.0.0.0:{port}\"]"),
            &format!("{{name: http, containerPort: {port}}}"),
        ] {
            assert!(manifest.contains(line), "{service}: no '{line}'");
        }
        assert!(DOCKERFILE.contains(port), "the image does not expose {port}");
        let patience: u32 = value_of(manifest, "terminationGracePeriodSeconds: ")?.parse()?;
        assert!(patience > grace, "{service} is killed after {patience} s, and may drain for {grace} s");
        // What is alive must not be restarted for what is only not ready.
        let liveness = manifest.split("livenessProbe:").nth(1).and_then(|rest| rest.split("Probe:").next());
        assert!(!liveness.ok_or("no liveness probe")?.contains("/health/ready"), "{service}");
    }
    Ok(())
}

/// What stands behind `name` on its line.
fn value_of<'t>(text: &'t str, name: &str) -> Result<&'t str, Failed> {
    let found = text.lines().find_map(|line| line.trim().strip_prefix(name));
    found.map(str::trim).ok_or_else(|| format!("no '{name}'").into())
}

/// The default that the help of `serve` tells for a flag.
fn default_of<'t>(help: &'t str, flag: &str) -> Result<&'t str, Failed> {
    let after = help.split_once(flag).map(|(_, after)| after);
    let default = after.and_then(|after| after.split_once("[default: ")).and_then(|(_, rest)| rest.split_once(']'));
    default.map(|(value, _)| value).ok_or_else(|| format!("no default of {flag} in: {help}").into())
}

async fn help(cx: &Context) -> Result<String, Failed> {
    let dir = cx.fixture().dir("manifests")?;
    let log = dir.join("log");
    let mut process = command::start(&["serve", "--help"], &dir, &log)?;
    process.wait().await?;
    Ok(std::fs::read_to_string(log)?)
}
