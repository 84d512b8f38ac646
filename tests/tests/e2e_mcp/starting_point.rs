//! A pack that was written from what the real server lists: refused as it is, and good once a person has stated what the
//! server cannot.

use std::{fs, path::Path};

use actgate_demo::tool::{Finished, Tool};
use serde_json::json;

use crate::stage::Stage;

impl Stage {
    async fn actgate(&self, arguments: &[&str]) -> Finished {
        let program = self.setup.layout().actgate().expect("the command");
        Tool::new(&program, arguments.iter().map(|text| (*text).to_owned())).finish().await.expect("an end")
    }
}

/// Puts one text in place of another in a file.
fn state(file: &Path, texts: &[(&str, &str)]) {
    let mut text = fs::read_to_string(file).expect("a file");
    for (from, to) in texts {
        assert!(text.contains(from), "no `{from}` in {}", file.display());
        text = text.replace(from, to);
    }
    fs::write(file, text).expect("a file");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_servers_lists_become_a_pack_that_somebody_reviews() {
    let Some(stage) = Stage::set().await else { return };
    let folder = tempfile::TempDir::new().expect("a folder");
    let pack = folder.path().join("files");
    let (url, out) = (format!("http://{}/mcp", stage.mcp.address()), pack.display().to_string());
    let written = ["catalog", "from-mcp", url.as_str(), "--service", "files", "--out", out.as_str()];
    let finished = stage.actgate(&written).await;
    assert!(finished.success, "{}", finished.stderr);
    let said = String::from_utf8_lossy(&finished.stdout).into_owned();
    assert!(said.starts_with("5 tools, 1 prompts, 0 resources and 1 templates"), "{said}");
    assert!(!stage.actgate(&written).await.success, "a reviewed catalog was written over");

    let config = folder.path().join("actgate.yaml");
    let value = json!({
        "version": 1,
        "issuers": [{
            "alias": "demo", "issuer": "https://issuer.demo", "kind": "delegated", "profile": "at+jwt",
            "audiences": ["here"], "act_issuers": ["https://issuer.demo"], "jwks": stage.issuer.key_set(),
        }],
        "services": [{ "name": "files", "prefix": "/mcp/", "adapter": "mcp", "pack": "files" }],
    });
    fs::write(&config, value.to_string()).expect("a configuration");
    fs::write(pack.join("policies.cedar"), "@id(\"files.all\")\npermit (principal, action, resource);\n")
        .expect("a policy");
    let config = config.display().to_string();
    let refused = stage.actgate(&["check", &config]).await;
    assert!(!refused.success && refused.stderr.contains("TODO"), "{}", refused.stderr);

    state(&pack.join("catalog.yaml"), &[("effect: TODO", "effect: read"), ("[TODO]", "[read]")]);
    state(&pack.join("schema.cedarschema"), &[("Action::\"TODO\"", "Action::\"read\"")]);
    let checked = stage.actgate(&["check", &config]).await;
    assert!(checked.success, "{}", checked.stderr);
}
