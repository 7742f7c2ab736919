//! The user's directories: settings, history, archives.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// The default archive of the original commands, in the home directory.
pub const ARCHIVE: &str = "w24project/temp.tar.gz";
/// The settings file, in the user's config directory.
pub const CONFIG_FILE: &str = "netsocket/client.toml";
/// The history of the prompt, in the user's state directory.
pub const HISTORY_FILE: &str = "netsocket/history";

/// The user's directories; `None` if unknown.
///
/// # Examples
///
/// ```
/// use std::path::Path;
///
/// use netsocket_client::config::user_directories::UserDirectories;
///
/// let directories = UserDirectories::new(|name| (name == "HOME").then(|| "/home/ann".into()));
/// assert_eq!(directories.archive().as_deref(), Some(Path::new("/home/ann/w24project/temp.tar.gz")));
/// assert_eq!(directories.expand_tilde(Path::new("~/music")), Path::new("/home/ann/music"));
/// assert_eq!(UserDirectories::default().archive(), None);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct UserDirectories {
    /// The home directory.
    pub home: Option<PathBuf>,
    /// `$XDG_CONFIG_HOME` or `~/.config`.
    pub config: Option<PathBuf>,
    /// `$XDG_STATE_HOME` or `~/.local/state`.
    pub state: Option<PathBuf>,
}

impl UserDirectories {
    /// The directories that the environment names; `variable` reads it.
    pub fn new(variable: impl Fn(&str) -> Option<OsString>) -> Self {
        // The XDG specification ignores relative paths.
        let absolute = |name| {
            variable(name)
                .map(PathBuf::from)
                .filter(|path: &PathBuf| path.is_absolute())
        };
        let home = absolute("HOME");
        let below_home = |path: &str| home.as_ref().map(|home| home.join(path));
        Self {
            config: absolute("XDG_CONFIG_HOME").or_else(|| below_home(".config")),
            state: absolute("XDG_STATE_HOME").or_else(|| below_home(".local/state")),
            home,
        }
    }

    /// The default path of an archive.
    #[must_use]
    pub fn archive(&self) -> Option<PathBuf> {
        self.home.as_ref().map(|home| home.join(ARCHIVE))
    }

    /// The settings file to read without `--config`, if it exists.
    #[must_use]
    pub fn config_file(&self) -> Option<PathBuf> {
        let file = self.config.as_ref()?.join(CONFIG_FILE);
        // A link to nothing is somebody's mistake, which reading it reveals.
        file.symlink_metadata().is_ok().then_some(file)
    }

    /// The history of the prompt.
    #[must_use]
    pub fn history_file(&self) -> Option<PathBuf> {
        self.state.as_ref().map(|state| state.join(HISTORY_FILE))
    }

    /// Expands `~` and `~/…`, which no shell has done for a line typed at the prompt.
    #[must_use]
    pub fn expand_tilde(&self, path: &Path) -> PathBuf {
        match (&self.home, path.strip_prefix("~")) {
            (Some(home), Ok(rest)) => home.join(rest),
            _ => path.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn directories(set: &[(&str, &str)]) -> UserDirectories {
        UserDirectories::new(|name| {
            set.iter()
                .find(|(key, _)| *key == name)
                .map(|(_, value)| OsString::from(value))
        })
    }

    #[test]
    fn the_home_directory_is_enough() {
        let directories = directories(&[("HOME", "/home/u"), ("XDG_STATE_HOME", "relative")]);
        assert_eq!(
            directories.archive(),
            Some("/home/u/w24project/temp.tar.gz".into())
        );
        assert_eq!(
            directories.history_file(),
            Some("/home/u/.local/state/netsocket/history".into())
        );
        assert_eq!(directories.config, Some("/home/u/.config".into()));
    }

    #[test]
    fn the_xdg_directories_come_first_and_nothing_is_guessed() {
        let set = [("XDG_STATE_HOME", "/s"), ("XDG_CONFIG_HOME", "/c")];
        let directories = directories(&set);
        assert_eq!(
            directories.history_file(),
            Some("/s/netsocket/history".into())
        );
        assert_eq!(directories.config, Some("/c".into()));
        assert_eq!(directories.archive(), None);
    }

    #[test]
    fn a_tilde_is_the_home_directory_only_as_a_whole_component() {
        let directories = directories(&[("HOME", "/home/u")]);
        for (given, expected) in [
            ("~/x", "/home/u/x"),
            ("~x", "~x"),
            ("a/~", "a/~"),
            ("/x", "/x"),
        ] {
            assert_eq!(
                directories.expand_tilde(Path::new(given)),
                Path::new(expected)
            );
        }
    }
}
