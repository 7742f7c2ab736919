use super::*;

/// The imports between the files of a crate that exists only here.
fn edges(files: &[(&str, &str)]) -> Vec<Edge> {
    let text_of = |file: &str| {
        let found = files.iter().find(|(name, _)| *name == file);
        Ok(found.map(|(_, text)| (*text).to_owned()))
    };
    Modules::from("lib.rs", &text_of).unwrap().edges()
}

/// The same, in short: `a.rs:3 b.rs`.
fn arrows(files: &[(&str, &str)]) -> Vec<String> {
    let edges = edges(files).into_iter();
    edges
        .map(|edge| format!("{}:{} {}", edge.from, edge.line, edge.to))
        .collect()
}

const LIB: (&str, &str) = ("lib.rs", "mod a;\nmod b;\nmod c;\n");
const C: (&str, &str) = ("c.rs", "");

#[test]
fn every_way_to_name_an_item_is_an_import() {
    for text in [
        "use crate::b::Item;",
        "use crate::{c::Other as _, b::{self, Item}};",
        "pub(crate) use crate::b::*;",
        "use super::b::Item as Renamed;",
        "use self::super::b;",
        "fn f() -> crate::b::Item { todo!() }",
        "fn f(x: &super::b::Item) {}",
        "fn f() { assert_eq!(crate::b::VALUE, 1); }",
        "fn f() { use crate::b::Item; }",
        "fn f() { let range = 0..crate::b::VALUE; }",
        "impl<T: crate::b::Trait> S<T> {}",
        "mod inner { use super::super::b::Item; }",
        "mod inner { use crate::b::Item; }",
        "macro_rules! m { () => { $crate::b::Item } }",
        "#[cfg(not(test))]\nuse crate::b::Item;",
        "#[cfg(any(test, feature = \"x\"))]\nuse crate::b::Item;",
    ] {
        let found = arrows(&[LIB, ("a.rs", text), ("b.rs", ""), C]);
        assert!(
            found
                .iter()
                .any(|arrow| arrow.starts_with("a.rs") && arrow.ends_with(" b.rs")),
            "{text}: {found:?}"
        );
    }
}

#[test]
fn what_is_no_import_is_left_alone() {
    for text in [
        "// use crate::b::Item;\n/* crate::b */",
        "/// [`crate::b::Item`]\nfn f() {}",
        "fn f() -> &'static str { \"crate::b::Item\" }",
        "const TEXT: &str = r#\"use crate::b;\"#;",
        "pub(crate) fn f() {}\npub(in crate::b) fn g() {}",
        "use b::Item;\nuse ::b::Other;",
        "fn f() { ::b::g(); other::b::g(); x.crate_b::<T>(); }",
        "fn f(b: u8) -> impl Sized + use<> { b }",
        "use self::inner::b;\nmod inner { pub(crate) struct b; }",
    ] {
        let found = arrows(&[LIB, ("a.rs", text), ("b.rs", ""), C]);
        assert_eq!(found, [""; 0], "{text}");
    }
}

#[test]
fn tests_do_not_count() {
    for text in [
        "#[cfg(test)]\nmod tests {\n    use crate::b::Item;\n}",
        "#[cfg(test)]\nmod missing;",
        "#[cfg(doctest)]\nmod missing;",
        "#[cfg(all(test, unix))]\n#[allow(unused)]\nuse crate::b::{Item, Other};",
        "#[cfg(test)]\npub(crate) fn f<A, B>() -> crate::b::Item { crate::b::g() }",
        "#[cfg(test)]\nconst X: crate::b::Item = crate::b::Item { x: 1 };",
        "struct S { #[cfg(test)] x: crate::b::Item, y: u8 }",
        "#![cfg(test)]\nuse std::fmt;\nuse crate::b::Item;",
    ] {
        let found = arrows(&[LIB, ("a.rs", text), ("b.rs", ""), C]);
        assert_eq!(found, [""; 0], "{text}");
    }
    // What follows the test counts.
    let text = "#[cfg(test)]\nuse std::{fmt, io};\nuse crate::c;\n";
    let found = arrows(&[LIB, ("a.rs", text), ("b.rs", ""), C]);
    assert_eq!(found, ["a.rs:3 c.rs"]);
}

#[test]
fn the_line_is_that_of_the_name() {
    let text = "use crate::{\n    b::{\n        Item,\n    },\n    c,\n};\n";
    let found = arrows(&[LIB, ("a.rs", text), ("b.rs", ""), C]);
    assert_eq!(found, ["a.rs:3 b.rs", "a.rs:5 c.rs"]);
}

#[test]
fn a_re_export_leads_to_the_file_behind_it() {
    let core = (
        "core/mod.rs",
        "mod backend;\npub(crate) mod pool;\npub(crate) use backend::Backend;\npub(crate) use pool::*;\n",
    );
    let crate_of = |a| {
        arrows(&[
            ("lib.rs", "mod a;\nmod core;\n"),
            ("a.rs", a),
            core,
            ("core/backend.rs", "pub(crate) struct Backend;"),
            ("core/pool.rs", "pub(crate) fn pick() {}"),
        ])
    };
    let both = [
        "core/mod.rs:3 core/backend.rs",
        "core/mod.rs:4 core/pool.rs",
    ];
    let with = |own: &[&'static str]| [own, &both].concat();
    assert_eq!(
        crate_of("use crate::core::Backend;"),
        with(&["a.rs:1 core/backend.rs", "a.rs:1 core/mod.rs"])
    );
    assert_eq!(
        crate_of("use crate::core::pick;"),
        with(&["a.rs:1 core/mod.rs", "a.rs:1 core/pool.rs"])
    );
    // The way through the module itself does not pass its parent.
    assert_eq!(
        crate_of("use crate::core::pool::pick;"),
        with(&["a.rs:1 core/pool.rs"])
    );
    // A module that was imported by name is followed where it is used.
    assert_eq!(
        crate_of("use crate::core;\nfn f() { core::pool::pick() }"),
        with(&["a.rs:1 core/mod.rs", "a.rs:2 core/pool.rs"])
    );
}

#[test]
fn a_circle_is_told_file_by_file() {
    let edges = edges(&[
        LIB,
        ("a.rs", "\nuse crate::b::B;\n"),
        ("b.rs", "use crate::c::C;\n"),
        ("c.rs", "fn f() {\n    super::a::f();\n}\n"),
    ]);
    let message = "\
x/src: files import each other in a circle:
  x/src/a.rs:2 imports `crate::b::B` from b.rs
  x/src/b.rs:1 imports `crate::c::C` from c.rs
  x/src/c.rs:2 imports `super::a::f` from a.rs
  Move the item that both need into the lower file, or into a third one.";
    assert_eq!(circles("x/src", &edges), [message]);
}

#[test]
fn a_parent_that_uses_a_child_and_is_used_by_it_is_a_circle() {
    let edges = edges(&[
        ("lib.rs", "mod a;\n"),
        (
            "a/mod.rs",
            "mod b;\npub(crate) use b::B;\npub(crate) const N: u8 = 1;\n",
        ),
        ("a/b.rs", "use super::N;\n"),
    ]);
    let messages = circles("x/src", &edges);
    assert_eq!(messages.len(), 1, "{messages:?}");
    assert!(messages[0].contains("x/src/a/b.rs:1 imports `super::N` from a/mod.rs"));
}

#[test]
fn of_a_tangle_the_shortest_circle_is_shown() {
    let edges = edges(&[
        LIB,
        ("a.rs", "use crate::b;\n"),
        ("b.rs", "use crate::{a, c};\n"),
        ("c.rs", "use crate::a;\n"),
    ]);
    let messages = circles("x/src", &edges);
    assert_eq!(messages.len(), 1, "{messages:?}");
    assert!(
        messages[0].starts_with(
            "x/src: files import each other in a circle (the shortest among 3 files):\n"
        )
    );
    assert_eq!(messages[0].lines().count(), 4);
    assert_eq!(circles("x/src", &edges[..1]), [""; 0]);
}

const PARTS: [Part; 3] = [
    Part {
        name: "control",
        may_import: &["core", "units"],
    },
    Part {
        name: "core",
        may_import: &[],
    },
    Part {
        name: "units",
        may_import: &[],
    },
];

#[test]
fn an_import_against_the_table_is_told_with_what_is_allowed() {
    let edges = edges(&[
        (
            "lib.rs",
            "mod control;\nmod core;\nmod units;\nuse control::C;\n",
        ),
        ("control/mod.rs", "use crate::core::pool;\n"),
        ("core/mod.rs", "pub(crate) mod pool;\n"),
        ("core/pool.rs", "use crate::{units, control::C};\n"),
        ("units.rs", "use crate::control::C;\n"),
    ]);
    assert_eq!(
        wrong_way("x/src", &PARTS, &edges),
        [
            "x/src/core/pool.rs:1 imports `crate::control::C` from control/mod.rs, \
             but `core` may import nothing (see docs/contributing.md)",
            "x/src/core/pool.rs:1 imports `crate::units` from units.rs, \
             but `core` may import nothing (see docs/contributing.md)",
            "x/src/units.rs:1 imports `crate::control::C` from control/mod.rs, \
             but `units` may import nothing (see docs/contributing.md)",
        ]
    );
    let only = [Part {
        name: "core",
        may_import: &["units"],
    }];
    let messages = wrong_way("x/src", &only, &edges);
    assert_eq!(messages.len(), 1, "{messages:?}");
    assert!(messages[0].contains("but `core` may import only units"));
}

#[test]
fn the_table_names_every_entry_and_no_other() {
    let entries = ["lib.rs", "main.rs", "core", "units.rs", "new.rs"];
    let entries = entries.map(ToOwned::to_owned).into();
    assert_eq!(
        strangers("x/src", &PARTS, &entries),
        [
            "x/src/new: no rule says what it may import. Add one to infra/xtask/src/imports/rules.rs",
            "x/src/control: does not exist. Remove its rule from infra/xtask/src/imports/rules.rs",
        ]
    );
}

#[test]
fn a_crowded_root_is_told() {
    let entries = |count: usize| (0..count).map(|entry| format!("{entry}.rs")).collect();
    assert_eq!(too_many("x/src", &entries(14)), None);
    assert_eq!(
        too_many("x/src", &entries(15)).unwrap(),
        "x/src has 15 entries; at most 14 are allowed. Move files that belong together into a folder"
    );
}

#[test]
fn a_module_without_its_file_is_told() {
    let text_of = |file: &str| Ok((file == "lib.rs").then(|| "mod a;".to_owned()));
    let failure = Modules::from("lib.rs", &text_of).unwrap_err();
    assert_eq!(failure.message, "a.rs: declared as a module, but missing");
}

#[test]
fn every_member_of_the_workspace_is_checked_by_rules_that_point_one_way() {
    let manifest = std::fs::read_to_string(cargo::workspace().join("Cargo.toml")).unwrap();
    let (_, members) = manifest.split_once("members = [").unwrap();
    let (members, _) = members.split_once(']').unwrap();
    let members = members.split('"').skip(1).step_by(2);
    let mut members: Vec<&str> = members
        .filter(|folder| *folder != "infra/workspace-hack")
        .collect();
    let mut checked = CRATES.each_ref().map(|own| own.folder);
    members.sort_unstable();
    checked.sort_unstable();
    assert_eq!(checked[..], members[..]);
    for own in &CRATES {
        let mut lower = Vec::new();
        for part in own.parts {
            for name in part.may_import {
                let place = format!("{}/src/{}", own.folder, part.name);
                assert!(
                    lower.contains(name),
                    "{place}: `{name}` is not above it in the table"
                );
            }
            lower.push(part.name);
        }
    }
}

#[test]
fn the_documented_tables_are_those_of_the_rules() {
    let text = text_of(TABLES).unwrap();
    assert_eq!(undocumented(&text), [""; 0]);
    let messages = undocumented(&text.replace("| `core` | – |", "| `core` | `admin` |"));
    assert_eq!(messages.len(), 1, "{messages:?}");
    assert!(messages[0].starts_with(
        "docs/contributing.md does not have this table of infra/xtask/src/imports/rules.rs:\n\
         | in `balancer/src` | may import |\n| --- | --- |\n| `core` | – |\n"
    ));
}
