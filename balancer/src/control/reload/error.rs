//! Why a reload changed nothing.

use netsocket_settings::Problems;

use crate::control::resolve::{BindError, Unresolved};

/// Why nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReloadError {
    /// The settings are invalid: all problems.
    #[error("{said}")]
    Invalid {
        /// As text for a terminal, with what is quoted from the file.
        said: String,
        /// One line each.
        problems: Vec<String>,
    },
    /// The settings are right, but some hosts have no address now.
    #[error("{}", problems(.0).join("\n"))]
    Unresolved(Vec<Unresolved>),
    /// What was to be added is there already.
    #[error("{0}")]
    Occupied(String),
    /// The balancer is stopping.
    #[error("the balancer is draining")]
    Draining,
    /// A fault of the balancer ended the reload; some of the settings may be in force.
    #[error("internal error of the balancer: see its log")]
    Panicked,
    /// There is no source to read settings from again.
    #[error("this balancer was started without settings that can be reloaded")]
    NoSource,
}

impl ReloadError {
    /// Settings with this one problem.
    pub(crate) fn invalid(problem: impl ToString) -> Self {
        let said = problem.to_string();
        Self::Invalid {
            problems: vec![said.clone()],
            said,
        }
    }

    /// What is wrong, one line each.
    #[must_use]
    pub fn problems(&self) -> Vec<String> {
        match self {
            Self::Invalid { problems, .. } => problems.clone(),
            Self::Unresolved(hosts) => problems(hosts),
            other => vec![other.to_string()],
        }
    }
}

fn problems(unresolved: &[Unresolved]) -> Vec<String> {
    let problems = unresolved.iter().map(|it| it.problem.clone());
    problems.collect()
}

impl From<Problems> for ReloadError {
    fn from(problems: Problems) -> Self {
        Self::Invalid {
            said: problems.to_string(),
            problems: problems.lines(),
        }
    }
}

impl From<BindError> for ReloadError {
    fn from(error: BindError) -> Self {
        if let BindError::Resolve(hosts) = error {
            return Self::Unresolved(hosts);
        }
        let said = error.to_string();
        Self::Invalid {
            problems: said.lines().map(str::to_owned).collect(),
            said,
        }
    }
}

#[cfg(test)]
mod tests {
    use netsocket_settings::{Flag, Layers};

    use super::*;
    use crate::config::Config;

    #[test]
    fn a_problem_that_quotes_the_file_is_one() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "a = 1\nworkers =\n").unwrap();
        let layers = Layers {
            file: Some(file.path()),
            flags: Vec::new(),
        };
        let error = ReloadError::from(Config::load(&layers, |_| None).unwrap_err());
        let problems = error.problems();
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert!(
            problems[0].ends_with(":2:10: the value is missing"),
            "{problems:?}"
        );
        // For a terminal the place is shown.
        assert!(error.to_string().contains("2 | workers ="), "{error}");
        let flags = vec![("workers", Flag::One("0".to_owned()))];
        let layers = Layers { file: None, flags };
        let error = ReloadError::from(Config::load(&layers, |_| None).unwrap_err());
        assert_eq!(error.problems().len(), error.to_string().lines().count());
    }
}
