//! `infra/kubernetes` as kustomize renders it.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::tool::in_path;
use crate::{files, tool};

/// The folder of the overlays, from the root of the project.
pub const OVERLAYS: &str = "infra/kubernetes/overlays";

/// The command that renders a folder: `kustomize`, or the one that `kubectl` has built in where it knows components.
///
/// # Errors
/// Why there is none, in one line.
pub fn renderer() -> Result<Vec<&'static str>, String> {
    if in_path("kustomize").is_some() {
        return Ok(vec!["kustomize", "build"]);
    }
    let mut kubectl = tool::tool("kubectl");
    kubectl.args(["version", "--client"]);
    let said = kubectl.output().map(|output| output.stdout);
    let said = String::from_utf8_lossy(&said.unwrap_or_default()).into_owned();
    // Its line `Kustomize Version` is as old as components are.
    match said.contains("Kustomize Version: v5") {
        true => Ok(vec!["kubectl", "kustomize"]),
        false => Err("manifests need `kustomize` 4.5 or newer".to_owned()),
    }
}

/// The objects of an overlay, as YAML.
///
/// # Panics
/// Where it cannot be rendered.
#[must_use]
pub fn render(overlay: &Path) -> String {
    let words = renderer().unwrap_or_else(|reason| panic!("{reason}"));
    let mut command = tool::tool(words[0]);
    command.args(&words[1..]).arg(overlay);
    String::from_utf8(tool::output(&mut command)).expect("YAML is UTF-8")
}

/// All objects of an overlay.
#[derive(Debug)]
pub struct Objects(Vec<Value>);

impl Objects {
    /// Reads what was rendered.
    #[must_use]
    pub fn read(rendered: &str) -> Self {
        Self(files::yaml("kustomize", rendered))
    }

    /// Those of a kind.
    pub fn of_kind(&self, kind: &str) -> impl Iterator<Item = &Value> {
        self.0.iter().filter(move |object| object["kind"] == kind)
    }

    /// The object of that kind and name.
    ///
    /// # Panics
    /// Where there is none.
    #[must_use]
    pub fn named(&self, kind: &str, name: &str) -> &Value {
        self.of_kind(kind)
            .find(|object| object["metadata"]["name"] == name)
            .unwrap_or_else(|| panic!("no {kind} {name}"))
    }

    /// The deployments whose pods have all labels of a selector.
    #[must_use]
    pub fn selected(&self, selector: &Value) -> Vec<&Value> {
        let wanted = selector.as_object().expect("labels");
        self.of_kind("Deployment")
            .filter(|deployment| {
                let labels = &deployment["spec"]["template"]["metadata"]["labels"];
                wanted.iter().all(|(name, value)| &labels[name] == value)
            })
            .collect()
    }

    /// The environment of a container, references looked up; what only the cluster knows is a word.
    ///
    /// # Panics
    /// Where a reference leads nowhere.
    #[must_use]
    pub fn environment(&self, container: &Value) -> Vec<(String, String)> {
        let Some(list) = container["env"].as_array() else {
            return Vec::new();
        };
        let text = |value: &Value| value.as_str().expect("text").to_owned();
        list.iter()
            .map(|entry| (text(&entry["name"]), self.value(entry)))
            .collect()
    }

    fn value(&self, entry: &Value) -> String {
        if let Some(value) = entry["value"].as_str() {
            return value.to_owned();
        }
        let from = &entry["valueFrom"];
        for (reference, kind) in [("configMapKeyRef", "ConfigMap"), ("secretKeyRef", "Secret")] {
            let Some(name) = from[reference]["name"].as_str() else {
                continue;
            };
            let key = from[reference]["key"].as_str().expect("a key");
            let value = self.named(kind, name)["data"][key].as_str();
            return value
                .unwrap_or_else(|| panic!("{kind} {name} has no {key}"))
                .to_owned();
        }
        assert!(from["fieldRef"].is_object(), "{entry}: whose value?");
        "a-pod".to_owned()
    }
}

/// The program that checks objects against the schemas of a version of Kubernetes, for a file of them.
#[must_use]
pub fn validator(version: &str, file: &Path) -> Command {
    let mut command = tool::tool("kubernetes-validate");
    command
        .args(["--strict", "--kubernetes-version", version])
        .arg(file);
    command
}
