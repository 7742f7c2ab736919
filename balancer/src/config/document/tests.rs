use super::*;
use crate::config::Config;

fn document(json: &str) -> Document {
    let Value::Object(map) = serde_json::from_str(json).unwrap() else {
        panic!("a table");
    };
    Document(Arc::new(map))
}

fn object(json: &str) -> Map<String, Value> {
    Map::clone(&document(json).0)
}

#[test]
fn backends_come_change_and_go_in_every_kind_of_pool() {
    let start = document(
        r#"{"backends":"a=h:1,b=h:2","pools":[{"name":"p","backends":["x=h:1"]}],
            "services":[{"name":"s","listen":"127.0.0.1:1","backends":[{"name":"y","address":"h:1"}]}]}"#,
    );
    let mut now = start.clone();
    for (pool, name) in [("default", "c"), ("p", "z"), ("s", "y")] {
        let table = object(r#"{"address":"h:9","weight":2}"#);
        let edit = Edit::SetBackend(pool.into(), name.into(), table);
        now = now.changed(&edit).unwrap();
    }
    for (pool, name) in [("default", "a"), ("p", "x")] {
        let edit = Edit::RemoveBackend(pool.into(), name.into());
        now = now.changed(&edit).unwrap();
        assert!(now.changed(&edit).is_err(), "gone already");
    }
    let config = Config::of_document(&now).unwrap();
    let names = |config: &Config| -> Vec<String> {
        let all = config
            .pool_plans()
            .into_iter()
            .flat_map(|plan| plan.settings.backends.clone());
        all.map(|backend| backend.to_string()).collect()
    };
    assert_eq!(names(&config), ["b=h:2", "c=h:9", "z=h:9", "y=h:9"]);
    let none = Edit::SetBackend("q".into(), "a".into(), Map::new());
    assert_eq!(
        now.changed(&none).unwrap_err().to_string(),
        "no pool \"q\"; known pools: default, p, s. `ctl set-pool` makes a new one"
    );
    assert!(Document::default().changed(&none).is_err());
    for (pool, said) in [
        ("default", "no backend \"d\"; known backends: b, c"),
        ("p", "pool p: no backend \"d\"; known backends: z"),
        (
            "default",
            "no backend \"z\"; known backends: b, c. Pool p has one: `ctl remove p/z`",
        ),
        (
            "default",
            "no backend \"p\"; known backends: b, c. p is a pool: `ctl remove p NAME`, or `ctl remove-pool p`",
        ),
    ] {
        let name = said.split('"').nth(1).unwrap();
        let gone = Edit::RemoveBackend(pool.into(), name.into());
        assert_eq!(now.changed(&gone).unwrap_err().to_string(), said);
    }
}

#[test]
fn what_is_at_the_top_is_no_entry() {
    let start = document(r#"{"backends":["a=h:1"]}"#);
    let table = || object(r#"{"backends":["b=h:2"]}"#);
    for (edit, begins) in [
        (
            Edit::RemovePool("default".into()),
            "pool default cannot be removed at run time: ",
        ),
        (
            Edit::SetPool("default".into(), table()),
            "pool default cannot be changed at run time: ",
        ),
        (
            Edit::RemoveService("default".into()),
            "service default cannot be removed at run time: ",
        ),
        (
            Edit::SetService("default".into(), table()),
            "service default cannot be changed at run time: ",
        ),
    ] {
        let said = start.changed(&edit).unwrap_err().to_string();
        assert!(
            said.starts_with(begins) && said.contains("`ctl reload`"),
            "{said}"
        );
    }
}

#[test]
fn keys_of_another_document_are_taken_as_they_are_there() {
    let asked = document(r#"{"listen":"h:1","workers":3,"log":"warn","balance":"source"}"#);
    let running = document(r#"{"workers":2,"instance":"x","balance":"maglev"}"#);
    let keys = ["listen", "workers", "log", "instance"];
    let expected = r#"{"listen":"0.0.0.0:8081","workers":2,"instance":"x","balance":"source"}"#;
    assert_eq!(asked.with_keys_of(&running, &keys).0, document(expected).0);
    // The top is no service, and does not become one.
    let asked = document(r#"{"services":[]}"#);
    let running = document(r#"{"listen":"h:1"}"#);
    assert_eq!(asked.with_keys_of(&running, &keys).0, asked.0);
}

#[test]
fn pools_and_services_come_and_go() {
    let start = document(r#"{"listen":"127.0.0.1:9","backends":["a=h:1"]}"#);
    let pool = Edit::SetPool(
        "p".into(),
        object(r#"{"backends":["b=h:2"],"balance":"source"}"#),
    );
    let service = Edit::SetService("s".into(), object(r#"{"listen":"127.0.0.1:1","pool":"p"}"#));
    let now = start.changed(&pool).unwrap().changed(&service).unwrap();
    let config = Config::of_document(&now).unwrap();
    assert_eq!((config.services.len(), config.pools.len()), (1, 1));
    // The default service goes on, also where its address was not said.
    assert!(config.has_default_service());
    let unsaid = document(r#"{"backends":["a=h:1"]}"#);
    let unsaid = unsaid.changed(&pool).unwrap().changed(&service).unwrap();
    assert!(Config::of_document(&unsaid).unwrap().has_default_service());
    // The pool is in use: the document says so when it is judged.
    let used = now.changed(&Edit::RemovePool("p".into())).unwrap_err();
    assert_eq!(
        used.to_string(),
        "service s uses pool p: `ctl set-service s JSON` with another one, or `ctl remove-service s`, comes first"
    );
    let routed = document(
        r#"{"backends":["a=h:1"],"routes":[{"pool":"p"}],"pools":[{"name":"p","backends":["b=h:2"]}]}"#,
    );
    let used = routed.changed(&Edit::RemovePool("p".into())).unwrap_err();
    assert_eq!(
        used.to_string(),
        "service default uses pool p: say another one at the top of the settings file, then `ctl reload`"
    );
    let last = start.changed(&Edit::RemoveBackend("default".into(), "a".into()));
    assert_eq!(
        last.unwrap_err().to_string(),
        "a is the last backend of pool default and stays: `ctl drain a` keeps new sessions away"
    );
    let gone = start.changed(&Edit::RemovePool("q".into())).unwrap_err();
    assert_eq!(
        gone.to_string(),
        "no pool \"q\"; there is only the default one"
    );
    for (edit, hint) in [
        (
            Edit::RemovePool("s".into()),
            "s is a service: `ctl remove-service s`",
        ),
        (
            Edit::RemoveService("p".into()),
            "p is a pool: `ctl remove-pool p`",
        ),
    ] {
        let said = now.changed(&edit).unwrap_err().to_string();
        assert!(said.ends_with(hint), "{said}");
    }
    let now = now.changed(&Edit::RemoveService("s".into())).unwrap();
    let now = now.changed(&Edit::RemovePool("p".into())).unwrap();
    assert_eq!(now.0, start.0);
}

#[test]
fn what_is_saved_is_read_as_the_same() {
    let start = document(
        r#"{"listen":["127.0.0.1:1","[::1]:1"],"idle_timeout":"7s","check":{"kind":"exchange","expect":"a\"\\\\\\n"},
            "backends":["a=h:1",{"name":"b","address":"h:2","weight":2,"backup":true}],
            "pools":[{"name":"p","backends":[{"name":"b","address":"h:2"}],"check":{"kind":"tcp"}}],
            "services":[{"name":"s","listen":"127.0.0.1:2","routes":[{"server_name":["a.test"],"pool":"p"}]}]}"#,
    );
    let text = start.to_toml();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), &text).unwrap();
    let layers = netsocket_settings::Layers {
        file: Some(file.path()),
        flags: vec![],
    };
    let read =
        Config::load(&layers, |_| None).unwrap_or_else(|problems| panic!("{problems}\n{text}"));
    assert_eq!(read.document.0, start.0, "{text}");
    let judged = Config::of_document(&start).unwrap();
    assert_eq!(format!("{read:?}"), format!("{judged:?}"));
}
