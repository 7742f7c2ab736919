//! What a backend is called among those of all pools.

/// The name of the pool that the top of the settings describes.
pub const DEFAULT_POOL: &str = "default";

/// What tells a backend from those of all pools: its name, after that of its pool where it is not the default one. An empty
/// `pool` is the default one too: the API leaves it out.
#[must_use]
pub(crate) fn full_name(pool: &str, name: &str) -> String {
    match pool {
        "" | DEFAULT_POOL => name.to_owned(),
        pool => format!("{pool}/{name}"),
    }
}
