//! The page of a directory in a real browser.

use e2e::browser::Browser;
use e2e::fleet::Plan;
use e2e::scratch::Scratch;
use e2e::tree;

use crate::world::World;

crate::tests![
    #[needs(Browser)]
    a_directory_and_a_search_are_shown,
    #[needs(Browser)]
    no_script_of_a_served_file_runs,
];

fn a_directory_and_a_search_are_shown(world: &World) {
    let root = world.few_files();
    let fleet = Plan::over(&root).start();
    let url = |path: &str| format!("http://{}/{path}", fleet.address());
    for (path, title) in [
        ("pears/", "pears/ \u{2013} "),
        ("?q=noise", "noise \u{2013} "),
        ("none", "Not Found"),
    ] {
        let browser = Browser::open(&url(path));
        browser.shows(title);
        // What it got is what it asked for first: no style, icon or script was refused or missing.
        drop(browser);
    }
    let asked: Vec<_> = fleet
        .servers
        .iter()
        .flat_map(|server| server.requests())
        .collect();
    let failed: Vec<_> = asked
        .iter()
        .filter(|request| request["status"].as_u64() >= Some(400))
        .collect();
    let known = |request: &serde_json::Value| {
        let command = request["command"].as_str().unwrap_or_default();
        command.contains("path=none") || command.contains("favicon")
    };
    assert!(failed.iter().all(|request| known(request)), "{failed:?}");
}

fn no_script_of_a_served_file_runs(_: &World) {
    let root = Scratch::new("scripts");
    let page = b"<title>still</title><script>document.title = 'ran'</script>";
    tree::put(root.path(), b"x.html", page);
    let fleet = Plan::over(root.path()).start();
    let browser = Browser::open(&format!("http://{}/x.html", fleet.address()));
    browser.shows("still");
    assert_eq!(browser.title().as_deref(), Some("still"));
}
