//! Archives of a real file server, read by what CI installs anyway. All other readers: `cargo xtask readers`.

use std::fs;
use std::process::Stdio;

use e2e::readers::archives::{Archives, Maker};
use e2e::readers::format::Format;
use e2e::readers::reader::{Need, Reader};
use e2e::readers::report::Line;
use e2e::readers::sample::Sample;
use e2e::readers::toolbox::Toolbox;
use e2e::readers::{catalogue, run};
use e2e::scratch::Scratch;
use e2e::tool;

use crate::world::World;

crate::tests![
    #[needs(Readers)]
    programs_and_libraries_read_everything,
    #[needs(Browser)]
    a_browser_reads_everything,
    #[needs(Readers)]
    a_reader_that_stops_early_is_noticed,
];

/// Of the first part of an archive in two parts: it ends between two entries, as a block of ours does.
const CUT: usize = 1 << 20;

fn is_browser(reader: &Reader) -> bool {
    let browser = Need::Program("chromium", "chromium");
    reader.needs.contains(&browser)
}

fn read(is_asked: impl Fn(&Reader) -> bool) {
    let toolbox = Toolbox::open();
    let sample = Sample::plant();
    let archives = Archives::make(&sample);
    let readers = catalogue::all().filter(|reader| reader.quick && is_asked(reader));
    let lines: Vec<Line> = readers
        .flat_map(|reader| reader.formats.iter().map(move |format| (reader, *format)))
        .map(|(reader, format)| Line::of(reader, format, (&sample, &archives), &toolbox))
        .collect();
    assert!(!lines.is_empty());
    let wrong: Vec<String> = lines
        .iter()
        .filter(|line| line.problem().is_some())
        .map(ToString::to_string)
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn programs_and_libraries_read_everything(_: &World) {
    read(|reader| !is_browser(reader));
}

fn a_browser_reads_everything(_: &World) {
    read(is_browser);
}

/// An archive as it would be with a gzip member for each block: readers that take the first member only give the first files
/// without a word, and readers of all members give everything.
fn a_reader_that_stops_early_is_noticed(_: &World) {
    let toolbox = Toolbox::open();
    let sample = Sample::plant();
    let archives = Archives::make(&sample);
    let tar = fs::read(archives.path(Maker::Ours, Format::Tar)).unwrap();
    let dir = Scratch::new("members");
    let (first, rest) = tar.split_at(CUT);
    let members = [first, rest].map(gzip);
    let archive = dir.write("tree.tar.gz", members.concat());
    let said = |name: &str| {
        let mut readers = catalogue::all();
        let reader = readers.find(|reader| reader.name == name).unwrap();
        let verdict = run::verdict(reader, &archive, &sample, &toolbox);
        (verdict.surprise(reader).is_some(), verdict.to_string())
    };
    assert_eq!(said("Python tarfile.open"), (false, "whole".to_owned()));
    let of = sample.files.len();
    let first = format!("first 1024 of {of} files");
    assert_eq!(said("Python zlib.decompress(…, 31)"), (true, first));
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let file = Scratch::new("part");
    let path = file.write("part", bytes);
    let mut command = tool::tool("gzip");
    command.args(["--stdout", "--fast"]).arg(path);
    tool::output(command.stdin(Stdio::null()))
}
