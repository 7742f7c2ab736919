//! What can be done on the status page, in a real browser: what it asks, what it says afterwards, and who may.

use e2e::browser::{Browser, DevTools};
use e2e::fleet::Balancer;
use e2e::raw_backend::RawBackend;
use e2e::scratch::Scratch;
use rustix::process::Signal;
use serde_json::json;

use crate::page::{becomes, change, said};
use crate::world::World;

crate::tests![
    #[needs(Browser)]
    actions_are_told_until_they_are_out_of_date,
    #[needs(Browser)]
    a_page_with_a_password_takes_a_token,
];

/// Presses the button of an action, and says yes.
fn act(page: &mut DevTools, action: &str, asked: &str) {
    let button = format!("document.querySelector('#backends button[aria-label^=\"{action} \"]')");
    becomes(page, &format!("{button} !== null"), &json!(true));
    page.value(&format!("{button}.click()"));
    assert_eq!(said(page, "#ask-title"), asked);
    page.value("byId('ask-yes').click()");
}

/// Waits for what it says, after the time.
fn tells(page: &mut DevTools, news: &str) {
    let text = "byId('news').textContent.replace(/^\\d\\d:\\d\\d:\\d\\d UTC: /, '')";
    becomes(page, text, &json!(news));
}

fn actions_are_told_until_they_are_out_of_date(_: &World) {
    let (one, two) = (RawBackend::listen(), RawBackend::listen());
    let backends = [("one", one.address()), ("two", two.address())];
    let balancer = Balancer::start("", &backends, None);
    let admin = balancer.admin.0;
    let browser = Browser::open(&format!("http://{admin}/"));
    browser.shows("2/2 up");
    let mut page = browser.devtools();
    act(&mut page, "Drain", "Drain one?");
    tells(&mut page, "one is draining");
    becomes(&mut page, "latestAction.seen", &json!(true));
    // Somebody else.
    change(admin, "POST", "/api/v1/backends/one/ready");
    becomes(&mut page, "byId('news').textContent", &json!(""));
    act(&mut page, "Maintenance", "Take one out of service?");
    tells(&mut page, "one is in maintenance");
    act(&mut page, "Ready", "Put one back into service?");
    tells(&mut page, "one is back in service");
    // Nobody contradicts that, but it is soon old.
    becomes(&mut page, "byId('news').textContent", &json!(""));
    // What failed stays, with its reason.
    page.value("change('POST', 'api/v1/backends/three/drain', undefined, 'drain three', '', null)");
    let failed = said(&mut page, "#news");
    assert!(failed.contains(": Could not drain three: "), "{failed}");
    // While the balancer hangs, it is said that it was asked; once it is gone, that nobody knows.
    balancer.process.signal(Signal::STOP);
    page.value(
        "void change('POST', 'api/v1/backends/two/drain', undefined, 'drain two', '', null)",
    );
    tells(&mut page, "Asked to drain two, no answer yet");
    balancer.process.signal(Signal::KILL);
    tells(
        &mut page,
        "Asked to drain two, no answer: it may still be done",
    );
}

/// To the balancer, a name is not this machine: another one could stand for it.
fn a_page_with_a_password_takes_a_token(_: &World) {
    let backend = RawBackend::listen();
    let dir = Scratch::new("secrets");
    let (read, admin) = (
        dir.write("read", "reading\n"),
        dir.write("admin", "changing\n"),
    );
    let settings = format!(
        "admin_read_token_file = \"{}\"\nadmin_token_file = \"{}\"\n",
        read.display(),
        admin.display()
    );
    let balancer = Balancer::start(&settings, &[("one", backend.address())], None);
    let port = balancer.admin.0.port();
    for password in ["reading", "changing"] {
        let browser = Browser::open(&format!("http://x:{password}@lb.localhost:{port}/"));
        browser.shows("1/1 up");
        let mut page = browser.devtools();
        page.value("window.failed = []; addEventListener('unhandledrejection', event => failed.push(String(event.reason)))");
        let field = "document.querySelector('header input') !== null";
        becomes(&mut page, field, &json!(true));
        let rights = "byId('rights').textContent";
        let wanted = "Read only: changes without a token must address this host as localhost or by IP address. ";
        becomes(&mut page, rights, &json!(wanted));
        for (token, wanted) in [
            ("neither", "Read only: the token is wrong. "),
            (
                "reading",
                "Read only: this is the secret for reading (admin_read_token_file): changes need that of admin_token_file, or none from this machine. ",
            ),
            ("changing", ""),
        ] {
            page.value(&format!(
                "document.querySelector('header input').value = '{token}'; document.querySelector('header form').requestSubmit()"
            ));
            becomes(&mut page, rights, &json!(wanted));
        }
        becomes(&mut page, field, &json!(false));
        act(&mut page, "Drain", "Drain one?");
        tells(&mut page, "one is draining");
        becomes(&mut page, "latestAction.seen", &json!(true));
        act(&mut page, "Ready", "Put one back into service?");
        tells(&mut page, "one is back in service");
        assert_eq!(page.value("failed"), json!([]));
    }
}
