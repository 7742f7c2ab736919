//! Nothing: this package is only its `Cargo.toml`.

fn main() {}
