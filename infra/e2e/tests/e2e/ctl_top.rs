//! `netsocket-balancer ctl top` on a terminal.

use std::net::{SocketAddr, TcpListener};
use std::thread;

use e2e::fleet::Balancer;
use e2e::loopback;
use e2e::process::clean_command;
use e2e::program::Program;
use e2e::screen::Screen;
use e2e::{PATIENCE, eventually};
use rustix::process::Signal;

use crate::world::World;

crate::tests![
    top_fits_a_small_terminal_and_follows_its_size,
    keys_sort_filter_and_drain,
    a_balancer_that_hangs_is_called_so_while_keys_are_heard,
    top_outlives_its_balancer_and_puts_the_terminal_back,
];

const SETTINGS: &str =
    "instance = \"lb7\"\n[check]\ninterval = \"1s\"\nfast_interval = \"100ms\"\n";

/// A server that ends every connection at once, so that any number of checks finds it up.
fn server() -> SocketAddr {
    let listener = TcpListener::bind((loopback::own_address(), 0)).unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || listener.incoming().for_each(drop));
    address
}

fn top(balancer: &Balancer, rows: u16, columns: u16, more: &[&str]) -> Screen {
    let mut command = clean_command(Program::Balancer.path());
    command.env("TERM", "xterm");
    command.args(["--admin", &balancer.admin.0.to_string(), "ctl", "top"]);
    command.args(more);
    Screen::start("top", command, rows, columns)
}

fn top_fits_a_small_terminal_and_follows_its_size(_: &World) {
    let backend = server();
    // More than there is room for.
    let names: Vec<String> = (0..40).map(|number| format!("backend{number}")).collect();
    let backends: Vec<_> = names.iter().map(|it| (it.as_str(), backend)).collect();
    let balancer = Balancer::start(SETTINGS, &backends, None);
    let terminal = top(&balancer, 20, 70, &[]);
    let lines = terminal.shows("lb7 READY All 40 backends are up");
    assert!(
        lines[0].starts_with("lb7 READY"),
        "its head stays: {lines:#?}"
    );
    assert!(
        lines[19].starts_with("q quit  ? keys  s sort:config"),
        "{lines:#?}"
    );
    let head = lines.iter().find(|line| line.starts_with("NAME")).unwrap();
    assert!(
        head.contains("RX") && head.contains("TX") && !head.contains("UP"),
        "{head}"
    );
    assert!(!terminal.overflowed(), "{lines:#?}");
    assert!(terminal.sent().contains("\x1b[32m"), "colours");
    terminal.resize(12, 44);
    terminal.process.signal(Signal::WINCH);
    eventually(PATIENCE, "a smaller frame", || {
        terminal.lines()[11].starts_with("q quit").then_some(())
    });
    assert!(terminal.lines()[0].starts_with("lb7 READY"));
    assert!(!terminal.overflowed());
}

fn keys_sort_filter_and_drain(_: &World) {
    let backend = server();
    let named = [("alpha", backend), ("beta", backend)];
    let balancer = Balancer::start(SETTINGS, &named, None);
    let mut terminal = top(&balancer, 24, 100, &[]);
    terminal.shows("lb7 READY All 2 backends are up");
    assert!(!terminal.is_cooked());
    terminal.press("?");
    terminal.shows("any key: back");
    terminal.press(" s");
    terminal.shows("sort:name");
    terminal.press("/bet\r");
    terminal.shows("/ filter:bet");
    eventually(PATIENCE, "only one of them", || {
        let lines = terminal.lines();
        let has = |name: &str| lines.iter().any(|line| line.starts_with(name));
        (has("beta") && !has("alpha")).then_some(())
    });
    // Nothing happens without a yes.
    terminal.press("\x1b[Bd");
    terminal.shows("drain beta? y / n");
    terminal.press("n");
    terminal.shows("nothing was changed");
    assert_eq!(balancer.admin.backend("beta")["state"], "up");
    terminal.press("dy");
    terminal.shows("done: drain beta");
    assert_eq!(balancer.admin.backend("beta")["state"], "draining");
    terminal.shows("1 of 2 backends are up, 1 taken out by an operator");
    terminal.press("ry");
    terminal.shows("lb7 READY All 2 backends are up");
    terminal.press("q");
    assert!(terminal.process.wait(PATIENCE).success());
    assert!(terminal.is_cooked(), "the terminal is as it was");
    assert!(terminal.sent().ends_with("\x1b[?25h\x1b[?1049l"));
    assert!(!terminal.overflowed());
}

fn a_balancer_that_hangs_is_called_so_while_keys_are_heard(_: &World) {
    let backend = server();
    let named = [("alpha", backend), ("beta", backend)];
    let balancer = Balancer::start(SETTINGS, &named, None);
    let mut terminal = top(&balancer, 24, 100, &[]);
    terminal.shows("lb7 READY All 2 backends are up");
    // Its connections stay, and new ones are accepted: nothing is answered.
    balancer.process.signal(Signal::STOP);
    terminal.shows("lb7 NO ANSWER last answer 3 s ago");
    terminal.press("\x1b[Hdy");
    terminal.shows("asked to drain alpha");
    terminal.press("\t");
    terminal.shows("view:sessions");
    terminal.shows("last answer 4 s ago");
    balancer.process.signal(Signal::CONT);
    terminal.shows("done: drain alpha");
    let lines = terminal.shows("1 of 2 backends are up, 1 taken out by an operator");
    assert!(!lines.iter().any(|line| line.contains("last answer")));
}

fn top_outlives_its_balancer_and_puts_the_terminal_back(_: &World) {
    let backend = server();
    let named = [("alpha", backend)];
    let mut balancer = Balancer::start(SETTINGS, &named, None);
    let mut counted = top(&balancer, 20, 70, &["--count", "1"]);
    assert!(counted.process.wait(PATIENCE).success());
    // The last frame stays below what was there.
    eventually(PATIENCE, "its last frame", || {
        let sent = counted.sent();
        let after = sent.rsplit_once("\x1b[?1049l")?.1.to_owned();
        after.contains("alpha").then_some(())
    });
    let mut terminal = top(&balancer, 20, 70, &[]);
    terminal.shows("lb7 READY The backend is up");
    balancer.process.kill();
    terminal.shows("lb7 NO ANSWER");
    terminal.process.signal(Signal::TERM);
    assert!(terminal.process.wait(PATIENCE).success());
    assert!(terminal.is_cooked());
}
