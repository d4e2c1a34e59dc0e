//! Files that appear only when they are complete, and cells of CSV.

use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use super::failure::Failure;

/// A file that is written beside its place and put there when it is complete. Dropped before, it leaves nothing.
pub(crate) struct Pending {
    path: PathBuf,
    file: BufWriter<NamedTempFile>,
}

impl Pending {
    /// Begins a file.
    ///
    /// # Errors
    /// The folder takes no file.
    pub(crate) fn create(path: &Path) -> Result<Pending, Failure> {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let mut builder = tempfile::Builder::new();
        // A new file has the rights that the system gives new files, not those of a secret.
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            builder.permissions(std::fs::Permissions::from_mode(0o666));
        }
        let file = builder.prefix(".yiti-").suffix(".part").tempfile_in(folder);
        let file = file.map_err(|error| Failure::write(path, &error))?;
        Ok(Pending { path: path.to_owned(), file: BufWriter::with_capacity(256 << 10, file) })
    }

    /// Adds bytes.
    ///
    /// # Errors
    /// The disk is full, or similar.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.file.write_all(bytes).map_err(|error| Failure::write(&self.path, &error))
    }

    /// Puts the file in its place.
    ///
    /// # Errors
    /// It cannot be written out or renamed.
    pub(crate) fn complete(self) -> Result<(), Failure> {
        let Pending { path, file } = self;
        let failed = |error: std::io::Error| Failure::write(&path, &error);
        let file = file.into_inner().map_err(|error| failed(error.into_error()))?;
        file.as_file().sync_all().map_err(failed)?;
        file.persist(&path).map_err(|error| failed(error.error))?;
        Ok(())
    }
}

/// Appends a cell of CSV, quoted where it must be.
#[inline]
pub(crate) fn cell(out: &mut Vec<u8>, text: &str) {
    if text.bytes().any(|byte| matches!(byte, b',' | b'"' | b'\n' | b'\r')) {
        out.push(b'"');
        for byte in text.bytes() {
            if byte == b'"' {
                out.push(b'"');
            }
            out.push(byte);
        }
        out.push(b'"');
    } else {
        out.extend_from_slice(text.as_bytes());
    }
}

/// Appends a cell that a person opens in a spreadsheet: what would be taken for a formula gets a `'` in front.
pub(crate) fn cell_for_people(out: &mut Vec<u8>, text: &str) {
    let is_formula =
        text.starts_with(|c| matches!(super::columns::half_width(c), '=' | '+' | '-' | '@' | '\t' | '\r' | '\n'));
    if is_formula { cell(out, &format!("'{text}")) } else { cell(out, text) }
}

/// `OUT.errors.csv` beside `OUT`.
#[must_use]
pub(crate) fn errors_path(out: &Path) -> PathBuf {
    let mut name = out.as_os_str().to_owned();
    name.push(".errors.csv");
    PathBuf::from(name)
}

/// Whether two paths are the same file.
#[must_use]
pub(crate) fn is_same(a: &Path, b: &Path) -> bool {
    matches!((a.canonicalize(), b.canonicalize()), (Ok(a), Ok(b)) if a == b)
}

/// Removes a file that an earlier run left.
///
/// # Errors
/// It is there and cannot be removed.
pub(crate) fn remove(path: &Path) -> Result<(), Failure> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(Failure::write(path, &error)),
        _ => Ok(()),
    }
}
