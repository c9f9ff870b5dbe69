//! The `ottla` command as people and scripts use it: bytes in, bytes out, and an exit code.

mod administration;
mod consume;
mod group;
mod kcat;
mod produce;
mod run;
mod variables;

use crate::harness::Suite;

pub(crate) fn tests(suite: &mut Suite) {
    administration::tests(suite);
    consume::tests(suite);
    group::tests(suite);
    kcat::tests(suite);
    produce::tests(suite);
    variables::tests(suite);
}
