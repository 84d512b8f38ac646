//! The deploy backend: Debian's docker-registry, filled by skopeo from images that are made here.

mod image;

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
};

use serde_json::{Value, json};

use crate::{
    error::DemoError,
    http::Exchange,
    layout::{Layout, write_private},
    server::{Launch, Server},
    tool::Tool,
};

/// What is in the registry at first: a tag, and the image that it points to.
pub const SEEDS: [(&str, &str); 4] = [
    ("payments:staging", "release-1"),
    ("payments:production", "release-1"),
    ("base/runtime:1", "runtime"),
    ("website:production", "website"),
];

/// The images that there are to deploy.
pub const IMAGES: [&str; 4] = ["release-1", "release-2", "runtime", "website"];

/// A running registry.
#[derive(Debug)]
pub struct Registry {
    server: Server,
    address: SocketAddr,
    images: PathBuf,
    skopeo: PathBuf,
}

// === impl Registry ===

impl Registry {
    /// Starts an empty registry on a free port, and fills it with [`SEEDS`].
    ///
    /// # Errors
    /// Any [`DemoError`] of a server or of skopeo.
    pub async fn start(layout: &Layout) -> Result<Self, DemoError> {
        let images = layout.empty_folder("registry/images")?;
        image::make(&images, &IMAGES).await?;
        let data = layout.empty_folder("registry/data")?;
        let (folder, program) = (layout.folder("registry")?, layout.debian("docker-registry")?);
        let (server, address) = Server::on_free_port(layout, "/v2/", |address| {
            let config = folder.join("config.yml");
            // Its configuration is YAML, of which JSON is a part.
            write_private(&config, configuration(address, &data).to_string().as_bytes())?;
            let arguments = vec!["serve".into(), config.into()];
            Ok(Launch { name: "registry", program: program.clone(), arguments })
        })
        .await?;
        let registry = Self { server, address, images, skopeo: layout.debian("skopeo")? };
        for (tag, image) in SEEDS {
            let (from, to) = (registry.image(image), format!("docker://{address}/{tag}"));
            registry.skopeo(["copy", "--quiet", "--dest-tls-verify=false", &from, &to]).succeed().await?;
        }
        Ok(registry)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The folder of the images (an OCI image layout).
    pub fn images(&self) -> &Path {
        &self.images
    }

    /// One of [`IMAGES`], as skopeo names it.
    pub fn image(&self, name: &str) -> String {
        format!("oci:{}:{name}", self.images.display())
    }

    /// The registry's real client. It checks no signatures: there are none.
    pub fn skopeo<'a>(&self, arguments: impl IntoIterator<Item = &'a str>) -> Tool {
        Tool::new(&self.skopeo, ["--insecure-policy"].into_iter().chain(arguments))
    }

    /// The digest of what a tag (`payments:staging`) points to, asked behind the gate; nothing where there is no such
    /// tag.
    ///
    /// # Errors
    /// [`DemoError::Exchange`] and [`DemoError::Answer`].
    pub async fn digest(&self, tag: &str) -> Result<Option<String>, DemoError> {
        let (repository, tag) = tag.rsplit_once(':').unwrap_or((tag, "latest"));
        let path = format!("/v2/{repository}/manifests/{tag}");
        let headers = [("accept", image::MANIFEST_TYPE)];
        let exchange = Exchange { headers: &headers, ..Exchange::new(self.address, "GET", &path) };
        let answer = exchange.send().await?;
        match answer.status {
            200 => Ok(Some(image::digest(&answer.body))),
            404 => Ok(None),
            status => Err(DemoError::Answer { what: exchange.to_string(), status, body: answer.text() }),
        }
    }

    /// The digest of the manifest of one of [`IMAGES`].
    ///
    /// # Errors
    /// [`DemoError::Io`] where its layout cannot be read.
    pub fn image_digest(&self, name: &str) -> Result<Option<String>, DemoError> {
        image::find(&self.images, name)
    }

    /// The process, to be watched.
    pub fn server_mut(&mut self) -> &mut Server {
        &mut self.server
    }

    /// The process, to be stopped or left running.
    pub fn into_server(self) -> Server {
        self.server
    }
}

fn configuration(address: SocketAddr, data: &Path) -> Value {
    json!({
        "version": "0.1",
        "log": { "level": "warn", "accesslog": { "disabled": true } },
        "storage": {
            "filesystem": { "rootdirectory": data },
            "delete": { "enabled": true },
        },
        "http": {
            "addr": address.to_string(),
            // Where an upload goes on is said without a host, so that clients come back through the gate.
            "relativeurls": true,
            // It signs the state of uploads, for several registries behind one name: here is only this one.
            "secret": "one-registry-only",
        },
    })
}
