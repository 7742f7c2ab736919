//! Memory of a process and its descendants.

use std::fs;

use crate::cpu;
use crate::failure::{Failure, Outcome};

/// The proportional set size in bytes of the process `root` and its descendants: what is shared between processes,
/// such as the program's own text, counts in shares, so the workers of one program are not counted many times.
///
/// # Errors
/// Where the kernel does not tell it of `root`.
pub fn of_tree(root: u32) -> Outcome<u64> {
    let sizes: Vec<u64> = cpu::tree_of(root)
        .into_iter()
        .filter_map(of_process)
        .collect();
    if sizes.is_empty() {
        return Err(Failure::new(format!(
            "/proc/{root}/smaps_rollup cannot be read"
        )));
    }
    Ok(sizes.iter().sum())
}

fn of_process(id: u32) -> Option<u64> {
    parse(&fs::read_to_string(format!("/proc/{id}/smaps_rollup")).ok()?)
}

/// The field `Pss` of `smaps_rollup` (proc(5)), in bytes. What was swapped out is still memory of the process.
fn parse(rollup: &str) -> Option<u64> {
    let field = |name: &str| {
        let line = rollup.lines().find_map(|line| line.strip_prefix(name))?;
        line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()
    };
    Some((field("Pss:")? + field("SwapPss:").unwrap_or(0)) * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_proportional_size_is_found() {
        let rollup = "5500-7fff ---p 00000000 00:00 0    [rollup]\nRss:     1732 kB\nPss:      255 kB\n\
                      Pss_Anon:  116 kB\nSwapPss:        1 kB\n";
        assert_eq!(parse(rollup), Some(256 * 1024));
        assert_eq!(parse("Rss: 1 kB\n"), None);
    }

    #[test]
    fn our_own_memory_is_there() {
        assert!(of_tree(std::process::id()).unwrap() > 100_000);
        assert!(of_tree(u32::MAX).is_err());
    }
}
