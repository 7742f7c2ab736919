//! How long and how large a run of `bench soak` is.

use clap::Args;

/// How much of everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Args)]
pub struct Size {
    /// Minutes
    #[arg(long, value_name = "N", default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pub minutes: u32,
    /// MB a second through the balancer: half of them downloads, half random flows
    #[arg(long, value_name = "MB", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub pace: u32,
    /// Sessions without traffic
    #[arg(long, value_name = "N", default_value_t = 300)]
    pub idle: usize,
    /// New connections a second
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub rate: u32,
}
