//! What is wrong with the settings, reported so that a person can fix it.

use std::fmt;

/// One wrong setting: where it was set, its value, and what is allowed.
///
/// # Examples
///
/// ```
/// use netsocket_settings::Problem;
///
/// let problem = Problem {
///     origin: "balancer.toml".to_owned(),
///     key: "workers".to_owned(),
///     given: r#""many""#.to_owned(),
///     allowed: "a whole number from 1 to 256".to_owned(),
/// };
/// let line = r#"balancer.toml: workers = "many": a whole number from 1 to 256"#;
/// assert_eq!(problem.to_string(), line);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The environment variable, the flag, or the file with line and column that the value came from.
    pub origin: String,
    /// The key as it is written in a file, for example `connect_timeout` or `backends[1].address`.
    pub key: String,
    /// The value as a file has it, a text in quotes; empty where a value is missing.
    pub given: String,
    /// What would have been accepted.
    pub allowed: String,
}

impl Problem {
    /// The problem in one line, without what is quoted from a file below it: for logs and lists.
    ///
    /// # Examples
    ///
    /// ```
    /// use netsocket_settings::Problem;
    ///
    /// let problem = Problem {
    ///     origin: "balancer.toml:1:4".to_owned(),
    ///     key: String::new(),
    ///     given: String::new(),
    ///     allowed: "the value is missing\n1 | a =\n  |    ^".to_owned(),
    /// };
    /// assert_eq!(problem.line(), "balancer.toml:1:4: the value is missing");
    /// ```
    #[must_use]
    pub fn line(&self) -> String {
        let said = self.to_string();
        said.lines().next().unwrap_or_default().to_owned()
    }

    /// The line and the column in a file, if `origin` is `FILE:LINE:COLUMN`.
    pub(crate) fn place(&self) -> Option<(usize, usize)> {
        let mut parts = self.origin.rsplitn(3, ':').map(str::parse);
        let (Some(Ok(column)), Some(Ok(line))) = (parts.next(), parts.next()) else {
            return None;
        };
        // An address has no file before its numbers.
        parts.next().map(|_| (line, column))
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            origin,
            key,
            given,
            allowed,
        } = self;
        match (key.is_empty(), given.is_empty()) {
            (true, _) => write!(f, "{origin}: {allowed}"),
            (false, true) => write!(f, "{origin}: {key}: {allowed}"),
            (false, false) => write!(f, "{origin}: {key} = {given}: {allowed}"),
        }
    }
}

/// Every problem found in one pass over the settings; displays as a line each, with what is quoted from a file below it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Problems(pub Vec<Problem>);

impl Problems {
    /// Each problem in one line: see [`Problem::line`].
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        self.0.iter().map(Problem::line).collect()
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            write!(f, "{problem}")?;
        }
        Ok(())
    }
}

impl From<Problem> for Problems {
    fn from(problem: Problem) -> Self {
        Self(vec![problem])
    }
}
