//! Reads a few keys from a file even if the rest of it is wrong.

use serde::de::DeserializeOwned;

use crate::layers::{Key, Layers, Loaded, merged, read, with_values};
use crate::others::Others;
use crate::places::Places;
use crate::problem::Problems;
use crate::syntax::syntax;
use crate::toml_file::parse;

/// Like [`crate::load`], but only for these keys, whatever else is wrong with the file: other keys are ignored, and if the
/// file is not valid TOML, only the top-level lines that set one of the keys are read. For commands that talk to a running
/// program and must not fail because of settings that they do not need.
///
/// # Errors
/// The file cannot be read; or it sets one of the keys in a way that cannot be understood.
///
/// # Examples
///
/// ```
/// use netsocket_settings::{Key, Layers, Scalar, load_only};
///
/// #[derive(serde::Deserialize)]
/// struct Raw {
///     admin: Option<Scalar>,
/// }
/// const ADMIN: [Key; 1] = [Key { name: "admin", env: None, flag: Some("--admin") }];
///
/// let file = tempfile::NamedTempFile::new()?;
/// std::fs::write(file.path(), "admin = \"[::1]:9\"\nworkers = three")?;
/// let layers = Layers { file: Some(file.path()), ..Layers::default() };
/// let loaded = load_only::<Raw>(&ADMIN, &layers, |_| None)?;
/// assert_eq!(loaded.raw.admin, Some("[::1]:9".into()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn load_only<R: DeserializeOwned>(
    keys: &[Key],
    layers: &Layers<'_>,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<Loaded<R>, Problems> {
    let mut text = String::new();
    let mut name = String::new();
    if let Some(path) = layers.file {
        name = path.display().to_string();
        text = read(path, &name)?;
    }
    let mut found = match parse(&text) {
        Ok((found, _)) => found,
        Err(errors) => {
            let some = parse(&lines_of(keys, &text));
            some.map_err(|_| syntax(&name, &text, &errors))?.0
        }
    };
    found.retain(|name, _| keys.iter().any(|key| key.name == *name));
    let builder = with_values(found)?;
    // Nobody judges the others.
    let places = Places::of(text, Others::default());
    merged(builder, keys, layers, places, variable)?.deserialize()
}

/// The lines before the first table that set one of the keys.
fn lines_of(keys: &[Key], text: &str) -> String {
    let lines = text.lines().map(str::trim);
    let top = lines.take_while(|line| !line.starts_with('['));
    let sets = |line: &&str| {
        let key = line.split('=').next().unwrap_or_default().trim_end();
        line.contains('=') && keys.iter().any(|wanted| wanted.name == key)
    };
    top.filter(sets).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;
    use crate::layers::tests::file;
    use crate::scalar::Scalar;

    const KEYS: [Key; 1] = [Key {
        name: "listen",
        env: Some("NETSOCKET_LISTEN"),
        flag: Some("--listen"),
    }];

    #[test]
    fn some_keys_can_be_read_whatever_the_rest_is() {
        #[derive(Debug, Deserialize)]
        struct Some {
            listen: Option<Scalar>,
        }
        let only = |text: &str, env: Option<&str>| {
            let file = file(text);
            let layers = Layers {
                file: Some(file.path()),
                flags: vec![],
            };
            let loaded = load_only::<Some>(&KEYS, &layers, |name| {
                env.filter(|_| name == "NETSOCKET_LISTEN")
                    .map(str::to_owned)
            });
            loaded.map(|loaded| loaded.raw.listen.map(|value| value.0))
        };
        let found = |value: &str| Ok(Some(value.to_owned()));
        // Keys that nobody knows, values of a wrong type.
        assert_eq!(
            only("lissten = 1\nlisten = 'a'\nnames = { x = 1 }", None),
            found("a")
        );
        assert_eq!(only("listen = 'a'", Some("b")), found("b"));
        // No TOML at all but for the line.
        let broken = "timeout = \n listen = 'a' # where\nnames = [[\n";
        assert_eq!(only(broken, None), found("a"));
        assert_eq!(only("timeout = \n# listen = 'a'\n", None), Ok(None));
        assert_eq!(only("timeout = \n[table]\nlisten = 'a'\n", None), Ok(None));
        let error = only("timeout = \nlisten = 'a\n", None).unwrap_err();
        assert!(error.to_string().contains(":1:11: "), "{error}");
    }
}
