//! Which names in the settings have no address now: for `--check-config`, which nothing of this fails.

use std::time::Duration;

use netsocket_settings::{AdminAddress, unresolved};
use tokio::runtime;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::config::{Config, Group};
use crate::control::discovery::{Ask as _, Dns};

/// Time for all questions to DNS servers together.
const LIMIT: Duration = Duration::from_secs(5);

/// A sentence for each name of a backend, of a group in DNS or of a Kafka broker that has no address; without the first a
/// start fails. Blocks for a bounded time.
///
/// # Examples
///
/// ```
/// use netsocket_balancer::{Config, unresolved_names};
/// use netsocket_settings::{Flag, Layers};
///
/// let backends = Flag::Many(vec!["a=127.0.0.1:9000".to_owned(), "b=unix:/run/b".to_owned()]);
/// let config = Config::load(&Layers { file: None, flags: vec![("backends", backends)] }, |_| None)?;
/// assert!(unresolved_names(&config).is_empty());
/// # Ok::<(), netsocket_settings::Problems>(())
/// ```
#[must_use]
pub fn unresolved_names(config: &Config) -> Vec<String> {
    let pools = config.pools.iter().map(|pool| &pool.settings);
    let pools: Vec<&Config> = pools.chain([config]).collect();
    let backends = pools.iter().flat_map(|settings| &settings.backends);
    // A unix socket has no name.
    let is_named = |host: &str| !matches!(host.parse(), Ok(AdminAddress::Unix(_)));
    let backends = backends.filter(|backend| is_named(&backend.host));
    let backends = backends.map(|backend| (format!("backend {}", backend.name), &backend.host));
    let brokers = config.producer.iter().flat_map(|kafka| &kafka.brokers);
    let brokers = brokers.map(|broker| ("kafka".to_owned(), broker));
    let mut said = unresolved(backends);
    // The host of each such backend is looked up once, then.
    for sentence in &mut said {
        sentence.push_str("; a start and a reload need it");
    }
    said.extend(unresolved(brokers));
    said.extend(groups_without_members(&pools));
    said
}

fn groups_without_members(pools: &[&Config]) -> Vec<String> {
    let groups = pools.iter().flat_map(|settings| {
        let dns = Dns::new(settings.dns_servers.clone());
        let groups = settings.groups.iter();
        groups.map(move |group| (dns.clone(), group.clone()))
    });
    let groups: Vec<(Dns, Group)> = groups.collect();
    if groups.is_empty() {
        return Vec::new();
    }
    let Ok(runtime) = runtime::Builder::new_current_thread().enable_all().build() else {
        return vec!["no name in DNS could be looked up".to_owned()];
    };
    let said = runtime.block_on(async {
        let mut asking = JoinSet::new();
        for (dns, group) in groups {
            asking.spawn(async move { problem(&dns, &group).await });
        }
        asking.join_all().await
    });
    said.into_iter().flatten().collect()
}

async fn problem(dns: &Dns, group: &Group) -> Option<String> {
    let why = match timeout(LIMIT, dns.ask(group.question.clone())).await {
        Ok(Ok(answer)) if answer.found.is_empty() => "it has no address".to_owned(),
        Ok(Ok(_)) => return None,
        Ok(Err(error)) => error.to_string(),
        Err(_) => format!("no answer within {LIMIT:?}"),
    };
    let (name, question) = (&group.name, &group.question);
    Some(format!("backend {name}: cannot resolve {question}: {why}"))
}

#[cfg(test)]
mod tests {
    use netsocket_settings::{Flag, Layers};

    use super::*;

    #[test]
    fn what_a_start_needs_is_told_from_what_it_does_without() {
        // The system refuses a label this long without a question to the network.
        let long = "x".repeat(64);
        let flags = vec![
            ("backends", Flag::Many(vec![format!("a={long}.example:1")])),
            ("kafka", Flag::One(format!("{long}.example:2"))),
        ];
        let config = Config::load(&Layers { file: None, flags }, |_| None).unwrap();
        let said = unresolved_names(&config);
        assert_eq!(said.len(), 2, "{said:?}");
        assert!(
            said[0].starts_with("backend a: cannot resolve "),
            "{said:?}"
        );
        assert!(
            said[0].ends_with("; a start and a reload need it"),
            "{said:?}"
        );
        assert!(
            said[1].starts_with("kafka: ") && !said[1].contains("need it"),
            "{said:?}"
        );
    }
}
