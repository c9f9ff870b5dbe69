//! What the suites share and what is checked by tests of its own: no broker is needed here.
//!
//! - [`alerts`]: the rules of Prometheus, and [`promql`], the language of their expressions.
//! - [`database`]: which PostgreSQL the suites use.
//! - [`history`]: what clients did and what a log holds, and the rules both must obey.
//! - [`proxy`]: a TCP proxy that cuts, truncates, delays, refuses and silences connections.
//! - [`liar`]: a proxy that changes what a broker answers.
//! - [`stub`]: brokers that never answer, or answer what the test says.
//! - [`inputs`]: requests that a service must refuse.
//! - [`lane`]: which broker the suites run on, what a lane offers and what a test needs.
//! - [`seed`]: random decisions that a printed number repeats.
//! - [`size`]: how large the long tests are.
//! - [`trend`]: how fast a measured value grows.

pub mod alerts;
pub mod database;
pub mod history;
pub mod inputs;
pub mod lane;
pub mod liar;
pub mod promql;
pub mod proxy;
pub mod seed;
pub mod size;
pub mod stub;
pub mod trend;
