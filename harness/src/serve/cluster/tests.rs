use super::named;
use crate::{document::Document, text::SourceText};

#[test]
fn clusters_are_found_wherever_the_plugin_asks() {
    let text = "issuers:\n  - { alias: corp, jwks: { jwks_uri: /keys, cluster: keys } }\n\
                services:\n  - { name: git, cluster: not-asked }\n\
                approvals: { control: { cluster: control } }\n\
                revocation: { cluster: control }\n";
    let document = Document::parse(SourceText::new("actgate.yaml", text)).expect("a document");
    let clusters = named(&document);
    assert_eq!(clusters.keys().copied().collect::<Vec<_>>(), ["control", "keys"]);
    let first = clusters["control"].error("x").position.map(|position| position.line);
    assert_eq!(first, Some(5), "{clusters:?}");
}
