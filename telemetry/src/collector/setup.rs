//! Sets up a new InfluxDB: organisation, buckets, and two tokens with minimal permissions. Uses the crate `influxdb2`.
//!
//! The collector's token writes into the data bucket and keeps its offsets in a separate bucket, so that the retention of
//! the data does not delete the offsets. Grafana's token reads the data.
//!
//! # Examples
//!
//! ```
//! use std::time::Duration;
//!
//! use netsocket_settings::Layers;
//! use netsocket_telemetry::collector::Config;
//! use netsocket_telemetry::collector::setup::{Plan, SetupError, setup};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let config = Config::load(&Layers::default(), |_| None)?;
//! let retention = Duration::from_secs(60);
//! let plan = Plan { user: "root".to_owned(), password: None, admin: None, retention };
//! // A minute is refused before anybody is asked.
//! assert!(matches!(setup(&config, plan).await, Err(SetupError::Retention)));
//! # Ok(())
//! # }
//! ```

use std::fmt;
use std::io::Read as _;
use std::time::Duration;

use influxdb2::api::authorizations::CreateAuthorizationRequest;
use influxdb2::api::buckets::ListBucketsRequest;
use influxdb2::api::organization::ListOrganizationRequest;
use influxdb2::models::permission::Action;
use influxdb2::models::resource::Type;
use influxdb2::models::retention_rule::{RetentionRule, Type as RuleType};
use influxdb2::models::{Permission, PostBucketRequest, Resource};
use influxdb2::{Client, ClientBuilder, RequestError};

use super::config::{Config, InfluxUrl, Token};
use crate::names::ENV_INFLUXDB_TOKEN;

/// The environment variable with an all-access token, for a database that is already set up.
pub const ENV_ADMIN_TOKEN: &str = "NETSOCKET_INFLUX_ADMIN_TOKEN";
/// The environment variable with the first user's password; if it is not set, one is generated.
pub const ENV_PASSWORD: &str = "NETSOCKET_INFLUX_PASSWORD";

/// For one call, answer included.
const CALL_TIMEOUT: Duration = Duration::from_secs(30);
/// Behind the bucket's name, for the bucket of positions.
const POSITIONS: &str = "_positions";

/// What is made.
#[derive(Debug)]
pub struct Plan {
    /// The first user of a new database.
    pub user: String,
    /// Its password; None to make one.
    pub password: Option<String>,
    /// An all-access token; None for a new database, which issues one.
    pub admin: Option<Token>,
    /// How long the bucket keeps points; zero means forever. InfluxDB accepts an hour or more.
    pub retention: Duration,
}

/// What was created. Displays as text that tells an operator what to configure where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ready {
    url: String,
    org: String,
    bucket: String,
    position_bucket: String,
    collector_token: String,
    grafana_token: String,
    /// User, password and token of a new database.
    admin: Option<(String, String, String)>,
}

/// Why the setup failed.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// A call failed.
    #[error("{step}: {reason}")]
    Call {
        /// What was tried.
        step: &'static str,
        /// What InfluxDB or the connection said.
        reason: String,
    },
    /// It is set up, and we have no token for it.
    #[error("InfluxDB at {url} is already set up: put an all-access token into {ENV_ADMIN_TOKEN}")]
    NotNew {
        /// The database.
        url: String,
    },
    /// It is set up, with other organisations only.
    #[error(
        "this token sees no organisation {org:?} in InfluxDB; create it with `influx org create`"
    )]
    NoOrg {
        /// The organisation.
        org: String,
    },
    /// The retention does not fit.
    #[error("retention must be 0, or from 1 hour to 68 years")]
    Retention,
}

fn call(step: &'static str) -> impl Fn(RequestError) -> SetupError {
    move |error| SetupError::Call {
        step,
        reason: error.to_string(),
    }
}

/// Creates everything that does not exist yet, and two new tokens. It may be run again.
///
/// # Errors
/// [`SetupError`] at the first step that fails; what was created before stays.
pub async fn setup(config: &Config, plan: Plan) -> Result<Ready, SetupError> {
    let every_seconds =
        i32::try_from(plan.retention.as_secs()).map_err(|_| SetupError::Retention)?;
    if (1..3_600).contains(&every_seconds) {
        return Err(SetupError::Retention);
    }
    let Config {
        influx_url: url,
        org,
        bucket,
        ..
    } = config;
    let (token, admin) = match plan.admin {
        Some(token) => (token.into_secret(), None),
        None => {
            let password = plan.password.map_or_else(new_password, Ok)?;
            let token = onboard(url, org, bucket, &plan.user, &password, every_seconds).await?;
            (token.clone(), Some((plan.user, password, token)))
        }
    };
    let client = client(url, org, &token)?;
    let org_id = organisation(&client, org).await?;
    let position_bucket = config
        .position_bucket
        .clone()
        .unwrap_or_else(|| format!("{bucket}{POSITIONS}"));
    let data = ensure_bucket(&client, &org_id, bucket, every_seconds).await?;
    let positions = ensure_bucket(&client, &org_id, &position_bucket, 0).await?;
    let collector = [
        (Action::Write, &data),
        (Action::Read, &positions),
        (Action::Write, &positions),
    ];
    let collector_token = new_token(&client, &org_id, "netsocket-collector", &collector).await?;
    let grafana_token = new_token(
        &client,
        &org_id,
        "grafana (read only)",
        &[(Action::Read, &data)],
    )
    .await?;
    Ok(Ready {
        url: url.as_str().to_owned(),
        org: org.clone(),
        bucket: bucket.clone(),
        position_bucket,
        collector_token,
        grafana_token,
        admin,
    })
}

fn client(url: &InfluxUrl, org: &str, token: &str) -> Result<Client, SetupError> {
    let http = reqwest::ClientBuilder::new().timeout(CALL_TIMEOUT);
    ClientBuilder::with_builder(http, url.as_str(), org, token)
        .build()
        .map_err(|error| SetupError::Call {
            step: "client",
            reason: error.to_string(),
        })
}

/// The first user, organisation and bucket of a new database; gives back its token, which may do everything.
async fn onboard(
    url: &InfluxUrl,
    org: &str,
    bucket: &str,
    user: &str,
    password: &str,
    every_seconds: i32,
) -> Result<String, SetupError> {
    let client = client(url, org, "")?;
    let is_new = client.is_onboarding_allowed().await;
    if !is_new.map_err(call("is it new"))? {
        return Err(SetupError::NotNew {
            url: url.as_str().to_owned(),
        });
    }
    let step = "first user";
    let password = Some(password.to_owned());
    let answer = client.onboarding(user, org, bucket, password, None, Some(every_seconds));
    let answer = answer.await.map_err(call(step))?;
    answer
        .auth
        .and_then(|auth| auth.token)
        .ok_or(SetupError::Call {
            step,
            reason: "no token in the answer".to_owned(),
        })
}

async fn organisation(client: &Client, name: &str) -> Result<String, SetupError> {
    let request = ListOrganizationRequest {
        org: Some(name.to_owned()),
        ..ListOrganizationRequest::new()
    };
    let found = client.list_organizations(request).await;
    // An organisation that is not there is a 404.
    let found = match found {
        Err(RequestError::Http { status, .. }) if status.as_u16() == 404 => Vec::new(),
        other => other.map_err(call("find the organisation"))?.orgs,
    };
    let found = found.into_iter().find(|found| found.name == name);
    found
        .and_then(|found| found.id)
        .ok_or_else(|| SetupError::NoOrg {
            org: name.to_owned(),
        })
}

/// The id of a bucket, which is made where it is absent. One that is there keeps its retention.
async fn ensure_bucket(
    client: &Client,
    org_id: &str,
    name: &str,
    every_seconds: i32,
) -> Result<String, SetupError> {
    if let Some(id) = bucket_id(client, org_id, name).await? {
        return Ok(id);
    }
    let rules = (every_seconds > 0).then(|| RetentionRule::new(RuleType::Expire, every_seconds));
    let request = PostBucketRequest {
        retention_rules: rules.into_iter().collect(),
        ..PostBucketRequest::new(org_id.to_owned(), name.to_owned())
    };
    let created = client.create_bucket(Some(request)).await;
    created.map_err(call("create a bucket"))?;
    let id = bucket_id(client, org_id, name).await?;
    id.ok_or(SetupError::Call {
        step: "create a bucket",
        reason: "it is not there afterwards".to_owned(),
    })
}

async fn bucket_id(
    client: &Client,
    org_id: &str,
    name: &str,
) -> Result<Option<String>, SetupError> {
    let request = ListBucketsRequest {
        org_id: Some(org_id.to_owned()),
        name: Some(name.to_owned()),
        ..ListBucketsRequest::default()
    };
    let found = client.list_buckets(Some(request)).await;
    let found = match found {
        Err(RequestError::Http { status, .. }) if status.as_u16() == 404 => Vec::new(),
        other => other.map_err(call("find the bucket"))?.buckets,
    };
    let found = found.into_iter().find(|found| found.name == name);
    Ok(found.and_then(|found| found.id))
}

async fn new_token(
    client: &Client,
    org_id: &str,
    description: &str,
    rights: &[(Action, &String)],
) -> Result<String, SetupError> {
    let permission = |(action, bucket): &(Action, &String)| {
        let resource = Resource {
            id: Some((*bucket).clone()),
            org_id: Some(org_id.to_owned()),
            ..Resource::new(Type::Buckets)
        };
        Permission::new(*action, resource)
    };
    let request = CreateAuthorizationRequest {
        description: Some(description.to_owned()),
        org_id: org_id.to_owned(),
        permissions: rights.iter().map(permission).collect(),
        ..CreateAuthorizationRequest::default()
    };
    let made = client.create_authorization(request).await;
    let made = made.map_err(call("create a token"))?;
    made.token.ok_or(SetupError::Call {
        step: "create a token",
        reason: "no token in the answer".to_owned(),
    })
}

/// 128 bits from the system, as text.
fn new_password() -> Result<String, SetupError> {
    let mut bytes = [0; 16];
    std::fs::File::open("/dev/urandom")
        .and_then(|mut source| source.read_exact(&mut bytes))
        .map_err(|error| SetupError::Call {
            step: "make a password",
            reason: error.to_string(),
        })?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

impl fmt::Display for Ready {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            url,
            org,
            bucket,
            position_bucket,
            collector_token,
            grafana_token,
            admin,
        } = self;
        writeln!(
            f,
            "# InfluxDB is set up. The tokens are shown only now: save them."
        )?;
        if let Some((user, password, token)) = admin {
            writeln!(
                f,
                "\n# For you: the first user and the all-access token. Do not give it to any program."
            )?;
            writeln!(f, "INFLUXDB_USER={user}\nINFLUXDB_PASSWORD={password}")?;
            writeln!(f, "{ENV_ADMIN_TOKEN}={token}")?;
        }
        writeln!(
            f,
            "\n# For netsocket-collector, as its environment. The token can write to {bucket:?} but not read it."
        )?;
        writeln!(
            f,
            "NETSOCKET_INFLUX_URL={url}\nNETSOCKET_INFLUX_ORG={org}\nNETSOCKET_INFLUX_BUCKET={bucket}"
        )?;
        writeln!(
            f,
            "NETSOCKET_INFLUX_POSITION_BUCKET={position_bucket}\n{ENV_INFLUXDB_TOKEN}={collector_token}"
        )?;
        writeln!(
            f,
            "\n# For Grafana, data source InfluxDB, query language Flux. The token can only read {bucket:?}."
        )?;
        writeln!(
            f,
            "# URL {url}, organisation {org}, default bucket {bucket}"
        )?;
        write!(f, "GRAFANA_INFLUXDB_TOKEN={grafana_token}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_differ() {
        let (one, other) = (new_password().unwrap(), new_password().unwrap());
        assert_eq!(one.len(), 32);
        assert_ne!(one, other);
    }
}
