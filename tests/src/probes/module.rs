//! The probe filter, built when it is needed.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
};

/// Builds the filter in a target folder of its own, so that it waits for no other build.
///
/// # Panics
/// Where it does not compile.
pub fn build(root: &Path) -> PathBuf {
    let target = root.join("target/probes");
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo)
        .args(["build", "--quiet", "--release", "--package", "actgate-probes", "--target", "wasm32-wasip1"])
        .arg("--target-dir")
        .arg(&target)
        .current_dir(root)
        // What a test run sets for its own build is not for this one.
        .env_remove("CARGO_TARGET_DIR")
        .env_remove("RUSTFLAGS")
        .env("CARGO_PROFILE_RELEASE_DEBUG", "none")
        .status()
        .expect("cargo");
    assert!(status.success(), "the probe filter does not compile");
    target.join("wasm32-wasip1/release/actgate_probes.wasm")
}
