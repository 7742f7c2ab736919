//! What else is asked of a change of the settings, and what it would replace.

use std::sync::Arc;

use crate::config::{Config, Edit};

/// What else is asked of a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct EditTerms {
    /// A backend that comes takes no sessions from the beginning.
    pub(crate) drained: bool,
    /// Nothing of that name may be there: it would be replaced.
    pub(crate) only_new: bool,
    /// Who asks: from where or by whom, with that preposition.
    pub(crate) who: Arc<str>,
}

/// What an edit does besides changing the document.
#[derive(Debug)]
pub(super) struct Effects {
    /// The pool and name of the backend whose settings it says.
    pub(super) edited: Option<(String, String)>,
    /// Those of a backend that takes no sessions from the beginning.
    pub(super) drain: Option<(String, String)>,
    pub(super) who: Arc<str>,
}

/// What has the name already that an edit gives, in words.
pub(super) fn occupied(config: &Config, edit: &Edit) -> Option<String> {
    match edit {
        Edit::SetBackend(pool, name, _) => {
            let plans = config.pool_plans().into_iter();
            let settings = plans.filter(|plan| plan.name == pool).map(|it| it.settings);
            let address = settings.into_iter().find_map(|it| address(it, name))?;
            let place = match pool.as_str() {
                crate::config::DEFAULT_NAME => String::new(),
                pool => format!(" in pool {pool}"),
            };
            Some(format!(
                "there is a backend called {name} at {address}{place}: `ctl add --replace` puts this one in its place, \
                 `ctl weight` changes its weight alone"
            ))
        }
        Edit::SetPool(name, _) => {
            let is_there = config.pools.iter().any(|pool| pool.name == *name);
            is_there.then(|| format!("there is a pool called {name}"))
        }
        Edit::SetService(name, _) => {
            let is_there = config.services.iter().any(|service| service.name == *name);
            is_there.then(|| format!("there is a service called {name}"))
        }
        Edit::RemoveBackend(..) | Edit::RemovePool(_) | Edit::RemoveService(_) => None,
    }
}

/// Where a backend is, or where DNS is asked for its like.
fn address(settings: &Config, name: &str) -> Option<String> {
    let fixed = settings.backends.iter().find(|it| it.name == name);
    let fixed = fixed.map(ToString::to_string);
    let fixed = fixed.and_then(|shown| Some(shown.split_once('=')?.1.to_owned()));
    fixed.or_else(|| {
        let group = settings.groups.iter().find(|it| it.name == name)?;
        Some(group.question.to_string())
    })
}
