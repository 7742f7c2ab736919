//! Unpacking an archive into a directory while it is being received.
//!
//! Belongs here: decompressing blocks, reading tar, and creating files safely below the directory. Does not belong here:
//! verifying that the blocks are those the server sent (`transfer::verify`).

pub(crate) mod directory;
mod existing_file;
pub(crate) mod extractor;
mod new_file;
mod open_directories;
mod sparse_file;
pub(crate) mod tar;
