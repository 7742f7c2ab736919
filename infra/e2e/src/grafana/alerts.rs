//! Alert rules, contact points and policies as Grafana reads them from files (`rules_types.go`). Keys that it does not
//! know are refused: it would pass over them in silence.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use crate::files;

/// Where the rules are.
pub const RULES: &str = "infra/grafana/provisioning/alerting/rules.yaml";
/// Where the contact points are.
pub const CONTACT_POINTS: &str = "infra/grafana/provisioning/alerting/contact-points.yaml";
/// Where the policies are.
pub const POLICIES: &str = "infra/grafana/provisioning/alerting/policies.yaml";
/// The data source of expressions.
pub const EXPRESSION: &str = "__expr__";

/// The file of rules.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RuleFile {
    /// 1.
    pub api_version: u32,
    /// Evaluated together.
    pub groups: Vec<Group>,
}

/// Rules that are evaluated together.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Group {
    /// 1 where there is only one organisation.
    pub org_id: u32,
    /// Its name.
    pub name: String,
    /// The folder that it is shown in.
    pub folder: String,
    /// Between two evaluations.
    pub interval: String,
    /// In their order.
    pub rules: Vec<Rule>,
}

/// A rule.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Rule {
    /// What Grafana knows it by.
    pub uid: String,
    /// What people know it by.
    pub title: String,
    /// The entry of `data` that decides.
    pub condition: String,
    /// How long the condition must be true.
    #[serde(rename = "for")]
    pub hold: String,
    /// What no data means.
    pub no_data_state: String,
    /// What a failed query means.
    pub exec_err_state: String,
    /// Whether it is switched off.
    pub is_paused: bool,
    /// For policies.
    pub labels: BTreeMap<String, String>,
    /// For people.
    pub annotations: BTreeMap<String, String>,
    /// The board to look at.
    pub dashboard_uid: String,
    /// The panel of the board.
    pub panel_id: u64,
    /// Query, reduction, threshold.
    pub data: Vec<Entry>,
}

/// A query or an expression.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Entry {
    /// Its name.
    pub ref_id: String,
    /// Who answers it.
    pub datasource_uid: String,
    /// Seconds before the evaluation.
    pub relative_time_range: TimeRange,
    /// What is asked.
    pub model: Value,
}

/// Seconds before the evaluation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TimeRange {
    /// The beginning.
    pub from: u32,
    /// The end.
    pub to: u32,
}

/// A query to InfluxDB.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Query {
    /// Its name.
    pub ref_id: String,
    /// The window.
    pub interval_ms: u32,
    /// The most points of a series.
    pub max_data_points: u32,
    /// Flux.
    pub query: String,
}

/// One number of each series.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Reduce {
    /// Its name.
    pub ref_id: String,
    /// The data source of expressions.
    pub datasource: Value,
    /// `reduce`.
    #[serde(rename = "type")]
    pub kind: String,
    /// What is reduced.
    pub expression: String,
    /// How: `last`, `mean`, `max`.
    pub reducer: String,
    /// What becomes of what is no number.
    pub settings: ReduceSettings,
}

/// What becomes of what is no number.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReduceSettings {
    /// `dropNN`: it is left out.
    pub mode: String,
}

/// A limit.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Threshold {
    /// Its name.
    pub ref_id: String,
    /// The data source of expressions.
    pub datasource: Value,
    /// `threshold`.
    #[serde(rename = "type")]
    pub kind: String,
    /// What is judged.
    pub expression: String,
    /// One.
    pub conditions: [Condition; 1],
}

/// A limit.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Condition {
    /// The limit itself.
    pub evaluator: Evaluator,
}

/// A limit.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Evaluator {
    /// `gt` or `lt`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The number.
    pub params: [f64; 1],
}

/// A rule whose entries are of the only form that we use.
#[derive(Debug, Clone)]
pub struct Chain {
    /// Asks InfluxDB.
    pub query: Query,
    /// Makes one number of each series.
    pub reduce: Reduce,
    /// Judges it.
    pub threshold: Threshold,
    /// Seconds that the query looks back.
    pub range: u32,
}

/// The rules of the file.
///
/// # Panics
/// Where Grafana would not take it.
#[must_use]
pub fn load() -> RuleFile {
    serde_json::from_value(files::document(RULES))
        .unwrap_or_else(|error| panic!("{RULES}: {error}"))
}

/// The rule of that uid.
///
/// # Panics
/// Where there is none.
#[must_use]
pub fn rule(uid: &str) -> Rule {
    let groups = load().groups.into_iter();
    let mut rules = groups.flat_map(|group| group.rules);
    rules
        .find(|rule| rule.uid == uid)
        .unwrap_or_else(|| panic!("no rule {uid}"))
}

impl Rule {
    /// Its three entries, each leading to the next.
    ///
    /// # Errors
    /// What Grafana would stumble over, or evaluate otherwise than we mean it.
    pub fn chain(&self) -> Result<Chain, String> {
        let [query, reduce, threshold] = self.data.as_slice() else {
            return Err("it is not a query, a reduction and a threshold".to_owned());
        };
        for entry in &self.data {
            let TimeRange { from, to } = entry.relative_time_range;
            if from <= to || to != 0 {
                return Err(format!("the time range of {}", entry.ref_id));
            }
            let is_expression = entry.datasource_uid == EXPRESSION;
            if is_expression == (entry.ref_id == query.ref_id) {
                return Err(format!("the data source of {}", entry.ref_id));
            }
        }
        let chain = Chain {
            query: model(query)?,
            reduce: model(reduce)?,
            threshold: model(threshold)?,
            range: query.relative_time_range.from,
        };
        let names = [
            &chain.query.ref_id,
            &chain.reduce.ref_id,
            &chain.threshold.ref_id,
        ];
        if self.data.iter().map(|entry| &entry.ref_id).ne(names) {
            return Err("an entry and its model have different names".to_owned());
        }
        if chain.reduce.kind != "reduce" || chain.threshold.kind != "threshold" {
            return Err("the types of its expressions".to_owned());
        }
        if &chain.reduce.expression != names[0] || &chain.threshold.expression != names[1] {
            return Err("its expressions do not lead to one another".to_owned());
        }
        if &self.condition != names[2] {
            return Err("its condition is not its threshold".to_owned());
        }
        Ok(chain)
    }
}

fn model<T: serde::de::DeserializeOwned>(entry: &Entry) -> Result<T, String> {
    serde_json::from_value(entry.model.clone())
        .map_err(|error| format!("{}: {error}", entry.ref_id))
}
