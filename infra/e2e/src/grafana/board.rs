//! The board: its panels with their queries, its variables, its annotations.

use std::time::Duration;

use serde_json::Value;

use super::flux::parse_duration;
use crate::files;

/// Where it is.
pub const FILE: &str = "infra/grafana/dashboards/server-visualization.json";

/// For panels that name no interval of their own.
const DEFAULT_WINDOW: Duration = Duration::from_secs(1);

/// A board.
#[derive(Debug, Clone)]
pub struct Board {
    /// As it is in the file.
    pub json: Value,
    /// In the order of the file, with those in collapsed rows.
    pub panels: Vec<Panel>,
    /// What can be chosen.
    pub variables: Vec<Variable>,
    /// Marks on graphs.
    pub annotations: Vec<Annotation>,
}

/// A panel that is no row.
#[derive(Debug, Clone)]
pub struct Panel {
    /// As it is in the file.
    pub json: Value,
    /// Its number.
    pub id: u64,
    /// What stands above it.
    pub title: String,
    /// What it is: `stat`, `gauge`, `timeseries`, …
    pub kind: String,
    /// Its queries.
    pub queries: Vec<String>,
    /// How series are named on the screen.
    pub display_name: String,
    /// The width of a window of its queries where the screen would allow less.
    pub window: Duration,
    /// The variable by whose values it is repeated, with its row.
    pub repeat: Option<String>,
}

/// A variable that a query fills.
#[derive(Debug, Clone)]
pub struct Variable {
    /// Its name.
    pub name: String,
    /// What fills it.
    pub query: String,
    /// What "all" stands for.
    pub all: String,
}

/// A kind of mark.
#[derive(Debug, Clone)]
pub struct Annotation {
    /// Its name.
    pub name: String,
    /// What finds them.
    pub query: String,
}

impl Board {
    /// Reads it.
    ///
    /// # Panics
    /// Where it is of another shape.
    #[must_use]
    pub fn load() -> Self {
        let json: Value = serde_json::from_str(&files::text(FILE)).expect("the board is JSON");
        let mut panels = Vec::new();
        let mut repeat = None;
        for panel in list(&json["panels"]) {
            if panel["type"] == "row" {
                repeat = panel["repeat"].as_str().map(ToOwned::to_owned);
                panels.extend(list(&panel["panels"]).map(|inner| Panel::of(inner, &repeat)));
                continue;
            }
            panels.push(Panel::of(panel, &repeat));
        }
        let variables = list(&json["templating"]["list"]).map(|variable| Variable {
            name: text(&variable["name"]),
            query: text(&variable["query"]),
            all: text(&variable["allValue"]),
        });
        let annotations = list(&json["annotations"]["list"]).filter(|one| one["builtIn"] != 1);
        let annotations = annotations.map(|annotation| Annotation {
            name: text(&annotation["name"]),
            query: text(&annotation["target"]["query"]),
        });
        Self {
            panels,
            variables: variables.collect(),
            annotations: annotations.collect(),
            json: json.clone(),
        }
    }

    /// The panel of that number.
    ///
    /// # Panics
    /// Where there is none.
    #[must_use]
    pub fn panel(&self, id: u64) -> &Panel {
        let mut panels = self.panels.iter();
        panels
            .find(|panel| panel.id == id)
            .unwrap_or_else(|| panic!("no panel {id}"))
    }

    /// Every query that it holds, with where.
    #[must_use]
    pub fn queries(&self) -> Vec<(String, &str)> {
        let panels = self.panels.iter().flat_map(|panel| {
            let place = format!("panel {} {}", panel.id, panel.title);
            let queries = panel.queries.iter();
            queries.map(move |query| (place.clone(), query.as_str()))
        });
        let variables = self.variables.iter();
        let variables = variables.map(|v| (format!("variable {}", v.name), v.query.as_str()));
        let annotations = self.annotations.iter();
        let annotations = annotations.map(|a| (format!("annotation {}", a.name), a.query.as_str()));
        panels.chain(variables).chain(annotations).collect()
    }
}

impl Panel {
    fn of(json: &Value, repeat: &Option<String>) -> Self {
        let window = json["interval"].as_str();
        Self {
            id: json["id"].as_u64().expect("the number of a panel"),
            title: text(&json["title"]),
            kind: text(&json["type"]),
            queries: list(&json["targets"])
                .map(|target| text(&target["query"]))
                .collect(),
            display_name: text(&json["fieldConfig"]["defaults"]["displayName"]),
            window: window.map_or(DEFAULT_WINDOW, parse_duration),
            repeat: repeat.clone(),
            json: json.clone(),
        }
    }
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
