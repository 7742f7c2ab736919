//! What is made for other programs: completions of shells and the man page.

use std::io::Write as _;
use std::process::Stdio;

use crate::process::{Home, run};

/// Whether a script passes the check of its own shell; where there is no such shell, nobody can say.
fn check_script(shell: &str, script: &[u8]) -> Option<String> {
    let mut child = std::process::Command::new(shell)
        .args(["-n", "/dev/stdin"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .ok()?;
    child.stdin.take().unwrap().write_all(script).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{shell}: {said}");
    Some(said)
}

#[tokio::test]
async fn the_completions_are_scripts_of_their_shells() {
    let home = Home::new();
    for shell in ["bash", "zsh", "fish"] {
        let ended = run(home.netsocket(&["completions", shell])).await;
        assert_eq!(ended.code, Some(0), "{}", ended.err);
        let script = String::from_utf8(ended.out.clone()).unwrap();
        assert!(script.contains("born-after"), "{script}");
        let said = check_script(shell, &ended.out);
        assert_eq!(said.unwrap_or_default(), "", "{shell}");
    }
    let ended = run(home.netsocket(&["completions", "csh"])).await;
    assert_eq!(ended.code, Some(2));
}

/// What bash offers behind these words, with our script.
fn offered(script: &[u8], words: &[&str]) -> String {
    let list = words.join(" ");
    let last = words.len() - 1;
    let ask = format!(
        "source /dev/stdin; COMP_WORDS=({list}); COMP_CWORD={last}; \
         _netsocket netsocket '{}' '{}'; printf '%s\\n' \"${{COMPREPLY[@]}}\"",
        words[last],
        words[last - 1]
    );
    let mut child = std::process::Command::new("bash")
        .args(["--norc", "-c", &ask])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(script).unwrap();
    String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap()
}

#[tokio::test]
async fn bash_completes_commands_and_options() {
    let ended = run(Home::new().netsocket(&["completions", "bash"])).await;
    let commands = offered(&ended.out, &["netsocket", "st"]);
    assert_eq!(commands, "stat\nstatus\n");
    // Flags are offered behind a dash.
    for words in [&["netsocket", ""][..], &["netsocket", "--json", ""]] {
        let all = offered(&ended.out, words);
        assert!(
            all.contains("\nget\n") && !all.contains('-'),
            "{words:?}: {all}"
        );
    }
    let flags = offered(&ended.out, &["netsocket", "-"]);
    assert!(flags.lines().all(|flag| flag.starts_with('-')), "{flags}");
    assert!(flags.contains("--server\n"), "{flags}");
    assert_eq!(offered(&ended.out, &["netsocket", "get", ""]), "\n");
    assert_eq!(
        offered(&ended.out, &["netsocket", "find", "--lar"]),
        "--larger\n"
    );
    assert_eq!(
        offered(&ended.out, &["netsocket", "find", "--sort", "m"]),
        "modified\n"
    );
}

#[tokio::test]
async fn the_man_page_is_one() {
    let home = Home::new();
    let ended = run(home.netsocket(&["man"])).await;
    let page = String::from_utf8(ended.out.clone()).unwrap();
    assert!(page.contains(".TH netsocket 1"), "{page}");
    for part in [
        ".SH NAME",
        ".SH COMMANDS",
        ".SH \"EXIT STATUS\"",
        "\\-\\-larger SIZE",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
    let file = home.path().join("netsocket.1");
    std::fs::write(&file, &ended.out).unwrap();
    let shown = std::process::Command::new("man")
        .args(["--warnings", "-l"])
        .arg(&file)
        .env("MANWIDTH", "80")
        .env("LC_ALL", "C.UTF-8")
        .output();
    // Where there is no formatter nobody reads the page either.
    let Ok(shown) = shown else { return };
    let text = String::from_utf8_lossy(&shown.stdout);
    if !shown.status.success() || text.is_empty() {
        return;
    }
    assert_eq!(String::from_utf8_lossy(&shown.stderr), "");
    assert!(
        text.contains("--larger SIZE") && text.contains("130"),
        "{text}"
    );
}
