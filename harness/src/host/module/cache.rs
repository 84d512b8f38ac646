//! Compiled code on disk. wasmtime finds it by the content of the module, its own version and the settings of the
//! compiler, but trusts what it finds: here a file is used only if it is, byte for byte, what was written.

use std::{
    fs::{self, DirBuilder},
    io,
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};
use wasmtime::{Cache, CacheConfig};

/// A folder of compiled code, and beside it one of digests: not within wasmtime's own, whose worker removes at any time
/// what it does not know.
pub(super) struct CodeCache {
    wasmtime: PathBuf,
    code: PathBuf,
    digests: PathBuf,
}

/// Some ten plugins: what is older goes.
const SIZE_LIMIT: u64 = 96 * 1024 * 1024;

// === impl CodeCache ===

impl CodeCache {
    /// Opens a folder, and removes from it what was changed.
    pub(super) fn open(folder: &Path) -> io::Result<Self> {
        let wasmtime = folder.join("wasmtime");
        let cache = Self { code: wasmtime.join("modules"), digests: folder.join("digests"), wasmtime };
        make_private(&cache.code)?;
        make_private(&cache.digests)?;
        for file in cache.files()? {
            if fs::read_to_string(cache.digest_of(&file)).ok() != Some(digest(&file)?) {
                fs::remove_file(&file)?;
            }
        }
        Ok(cache)
    }

    /// The folder, for wasmtime.
    pub(super) fn for_engine(&self) -> wasmtime::Result<Cache> {
        let mut config = CacheConfig::new();
        config
            .with_directory(&self.wasmtime)
            .with_files_total_size_soft_limit(SIZE_LIMIT)
            // A file that is compressed once more is another one.
            .with_optimized_compression_usage_counter_threshold(u64::MAX);
        Cache::new(config)
    }

    /// Notes what was written since.
    pub(super) fn seal(&self) -> io::Result<()> {
        for file in self.files()? {
            let place = self.digest_of(&file);
            if !place.exists() {
                fs::write(place, digest(&file)?)?;
            }
        }
        Ok(())
    }

    /// Every file of compiled code: in a folder by version of wasmtime, beside statistics of its own.
    fn files(&self) -> io::Result<Vec<PathBuf>> {
        let mut files = Vec::new();
        for version in fs::read_dir(&self.code)? {
            let version = version?;
            if !version.file_type()?.is_dir() {
                continue;
            }
            for entry in fs::read_dir(version.path())? {
                let path = entry?.path();
                if path.extension().is_none() {
                    files.push(path);
                }
            }
        }
        Ok(files)
    }

    fn digest_of(&self, file: &Path) -> PathBuf {
        self.digests.join(file.file_name().unwrap_or_default())
    }
}

fn digest(file: &Path) -> io::Result<String> {
    let sum = Sha256::digest(fs::read(file)?);
    Ok(sum.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Whoever can write compiled code can run code.
fn make_private(folder: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}
