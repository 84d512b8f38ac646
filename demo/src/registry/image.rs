//! Small images in an OCI image layout (image-spec `image-layout.md`), made here so that nothing is downloaded.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::{error::DemoError, tool::Tool};

/// The media type of an image's manifest.
pub(super) const MANIFEST_TYPE: &str = "application/vnd.oci.image.manifest.v1+json";

const NAME: &str = "org.opencontainers.image.ref.name";

/// Makes the layout `folder` with one image for each name. Each has one layer with one file, which says its name.
pub(super) async fn make(folder: &Path, names: &[&str]) -> Result<(), DemoError> {
    let mut manifests = Vec::new();
    for name in names {
        let files = folder.join("files");
        write(&files.join("app/release"), format!("{name}\n").as_bytes())?;
        // The same bytes each time.
        let tar =
            ["--sort=name", "--mtime=@0", "--owner=0", "--group=0", "--numeric-owner", "-cf", "-", "app"];
        let layer = Tool::new("tar", tar).within(&files).succeed().await?;
        let packed = Tool::new("gzip", ["-cn"]).input(layer.clone()).succeed().await?;
        let config = json!({
            "architecture": "amd64",
            "os": "linux",
            "config": { "Cmd": ["cat", "/app/release"] },
            "rootfs": { "type": "layers", "diff_ids": [digest(&layer)] },
        });
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": MANIFEST_TYPE,
            "config": blob(folder, "application/vnd.oci.image.config.v1+json", config.to_string().as_bytes())?,
            "layers": [blob(folder, "application/vnd.oci.image.layer.v1.tar+gzip", &packed)?],
        });
        let mut described = blob(folder, MANIFEST_TYPE, manifest.to_string().as_bytes())?;
        if let Some(described) = described.as_object_mut() {
            described.insert("annotations".to_owned(), json!({ NAME: name }));
        }
        manifests.push(described);
    }
    let index = json!({ "schemaVersion": 2, "manifests": manifests });
    write(&folder.join("index.json"), index.to_string().as_bytes())?;
    write(&folder.join("oci-layout"), json!({ "imageLayoutVersion": "1.0.0" }).to_string().as_bytes())
}

/// The digest of the manifest that `name` stands for in the layout `folder`.
pub(super) fn find(folder: &Path, name: &str) -> Result<Option<String>, DemoError> {
    let path = folder.join("index.json");
    let text = fs::read(&path).map_err(DemoError::io(format!("read `{}`", path.display())))?;
    let index: Value = serde_json::from_slice(&text).unwrap_or_default();
    let manifests = index.get("manifests").and_then(Value::as_array);
    let named = manifests.into_iter().flatten().find(|manifest| {
        manifest.get("annotations").and_then(|all| all.get(NAME)).and_then(Value::as_str) == Some(name)
    });
    Ok(named.and_then(|manifest| manifest.get("digest")?.as_str()).map(str::to_owned))
}

/// The name of these bytes (image-spec `descriptor.md`, "Digests").
pub(super) fn digest(bytes: &[u8]) -> String {
    let hash = Sha256::digest(bytes);
    hash.iter().fold("sha256:".to_owned(), |text, byte| format!("{text}{byte:02x}"))
}

/// Stores a blob and describes it.
fn blob(folder: &Path, media_type: &str, bytes: &[u8]) -> Result<Value, DemoError> {
    let digest = digest(bytes);
    let path: PathBuf = folder.join("blobs").join(digest.replace(':', "/"));
    write(&path, bytes)?;
    Ok(json!({ "mediaType": media_type, "digest": digest, "size": bytes.len() }))
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), DemoError> {
    let written = path.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| fs::write(path, bytes));
    written.map_err(DemoError::io(format!("write `{}`", path.display())))
}

#[cfg(test)]
mod tests;
