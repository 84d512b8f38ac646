//! The bundle that the plugin is configured with: the demo's own, with the test's key set in it.

use std::{fs, path::Path};

use actgate_authz::{BUNDLE_FORMAT, BundleDocument, Document, PackDocument, TextDocument};
use actgate_harness::{document, text::SourceText};
use serde_json::Value;

/// The demo's configuration and packs. Nobody is asked for approvals: see [`ask`].
pub fn demo(root: &Path, key_set: Value) -> BundleDocument {
    let file = "demo/actgate.yaml";
    let mut value = read(&root.join(file));
    *value.pointer_mut("/issuers/0/jwks").expect("an issuer") = key_set;
    ask_nobody(&mut value);
    // Records stay in the proxy's log, but where a test says so.
    value.as_object_mut().expect("a configuration").remove("ledger");
    let services = value.pointer("/services").and_then(Value::as_array).expect("services");
    let names = services.iter().map(|service| service["pack"].as_str().expect("a pack").to_owned());
    let packs = names.map(|name| (name.clone(), pack(&root.join("demo").join(&name)))).collect();
    BundleDocument {
        format: BUNDLE_FORMAT.to_owned(),
        config: Document { file: file.to_owned(), value },
        packs,
    }
}

/// Takes the approval service out of a configuration.
pub fn ask_nobody(config: &mut Value) {
    let approvals = config["approvals"].as_object_mut().expect("approvals");
    for name in ["control", "key"] {
        approvals.remove(name).expect("the approval service");
    }
}

/// Has approvals asked for as the demo does, and grants of these keys count.
pub fn ask(root: &Path, bundle: &mut BundleDocument, grant_keys: Value) {
    let demo = read(&root.join("demo/actgate.yaml"));
    let approvals = &mut bundle.config.value["approvals"];
    approvals["control"] = demo["approvals"]["control"].clone();
    approvals["key"] = grant_keys;
}

/// The pack of the secrets store.
///
/// # Panics
/// Where the bundle has none.
pub fn secrets(bundle: &mut BundleDocument) -> &mut PackDocument {
    let mut packs = bundle.packs.values_mut();
    packs.find(|pack| pack.catalog.value["service"] == "secrets").expect("the secrets pack")
}

/// The files of a pack's folder.
pub fn pack(folder: &Path) -> PackDocument {
    let document = |file: &str| Document { file: file.to_owned(), value: read(&folder.join(file)) };
    let text = |file: &str| TextDocument {
        file: file.to_owned(),
        text: fs::read_to_string(folder.join(file)).expect("a file of the pack"),
    };
    let mut names: Vec<String> = fs::read_dir(folder)
        .expect("a pack")
        .map(|entry| entry.expect("a file").file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    let policies = names.iter().filter(|name| name.ends_with(".cedar")).map(|name| text(name)).collect();
    PackDocument {
        catalog: document("catalog.yaml"),
        schema: text("schema.cedarschema"),
        policies,
        entities: names.iter().any(|name| name == "entities.json").then(|| document("entities.json")),
    }
}

/// Lets the agents of the demo write secrets too, for tests that need a permitted body.
pub fn permit_writing(bundle: &mut BundleDocument) {
    let pack = secrets(bundle);
    pack.policies.retain(|policy| !policy.text.contains("secrets.agents-never-change"));
    pack.policies.push(TextDocument {
        file: "test.cedar".to_owned(),
        text: r#"
            @id("test.write")
            permit (principal, action in Action::"write", resource in Secrets::Folder::"kv/dev");
            @id("test.read")
            permit (principal, action in Action::"read", resource in Secrets::Folder::"kv/dev");
        "#
        .to_owned(),
    });
}

/// A YAML or JSON file.
pub fn read(path: &Path) -> Value {
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let text = SourceText::new(path.display().to_string(), text);
    match document::Document::parse(text) {
        Ok(document) => document.into_value(),
        Err(findings) => panic!("{}: {findings:?}", path.display()),
    }
}
