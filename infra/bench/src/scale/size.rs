//! How large a run of `bench scale` is.

use clap::Args;

/// How many of everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Args)]
pub struct Size {
    /// Sessions without traffic
    #[arg(long, value_name = "N", default_value_t = 100_000)]
    pub idle: usize,
    /// Sessions that say 64 bytes every two seconds
    #[arg(long, value_name = "N", default_value_t = 20_000)]
    pub trickling: usize,
    /// New connections a second meanwhile
    #[arg(long, value_name = "N", default_value_t = 5_000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub rate: u32,
    /// Backends
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u8).range(1..=100))]
    pub backends: u8,
    /// Seconds of each phase
    #[arg(long, value_name = "S", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..))]
    pub seconds: u64,
}
