//! Libraries of languages over HTTP, through the balancer; and its own check.

use e2e::fleet::Plan;
use e2e::{PATIENCE, eventually};

use crate::http_downloads::Site;
use crate::world::World;

crate::tests![
    #[needs(HttpLibraries)]
    libraries_of_languages_get_files_and_ranges,
    the_balancer_checks_by_http,
];

const PYTHON: &str = r#"
import sys, requests, httpx
url = sys.argv[1]
for get in (requests.get, httpx.get):
    whole = get(url + "large.bin")
    assert whole.status_code == 200 and len(whole.content) == int(whole.headers["content-length"])
    part = get(url + "large.bin", headers={"Range": "bytes=1000000-2000000", "If-Range": whole.headers["etag"]})
    assert part.status_code == 206 and part.content == whole.content[1000000:2000001]
    assert get(url + "large.bin", headers={"If-None-Match": whole.headers["etag"]}).status_code == 304
    names = [entry["name"] for entry in get(url + "docs/", headers={"Accept": "application/json"}).json()]
    assert names == ["deep", "a b.txt", "n\u00e9w: 100%.txt"], names
    for name in names[1:]:
        from urllib.parse import quote
        assert get(url + "docs/" + quote(name)).status_code == 200
    lines = get(url + "?find=*.txt&format=jsonl").text.splitlines()
    assert len(lines) == 2, lines
with requests.Session() as session:
    for _ in range(20):
        assert session.get(url + "docs/a%20b.txt").text == "a b\n"
"#;

const GO: &str = r#"package main

import (
	"io"
	"net/http"
	"os"
)

func main() {
	for i := 0; i < 20; i++ {
		response, err := http.Get(os.Args[1] + "docs/a%20b.txt")
		if err != nil {
			panic(err)
		}
		body, err := io.ReadAll(response.Body)
		if err != nil || string(body) != "a b\n" {
			panic(string(body))
		}
		response.Body.Close()
	}
	response, err := http.Get(os.Args[1] + "docs/?archive=tar.gz")
	if err != nil {
		panic(err)
	}
	body, err := io.ReadAll(response.Body)
	// Not unpacked on the way: it is a file, not the coding of one.
	if err != nil || response.Uncompressed || body[0] != 0x1f {
		panic("not the archive")
	}
}
"#;

fn libraries_of_languages_get_files_and_ranges(_: &World) {
    let site = Site::start();
    let ran = site.run("python-http", &["-c", PYTHON, &site.url("")]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let program = site.place.write("main.go", GO).display().to_string();
    let ran = site.run("go", &["run", &program, &site.url("")]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
}

fn the_balancer_checks_by_http(world: &World) {
    let root = world.few_files();
    let plan = Plan {
        balancer_settings: "[check]\nkind = \"http\"\npath = \"/.netsocket/healthz\"\n",
        ..Plan::over(&root)
    };
    let fleet = plan.start();
    let answer = e2e::http::get(fleet.address(), "/apples/one.txt").unwrap();
    assert_eq!((answer.status, answer.body.as_str()), (200, "one\n"));
    let asked = || {
        let requests = fleet.servers.iter().flat_map(|server| server.requests());
        requests.count()
    };
    eventually(PATIENCE, "the line of the request", || {
        (asked() > 0).then_some(())
    });
    // Checks are no requests of anybody.
    assert_eq!(asked(), 1);
}
