//! Every suite that needs a broker, in one binary.

fn main() {}
