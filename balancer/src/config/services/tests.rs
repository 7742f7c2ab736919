use std::time::Duration;

use netsocket_settings::Problems;

use super::*;
use crate::config::load::tests::load_text;
use crate::core::balance::Policy;
use crate::core::health::Probe;
use crate::core::routing::RouteAction;

fn load(text: &str) -> Result<Config, Problems> {
    load_text(text).map_err(|mut problems| {
        for problem in &mut problems.0 {
            // The line alone: the column is tested with the settings of all programs.
            let line = problem.origin.split(':').nth(1);
            problem.origin = line.map_or("F".to_owned(), |line| format!("F:{line}"));
        }
        problems
    })
}

fn problems(text: &str) -> Vec<String> {
    let problems = load(text).unwrap_err();
    problems.0.iter().map(ToString::to_string).collect()
}

#[test]
fn without_services_the_top_is_the_only_one() {
    let config = load("backends = ['a=h:1']").unwrap();
    let services = config.service_plans();
    let names: Vec<_> = services
        .iter()
        .map(|it| (it.name, it.pool.unwrap()))
        .collect();
    assert_eq!(names, [("default", "default")]);
    assert_eq!(config.pool_plans().len(), 1);
}

#[test]
fn what_is_not_said_comes_from_the_top() {
    let config = load(
        "idle_timeout = '7s'\nbalance = 'maglev'\nconnect_timeout = '2s'\n[check]\nkind = 'http'\npath = '/top'\n\
         [[pools]]\nname = 'files'\nbackends = ['a=h:1', 'b=h:2']\nbalance = 'source'\n\
         [[services]]\nname = 'one'\nlisten = '127.0.0.1:1'\npool = 'files'\nidle_timeout = '9s'\n\
         [[services]]\nname = 'two'\nlisten = ['127.0.0.1:2', '[::1]:2', 'unix:/x', 'fd:y']\npool = 'files'\n\
         [[services]]\nname = 'three'\nlisten = '127.0.0.1:3'\nbackends = ['c=h:3']\n\
         [services.check]\nkind = 'tcp'\n",
    )
    .unwrap();
    let services = config.service_plans();
    let told: Vec<_> = services
        .iter()
        .map(|it| {
            (
                it.name,
                it.pool.unwrap(),
                it.settings.timeouts.idle.as_secs(),
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            ("one", "files", 9),
            ("two", "files", 7),
            ("three", "three", 7)
        ]
    );
    assert_eq!(services[1].settings.listen.addresses().len(), 4);
    let pools = config.pool_plans();
    let told: Vec<_> = pools
        .iter()
        .map(|it| (it.name, it.settings.backends.len(), it.settings.balance))
        .collect();
    assert_eq!(
        told,
        [("files", 2, Policy::Source), ("three", 1, Policy::Maglev)]
    );
    assert_eq!(pools[0].settings.timeouts.connect, Duration::from_secs(2));
    let path = |pool: &PoolPlan<'_>| match &pool.settings.checks.probe {
        Probe::Http { path, .. } => Some(path.clone()),
        _ => None,
    };
    // A check of another kind has nothing to do with the path of the top.
    assert_eq!(
        (path(&pools[0]), path(&pools[1])),
        (Some("/top".to_owned()), None)
    );
}

#[test]
fn the_top_is_a_service_as_well_where_it_listens() {
    let service = "[[services]]\nname = 'one'\nlisten = '127.0.0.1:1'\n";
    let config = load(&format!(
        "backends = ['a=h:1']\n{service}balance = 'source'\n"
    ))
    .unwrap();
    let pools = |config: &Config| -> Vec<String> {
        config
            .pool_plans()
            .iter()
            .map(|it| it.name.to_owned())
            .collect()
    };
    // Its own algorithm for the backends of the top.
    assert_eq!(
        (config.service_plans().len(), pools(&config)),
        (1, vec!["default".to_owned(), "one".to_owned()])
    );
    let config = load(&format!(
        "listen = '127.0.0.1:2'\nbackends = ['a=h:1']\n{service}"
    ))
    .unwrap();
    assert_eq!(
        (config.service_plans().len(), pools(&config)),
        (2, vec!["default".to_owned()])
    );
}

#[test]
fn everything_that_is_wrong_is_named_at_once_with_its_line() {
    let found = problems(
        "idle_timeout = 'soon'\n\
         [[pools]]\nname = 'p'\nbackends = []\nmax_connections = 9\n\
         [[pools]]\nname = 'p'\nbackends = ['a=h:1']\n\
         [[services]]\nname = 'one'\nlisten = '127.0.0.1:1'\npool = 'q'\n\
         [[services]]\nname = 'one'\nlisten = '127.0.0.1:1'\npool = 'p'\nbalance = 'source'\n\
         [[services]]\nlisten = ['x']\nbackends = ['a=h:1']\npool = 'p'\nworkers = 3\nport = 1\n",
    );
    let expected = [
        "F:1: idle_timeout = \"soon\": a duration from 1ms to 30d, such as 500ms, 2s or 10m",
        "F:5: pools[0].max_connections: not here, but at the top of the file, in [[services]] and for a single backend in [[backends]]",
        "F:4: pools[0].backends: at least one is needed",
        "F:12: services[0].pool = \"q\": a pool; known are p, p",
        "F:17: services[1].balance: belongs to the pool: set it in [[pools]]",
        "F:23: services[2].port: unknown key; did you mean listen?",
        "F:22: services[2].workers: only at the top of the file",
        "F:18: services[2].name: is missing",
        "F:19: services[2].listen[0] = \"x\": IP:PORT",
        "F:21: services[2].pool = \"p\": set either this or backends",
        "F:7: pools[1].name = \"p\": a name may be used only once",
        "F:14: services[1].name = \"one\": a name may be used only once",
        "F:15: services[1].listen = \"127.0.0.1:1\": another address: service one listens there",
    ];
    assert_eq!(found.len(), expected.len(), "{found:#?}");
    for expected in expected {
        let has = found.iter().any(|found| found.starts_with(expected));
        assert!(has, "{expected}\n{found:#?}");
    }
}

#[test]
fn rules_and_their_pools() {
    let head = "[[pools]]\nname = 'p'\nbackends = ['a=h:1']\n[[services]]\nname = 's'\nlisten = '127.0.0.1:1'\n";
    let config = load(&format!(
        "{head}[[services.routes]]\nserver_name = 'a.example, *.b.example'\nalpn = ['h2']\nfrom = ['10.0.0.0/8', '::1']\n\
         pool = 'p'\n[[services.routes]]\nname = 'no'\nfirst_bytes = 'tls'\nrefuse = true\n"
    ))
    .unwrap();
    let service = &config.services[0];
    assert_eq!((service.pool.as_deref(), service.routes.len()), (None, 2));
    let rule = &service.routes[0];
    assert_eq!(
        (rule.name.as_str(), rule.server_names.len(), rule.alpn.len()),
        ("1", 2, 1)
    );
    assert_eq!(service.routes[1].action, RouteAction::Refuse);

    let found = problems(&format!(
        "{head}routes = [\n{{ server_name = '10.0.0.1', pool = 'q', colour = 1 }},\n{{ first_bytes = 'ftp', name = 'a b' }},\n\
         {{ from = 'x', pool = 'p', refuse = true }},\n]\n"
    ));
    let expected = [
        "F:8: services[0].routes[0].colour: unknown key; known are name, server_name",
        "F:8: services[0].routes[0].server_name = \"10.0.0.1\": a host name",
        "F:9: services[0].routes[1].name = \"a b\": a name without spaces",
        "F:9: services[0].routes[1].first_bytes = \"ftp\": tls, http, ssh, proxy, any",
        "F:9: services[0].routes[1].pool: set either this or refuse = true",
        "F:10: services[0].routes[2].pool: set either this or refuse = true",
        "F:10: services[0].routes[2].from = \"x\": addresses or networks",
        "F:8: services[0].routes[0].pool = \"q\": a pool; known are p",
    ];
    for expected in expected {
        let has = found.iter().any(|found| found.starts_with(expected));
        assert!(has, "{expected}\n{found:#?}");
    }
    assert_eq!(found.len(), expected.len(), "{found:#?}");
    let found =
        problems("listen = '127.0.0.1:1'\n[[routes]]\nfirst_bytes = 'any'\nrefuse = true\n");
    assert_eq!(
        found,
        ["F:2: routes: no rule has a pool, and neither has the service"]
    );
}

#[test]
fn nobody_to_serve_a_service() {
    let found = problems("[[services]]\nname = 'one'\nlisten = '127.0.0.1:1'\n");
    assert_eq!(
        found,
        ["F:1: services[0].backends: is missing: backends here or at the top, or pool"]
    );
    let found = problems("services = 3\npools = 'x'\nbackends = ['a=h:1']\n");
    assert_eq!(
        found,
        [
            "F:1: services: a list of tables: [[services]]",
            "F:2: pools: a list of tables: [[pools]]"
        ]
    );
}
