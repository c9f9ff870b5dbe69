//! The endpoints that there are, as the sources of the services list them.

use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
};

use crate::harness::{Context, Outcome};

/// A method on a path, and the schema of the body that it takes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Endpoint {
    pub(super) method: &'static str,
    pub(super) path: &'static str,
    pub(super) schema: Option<&'static str>,
}

const ORDER: &str = include_str!("../../../services/schemas/requests/order.json");
const USER: &str = include_str!("../../../services/schemas/requests/user.json");
const INVENTORY: &str = include_str!("../../../services/schemas/requests/inventory.json");

/// What bad inputs are sent to. A route that is missing here fails [`every_route_is_tested`].
pub(super) const ENDPOINTS: &[Endpoint] = &[
    Endpoint { method: "POST", path: "/orders", schema: Some(ORDER) },
    Endpoint { method: "POST", path: "/users", schema: Some(USER) },
    Endpoint { method: "PUT", path: "/inventory/{id}", schema: Some(INVENTORY) },
    Endpoint { method: "GET", path: "/orders", schema: None },
    Endpoint { method: "GET", path: "/orders/{id}", schema: None },
    Endpoint { method: "GET", path: "/users/{id}", schema: None },
    Endpoint { method: "GET", path: "/inventory/{id}", schema: None },
    Endpoint { method: "GET", path: "/health", schema: None },
    Endpoint { method: "GET", path: "/health/live", schema: None },
    Endpoint { method: "GET", path: "/health/ready", schema: None },
    Endpoint { method: "GET", path: "/metrics", schema: None },
];

/// The methods that `path` has.
pub(super) fn methods(path: &str) -> impl Iterator<Item = &'static str> {
    ENDPOINTS.iter().filter(move |endpoint| endpoint.path == path).map(|endpoint| endpoint.method)
}

pub(super) async fn every_route_is_tested(_cx: Context) -> Outcome {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("../services/src");
    let mut routed = BTreeSet::new();
    read_routes(&sources, &mut routed)?;
    let tested: BTreeSet<_> =
        ENDPOINTS.iter().map(|endpoint| (endpoint.method.to_owned(), endpoint.path.to_owned())).collect();
    assert_eq!(routed, tested, "what the services route, and what bad inputs are sent to");
    Ok(())
}

/// Adds each `.route("/path", get(…).put(…))` below `dir`, but for those of unit tests.
fn read_routes(dir: &Path, routed: &mut BTreeSet<(String, String)>) -> io::Result<()> {
    let mut entries: Vec<PathBuf> = fs::read_dir(dir)?.map(|entry| Ok(entry?.path())).collect::<io::Result<_>>()?;
    entries.sort();
    for path in entries {
        let is_tests = path.file_stem().is_some_and(|name| name == "tests");
        if is_tests {
            continue;
        }
        if path.is_dir() {
            read_routes(&path, routed)?;
            continue;
        }
        let text = fs::read_to_string(&path)?;
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        for route in code.split(".route(\"").skip(1) {
            let Some((path, rest)) = route.split_once('"') else { continue };
            let methods = rest.lines().next().unwrap_or_default();
            for method in ["get", "post", "put", "delete", "patch", "any"] {
                let calls = |before: char| methods.contains(&format!("{before}{method}("));
                if calls(' ') || calls('.') {
                    routed.insert((method.to_uppercase(), path.to_owned()));
                }
            }
        }
    }
    Ok(())
}
