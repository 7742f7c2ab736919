//! What `--check-config` says, the same way in all programs: warnings, then every problem, or that all is well.

use std::io::{self, Write as _};

use crate::judged::Judged;
use crate::log::complain;
use crate::problem::Problems;

/// Says on standard error what is doubtful and what is wrong, else `OK: ` and a summary on standard output. What is doubtful
/// is said whether or not something is wrong: `misspelt` first, then what the judging found, then `doubts` about what could be judged. Returns whether
/// nothing is wrong.
///
/// # Examples
///
/// ```
/// use netsocket_settings::{Check, report_config};
///
/// let judged = Check::default().judged(7);
/// assert!(report_config("example", vec![], Ok(judged), |_| vec![], |port| format!("port {port}")));
/// ```
#[must_use]
pub fn report_config<T>(
    program: &str,
    misspelt: Vec<String>,
    judged: Result<Judged<T>, Problems>,
    doubts: impl FnOnce(&T) -> Vec<String>,
    summary: impl FnOnce(&T) -> String,
) -> bool {
    let warn = |said: Vec<String>| {
        for warning in said {
            complain(program, &format!("warning: {warning}"));
        }
    };
    warn(misspelt);
    let finished = judged.and_then(|judged| {
        warn(judged.doubts());
        warn(doubts(&judged.value));
        judged.finish()
    });
    match finished {
        Ok(value) => {
            // A closed standard output leaves the exit code to tell.
            let _ = writeln!(io::stdout(), "OK: {}", summary(&value));
            true
        }
        Err(problems) => {
            complain(program, &problems);
            false
        }
    }
}
