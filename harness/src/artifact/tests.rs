use super::*;

#[test]
fn the_plugin_is_where_it_was_asked_for_or_beside_the_program() {
    let folder = tempfile::tempdir().unwrap();
    let (root, debug) = (folder.path(), folder.path().join("debug"));
    fs::create_dir(&debug).unwrap();
    let program = debug.join("actgate");
    let said = find(None, Some(&program)).unwrap_err().to_string();
    assert_eq!(said, format!("the plugin is not at `{0}/debug/{NAME}` nor at `{0}/{NAME}`", root.display()));
    fs::write(root.join(NAME), "").unwrap();
    assert_eq!(find(None, Some(&program)), Ok(root.join(NAME)));
    fs::write(debug.join(NAME), "").unwrap();
    assert_eq!(find(None, Some(&program)), Ok(debug.join(NAME)));
    let other = root.join("other.wasm");
    assert_eq!(
        find(Some(&other), Some(&program)).unwrap_err().to_string(),
        format!("the plugin is not at `{}`", other.display())
    );
}
