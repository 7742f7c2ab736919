//! Binds the sockets that clients connect to, or takes over those that this process inherited for them.

use netsocket_settings::AdminAddress;

use crate::config::{Config, DEFAULT_NAME, ListenAddress, ListenOptions, ServicePlan};
use crate::control::handover::{Inherited, InheritedListener};
use crate::control::resolve::BindError;
use crate::data_path::listen_socket::ListenSocket;
use crate::data_path::listener::{BoundSocket, Listener};

/// Whoever reaches the directory of a unix socket may connect, as to a TCP port of this machine.
const MODE: u32 = 0o666;

/// A socket, and the service that it is for.
#[derive(Debug)]
pub(crate) struct Bound {
    pub(crate) service: String,
    pub(crate) socket: BoundSocket,
}

/// The sockets of all services.
///
/// # Errors
/// The first address that cannot be bound; or all sockets that the service manager should have passed.
pub(crate) fn bind_all(
    config: &Config,
    inherited: &mut Inherited,
) -> Result<Vec<Bound>, BindError> {
    let plans = config.service_plans();
    let names = inherited.names_left().join(":");
    let given = inherited.names_left().len();
    // What settings refer to comes first: the rest is for whoever takes sockets without a name.
    let mut taken: Vec<Vec<Vec<InheritedListener>>> = Vec::new();
    for plan in &plans {
        let each = plan.settings.listen.addresses().iter();
        taken.push(
            each.map(|address| inherited.take_for(plan.name, address))
                .collect(),
        );
    }
    let mut problems = Vec::new();
    let mut bound = Vec::new();
    for (plan, taken) in plans.iter().zip(taken) {
        if plan.name == DEFAULT_NAME && config.has_default_service() {
            let unnamed = inherited.take_unnamed();
            if !unnamed.is_empty() {
                for socket in unnamed {
                    bound.push(adopt(
                        plan,
                        &ListenAddress::Named(DEFAULT_NAME.to_owned()),
                        socket,
                    )?);
                }
                continue;
            }
        }
        for (address, sockets) in plan.settings.listen.addresses().iter().zip(taken) {
            if sockets.is_empty() {
                match bind(plan, address)? {
                    Some(socket) => bound.push(socket),
                    None => problems.push(missing(plan, address, &names)),
                }
            }
            for socket in sockets {
                bound.push(adopt(plan, address, socket)?);
            }
        }
    }
    if !inherited.names_left().is_empty() {
        let error = crate::control::systemd::ActivationError::Names(given, names);
        problems.push(error.to_string());
    }
    // Sockets of the old process that nothing needs any more close here.
    inherited.listen.clear();
    if problems.is_empty() {
        Ok(bound)
    } else {
        Err(BindError::Sockets(problems))
    }
}

/// A new socket; `None` where only the service manager could have made it.
pub(crate) fn bind(
    plan: &ServicePlan<'_>,
    address: &ListenAddress,
) -> Result<Option<Bound>, BindError> {
    let place = match address {
        ListenAddress::Tcp(address) => AdminAddress::Tcp(*address),
        ListenAddress::Unix(path) => AdminAddress::Unix(path.clone()),
        ListenAddress::Named(_) => return Ok(None),
    };
    let socket = ListenSocket::bind(&place, plan.settings.listen_options, MODE);
    let socket = socket.map_err(|error| failed(plan, address, error))?;
    Ok(Some(Bound {
        service: plan.name.to_owned(),
        socket: BoundSocket::new(socket, address.clone(), None),
    }))
}

/// The socket of a service that gives up its address, for another one.
pub(crate) fn take_over(
    plan: &ServicePlan<'_>,
    address: &ListenAddress,
    listener: &Listener,
) -> Result<Bound, BindError> {
    let bound = &listener.bound;
    let socket = bound.socket.try_clone();
    let socket = socket.map_err(|error| failed(plan, address, error))?;
    Ok(Bound {
        service: plan.name.to_owned(),
        socket: BoundSocket::new(socket, address.clone(), bound.managed.clone()),
    })
}

fn adopt(
    plan: &ServicePlan<'_>,
    address: &ListenAddress,
    inherited: InheritedListener,
) -> Result<Bound, BindError> {
    let options: ListenOptions = plan.settings.listen_options;
    let (socket, managed) = inherited.into_parts();
    let socket = socket.adopt(options);
    let socket = socket.map_err(|error| failed(plan, address, error))?;
    Ok(Bound {
        service: plan.name.to_owned(),
        socket: BoundSocket::new(socket, address.clone(), managed),
    })
}

fn failed(plan: &ServicePlan<'_>, address: &ListenAddress, error: std::io::Error) -> BindError {
    BindError::Listen {
        key: key(plan),
        address: address.to_string(),
        error,
    }
}

fn missing(plan: &ServicePlan<'_>, address: &ListenAddress, names: &str) -> String {
    let names = if names.is_empty() {
        "none".to_owned()
    } else {
        names.replace(':', ", ")
    };
    format!(
        "{} {address}: no such socket from systemd; it passed: {names}",
        key(plan)
    )
}

fn key(plan: &ServicePlan<'_>) -> String {
    if plan.name == DEFAULT_NAME {
        "listen".to_owned()
    } else {
        format!("service {}: listen", plan.name)
    }
}
