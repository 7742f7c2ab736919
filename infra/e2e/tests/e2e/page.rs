//! The status page in a real browser: it follows the balancer without being loaded again.

use std::net::TcpStream;

use e2e::browser::Browser;
use e2e::fleet::Balancer;
use e2e::http;
use e2e::raw_backend::RawBackend;

use crate::world::World;

crate::tests![
    #[needs(Browser)]
    the_page_follows_the_balancer
];

fn the_page_follows_the_balancer(_: &World) {
    let backend = RawBackend::listen();
    let balancer = Balancer::start("", &[("raw", backend.address())], None);
    let admin = balancer.admin.0;
    let browser = Browser::open(&format!("http://{admin}/"));
    browser.shows("1/1 up, 0 open");
    let client = TcpStream::connect(balancer.address).unwrap();
    browser.shows("1/1 up, 1 open");
    let change = |method: &str, path: &str| {
        let answer = http::request(admin, method, path, &[], b"").unwrap();
        assert_eq!(answer.status, 200, "{}", answer.body);
    };
    change("POST", "/api/v1/backends/raw/drain");
    browser.shows("0/1 up, 1 open");
    change("DELETE", "/api/v1/sessions?backend=raw");
    browser.shows("0/1 up, 0 open");
    drop(client);
}
