#!/usr/bin/env bash
# prometheus-parse 0.2.5 (crates.io), fed by axum-prometheus 0.10.1 with axum 0.8.9.
#
# Expected: `Scrape::parse` gives every sample of a metrics page, or an error. In the text format a label
# value is what stands between two quotes, whatever characters those are.
#
# Happens: a line whose label value holds a brace is left out, without an error. Since axum 0.8 a route
# with a parameter is written with braces, `/users/{id}`, and axum-prometheus uses the route as the label
# `endpoint`: all counters and histograms of such routes are missing from what is read. A comma in a value
# cuts the value there, and its rest becomes part of another label.
#
# Seen, after one request to /health and two to /users/{id}:
#     written axum_http_requests_total{method="GET",status="200",endpoint="/health"} 1
#     written axum_http_requests_total{method="GET",status="200",endpoint="/users/{id}"} 2
#     read    endpoint="/health" 1
#     32 lines of values, 16 read
#     by="weight,name" is read as by="weight"
# and prometheus_client 0.26.0 (PyPI) reads 32 of the 32.
#
# Why it matters: an exporter, a test or a forwarder built on this parser shows the routes without
# parameters, which are the health check and the start page, and a sum that is too small. Before axum 0.8
# the same route was `/users/:id`, and was read.
#
# What to do: give the layer an `EndpointLabel` whose function replaces the braces, or read the page with
# another parser. Compare the number of samples with that of lines.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
unset CARGO_TARGET_DIR RUSTC_WORKSPACE_WRAPPER "${!CARGO_MANIFEST_@}" "${!CARGO_PKG_@}"

# --- the packages ------------------------------------------------------------
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q prometheus_client==0.26.0
mkdir -p "$work/src"
cat > "$work/Cargo.toml" <<'T'
[package]
name = "probe"
version = "1.0.0"
edition = "2021"
[dependencies]
axum = "=0.8.9"
axum-prometheus = "=0.10.1"
prometheus-parse = "=0.2.5"
tokio = { version = "1", features = ["macros", "rt"] }
tower = { version = "0.5", features = ["util"] }
T
cat > "$work/src/main.rs" <<'R'
use axum::{body::Body, http::Request, routing::get, Router};
use axum_prometheus::PrometheusMetricLayer;
use prometheus_parse::{Sample, Scrape, Value};
use tower::ServiceExt as _;

fn read(page: &str) -> Vec<Sample> {
    let lines = page.lines().map(|line| Ok(line.to_owned()));
    Scrape::parse(lines).expect("no error").samples
}

/// How many lines a sample stands for.
fn lines(sample: &Sample) -> usize {
    match &sample.value {
        Value::Histogram(buckets) => buckets.len(),
        _ => 1,
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let (layer, metrics) = PrometheusMetricLayer::pair();
    let service = Router::new()
        .route("/health", get(|| async {}))
        .route("/users/{id}", get(|| async {}))
        .layer(layer);
    for path in ["/health", "/users/1", "/users/2"] {
        let request = Request::get(path).body(Body::empty()).unwrap();
        service.clone().oneshot(request).await.unwrap();
    }

    let (page, total) = (metrics.render(), "axum_http_requests_total");
    let of_total = page.lines().filter(|line| line.starts_with(&format!("{total}{{")));
    of_total.for_each(|line| println!("written {line}"));
    let samples = read(&page);
    for sample in samples.iter().filter(|it| it.metric == total) {
        let Value::Counter(value) = sample.value else { panic!("no counter") };
        println!("read    endpoint={:?} {value}", sample.labels.get("endpoint").unwrap());
    }
    let written = page.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    println!("{} lines of values, {} read", written.count(), samples.iter().map(lines).sum::<usize>());

    let sorted = &read("sorted{by=\"weight,name\"} 1\n")[0];
    println!("by=\"weight,name\" is read as by={:?}", sorted.labels.get("by").unwrap());
    std::fs::write("page", page).unwrap();
}
R
cd "$work"
cargo build --quiet
grep -E -A1 '^name = "(axum|axum-prometheus|prometheus-parse)"' Cargo.lock | grep -v '^--' | paste - -

# --- the probe ---------------------------------------------------------------
{
    target/debug/probe | LC_ALL=C sort
    venv/bin/python - <<'P'
from prometheus_client.parser import text_string_to_metric_families as families

page = open("page").read()
print("prometheus_client reads", sum(len(family.samples) for family in families(page)))
P
} | tee seen

diff seen - <<'T'
32 lines of values, 16 read
by="weight,name" is read as by="weight"
read    endpoint="/health" 1
written axum_http_requests_total{method="GET",status="200",endpoint="/health"} 1
written axum_http_requests_total{method="GET",status="200",endpoint="/users/{id}"} 2
prometheus_client reads 32
T
