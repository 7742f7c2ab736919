//! The end-to-end tests: the four programs as real processes on free ports, judged by other tools than themselves.
//!
//! One line for each test that this machine cannot run follows the results: `skipped: NAME: REASON`. With
//! `NETSOCKET_REQUIRE_STACK=1` such a test fails instead.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod admin_tls;
mod anycast;
mod backend_tls;
mod bad_input;
mod balance;
mod beside_haproxy;
mod beside_others;
mod booted_systemd;
mod commands;
mod completion;
mod compose;
mod containers;
mod ctl_top;
mod demo;
mod deployment_docs;
mod documented_commands;
mod documents;
mod exactly_once;
mod failover;
mod faults;
mod grafana;
mod harness;
mod http_conformance;
mod http_downloads;
mod http_libraries;
mod http_page;
mod http_tls;
mod http_zip;
mod influxdb;
mod kafka_kinds;
mod kubernetes;
mod lifecycle;
mod old_wire;
mod output_files;
mod page;
mod page_actions;
mod prometheus;
mod readers;
mod relay;
mod release;
mod secured_kafka;
mod services;
mod settings;
mod shared_kafka;
mod soak;
mod survival;
mod systemd;
mod telemetry;
mod terminated_tls;
mod tls;
mod transfer;
mod two_balancers;
mod unpacking;
mod unreadable;
mod unwritable_log;
mod walkthroughs;
mod world;

use std::process::ExitCode;
use std::sync::Arc;

use e2e::program;
use e2e::requirement::{REQUIRE_STACK, Requirement, stack_is_required};
use libtest_mimic::{Arguments, Failed, Trial};

use world::World;

/// Tests at the same time unless the command line says otherwise. Each has five processes or more of its own, but most
/// of them wait for something most of the time.
const THREADS: usize = 3;

/// A test, and what it needs that not every machine has.
struct Test {
    name: &'static str,
    needs: Option<Requirement>,
    run: fn(&World),
}

/// Names a module's tests after their functions.
#[macro_export]
macro_rules! tests {
    ($($(#[needs($need:ident)])? $name:ident),* $(,)?) => {
        pub(crate) fn tests() -> Vec<$crate::Test> {
            let module = module_path!().rsplit("::").next().unwrap_or_default();
            vec![$($crate::Test::new(module, stringify!($name), $name, &[$($crate::Requirement::$need)?])),*]
        }
    };
}

impl Test {
    fn new(module: &str, function: &str, run: fn(&World), needs: &[Requirement]) -> Self {
        Self {
            name: format!("{module}::{function}").leak(),
            needs: needs.first().copied(),
            run,
        }
    }

    /// The trial of this test; what is missing on this machine goes to `skipped`.
    fn into_trial(
        self,
        arguments: &Arguments,
        world: &Arc<World>,
        skipped: &mut Vec<(&'static str, String)>,
    ) -> Trial {
        let (world, run) = (Arc::clone(world), self.run);
        let trial = Trial::test(self.name, move || {
            run(&world);
            Ok(())
        });
        let Some(need) = self.needs else { return trial };
        let trial = trial.with_kind(need.label());
        if arguments.list || arguments.is_filtered_out(&trial) {
            return trial;
        }
        let Err(reason) = need.check() else {
            return trial;
        };
        let failure = Failed::from(format!("{reason}, and {REQUIRE_STACK}=1 allows no skip"));
        let missing = Trial::test(self.name, move || Err(failure)).with_kind(need.label());
        if stack_is_required() {
            return missing;
        }
        skipped.push((self.name, reason));
        missing.with_ignored_flag(true)
    }
}

/// Every test.
fn all() -> Vec<Test> {
    let tests = [
        // What takes longest comes first, so that nothing of it runs alone at the end.
        release::tests(),
        unwritable_log::tests(),
        exactly_once::tests(),
        beside_others::tests(),
        secured_kafka::tests(),
        shared_kafka::tests(),
        grafana::tests(),
        readers::tests(),
        walkthroughs::tests(),
        soak::tests(),
        anycast::tests(),
        bad_input::tests(),
        balance::tests(),
        beside_haproxy::tests(),
        booted_systemd::tests(),
        commands::tests(),
        completion::tests(),
        compose::tests(),
        containers::tests(),
        demo::tests(),
        ctl_top::tests(),
        deployment_docs::tests(),
        documented_commands::tests(),
        documents::tests(),
        failover::tests(),
        faults::tests(),
        harness::tests(),
        http_conformance::tests(),
        http_downloads::tests(),
        http_libraries::tests(),
        http_page::tests(),
        http_tls::tests(),
        http_zip::tests(),
        influxdb::tests(),
        kafka_kinds::tests(),
        kubernetes::tests(),
        lifecycle::tests(),
        old_wire::tests(),
        output_files::tests(),
        page::tests(),
        page_actions::tests(),
        prometheus::tests(),
        relay::tests(),
        services::tests(),
        settings::tests(),
        survival::tests(),
        admin_tls::tests(),
        backend_tls::tests(),
        systemd::tests(),
        telemetry::tests(),
        terminated_tls::tests(),
        tls::tests(),
        transfer::tests(),
        two_balancers::tests(),
        unpacking::tests(),
        unreadable::tests(),
    ];
    tests.into_iter().flatten().collect()
}

/// What the tests are called.
pub(crate) fn names() -> Vec<&'static str> {
    all().iter().map(|test| test.name).collect()
}

fn main() -> ExitCode {
    if harness::is_asked_to_hold() {
        return harness::hold();
    }
    let mut arguments = Arguments::from_args();
    arguments.test_threads.get_or_insert(THREADS);
    let world = Arc::new(World::default());
    let mut skipped = Vec::new();
    let trials = all()
        .into_iter()
        .map(|test| test.into_trial(&arguments, &world, &mut skipped))
        .collect();
    let conclusion = libtest_mimic::run(&arguments, trials);
    for (name, reason) in skipped {
        println!("skipped: {name}: {reason}");
    }
    program::remove_copies();
    conclusion.exit_code()
}
