//! The image by itself.

use std::{path::Path, time::Duration};

use libtest_mimic::Failed;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::{
    docker::{Rubbish, docker},
    http,
};

/// docker/docker-compose.kafka.yml and CI promise it.
const IMAGE_BYTES_MAX: u64 = 15_000_000;
/// What `docker stop` may take under no load.
const STOP_LIMIT: Duration = Duration::from_secs(5);
/// For a service to be ready on a busy machine.
const READY_LIMIT: Duration = Duration::from_secs(60);

pub(crate) fn the_image_is_small_and_runs_as_nobody(image: &str) -> Result<(), Failed> {
    let inspected = docker(&["image", "inspect", image])?.json()?;
    let size = inspected.pointer("/0/Size").and_then(Value::as_u64).ok_or("no size")?;
    eprintln!("figure image: {size} bytes");
    assert!(size <= IMAGE_BYTES_MAX, "{size} bytes");
    let config = inspected.pointer("/0/Config").ok_or("no settings")?;
    assert_eq!(config.get("User"), Some(&json!("65532:65532")));
    assert_eq!(config.get("Entrypoint"), Some(&json!(["/ottla"])));
    assert_eq!(config.get("StopSignal"), Some(&json!("SIGTERM")));
    assert_eq!(config.get("ExposedPorts"), Some(&json!({"3010/tcp": {}, "3011/tcp": {}})));
    for label in ["title", "description", "licenses", "version", "revision"] {
        let value = config.pointer(&format!("/Labels/org.opencontainers.image.{label}")).and_then(Value::as_str);
        assert!(value.is_some_and(|value| !value.is_empty()), "no label {label}");
    }
    Ok(())
}

pub(crate) fn the_image_has_no_shell(image: &str) -> Result<(), Failed> {
    for shell in ["sh", "/bin/sh", "/bin/bash", "/bin/busybox"] {
        let said = docker(&["run", "--rm", "--pull", "never", "--entrypoint", shell, image])?;
        assert!(
            !said.success && said.all.contains("no such file or directory") || said.all.contains("not found"),
            "{}",
            said.all
        );
    }
    Ok(())
}

pub(crate) fn the_demo_passes_without_rights(image: &str) -> Result<(), Failed> {
    let rights = ["--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--network", "none"];
    let demo = ["demo", "--orders", "200", "--exit", "--json"];
    // Its store lies in /data: the image's volume, or a file system in memory laid over it.
    for store in [&[][..], &["--tmpfs", "/data:uid=65532"]] {
        let run = [&["run", "--rm", "--pull", "never"], &rights[..], store, &[image], &demo].concat();
        let output = docker(&run)?.well()?;
        let account: Value = serde_json::from_str(output.lines().last().unwrap_or_default())?;
        let count = |name: &str| account.get(name).and_then(Value::as_u64).ok_or_else(|| format!("{name}: {account}"));
        assert_eq!((count("accepted")?, count("lost")?, count("duplicates")?), (200, 0, 0), "{account}");
    }
    Ok(())
}

/// Broker and service in one network, so that loopback is theirs; the store on a volume.
pub(crate) fn a_stopped_service_ends_in_order_and_keeps_its_volume(image: &str) -> Result<(), Failed> {
    let (broker, service) =
        (format!("ottla-test-broker-{}", std::process::id()), format!("ottla-test-{}", std::process::id()));
    let mut rubbish = Rubbish::default();
    rubbish.container(&broker);
    rubbish.volume(&service);
    let alone = ["--pull", "never", "--read-only", "--cap-drop", "ALL"];
    let run = [&["run", "--detach", "--name", &broker, "--publish", "127.0.0.1::3010"], &alone[..], &[image, "broker"]]
        .concat();
    docker(&run)?.well()?;
    let published = docker(&["port", &broker, "3010/tcp"])?.well()?;
    let port: u16 = published.rsplit(':').next().unwrap_or_default().parse()?;

    rubbish.container(&service);
    let (network, volume) = (format!("container:{broker}"), format!("{service}:/data"));
    let place = ["run", "--detach", "--name", &service, "--network", &network, "--volume", &volume];
    let serve = [image, "serve", "pubsub", "--listen", "0.0.0.0:3010"];
    docker(&[&place, &alone[..], &serve].concat())?.well()?;
    until_ready(&service)?;
    http::done(port, "PUT", "/inventory/lamp", &json!({"name": "Lamp", "unit_price": 49.99, "available": 9}))?;
    let address = json!({"street": "1 Main St", "city": "Paris", "postal_code": "75001", "country": "FR"});
    let user = json!({"user_id": "u", "email": "u@example.com", "name": "U", "address": address});
    http::done(port, "POST", "/users", &user)?;
    let order = "550e8400-e29b-41d4-a716-446655440000";
    let body = json!({"order_id": order, "customer_id": "u", "items": [{"product_id": "lamp", "quantity": 1}]});
    // The customer is there when the consumer has read it.
    http::until(READY_LIMIT, || http::done(port, "POST", "/orders", &body))?;
    http::until_stored(port, order)?;

    let began = Instant::now();
    docker(&["stop", "--time", "60", &service])?.well()?;
    let took = began.elapsed();
    eprintln!("figure docker stop: {took:.1?}");
    assert!(took < STOP_LIMIT, "{took:?}");
    let code = docker(&["inspect", "--format", "{{.State.ExitCode}}", &service])?.well()?;
    assert_eq!(code, "0", "{}", docker(&["logs", &service])?.all);

    docker(&["start", &service])?.well()?;
    until_ready(&service)?;
    http::until_stored(port, order)
}

fn until_ready(container: &str) -> Result<(), Failed> {
    http::until(READY_LIMIT, || docker(&["exec", container, "/ottla", "health"])?.well()).map(drop)
}

/// The one that compiles in a container ends with the lines of the one that does not.
pub(crate) fn both_dockerfiles_make_the_same_image(_: &str) -> Result<(), Failed> {
    let deploy = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy");
    let described = |name: &str| -> Result<Vec<String>, Failed> {
        let text = std::fs::read_to_string(deploy.join(name))?;
        let last = text.rsplit("FROM scratch").next().unwrap_or_default();
        let differs = |line: &&str| {
            ["ARG TARGET", "ARG BINARY", "COPY ${BINARY}", "COPY --from"].iter().any(|start| line.starts_with(start))
        };
        Ok(last.lines().filter(|line| !differs(line)).map(str::to_owned).collect())
    };
    assert_eq!(described("Dockerfile")?, described("Dockerfile.source")?);
    Ok(())
}
