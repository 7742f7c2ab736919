//! HTTP within TLS: HTTP/2 where both sides have it, tokens as browsers and tools send them, certificates of clients.

use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use e2e::fleet::{Fleet, Plan};
use e2e::process::{Process, Ran, clean_command};
use e2e::scratch::Scratch;
use e2e::{eventually, tree};

use crate::tls::{Keys, TOKEN};
use crate::world::World;

crate::tests![
    #[needs(Downloaders)]
    files_over_http_2_and_tokens,
    #[needs(Downloaders)]
    certificates_of_clients_and_what_comes_without_tls,
    #[needs(Downloaders)]
    what_is_cut_does_not_look_whole,
];

const LONG: Duration = Duration::from_secs(60);

fn curl(keys: &Keys, words: &[&str]) -> Ran {
    let mut command = clean_command("curl");
    command
        .args(["-sS", "--cacert", &keys.path("ca.pem")])
        .args(words);
    Ran::of(command, LONG)
}

fn fleet(world: &World, server_settings: &str) -> Fleet {
    fleet_over(&world.few_files(), server_settings)
}

fn fleet_over(root: &Path, server_settings: &str) -> Fleet {
    let plan = Plan {
        server_settings,
        balancer_settings: "[check]\nkind = \"tcp\"\n",
        ..Plan::over(root)
    };
    plan.start()
}

fn files_over_http_2_and_tokens(world: &World) {
    let keys = Keys::new();
    let settings = keys.settings() + &format!("token_file = {:?}\n", keys.path("tokens"));
    let fleet = fleet(world, &settings);
    let url = |path: &str| format!("https://{}/{path}", fleet.address());
    let told = ["-w", "%{http_version} %{http_code}", "-o"];
    let out = keys.path("out");
    let noise = fs::read(world.few_files().join("pears/noise.bin")).unwrap();
    for (flags, expected) in [
        (vec!["-u", "anybody:a-token-0123456789abcdef"], "2 200"),
        (
            vec![
                "--http1.1",
                "-H",
                "Authorization: Bearer a-token-0123456789abcdef",
            ],
            "1.1 200",
        ),
        (vec!["-r", "-2000000", "--oauth2-bearer", TOKEN], "2 206"),
        (vec!["-u", "anybody:wrong"], "2 401"),
        (vec![], "2 401"),
    ] {
        let ran = curl(
            &keys,
            &[&flags[..], &told, &[&out, &url("pears/noise.bin")]].concat(),
        );
        assert_eq!(
            String::from_utf8_lossy(&ran.stdout),
            expected,
            "{flags:?}: {}",
            ran.stderr
        );
        let got = fs::read(&out).unwrap();
        match expected.rsplit_once(' ').unwrap().1 {
            "200" => assert!(got == noise),
            "206" => assert!(got == noise[noise.len() - 2_000_000..]),
            _ => assert!(String::from_utf8_lossy(&got).contains("\"status\":401")),
        }
    }
    let ran = curl(&keys, &["-D", "-", "-o", &out, &url("")]);
    let head = String::from_utf8_lossy(&ran.stdout).into_owned();
    assert!(
        head.contains("www-authenticate: Basic realm=\"NetSocket\", charset=\"UTF-8\""),
        "{head}"
    );
    // What needs no secret tells none.
    let ran = curl(&keys, &[&url(".netsocket/healthz")]);
    assert_eq!(ran.stdout, b"ok\n", "{}", ran.stderr);
}

fn certificates_of_clients_and_what_comes_without_tls(world: &World) {
    let keys = Keys::new();
    let settings = keys.settings() + &format!("tls_client_ca = {:?}\n", keys.path("ca.pem"));
    let strict = fleet(world, &settings);
    let url =
        |fleet: &Fleet, scheme: &str| format!("{scheme}://{}/apples/one.txt", fleet.address());
    let own = keys.authority.issue(&["me"]).write(keys.dir.path(), "me");
    let (certificate, key) = (
        own.certificate.display().to_string(),
        own.key.display().to_string(),
    );
    let ran = curl(
        &keys,
        &[
            "--cert",
            &certificate,
            "--key",
            &key,
            &url(&strict, "https"),
        ],
    );
    assert_eq!(ran.stdout, b"one\n", "{}", ran.stderr);
    assert_ne!(curl(&keys, &[&url(&strict, "https")]).code, Some(0));
    let ran = curl(&keys, &["-w", "%{http_code}", &url(&strict, "http")]);
    assert_eq!(
        String::from_utf8_lossy(&ran.stdout),
        "this server requires TLS: use https://\n400",
        "{}",
        ran.stderr
    );
    // Told apart by the first byte, if the settings let it.
    let both = fleet(world, &(keys.settings() + "tls_required = false\n"));
    for scheme in ["http", "https"] {
        let ran = curl(&keys, &[&url(&both, scheme)]);
        assert_eq!(ran.stdout, b"one\n", "{scheme}: {}", ran.stderr);
    }
}

/// A file that changes cuts its answer, of which TLS, a length, a last chunk or the end of a stream tells.
fn what_is_cut_does_not_look_whole(_: &World) {
    let keys = Keys::new();
    let root = Scratch::new("cut");
    let noise = tree::noise(b"large", 48 << 20);
    let large = tree::put(root.path(), b"large.bin", &noise);
    let fleet = fleet_over(root.path(), &keys.settings());
    for version in ["--http1.1", "--http2"] {
        for path in [
            "large.bin",
            "?archive=tar",
            "?archive=tar.gz",
            "?archive=zip",
        ] {
            fs::write(&large, &noise).unwrap();
            let place = Scratch::new("cut-download");
            let out = place.path().join("out");
            let mut command = clean_command("curl");
            command
                .args(["-sS", "--limit-rate", "12M", version, "--cacert"])
                .arg(keys.path("ca.pem"))
                .arg("-o")
                .arg(&out)
                .arg(format!("https://{}/{path}", fleet.address()));
            let mut download = Process::start_with_output("curl", command, Stdio::null());
            eventually(LONG, "a part of the file", || {
                let length = fs::metadata(&out).map_or(0, |file| file.len());
                (length > 4 << 20).then_some(())
            });
            let file = fs::File::options().write(true).open(&large).unwrap();
            file.set_len(40 << 20).unwrap();
            let code = download.wait(LONG).code();
            // 18: less than announced; 56: the connection broke; 92: so did a stream of HTTP/2.
            assert!(
                matches!(code, Some(18 | 56 | 92)),
                "{version} {path}: {code:?}"
            );
        }
    }
}
