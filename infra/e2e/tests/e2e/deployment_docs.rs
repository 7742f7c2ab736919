//! The blocks in the documents about deployment: settings are read by the programs that they are for, units by systemd,
//! manifests by kustomize.

use std::path::Path;

use e2e::kubernetes::{Objects, render};
use e2e::markdown::Document;
use e2e::process::{Ran, clean_command};
use e2e::program::Program;
use e2e::scratch::Scratch;
use e2e::{PATIENCE, files, tool};

use crate::world::World;

crate::tests![
    settings_are_what_their_programs_read,
    quoted_lines_are_in_their_files,
    #[needs(Systemd)]
    drop_ins_fit_their_units,
    #[needs(Kubernetes)]
    an_overlay_of_ones_own_is_rendered,
];

const DOCUMENTS: [&str; 4] = [
    "docs/containers.md",
    "docs/systemd.md",
    "docs/kubernetes.md",
    "docs/several-balancers.md",
];

/// Every block of a language, with the document that it is in.
fn blocks(language: &str) -> Vec<(&'static str, String)> {
    let found = DOCUMENTS.iter().flat_map(|name| {
        let texts = Document::read(*name).texts(language).into_iter();
        texts.map(|text| (*name, text))
    });
    let found: Vec<_> = found.collect();
    assert!(!found.is_empty(), "no {language} in {DOCUMENTS:?}");
    found
}

/// Whom the first line of a block names as its reader.
fn reader(block: &str) -> &str {
    let first = block.lines().next().unwrap_or_default();
    first
        .strip_prefix("# ")
        .unwrap_or_else(|| panic!("who reads this?\n{block}"))
}

fn settings_are_what_their_programs_read(_: &World) {
    for (document, block) in blocks("toml") {
        let name = reader(&block);
        let program = Program::ALL
            .into_iter()
            .find(|program| program.name() == name);
        let program = program.unwrap_or_else(|| panic!("{document}: {name} is no program"));
        let dir = Scratch::new("documented");
        let mut command = clean_command(program.path());
        command
            // What is shared is on the reader's machine.
            .env("NETSOCKET_ROOT", dir.path())
            .arg("--check-config")
            .arg("--config")
            .arg(dir.write("x.toml", &block));
        let ran = Ran::of(command, PATIENCE);
        assert_eq!(ran.code, Some(0), "{document}: {}\n{block}", ran.stderr);
    }
}

fn quoted_lines_are_in_their_files(_: &World) {
    let configurations: Vec<_> = ["infra/keepalived", "infra/anycast"]
        .iter()
        .flat_map(|folder| files::below(&files::path(folder)))
        .map(|file| std::fs::read_to_string(file).unwrap())
        .collect();
    for (document, block) in blocks("text") {
        let mut texts = configurations.iter();
        assert!(
            texts.any(|text| text.contains(block.trim_end())),
            "{document}:\n{block}"
        );
    }
}

fn drop_ins_fit_their_units(_: &World) {
    for (document, block) in blocks("ini") {
        let unit = reader(&block);
        let text = files::text(&format!("infra/systemd/{unit}"));
        let programs = Program::Balancer.path();
        let programs = format!("{}/netsocket-", programs.parent().unwrap().display());
        let dir = Scratch::new("units");
        for file in [
            "netsocket-balancer.service",
            "netsocket-fileservers.target",
            unit,
        ] {
            let text = files::text(&format!("infra/systemd/{file}"));
            dir.write(file, text.replace("/usr/bin/netsocket-", &programs));
        }
        assert!(!text.is_empty());
        let drop_ins = dir.path().join(format!("{unit}.d"));
        std::fs::create_dir(&drop_ins).unwrap();
        std::fs::write(drop_ins.join("own.conf"), &block).unwrap();
        let unit = dir.path().join(unit.replace("@.", "@server."));
        if !unit.exists() {
            let template = Path::new(unit.file_name().unwrap())
                .to_str()
                .unwrap()
                .replace("@server.", "@.");
            std::fs::copy(dir.path().join(template), &unit).unwrap();
        }
        let mut command = tool::tool("systemd-analyze");
        command.args(["verify", "--man=no"]).arg(&unit);
        let output = command.output().unwrap();
        let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        assert!(
            output.status.success() && said.is_empty(),
            "{document}: {said}\n{block}"
        );
    }
}

fn an_overlay_of_ones_own_is_rendered(_: &World) {
    let dir = Scratch::new("overlay");
    tool::output(
        tool::tool("cp")
            .arg("-r")
            .arg(files::path("infra/kubernetes"))
            .arg(dir.path()),
    );
    let overlays = dir.path().join("kubernetes/overlays");
    let own = overlays.join("own");
    std::fs::create_dir(&own).unwrap();
    std::fs::copy(
        overlays.join("production/files.yaml"),
        own.join("files.yaml"),
    )
    .unwrap();
    let mut count = 0;
    for (document, block) in blocks("yaml") {
        assert_eq!(files::yaml(document, &block).len(), 1);
        if reader(&block) == "kustomization.yaml" {
            std::fs::write(own.join("kustomization.yaml"), &block).unwrap();
            count += 1;
        }
    }
    assert_eq!(count, 1);
    let objects = Objects::read(&render(&own));
    let image = &objects.named("Deployment", "balancer")["spec"]["template"]["spec"]["containers"]
        [0]["image"];
    assert_eq!(image, "images.example/netsocket-balancer:0.1.0");
}
