//! `infra/kubernetes`: every overlay is rendered, judged by the schemas of Kubernetes, and asked whether its parts fit
//! together and what our programs say of the settings in it.

use std::fs;

use e2e::PATIENCE;
use e2e::dockerfile::Image;
use e2e::files;
use e2e::kubernetes::{OVERLAYS, Objects, render, validator};
use e2e::process::{Ran, clean_command};
use e2e::program::Program;
use e2e::scratch::Scratch;
use serde_json::{Value, json};

use crate::world::World;

crate::tests![
    #[needs(Kubernetes)]
    objects_have_the_shape_that_kubernetes_wants,
    #[needs(Kubernetes)]
    wrong_objects_are_found,
    #[needs(Kubernetes)]
    parts_fit_together,
    #[needs(Kubernetes)]
    pods_may_do_their_work_only,
    #[needs(Kubernetes)]
    programs_take_the_settings_that_they_get,
];

/// The oldest and the newest version that the files are for.
const VERSIONS: [&str; 2] = ["1.30", "1.33"];

/// Name and objects of each overlay, as text.
fn overlays() -> Vec<(String, String)> {
    let mut overlays: Vec<_> = fs::read_dir(files::path(OVERLAYS))
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            (name, render(&path))
        })
        .collect();
    overlays.sort();
    assert_eq!(overlays.len(), 2);
    overlays
}

fn objects_have_the_shape_that_kubernetes_wants(_: &World) {
    for (name, rendered) in overlays() {
        for version in VERSIONS {
            let dir = Scratch::new("kubernetes");
            let file = dir.write("objects.yaml", &rendered);
            let ran = Ran::of(validator(version, &file), PATIENCE);
            let said = String::from_utf8_lossy(&ran.stdout).into_owned();
            assert_eq!(
                ran.code,
                Some(0),
                "{name} for {version}: {said}{}",
                ran.stderr
            );
        }
    }
}

/// The judge is awake: a misspelt key is seen.
fn wrong_objects_are_found(_: &World) {
    let (_, rendered) = overlays().remove(0);
    let wrong = rendered.replacen("readOnlyRootFilesystem", "readOnlyRootFileSystem", 1);
    assert_ne!(wrong, rendered);
    let dir = Scratch::new("kubernetes");
    let file = dir.write("objects.yaml", wrong);
    assert_ne!(
        Ran::of(validator(VERSIONS[1], &file), PATIENCE).code,
        Some(0)
    );
}

fn parts_fit_together(_: &World) {
    for (overlay, rendered) in overlays() {
        let objects = Objects::read(&rendered);
        for service in objects.of_kind("Service") {
            let found = objects.selected(&service["spec"]["selector"]);
            assert_eq!(found.len(), 1, "{overlay}: {service}");
            let ports = container(found[0])["ports"].as_array().unwrap();
            for port in service["spec"]["ports"].as_array().unwrap() {
                let target = ports
                    .iter()
                    .find(|known| known["name"] == port["targetPort"]);
                assert!(target.is_some(), "{overlay}: {port}");
            }
        }
        for budget in objects.of_kind("PodDisruptionBudget") {
            let selector = &budget["spec"]["selector"]["matchLabels"];
            assert_eq!(objects.selected(selector).len(), 1, "{overlay}: {budget}");
        }
        for autoscaler in objects.of_kind("HorizontalPodAutoscaler") {
            let target = autoscaler["spec"]["scaleTargetRef"]["name"]
                .as_str()
                .unwrap();
            let deployment = objects.named("Deployment", target);
            // Both would want to say how many there are.
            assert!(
                deployment["spec"]["replicas"].is_null(),
                "{overlay}: {target}"
            );
            assert!(container(deployment)["resources"]["requests"]["cpu"].is_string());
        }
        for policy in objects.of_kind("NetworkPolicy") {
            let selector = &policy["spec"]["podSelector"]["matchLabels"];
            if selector.is_object() {
                assert!(
                    !objects.selected(selector).is_empty(),
                    "{overlay}: {policy}"
                );
            }
        }
        // The balancer asks for the file servers by the name of a service without an address of its own.
        let service = objects.named("Service", "fileserver");
        assert_eq!(service["spec"]["clusterIP"], "None");
        for deployment in objects.of_kind("Deployment") {
            for claim in claims(deployment) {
                assert!(objects.named("PersistentVolumeClaim", &claim).is_object());
            }
        }
    }
}

fn container(deployment: &Value) -> &Value {
    &deployment["spec"]["template"]["spec"]["containers"][0]
}

fn claims(deployment: &Value) -> Vec<String> {
    let volumes = deployment["spec"]["template"]["spec"]["volumes"].as_array();
    let volumes = volumes.map(Vec::as_slice).unwrap_or_default().iter();
    let names = volumes.filter_map(|volume| volume["persistentVolumeClaim"]["claimName"].as_str());
    names.map(ToOwned::to_owned).collect()
}

fn pods_may_do_their_work_only(_: &World) {
    for (overlay, rendered) in overlays() {
        let objects = Objects::read(&rendered);
        for deployment in objects.of_kind("Deployment") {
            let name = deployment["metadata"]["name"].as_str().unwrap();
            let pod = &deployment["spec"]["template"]["spec"];
            let place = format!("{overlay}: {name}");
            assert_eq!(pod["automountServiceAccountToken"], false, "{place}");
            assert_eq!(pod["securityContext"]["runAsNonRoot"], true, "{place}");
            assert_eq!(
                pod["securityContext"]["seccompProfile"]["type"], "RuntimeDefault",
                "{place}"
            );
            assert_eq!(pod["containers"].as_array().unwrap().len(), 1, "{place}");
            let container = container(deployment);
            let rights = &container["securityContext"];
            assert_eq!(rights["allowPrivilegeEscalation"], false, "{place}");
            assert_eq!(rights["readOnlyRootFilesystem"], true, "{place}");
            assert_eq!(rights["capabilities"], json!({"drop": ["ALL"]}), "{place}");
            assert!(
                container["resources"]["limits"]["memory"].is_string(),
                "{place}"
            );
            for probe in ["readinessProbe", "livenessProbe"] {
                assert_eq!(container[probe]["httpGet"]["port"], "admin", "{place}");
            }
            // What is started is an image of ours, as its user.
            let image = container["image"]
                .as_str()
                .unwrap()
                .split(':')
                .next()
                .unwrap();
            let image = Image::of(image.strip_prefix("netsocket-").unwrap());
            let pod = &pod["securityContext"];
            assert_eq!(
                image.user,
                format!("{}:{}", pod["runAsUser"], pod["runAsGroup"]),
                "{place}"
            );
        }
    }
}

/// Each program is started with the arguments, environment and files of its container, to check its settings only.
fn programs_take_the_settings_that_they_get(_: &World) {
    for (overlay, rendered) in overlays() {
        let objects = Objects::read(&rendered);
        let expected: &[_] = match overlay.as_str() {
            "local" => &["balancer", "fileserver"],
            _ => &["balancer", "collector", "fileserver"],
        };
        let found: Vec<_> = objects.of_kind("Deployment").collect();
        assert_eq!(found.len(), expected.len(), "{overlay}");
        for name in expected {
            let deployment = objects.named("Deployment", name);
            let container = container(deployment);
            let (program, settings) = match *name {
                "balancer" => (Program::Balancer, "balancer.toml"),
                "fileserver" => (Program::Fileserver, "fileserver.toml"),
                _ => (Program::Collector, ""),
            };
            let dir = Scratch::new(name);
            let mut command = clean_command(program.path());
            command
                .envs(objects.environment(container))
                // What is shared is in the pod.
                .env("NETSOCKET_ROOT", dir.path())
                .env("NETSOCKET_SPOOL_DIR", dir.path())
                .arg("--check-config");
            let mut grace = None;
            for word in container["args"].as_array().unwrap() {
                let word = word.as_str().unwrap();
                if !word.starts_with("/etc/netsocket/") {
                    command.arg(word);
                    continue;
                }
                let volumes = &deployment["spec"]["template"]["spec"]["volumes"];
                let map = volumes[0]["configMap"]["name"].as_str().unwrap();
                let text = objects.named("ConfigMap", map)["data"][settings]
                    .as_str()
                    .unwrap();
                grace = drain_timeout(text);
                command.arg(dir.write(settings, text));
            }
            let ran = Ran::of(command, PATIENCE);
            assert_eq!(ran.code, Some(0), "{overlay}: {name}: {}", ran.stderr);
            let pod = &deployment["spec"]["template"]["spec"];
            let patience = pod["terminationGracePeriodSeconds"].as_u64().unwrap();
            let pause = container["lifecycle"]["preStop"]["sleep"]["seconds"].as_u64();
            let drain = grace.unwrap_or(0) + pause.unwrap_or(0);
            assert!(patience > drain, "{overlay}: {name} is killed in its drain");
        }
    }
}

/// In seconds.
fn drain_timeout(settings: &str) -> Option<u64> {
    let line = settings
        .lines()
        .find_map(|line| line.strip_prefix("drain_timeout = \""))?;
    line.strip_suffix("s\"")?.parse().ok()
}
