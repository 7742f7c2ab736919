//! Readers of archives: which of the world's tar, gzip and zstd readers read ours whole.
//!
//! Owns: the tree with everything that is hard for a reader ([`sample`]), its archives ([`archives`]), the table of readers with
//! what each is known not to read ([`catalogue`]), how they are brought here ([`toolbox`]) and run ([`run`]), and the comparison
//! ([`verdict`]). Does not own: the readers themselves, which are small programs in `infra/e2e/readers` or tools of the
//! system; nor what people are told (`docs/archives.md`).

pub mod archives;
pub mod catalogue;
pub mod format;
pub mod kind;
pub mod listing;
pub mod reader;
pub mod report;
pub mod run;
pub mod sample;
pub mod toolbox;
pub mod verdict;
