//! docker/docker-compose.kafka.yml.

use std::{net::TcpListener, path::Path, time::Duration};

use libtest_mimic::Failed;
use serde_json::{Value, json};

use crate::{
    docker::{Said, docker, docker_with},
    http,
};

/// For the customer to have come from its topic.
const KNOWN_LIMIT: Duration = Duration::from_secs(60);

/// The composed services on ports that are free now; they go with all they kept when this is dropped.
#[derive(Debug)]
struct Composed {
    variables: Vec<(String, String)>,
    kafka: [u16; 2],
    producer: u16,
    consumer: u16,
}

impl Composed {
    fn new(image: &str) -> Result<Self, Failed> {
        // Held until all are known, so that no two are the same.
        let held: Vec<TcpListener> = (0..5).map(|_| TcpListener::bind("127.0.0.1:0")).collect::<Result<_, _>>()?;
        let ports: Vec<u16> = held.iter().map(|held| Ok(held.local_addr()?.port())).collect::<std::io::Result<_>>()?;
        let [kafka, kafka_2, postgres, producer, consumer] = ports[..] else { return Err("five ports".into()) };
        let mut variables = vec![("OTTLA_IMAGE".to_owned(), image.to_owned())];
        for (name, port) in [
            ("KAFKA_PORT", kafka),
            ("KAFKA_PORT_2", kafka_2),
            ("POSTGRES_PORT", postgres),
            ("ORDERS_PRODUCER_PORT", producer),
            ("ORDERS_CONSUMER_PORT", consumer),
        ] {
            variables.push((name.to_owned(), port.to_string()));
        }
        Ok(Self { variables, kafka: [kafka, kafka_2], producer, consumer })
    }

    fn run(&self, args: &[&str]) -> Result<Said, Failed> {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docker/docker-compose.kafka.yml");
        docker_with(&[&["compose", "--file", &file.to_string_lossy()], args].concat(), &self.variables)
    }
}

impl Drop for Composed {
    fn drop(&mut self) {
        let _ = self.run(&["down", "--volumes", "--timeout", "30"]);
    }
}

pub(crate) fn every_image_is_pinned_and_every_profile_is_there(image: &str) -> Result<(), Failed> {
    let composed = Composed::new(image)?;
    let profiles = composed.run(&["config", "--profiles"])?.well()?;
    for profile in ["ui", "schema", "monitoring"] {
        assert!(profiles.lines().any(|line| line == profile), "{profile}: {profiles}");
    }
    let all = ["--profile", "ui", "--profile", "schema", "--profile", "monitoring", "config", "--format", "json"];
    let config = composed.run(&all)?.json()?;
    let services = config.get("services").and_then(Value::as_object).ok_or("no services")?;
    for (name, service) in services {
        let named = service.get("image").and_then(Value::as_str).unwrap_or_default();
        let tag = named.rsplit('/').next().and_then(|last| last.split_once(':')).map(|(_, tag)| tag);
        assert!(named == image || tag.is_some_and(|tag| tag != "latest" && tag.contains('.')), "{name}: {named}");
        for mount in service.get("volumes").and_then(Value::as_array).into_iter().flatten() {
            let source = mount.get("source").and_then(Value::as_str).unwrap_or_default();
            let is_file = mount.get("type").and_then(Value::as_str) == Some("bind");
            assert!(!is_file || Path::new(source).exists(), "{name} mounts {source}, which is not there");
        }
    }
    Ok(())
}

pub(crate) fn an_order_goes_through_the_composed_services(image: &str) -> Result<(), Failed> {
    let composed = Composed::new(image)?;
    let up = composed.run(&["up", "--detach", "--no-build", "--wait", "--wait-timeout", "240"])?;
    if !up.success {
        return Err(format!("{}\n{}", up.all, composed.run(&["logs", "--tail", "40"])?.all).into());
    }
    four_listeners(&composed, image)?;
    let (producer, consumer) = (composed.producer, composed.consumer);
    http::done(consumer, "PUT", "/inventory/lamp", &json!({"name": "Lamp", "unit_price": 49.99, "available": 9}))?;
    let address = json!({"street": "1 Main St", "city": "Paris", "postal_code": "75001", "country": "FR"});
    let user = json!({"user_id": "u", "email": "u@example.com", "name": "U", "address": address});
    http::done(producer, "POST", "/users", &user)?;
    let order = "550e8400-e29b-41d4-a716-446655440000";
    let body = json!({"order_id": order, "customer_id": "u", "items": [{"product_id": "lamp", "quantity": 1}]});
    http::until(KNOWN_LIMIT, || http::done(producer, "POST", "/orders", &body))?;
    http::until_stored(producer, order)?;
    http::until_stored(consumer, order)?;
    let count =
        ["exec", "-T", "postgres", "psql", "-U", "ottla", "-d", "orders", "-tAc", "select count(*) from orders"];
    assert_eq!(composed.run(&count)?.well()?, "1");
    Ok(())
}

/// Two names inside and two outside, each of which leads back to itself.
fn four_listeners(composed: &Composed, image: &str) -> Result<(), Failed> {
    let [first, second] = composed.kafka.map(|port| format!("localhost:{port}"));
    for (network, broker) in [
        ("ottla", "kafka:9092"),
        ("ottla", "kafka:29092"),
        ("ottla", "dreamscape-kafka:9092"),
        ("host", &first),
        ("host", &second),
    ] {
        let list = ["run", "--rm", "--pull", "never", "--network", network, image, "topics", "list", "-b", broker];
        let topics = docker(&list)?.well()?;
        for topic in ["orders", "orders-dlq", "users", "users-dlq"] {
            assert!(
                topics.lines().any(|line| line.split_whitespace().next() == Some(topic)),
                "{topic} at {broker}: {topics}"
            );
        }
    }
    Ok(())
}
