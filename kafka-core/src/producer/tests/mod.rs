//! The whole producer against brokers in memory, in paused time: what it says of each record is compared with the logs.

mod brokers;
mod copies;
mod judge;
mod limits;
mod log;
mod scenarios;
mod seeded;
mod simulation;
mod wire;
