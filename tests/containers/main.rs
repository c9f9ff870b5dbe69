//! The image and what is composed of it, as whoever runs them meets them.
//!
//! `OTTLA_TEST_IMAGE` names the image, which must be there; without it every test is ignored. Nothing is pulled for the
//! image's own tests; Compose pulls what is not there. `deploy/local-images` makes what cannot be pulled.

use std::{process::ExitCode, sync::Arc};

use libtest_mimic::{Arguments, Failed, Trial};

mod compose;
mod docker;
mod http;
mod image;

type Test = fn(&str) -> Result<(), Failed>;

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    // They share the engine, its ports and its names.
    arguments.test_threads = Some(1);
    let image = std::env::var("OTTLA_TEST_IMAGE").ok().map(Arc::<str>::from);
    if image.is_none() {
        eprintln!("containers: OTTLA_TEST_IMAGE names no image, so NOTHING BELOW IS RUN");
    }
    let tests: [(&str, Test); 7] = [
        ("image::the_image_is_small_and_runs_as_nobody", image::the_image_is_small_and_runs_as_nobody),
        ("image::the_image_has_no_shell", image::the_image_has_no_shell),
        ("image::the_demo_passes_without_rights", image::the_demo_passes_without_rights),
        (
            "image::a_stopped_service_ends_in_order_and_keeps_its_volume",
            image::a_stopped_service_ends_in_order_and_keeps_its_volume,
        ),
        ("image::both_dockerfiles_make_the_same_image", image::both_dockerfiles_make_the_same_image),
        (
            "compose::every_image_is_pinned_and_every_profile_is_there",
            compose::every_image_is_pinned_and_every_profile_is_there,
        ),
        ("compose::an_order_goes_through_the_composed_services", compose::an_order_goes_through_the_composed_services),
    ];
    let trials = tests.map(|(name, test)| {
        let given = image.clone();
        Trial::test(name, move || test(given.as_deref().unwrap_or_default())).with_ignored_flag(image.is_none())
    });
    libtest_mimic::run(&arguments, trials.into()).exit_code()
}
