use tokio::time::Instant;

use super::*;
use crate::ctl::top::keys::Key;
use crate::ctl::top::state::Wish;

fn status(backends: usize, sessions: usize) -> Status {
    let backends: Vec<_> = (0..backends)
        .map(|number| {
            serde_json::json!({
                "name": format!("b{number}"),
                "address": format!("10.0.0.{number}:9000"),
                "state": if number == 1 { "down" } else { "up" },
                "reason": "3 checks failed: connection refused",
                "since": "2026-01-02T03:04:05.000Z",
                "weight": 1,
                "active": number,
                "rates": { "sessions": 1.0, "bytes_up": 1e6, "bytes_down": 2e6 },
            })
        })
        .collect();
    let sessions: Vec<_> = (0..sessions)
        .map(|number| {
            serde_json::json!({
                "id": format!("0-{number}-1"),
                "client": format!("192.0.2.{number}:4711"),
                "backend": "b0",
                "age_ms": 1500.0,
                "rate": number,
            })
        })
        .collect();
    serde_json::from_value(serde_json::json!({
        "instance": "lb1",
        "state": "warning",
        "headline": "b1 is down: 3 checks failed: connection refused",
        "time": "2026-01-02T03:04:17.000Z",
        "ready": true,
        "alerts": [{
            "what": "b1 is down: 3 checks failed: connection refused",
            "clients": "are served by 2 backends",
            "since": "2026-01-02T03:04:05.000Z",
            "todo": ["Nothing listens at 10.0.0.1:9000: start the server there."],
        }],
        "pools": [{ "name": "default", "queue_limit": 100, "backends": backends }],
        "top_sessions": sessions,
    }))
    .unwrap()
}

fn shown(status: &Status, state: &mut State, rows: usize, columns: usize) -> Vec<String> {
    frame(status, state, Size { rows, columns }, false)
}

#[test]
fn a_frame_fits_whatever_the_terminal_is() {
    let (few, many) = (status(3, 5), status(300, 50));
    for rows in [1, 2, 5, 10, 20, 24, 60] {
        for columns in [1, 10, 40, 70, 80, 200] {
            for status in [&few, &many] {
                let lines = shown(status, &mut State::default(), rows, columns);
                assert_eq!(lines.len(), rows, "{rows}x{columns}");
                for line in &lines {
                    assert!(line.chars().count() <= columns, "{rows}x{columns}: {line}");
                }
            }
        }
    }
}

#[test]
fn a_small_terminal_shows_state_backends_sessions_and_keys() {
    let lines = shown(&status(3, 30), &mut State::default(), 20, 70);
    assert!(lines[0].starts_with("lb1 WARNING b1 is down: 3 checks failed"));
    assert!(lines[1].starts_with("up 2/3  open 0  new 0/s  RX 0 B/s  TX 0 B/s  queue 0/100"));
    assert!(lines[2].starts_with("  for 12 s, clients are served by 2 backends"));
    assert!(lines[3].starts_with("  > Nothing listens at 10.0.0.1:9000"));
    let heads: Vec<_> = lines[5].split_whitespace().collect();
    assert_eq!(
        heads,
        ["NAME", "STATE", "FOR", "OPEN", "RX", "TX", "REASON"]
    );
    assert!(
        lines[7].starts_with("b1        down       12 s     1   1.0 MB/s"),
        "{}",
        lines[7]
    );
    assert!(lines[10].starts_with("CLIENT"), "{lines:#?}");
    // The busiest first.
    assert!(lines[11].starts_with("192.0.2.29:4711"));
    assert!(lines[19].starts_with("q quit  ? keys  s sort:config  / filter"));
}

#[test]
fn keys_sort_filter_and_choose() {
    let status = status(30, 0);
    let mut state = State::default();
    let names = |state: &State| -> Vec<String> {
        let all = state.backends(&status);
        all.iter().map(|backend| backend.name.clone()).collect()
    };
    let press = |state: &mut State, keys: &str| -> Vec<Wish> {
        let keys = keys.chars().map(|key| match key {
            '\n' => Key::Enter,
            '>' => Key::Down,
            '<' => Key::Up,
            other => Key::Char(other),
        });
        keys.map(|key| state.press(key, &status)).collect()
    };
    press(&mut state, "sssss");
    assert_eq!(
        (state.sort.label(), names(&state)[0].as_str()),
        ("open", "b29")
    );
    press(&mut state, "S");
    assert_eq!(names(&state)[0], "b0");
    press(&mut state, "/b2q\n");
    assert_eq!(state.filter, "b2q");
    press(&mut state, "/");
    state.press(Key::Backspace, &status);
    press(&mut state, "\n");
    assert_eq!(
        names(&state),
        [
            "b2", "b20", "b21", "b22", "b23", "b24", "b25", "b26", "b27", "b28", "b29"
        ]
    );
    // What was chosen stays in sight, and is drained only after a yes.
    assert!(press(&mut state, "d").contains(&Wish::Show) && state.news.starts_with("choose"));
    press(&mut state, ">>>>>>>>>>");
    let lines = shown(&status, &mut state, 12, 70);
    assert!(
        lines.iter().any(|line| line.starts_with("\x1b[7mb28 ")),
        "{lines:#?}"
    );
    press(&mut state, "dn");
    assert_eq!(state.news, "nothing was changed");
    let wishes = press(&mut state, "dy");
    assert!(matches!(&wishes[1], Wish::Do(change) if change.said() == "drain b28"));
    assert_eq!(press(&mut state, "q"), [Wish::Quit]);
}

#[test]
fn the_question_says_that_no_other_backend_serves() {
    let asked = |backends: usize, key: char| {
        // Of these b1 is down.
        let status = status(backends, 0);
        let mut state = State::default();
        state.press(Key::Home, &status);
        state.press(Key::Char(key), &status);
        shown(&status, &mut state, 10, 80).pop().unwrap()
    };
    assert_eq!(asked(3, 'd'), "drain b0? y / n");
    let last = "drain b0? No other healthy backend takes sessions. y / n";
    assert_eq!(asked(2, 'd'), last);
    assert_eq!(asked(2, 'r'), "put b0 back into service? y / n");
}

#[test]
fn a_balancer_that_does_not_answer_is_called_so() {
    let mut state = State::default();
    state.lost = Some("the balancer stopped".to_owned());
    state.grow_old(Some(Duration::from_secs(14)));
    let lines = shown(&status(3, 0), &mut state, 10, 80);
    assert_eq!(lines[0], "lb1 NO ANSWER the balancer stopped");
    let expected = "  last answer 14 s ago, all below is of 2026-01-02T03:04:17.000Z";
    assert_eq!(lines[2], expected);
}

#[test]
fn only_what_is_on_the_screen_is_acted_on() {
    let status = status(3, 0);
    let foot_after = |keys: &[Key]| {
        let mut state = State::default();
        for key in [&[Key::Home], keys, &[Key::Char('d')]].concat() {
            state.press(key, &status);
        }
        shown(&status, &mut state, 20, 80).pop().unwrap()
    };
    assert_eq!(foot_after(&[]), "drain b0? y / n");
    let filter = "/zeal".chars().map(Key::Char);
    let filtered: Vec<_> = filter.chain([Key::Enter]).collect();
    let first = "choose a backend first: up, down";
    assert_eq!(foot_after(&filtered), first);
    let elsewhere = "choose a backend in the view of backends: tab";
    assert_eq!(foot_after(&[Key::Tab]), elsewhere);
}

#[test]
fn a_filter_that_nothing_matches_says_so() {
    let mut state = State::default();
    state.filter = "zeal".to_owned();
    let lines = shown(&status(3, 0), &mut state, 20, 80);
    let said = "nothing matches \"zeal\": Esc shows all";
    assert!(lines.iter().any(|line| line == said), "{lines:#?}");
}

#[test]
fn services_have_a_column_and_a_panel() {
    let mut status = status(1, 0);
    status.services = serde_json::from_value(serde_json::json!([
        { "name": "files", "pool": "default", "active": 3, "limit": 7, "listen": ["10.0.0.1:80"] }
    ]))
    .unwrap();
    let mut state = State::default();
    let lines = shown(&status, &mut state, 20, 200);
    assert!(
        lines
            .iter()
            .any(|line| line.starts_with("NAME      SERVICE   STATE")),
        "{lines:#?}"
    );
    assert!(
        lines
            .iter()
            .any(|line| line.starts_with("b0        files     up")),
        "{lines:#?}"
    );
    for _ in 0..2 {
        state.press(Key::Tab, &status);
    }
    let lines = shown(&status, &mut state, 20, 80);
    assert!(
        lines
            .iter()
            .any(|line| line.starts_with("files     default      3      7")),
        "{lines:#?}"
    );
}

#[test]
fn without_services_there_is_no_column_for_them_and_nothing_that_matters_is_cut() {
    let mut status = status(3, 5);
    let host = serde_json::json!({ "cpu_percent": 12.0, "memory_percent": 45.0 });
    status.host = serde_json::from_value(host).unwrap();
    status.sessions.limit = 1_048_576;
    for session in status.top_sessions.iter_mut().flatten() {
        session.id = "3-1234567-89".to_owned();
        session.client = "198.51.100.23:54321".to_owned();
    }
    for services in [
        serde_json::json!([]),
        serde_json::json!([{ "name": "default" }]),
    ] {
        status.services = serde_json::from_value(services).unwrap();
        for width in [80, 140] {
            let lines = shown(&status, &mut State::default(), 24, width);
            let text = lines.join("\n");
            assert!(!text.contains("SERVICE"), "{text}");
            assert!(text.contains("3-1234567-89"), "{width}: {text}");
            assert!(lines[1].ends_with("cpu 12 %  mem 45 %"), "{}", lines[1]);
        }
        let lines = shown(&status, &mut State::default(), 24, 50);
        assert_eq!(lines[1], "up 2/3  open 0  new 0/s  RX 0 B/s  TX 0 B/s");
    }
}

/// In an outage what to do is there to be read, and the columns are those of before.
#[test]
fn an_outage_is_wrapped_and_columns_stay() {
    let mut status = status(3, 0);
    let heads = |status: &Status| {
        let lines = shown(status, &mut State::default(), 24, 80);
        let head = lines.iter().find(|line| line.starts_with("NAME")).unwrap();
        head.split_whitespace()
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let calm = heads(&status);
    let expected = "NAME STATE FOR OPEN NEW RX TX ERR REASON";
    assert_eq!(calm.join(" "), expected);
    let todo = "Nothing listens at 127.0.0.1:33581, 127.0.0.1:33582, 127.0.0.1:33583: start the server there.";
    status.alerts[0].todo = vec![todo.to_owned()];
    status.alerts[0].clients =
        "are offered to each backend in service once, and refused if none takes them (SC)"
            .to_owned();
    for backend in &mut status.pools[0].backends {
        backend.rates.bytes_up = 123_456_789.0;
        "down".clone_into(&mut backend.state);
    }
    assert_eq!(heads(&status), calm);
    let lines = shown(&status, &mut State::default(), 24, 80);
    let text = lines
        .join(" ")
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ");
    assert!(
        text.contains(todo) && text.contains("refused if none takes them (SC)"),
        "{lines:#?}"
    );
    assert!(
        lines.iter().any(|line| line.starts_with("b2 ")),
        "{lines:#?}"
    );
    // As much as there is room for, and a sign of more.
    let lines = shown(&status, &mut State::default(), 16, 40);
    assert!(
        lines[5].ends_with('…') && lines[7].starts_with("NAME"),
        "{lines:#?}"
    );
}

/// What does not fit into the table is below it, where there is room.
#[test]
fn a_reason_is_there_in_full() {
    let status = status(3, 2);
    let told = |rows, columns| {
        let lines = shown(&status, &mut State::default(), rows, columns);
        let whole = "b1: 3 checks failed: connection refused";
        lines.iter().any(|line| line == whole)
    };
    assert!(told(24, 80));
    assert!(!told(24, 200) && !told(14, 80));
}

/// A figure that had no room once does not come back before the width is another one.
#[test]
fn totals_do_not_come_and_go() {
    let mut status = status(3, 0);
    let host = serde_json::json!({ "cpu_percent": 12.0, "memory_percent": 45.0 });
    status.host = serde_json::from_value(host).unwrap();
    let mut state = State::default();
    let mut ends = |status: &Status, columns| {
        let line = shown(status, &mut state, 24, columns).swap_remove(1);
        line.ends_with("mem 45 %")
    };
    assert!(ends(&status, 80));
    status.rates.bytes_up = 123_400_000.0;
    status.rates.bytes_down = 123_400_000.0;
    assert!(!ends(&status, 80));
    status.rates.bytes_up = 0.0;
    status.rates.bytes_down = 0.0;
    assert!(!ends(&status, 80));
    assert!(ends(&status, 81));
}

#[test]
fn a_key_shows_the_keys() {
    let status = status(3, 5);
    let mut state = State::default();
    assert_eq!(state.press(Key::Char('?'), &status), Wish::Show);
    let lines = shown(&status, &mut state, 24, 80);
    assert!(
        lines
            .iter()
            .any(|line| line.starts_with("d ") && line.contains("drain")),
        "{lines:#?}"
    );
    assert_eq!(lines[23], "any key: back");
    state.press(Key::Char('q'), &status);
    assert!(shown(&status, &mut state, 24, 80)[23].starts_with("q quit  ? keys"));
    assert_eq!(state.press(Key::Char('q'), &status), Wish::Quit);
}

/// What is old does not look like now, and says how old it is.
#[test]
fn figures_without_an_answer_are_called_old() {
    let status = status(3, 3);
    let mut state = State::default();
    assert!(state.grow_old(Some(Duration::from_millis(3400))));
    assert!(!state.grow_old(Some(Duration::from_millis(3900))));
    let size = Size {
        rows: 20,
        columns: 80,
    };
    let lines = frame(&status, &mut state, size, true);
    assert_eq!(lines[0], "\x1b[33mlb1 NO ANSWER last answer 3 s ago\x1b[0m");
    let said = "  all below is of 2026-01-02T03:04:17.000Z";
    assert_eq!(lines[2], format!("\x1b[33m{said}\x1b[0m"));
    let body = lines.iter().skip(3).filter(|line| !line.is_empty());
    for line in body.chain([&lines[1]]) {
        assert!(line.starts_with("\x1b[2m"), "{line:?}");
    }
    // Where the connection has ended as well, both are said.
    state.lost = Some("the balancer stopped".to_owned());
    state.grow_old(Some(Duration::from_secs(75)));
    let lines = shown(&status, &mut state, 20, 80);
    assert_eq!(lines[0], "lb1 NO ANSWER the balancer stopped");
    assert_eq!(
        lines[2],
        format!("  last answer 1m 15s ago, {}", said.trim())
    );
    state.lost = None;
    assert!(state.grow_old(None));
    let lines = shown(&status, &mut state, 20, 80);
    assert!(lines[0].starts_with("lb1 WARNING"), "{lines:#?}");
}

#[test]
fn the_column_sorted_by_is_there_and_has_an_arrow() {
    let status = status(3, 3);
    let mut state = State::default();
    let heads = |state: &mut State, columns| {
        let lines = shown(&status, state, 24, columns);
        let line = |head: &str| {
            let mut lines = lines.iter().filter(|line| line.starts_with(head));
            lines.next().cloned().unwrap_or_default()
        };
        (line("NAME"), line("CLIENT"), lines[23].clone())
    };
    let (backends, sessions, keys) = heads(&mut state, 60);
    assert!(!backends.contains(['▲', '▼']) && !backends.contains("ERR"));
    assert!(sessions.contains("RATE▼") && keys.contains("sort:config  "));
    for (label, head) in [
        ("name▲", "NAME▲"),
        ("state▲", "STATE▲"),
        ("for▲", "FOR▲"),
        ("check▼", "CHECK▼"),
        ("open▼", "OPEN▼"),
        ("new▼", "NEW▼"),
        ("RX▼", "RX▼"),
        ("TX▼", "TX▼"),
        ("P50▼", "P50▼"),
        ("P99▼", "P99▼"),
        ("err▼", "ERR▼"),
        ("weight▼", "WEIGHT▼"),
        ("reason▲", "REASON▲"),
    ] {
        state.press(Key::Char('s'), &status);
        let (backends, _, keys) = heads(&mut state, 60);
        assert!(backends.contains(head), "{backends}");
        assert!(keys.contains(&format!("sort:{label}")), "{keys}");
    }
    state.press(Key::Char('S'), &status);
    let (backends, sessions, keys) = heads(&mut state, 60);
    assert!(backends.contains("REASON▼") && sessions.contains("RATE▲"));
    assert!(keys.contains("sort:reason▼"));
    state.press(Key::Char('s'), &status);
    assert!(heads(&mut state, 60).2.contains("sort:config▼"));
}

#[test]
fn the_last_line_names_the_view_and_the_filter_before_keys() {
    let status = status(3, 3);
    let mut state = State::default();
    let foot = |state: &mut State, columns| shown(&status, state, 24, columns).pop().unwrap();
    let whole =
        "q quit  ? keys  s sort:config  / filter  tab view:backends  d drain  r ready  m maint";
    assert_eq!(foot(&mut state, 100), whole);
    assert_eq!(
        foot(&mut state, 80),
        whole.replace("sort:", "").replace("view:", "")
    );
    state.filter = "mirror1".to_owned();
    let expected = "q quit  ? keys  s sort:config  / filter:mirror1  tab view:backends";
    assert_eq!(foot(&mut state, 80), expected);
    assert_eq!(foot(&mut state, 70), expected);
    assert_eq!(
        foot(&mut state, 60),
        "q quit  ? keys  sort:config  filter:mirror1  view:backends"
    );
    assert_eq!(foot(&mut state, 40), "q quit  ? keys  filter:mirror1");
    assert_eq!(foot(&mut state, 20), "?  filter:mirror1");
    state.press(Key::Tab, &status);
    assert!(foot(&mut state, 70).ends_with("tab view:sessions"));
}

/// As on the page, what was told goes by itself.
#[test]
fn news_are_soon_old() {
    let mut state = State::default();
    let start = Instant::now();
    let after = |seconds| start + Duration::from_secs(seconds);
    assert!(!state.forget(start));
    state.tell("done: drain b1".to_owned());
    assert!(!state.forget(after(1)) && !state.forget(after(15)));
    // Another one has its own time.
    state.tell("done: drain b2".to_owned());
    assert!(!state.forget(after(16)) && !state.forget(after(30)));
    let foot = |state: &mut State| shown(&status(3, 0), state, 24, 80).pop().unwrap();
    assert_eq!(foot(&mut state), "done: drain b2");
    assert!(state.forget(after(31)));
    assert!(foot(&mut state).starts_with("q quit"));
}

/// Long names take no column away, and that of the chosen one is there in full.
#[test]
fn columns_depend_on_the_width_alone() {
    let long = "the-backend-in-the-third-row-of-the-2nd-room";
    for width in [70, 80, 100, 120, 200] {
        let heads = |name: &str| {
            let mut status = status(3, 3);
            name.clone_into(&mut status.pools[0].backends[1].name);
            for session in status.top_sessions.iter_mut().flatten() {
                session.backend = Some(name.to_owned());
            }
            let mut state = State::default();
            state.press(Key::Home, &status);
            state.press(Key::Down, &status);
            let lines = shown(&status, &mut state, 24, width);
            let heads = lines
                .iter()
                .filter(|line| line.starts_with("NAME") || line.starts_with("CLIENT"));
            let heads: Vec<Vec<String>> = heads
                .map(|line| line.split_whitespace().map(str::to_owned).collect())
                .collect();
            (heads, lines.join("\n"))
        };
        let (expected, _) = heads("b1");
        let (cut, text) = heads(long);
        assert_eq!(cut, expected, "{width}");
        assert!(
            text.contains("  0-2-1") && text.contains(long),
            "{width}: {text}"
        );
    }
}

#[test]
fn the_reason_of_the_chosen_one_is_there_in_full() {
    let mut status = status(3, 30);
    let reason = "3 checks passed, the last of them after its agent had said that it is up again";
    reason.clone_into(&mut status.pools[0].backends[2].reason);
    let mut state = State::default();
    let told = |state: &mut State| {
        let lines = shown(&status, state, 30, 100).join(" ");
        lines.contains(&format!("b2: {reason}"))
    };
    assert!(!told(&mut state));
    state.press(Key::End, &status);
    assert!(told(&mut state));
}
