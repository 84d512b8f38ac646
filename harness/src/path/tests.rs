use super::*;

#[test]
fn detours_are_left_out_unless_they_may_lead_elsewhere() {
    let check = |path: &str, short: &str| assert_eq!(without_detours(Path::new(path)), Path::new(short));
    check("demo/../keys/./a.json", "keys/a.json");
    check("../policies/git", "../policies/git");
    check("../../a/../b", "../../b");
    check("/a/../b", "/b");

    let folder = std::env::temp_dir().join(format!("actgate-path-{}", std::process::id()));
    std::fs::create_dir_all(folder.join("real/inner")).unwrap();
    std::os::unix::fs::symlink("real/inner", folder.join("link")).unwrap();
    let path = folder.join("link/../x");
    assert_eq!(without_detours(&path), path);
    std::fs::remove_dir_all(&folder).unwrap();
}
