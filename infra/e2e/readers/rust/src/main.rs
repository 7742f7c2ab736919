//! Reads an archive with libraries of Rust: `read WAY ARCHIVE`; see `../../README.md`.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, BufReader, Read, Write};
use std::process::ExitCode;

use async_compression::tokio::bufread as asynchronous;
use futures_util::StreamExt as _;
use sha2::{Digest as _, Sha256};
use tokio::io::AsyncReadExt as _;

type Outcome<T = ()> = Result<T, Box<dyn std::error::Error>>;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let outcome = match &words[..] {
        [way, name] if way == "version" => version(name),
        [way, archive] => read(way, archive),
        _ => Err("read WAY ARCHIVE".into()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// The version that this was built with.
fn version(name: &str) -> Outcome {
    let lock = include_str!("../Cargo.lock");
    let (_, rest) = lock
        .split_once(&format!("name = \"{name}\"\nversion = \""))
        .ok_or("no such package")?;
    println!("{}", rest.split('"').next().unwrap_or_default());
    Ok(())
}

fn read(way: &str, archive: &str) -> Outcome {
    let file = BufReader::new(File::open(archive)?);
    match way {
        "gz" => copy(flate2::read::GzDecoder::new(file)),
        "gz-bufread" => copy(flate2::bufread::GzDecoder::new(file)),
        "gz-write" => gz_write(file),
        "multi-gz" => copy(flate2::read::MultiGzDecoder::new(file)),
        "async-gzip" => asynchronously(|file| asynchronous::GzipDecoder::new(file), archive),
        "async-zstd" => asynchronously(|file| asynchronous::ZstdDecoder::new(file), archive),
        "ruzstd" => copy(ruzstd::decoding::StreamingDecoder::new(file).map_err(said)?),
        "ruzstd-all" => ruzstd_all(archive),
        "zstd" => copy(zstd::Decoder::new(file)?),
        "zstd-all" => whole(&zstd::decode_all(file)?),
        "zstd-bulk" => whole(&zstd::bulk::decompress(&fs::read(archive)?, 1 << 28)?),
        "zune" => {
            let bytes = fs::read(archive)?;
            let stream = zune_inflate::DeflateDecoder::new(&bytes).decode_gzip();
            whole(&stream.map_err(|error| format!("{error:?}"))?)
        }
        "tar" if archive.ends_with(".gz") => list(flate2::read::GzDecoder::new(file)),
        "tar" => list(file),
        "tokio-tar" => list_asynchronously(archive),
        _ => Err(format!("no way is called {way}").into()),
    }
}

fn said(error: impl std::fmt::Display) -> String {
    error.to_string()
}

fn whole(bytes: &[u8]) -> Outcome {
    Ok(io::stdout().write_all(bytes)?)
}

fn copy(mut stream: impl Read) -> Outcome {
    io::copy(&mut stream, &mut io::stdout().lock())?;
    Ok(())
}

fn gz_write(mut file: impl Read) -> Outcome {
    let mut decoder = flate2::write::GzDecoder::new(io::stdout().lock());
    io::copy(&mut file, &mut decoder)?;
    drop(decoder.finish()?);
    Ok(())
}

fn ruzstd_all(archive: &str) -> Outcome {
    let mut stream = Vec::with_capacity(1 << 28);
    let mut decoder = ruzstd::decoding::FrameDecoder::new();
    decoder
        .decode_all_to_vec(&fs::read(archive)?, &mut stream)
        .map_err(said)?;
    whole(&stream)
}

fn runtime() -> Outcome<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_current_thread().build()?)
}

fn asynchronously<D: tokio::io::AsyncRead + Unpin>(
    decoder: impl FnOnce(tokio::io::BufReader<tokio::fs::File>) -> D,
    archive: &str,
) -> Outcome {
    runtime()?.block_on(async {
        let file = tokio::fs::File::open(archive).await?;
        let mut decoder = decoder(tokio::io::BufReader::new(file));
        let mut block = vec![0; 1 << 16];
        loop {
            let length = decoder.read(&mut block).await?;
            if length == 0 {
                return Ok(());
            }
            io::stdout().write_all(&block[..length])?;
        }
    })
}

fn list(stream: impl Read) -> Outcome {
    let mut archive = tar::Archive::new(stream);
    for entry in archive.entries()? {
        let mut entry = entry?;
        if !entry.header().entry_type().is_file() {
            continue;
        }
        let mut content = Vec::new();
        entry.read_to_end(&mut content)?;
        let mtime = entry.header().mtime();
        let name = entry.path_bytes().into_owned();
        line(&name, entry.size(), mtime, &content)?;
    }
    Ok(())
}

fn list_asynchronously(archive: &str) -> Outcome {
    runtime()?.block_on(async {
        let file = tokio::io::BufReader::new(tokio::fs::File::open(archive).await?);
        let stream: Box<dyn tokio::io::AsyncRead + Unpin + Send> = match archive {
            gz if gz.ends_with(".gz") => Box::new(asynchronous::GzipDecoder::new(file)),
            zst if zst.ends_with(".zst") => Box::new(asynchronous::ZstdDecoder::new(file)),
            _ => Box::new(file),
        };
        let mut archive = tokio_tar::Archive::new(stream);
        let mut entries = archive.entries()?;
        while let Some(entry) = entries.next().await {
            let mut entry = entry?;
            if !entry.header().entry_type().is_file() {
                continue;
            }
            let mut content = Vec::new();
            entry.read_to_end(&mut content).await?;
            let size = u64::try_from(content.len())?;
            let name = entry.path_bytes()?.into_owned();
            line(&name, size, entry.header().mtime(), &content)?;
        }
        Ok(())
    })
}

fn line(name: &[u8], size: u64, mtime: io::Result<u64>, content: &[u8]) -> Outcome {
    let mut text = String::new();
    for byte in Sha256::digest(content) {
        write!(text, "{byte:02x}")?;
    }
    // It is unsigned here: what this library gives for a time before 1970 is its own.
    match mtime {
        Ok(seconds) => write!(text, " {size} {seconds} ")?,
        Err(_) => write!(text, " {size} - ")?,
    }
    for byte in name {
        match byte {
            0x21..=0x7e if *byte != b'%' => text.push(char::from(*byte)),
            byte => write!(text, "%{byte:02X}")?,
        }
    }
    println!("{text}");
    Ok(())
}
