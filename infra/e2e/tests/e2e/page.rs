//! The status page in a real browser: it follows the balancer without being loaded again, and looks like an emergency in one.

use std::net::{SocketAddr, TcpListener, TcpStream};

use chrono::{TimeDelta, Utc};
use e2e::browser::{Browser, DevTools};
use e2e::fleet::{Balancer, Fleet, Plan};
use e2e::old_client::OldClient;
use e2e::raw_backend::RawBackend;
use e2e::{PATIENCE, eventually, files, http};
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::telemetry::open;
use crate::world::World;

crate::tests![
    #[needs(Browser)]
    the_page_follows_the_balancer,
    #[needs(Browser)]
    an_outage_looks_like_one,
    #[needs(Browser)]
    the_chart_marks_every_change,
    #[needs(Browser)]
    tables_never_blank_while_scripts_start,
    #[needs(Browser)]
    columns_are_sorted_by_click_and_by_key,
    #[needs(Browser)]
    services_have_a_table_and_fit_every_width,
    #[needs(Browser)]
    every_state_fits_every_screen,
];

/// Names a directory for pictures of the page, by its path from the top of the project; taking them needs two minutes more.
const PICTURES: &str = "NETSOCKET_PAGE_PICTURES";

/// Quick enough for a test once something changes; while nothing does, checks must not fill the queues of backends that accept
/// nothing.
const CHECKS: &str = "instance = \"lb-test\"\n[check]\ninterval = \"1s\"\nfast_interval = \"100ms\"\ndown_interval = \"200ms\"\n";

/// Waits until an expression has that value.
pub(crate) fn becomes(page: &mut DevTools, expression: &str, wanted: &Value) {
    // Rows and title are there before the scripts, and so before the names that they give to things.
    let once_there = format!(
        "(() => {{ try {{ return {expression}; }} catch (error) {{ if (error instanceof ReferenceError) return null; throw error; }} }})()"
    );
    eventually(PATIENCE, &format!("{wanted} of {expression}"), || {
        (page.value(&once_there) == *wanted).then_some(())
    });
}

/// What an element says.
pub(crate) fn said(page: &mut DevTools, selector: &str) -> String {
    let said = page.value(&format!("document.querySelector({selector:?}).innerText"));
    said.as_str().unwrap_or_default().to_owned()
}

pub(crate) fn change(admin: SocketAddr, method: &str, path: &str) {
    let answer = http::request(admin, method, path, &[], b"").unwrap();
    assert_eq!(answer.status, 200, "{}", answer.body);
}

fn the_page_follows_the_balancer(_: &World) {
    let backend = RawBackend::listen();
    let balancer = Balancer::start("", &[("raw", backend.address())], None);
    let admin = balancer.admin.0;
    let browser = Browser::open(&format!("http://{admin}/"));
    browser.shows("1/1 up, 0 open");
    let client = TcpStream::connect(balancer.address).unwrap();
    browser.shows("1/1 up, 1 open");
    change(admin, "POST", "/api/v1/backends/raw/drain");
    browser.shows("0/1 up, 1 open");
    change(admin, "DELETE", "/api/v1/sessions?backend=raw");
    browser.shows("0/1 up, 0 open");
    drop(client);
}

fn an_outage_looks_like_one(_: &World) {
    let (first, second) = (RawBackend::listen(), RawBackend::listen());
    let address = first.address();
    let backends = [("one", address), ("two", second.address())];
    let balancer = Balancer::start(CHECKS, &backends, None);
    let browser = Browser::open(&format!("http://{}/", balancer.admin.0));
    let mut page = browser.devtools();
    browser.shows("2/2 up, 0 open – lb-test");
    assert!(browser.title().unwrap().starts_with("2/2"));
    becomes(
        &mut page,
        "byId('banner').className",
        &json!("banner ready"),
    );
    drop(second);
    browser.shows("⚠ 1/2 up");
    becomes(
        &mut page,
        "byId('banner').className",
        &json!("banner warning"),
    );
    drop(first);
    browser.shows("✖ EMERGENCY 0/2 up");
    becomes(
        &mut page,
        "byId('banner').className",
        &json!("banner emergency"),
    );
    // The icon, what clients get, since when, what to do.
    becomes(
        &mut page,
        "byId('icon').getAttribute('href') === byId('icon').dataset.emergency",
        &json!(true),
    );
    // Said to who cannot see it, and shown no second time.
    becomes(
        &mut page,
        "byId('spoken').textContent.startsWith('one is down: ')",
        &json!(true),
    );
    assert_eq!(said(&mut page, "#news"), "");
    let alerts = said(&mut page, "#alerts");
    for part in [
        "Clients",
        "are ",
        "Since",
        " for ",
        "What to do",
        "Nothing listens at",
    ] {
        assert!(alerts.contains(part), "{part} in {alerts}");
    }
    becomes(
        &mut page,
        "/^down for \\d+ s$/.test(document.querySelector('#backends td.state span').innerText)",
        &json!(true),
    );
    becomes(
        &mut page,
        "/^L4 refused$/.test(document.querySelector('#backends td.bad span').innerText)",
        &json!(true),
    );
    becomes(
        &mut page,
        "/in [0-9.]+ ms, \\d s ago/.test(document.querySelector('#backends td.bad small').innerText)",
        &json!(true),
    );
    // For who cannot see it.
    becomes(
        &mut page,
        "byId('alarm').textContent.startsWith('Emergency: No backend is up')",
        &json!(true),
    );
    let changes = said(&mut page, "#changes");
    assert!(
        changes.contains("one down") && changes.contains("two down"),
        "{changes}"
    );
    // Without the script it looks the same.
    let plain = balancer.admin.page("/").body;
    assert!(plain.contains("<title>✖ EMERGENCY 0/2 up, 0 open – lb-test</title>"));
    assert!(plain.contains("class=\"banner emergency\"") && plain.contains("Nothing listens at"));
    let again = TcpListener::bind(address).unwrap();
    browser.shows("⚠ 1/2 up");
    // It hangs, with its connections.
    balancer.process.signal(Signal::STOP);
    becomes(
        &mut page,
        "byId('banner').className === 'banner stale' && /^Last answer [3-9] s ago\\. /.test(byId('summary').textContent)",
        &json!(true),
    );
    balancer.process.signal(Signal::CONT);
    browser.shows("⚠ 1/2 up");
    becomes(
        &mut page,
        "byId('banner').className",
        &json!("banner warning"),
    );
    drop(again);
    // Nobody answers any more.
    let mut balancer = balancer;
    balancer.process.kill();
    becomes(
        &mut page,
        "byId('banner').className",
        &json!("banner stale"),
    );
    browser.shows("? no answer, was ");
}

/// Also those from before the page was opened, and more than the list below has.
fn the_chart_marks_every_change(_: &World) {
    let backends: Vec<_> = (0..2).map(|_| RawBackend::listen()).collect();
    let named = [("a", backends[0].address()), ("b", backends[1].address())];
    let balancer = Balancer::start(CHECKS, &named, None);
    let admin = balancer.admin.0;
    let drain_and_back = || {
        for (state, name) in [
            ("drain", "a"),
            ("drain", "b"),
            ("ready", "a"),
            ("ready", "b"),
        ] {
            change(admin, "POST", &format!("/api/v1/backends/{name}/{state}"));
        }
    };
    let known = || {
        let answer = balancer.admin.json("/api/v1/transitions");
        answer["transitions"].as_array().unwrap().len()
    };
    (0..5).for_each(|_| drain_and_back());
    let before = known();
    assert!(before >= 20, "{before}");
    let browser = Browser::open(&format!("http://{admin}/"));
    let mut page = browser.devtools();
    becomes(&mut page, "changes.size", &json!(before));
    // More within a second than an event has.
    (0..5).for_each(|_| drain_and_back());
    becomes(&mut page, "changes.size", &json!(known()));
    assert_eq!(
        page.value("document.querySelectorAll('#changes li').length"),
        10
    );
    // They are lines in the chart, and named under the cross.
    becomes(
        &mut page,
        "points.length > 2 && byId('chart-plot').querySelectorAll('line.event').length > 0",
        &json!(true),
    );
    becomes(
        &mut page,
        "chart.near([...changes.values()].at(-1).time), / – .*, .* and \\d+ more$/.test(byId('chart-value').textContent)",
        &json!(true),
    );
}

/// Watches a table from before its first row: whether it ever had fewer than three again.
const WATCH: &str = "
    window.least = Infinity;
    window.filters = 0;
    new MutationObserver(() => {
      window.filters += document.querySelectorAll('input[type=search]:not([hidden])').length;
      const body = document.getElementById('backends');
      const count = body ? body.rows.length : 0;
      if (count === 3 || window.least < Infinity) window.least = Math.min(window.least, count);
    }).observe(document, { childList: true, subtree: true });";

fn tables_never_blank_while_scripts_start(_: &World) {
    let backends: Vec<_> = (0..3).map(|_| RawBackend::listen()).collect();
    let named = [
        ("a", backends[0].address()),
        ("b", backends[1].address()),
        ("c", backends[2].address()),
    ];
    let balancer = Balancer::start(CHECKS, &named, None);
    let url = format!("http://{}/", balancer.admin.0);
    let browser = Browser::open(&url);
    browser.shows("3/3 up");
    let mut page = browser.devtools();
    page.call("Page.enable", &json!({}));
    page.call(
        "Page.addScriptToEvaluateOnNewDocument",
        &json!({ "source": WATCH }),
    );
    page.call("Page.reload", &json!({}));
    // It has had two events, and so has been through whatever it does at its start.
    becomes(
        &mut page,
        "typeof latest !== 'undefined' && latest !== null && points.length > 2",
        &json!(true),
    );
    becomes(
        &mut page,
        "document.querySelectorAll('#backends tr').length",
        &json!(3),
    );
    assert_eq!(page.value("window.least"), 3);
    // So few need no filter, from the first moment.
    assert_eq!(page.value("window.filters"), 0);
    assert_eq!(
        page.value("document.querySelectorAll('input[type=search]').length > 0"),
        true
    );
    // The rows that the server has written are those that the script goes on with.
    page.value("window.row = document.querySelector('#backends tr'); points.splice(0)");
    becomes(
        &mut page,
        "points.length > 1 && window.row.isConnected",
        &json!(true),
    );
    // Lines fill their width however young the balancer is.
    let start =
        "document.querySelector('[data-plot=cpu] polyline').getAttribute('points').split(',')[0]";
    becomes(
        &mut page,
        &format!("points.length > 11 && {start}"),
        &json!("0.0"),
    );
    page.call(
        "Emulation.setScriptExecutionDisabled",
        &json!({ "value": true }),
    );
    page.call("Page.reload", &json!({}));
    becomes(
        &mut page,
        "document.querySelectorAll('#backends tr').length",
        &json!(3),
    );
    assert_eq!(
        page.value("document.querySelector('#backends tr span').innerText"),
        "a"
    );
}

fn columns_are_sorted_by_click_and_by_key(_: &World) {
    let backends: Vec<_> = (0..3).map(|_| RawBackend::listen()).collect();
    let named = [
        ("b", backends[0].address()),
        ("c", backends[1].address()),
        ("a", backends[2].address()),
    ];
    let balancer = Balancer::start(CHECKS, &named, None);
    let browser = Browser::open(&format!("http://{}/", balancer.admin.0));
    browser.shows("3/3 up");
    let mut page = browser.devtools();
    let order =
        "[...document.querySelectorAll('#backends th span')].map(it => it.innerText).join('')";
    becomes(&mut page, order, &json!("bca"));
    let head = "document.querySelector('table:has(#backends) thead th button')";
    let state = "document.querySelector('table:has(#backends) thead th').getAttribute('aria-sort')";
    page.value(&format!("{head}.click()"));
    becomes(&mut page, order, &json!("abc"));
    assert_eq!(page.value(state), "ascending");
    // The same from the keyboard.
    page.value(&format!("{head}.focus()"));
    page.press("Enter", 13);
    becomes(&mut page, order, &json!("cba"));
    assert_eq!(page.value(state), "descending");
    page.press("Enter", 13);
    becomes(&mut page, order, &json!("bca"));
    // The chart says what its tile does.
    for name in ["active", "fresh", "down", "cpu"] {
        page.value(&format!("chart.choose('{name}')"));
        let both =
            format!("byId('chart-value').textContent === 'now: ' + byId('now-{name}').textContent");
        becomes(&mut page, &both, &json!(true));
    }
    // A tile is chosen, and the big chart shows it; the cross is moved from the keyboard.
    page.value("document.querySelector('[data-plot=memory] button').focus()");
    page.press("Enter", 13);
    becomes(
        &mut page,
        "byId('chart-title').textContent.startsWith('Host memory, last ')",
        &json!(true),
    );
    becomes(&mut page, "points.length > 3", &json!(true));
    page.value("byId('chart-plot').focus()");
    page.press("ArrowLeft", 37);
    becomes(
        &mut page,
        "/^\\d\\d:\\d\\d:\\d\\d UTC: \\d+ %/.test(byId('chart-value').textContent)",
        &json!(true),
    );
}

fn services_have_a_table_and_fit_every_width(_: &World) {
    const LONG: &str = "the-backend-in-the-third-row-of-the-second-room-on-the-left";
    let backend = RawBackend::listen();
    let settings = format!(
        "{CHECKS}\n[[services]]\nname = \"files\"\nlisten = [\"127.0.0.1:0\"]\nmax_connections = 7\nbackends = [\"{LONG}={0}\"]\n\
         [[services]]\nname = \"mail\"\nlisten = [\"127.0.0.1:0\"]\nbackends = [\"m1={0}\"]\n",
        backend.address()
    );
    let balancer = Balancer::start_as_configured(&settings, &[]);
    let browser = Browser::open(&format!("http://{}/", balancer.admin.0));
    browser.shows("2/2 up");
    let mut page = browser.devtools();
    becomes(
        &mut page,
        "[...document.querySelectorAll('#services th span')].map(it => it.innerText).join()",
        &json!("files,mail"),
    );
    assert!(said(&mut page, "#services").contains("of 7"));
    for width in [360, 700, 1000, 1280, 1920] {
        page.resize(width, 900);
        let over = "document.documentElement.scrollWidth - document.documentElement.clientWidth";
        becomes(&mut page, over, &json!(0));
    }
}

/// A screen: the end of a picture's name, its size, whether it is dark.
type Look = (&'static str, (u32, u32), bool);

const DESK: Look = ("", (1280, 900), false);
const DARK: Look = ("-dark", (1280, 900), true);
const PHONE: Look = ("-phone", (390, 1100), false);

/// Nothing leaves the page, however it is looked at; each look is drawn if pictures are wanted.
fn look(page: &mut DevTools, name: &str, looks: &[Look]) {
    for &(end, (width, height), dark) in looks {
        let scheme = if dark { "dark" } else { "light" };
        let media = json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
        page.call("Emulation.setEmulatedMedia", &media);
        page.resize(width, height);
        let over = "document.documentElement.scrollWidth - document.documentElement.clientWidth";
        becomes(page, over, &json!(0));
        // Lines are drawn anew for the width with the next event.
        page.value("window.before = points.length && points[points.length - 1].time");
        becomes(
            page,
            "points[points.length - 1].time > window.before",
            &json!(true),
        );
        if let Ok(dir) = std::env::var(PICTURES) {
            let file = files::path(&dir).join(format!("{name}{end}.png"));
            std::fs::write(file, page.picture()).unwrap();
        }
    }
}

/// Sessions of several sizes, and some that stay; more of it where somebody will look at the lines.
fn load(fleet: &Fleet, seconds: i64) -> Vec<OldClient> {
    let mut held = Vec::new();
    let end = Utc::now() + TimeDelta::seconds(seconds);
    let mut round: u64 = 0;
    while Utc::now() < end || round == 0 {
        round += 1;
        if held.len() < 9 {
            held.push(open(fleet));
        }
        for _ in 0..1 + round % 7 {
            let mut session = open(fleet);
            session.archive("w24fz 0 10000000").unwrap();
            session.quit().unwrap();
        }
        if round.is_multiple_of(5) {
            held.pop();
        }
    }
    held
}

fn every_state_fits_every_screen(world: &World) {
    let drawn = std::env::var(PICTURES).is_ok();
    let mut fleet = Plan {
        balancer_settings: "instance = \"lb1\"\n",
        ..Plan::over(&world.few_files())
    }
    .start();
    let browser = Browser::open(&format!("http://{}/", fleet.balancer.admin.0));
    let mut page = browser.devtools();
    browser.shows("3/3 up");
    let wait = if drawn { 25 } else { 1 };
    becomes(&mut page, &format!("points.length > {wait}"), &json!(true));
    look(&mut page, "status-idle", &[DESK]);
    let held = load(&fleet, if drawn { 60 } else { 1 });
    look(&mut page, "status", &[DESK, DARK, PHONE]);
    fleet.server("mirror1").process.kill();
    drop(load(&fleet, if drawn { 10 } else { 1 }));
    browser.shows("⚠ 2/3 up");
    look(&mut page, "status-one-down", &[DESK, PHONE]);
    fleet.server("mirror2").process.kill();
    fleet.server("server").process.kill();
    browser.shows("✖ EMERGENCY 0/3 up");
    if drawn {
        becomes(
            &mut page,
            "/for 1\\d s/.test(byId('alerts').textContent)",
            &json!(true),
        );
    }
    look(&mut page, "status-all-down", &[DESK, DARK, PHONE]);
    drop(held);
}
