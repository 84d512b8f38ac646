use std::fs;

use super::*;

#[test]
fn the_plugin_is_where_it_was_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("other.wasm");
    let missing = find(Some(&file)).unwrap_err();
    assert_eq!(missing.to_string(), format!("the plugin is not found: looked for `{}`", file.display()));
    assert!(missing.help().contains("make wasm"), "{}", missing.help());
    fs::write(&file, "").unwrap();
    assert_eq!(find(Some(&file)).unwrap(), file);
    assert!(matches!(load(&file), Err(ArtifactError::Module(_))), "an empty file is no plugin");
}
