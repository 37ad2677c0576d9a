//! Keys on disk, so that tokens survive a restart: PKCS #8 in PEM, one block a key, the last one signs.

use std::{
    fs, io,
    io::Write,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::Arc,
};

use base64::{Engine, engine::general_purpose::STANDARD};

use crate::{Error, Result, keys::Key};

const LABEL: &str = "PRIVATE KEY";

/// The kept keys; none if there is no file yet. A file without a usable key is an error, not a reason to lose it.
pub(crate) fn read(path: &Path) -> Result<Vec<Key>> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(missing) if missing.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => return Err(error(path, source)),
    };
    let keys: Option<Vec<Key>> = blocks(&text).map(|der| Key::from_pkcs8(&der?)).collect();
    match keys {
        Some(keys) if !keys.is_empty() => Ok(keys),
        _ => Err(error(path, io::Error::other("it holds something else than RSA keys; remove it"))),
    }
}

/// Replaces the file as a whole: a reader sees the old keys or the new ones.
pub(crate) fn write(path: &Path, keys: &[Arc<Key>]) -> Result<()> {
    let mut text = String::new();
    for key in keys {
        text.push_str(&pem(LABEL, &key.pkcs8()?));
    }
    let mut beside = path.as_os_str().to_owned();
    beside.push(format!(".{}", std::process::id()));
    let beside = PathBuf::from(beside);
    replace(&beside, path, &text).map_err(|source| {
        // Best effort: the error that counts is the one about to be told.
        let _ = fs::remove_file(&beside);
        error(path, source)
    })
}

fn replace(beside: &Path, path: &Path, text: &str) -> io::Result<()> {
    // The mode of `open` counts only for a file that it creates, so one left over must go first.
    match fs::remove_file(beside) {
        Err(failed) if failed.kind() != io::ErrorKind::NotFound => return Err(failed),
        _ => {}
    }
    let mut options = fs::OpenOptions::new();
    let mut file = options.write(true).create_new(true).mode(0o600).open(beside)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(beside, path)
}

/// DER in PEM's clothes.
pub(crate) fn pem(label: &str, der: &[u8]) -> String {
    let mut text = format!("-----BEGIN {label}-----\n");
    let encoded = STANDARD.encode(der);
    let mut rest = encoded.as_str();
    while !rest.is_empty() {
        let (line, more) = rest.split_at(rest.len().min(64));
        text.push_str(line);
        text.push('\n');
        rest = more;
    }
    text.push_str(&format!("-----END {label}-----\n"));
    text
}

/// The contents of every block; `None` for one that is not base64 or has no end.
fn blocks(text: &str) -> impl Iterator<Item = Option<Vec<u8>>> {
    let begin = format!("-----BEGIN {LABEL}-----");
    let end = format!("-----END {LABEL}-----");
    let blocks: Vec<&str> = text.split(begin.as_str()).skip(1).collect();
    blocks.into_iter().map(move |block| {
        let (body, _) = block.split_once(end.as_str())?;
        let body: String = body.split_whitespace().collect();
        STANDARD.decode(body).ok()
    })
}

fn error(path: &Path, source: io::Error) -> Error {
    Error::KeyFile { path: path.to_owned(), source }
}
