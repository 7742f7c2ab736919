//! What the images of `infra/docker/Dockerfile` start, read from the file itself.

use crate::files;

/// The file, from the root of the project.
pub const FILE: &str = "infra/docker/Dockerfile";

/// One target.
#[derive(Debug, Default, Clone)]
pub struct Image {
    /// The program and what always follows it.
    pub entrypoint: Vec<String>,
    /// What follows unless something else is given.
    pub command: Vec<String>,
    /// The check of health.
    pub health: Vec<String>,
    /// Who it runs as.
    pub user: String,
    /// Files of the project, and where they are in the image.
    pub files: Vec<(String, String)>,
}

impl Image {
    /// The target of that name, with what it has from the targets that it stands on.
    ///
    /// # Panics
    /// Where there is none, or an instruction has a form that this reader does not know.
    #[must_use]
    pub fn of(target: &str) -> Self {
        let text = files::text(FILE).replace("\\\n", " ");
        let mut found: Option<Self> = None;
        let mut stages: Vec<(String, Self)> = Vec::new();
        for line in text.lines() {
            let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
            let rest = rest.trim();
            if word == "FROM" {
                let mut words = rest.split(" AS ");
                let parent = words.next().unwrap_or_default();
                let name = words.next().expect("every stage has a name");
                let inherited = stages.iter().find(|(stage, _)| stage == parent);
                let image = inherited.map_or_else(Self::default, |(_, image)| image.clone());
                stages.push((name.to_owned(), image));
            } else if let Some((_, image)) = stages.last_mut() {
                image.take(word, rest);
            }
        }
        for (stage, image) in stages {
            if stage == target {
                found = Some(image);
            }
        }
        found.unwrap_or_else(|| panic!("{FILE} has no target {target}"))
    }

    fn take(&mut self, word: &str, rest: &str) {
        match word {
            "ENTRYPOINT" => self.entrypoint = words(rest),
            "CMD" => self.command = words(rest),
            "USER" => rest.clone_into(&mut self.user),
            "HEALTHCHECK" => {
                let (_, check) = rest.split_once(" CMD ").expect("HEALTHCHECK … CMD […]");
                self.health = words(check.trim());
            }
            "COPY" if !rest.starts_with("--") => {
                let mut paths: Vec<&str> = rest.split_whitespace().collect();
                let target = paths.pop().expect("COPY SOURCE… TARGET");
                let pairs = paths
                    .into_iter()
                    .map(|path| (path.to_owned(), target.to_owned()));
                self.files.extend(pairs);
            }
            _ => {}
        }
    }
}

/// The exec form: a list in JSON, as a shell is not there to split words.
fn words(text: &str) -> Vec<String> {
    serde_json::from_str(text).unwrap_or_else(|_| panic!("{text}: only the exec form works"))
}
