use super::*;

fn folder(files: &[&str]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for file in files {
        let path = folder.path().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "request: {}\n").unwrap();
    }
    folder
}

fn names(files: &[CaseFile]) -> Vec<&str> {
    files.iter().map(|file| file.name.as_str()).collect()
}

#[test]
fn a_packs_cases_are_named_after_it() {
    let folder = folder(&[
        "notes/catalog.yaml",
        "notes/cases/b.yaml",
        "notes/cases/a/c.yaml",
        "notes/cases/.b.yaml.swp",
    ]);
    let pack = folder.path().join("notes");
    let twice = find_cases(&[pack.clone(), pack.join("cases/b.yaml"), pack.join("../notes")]).unwrap();
    assert_eq!(names(&twice), ["b", "notes/a/c"]);
    assert_eq!(names(&find_cases(&[pack]).unwrap()), ["notes/a/c", "notes/b"]);
}

#[test]
fn what_nobody_would_play_is_an_error() {
    let folder = folder(&["notes/catalog.yaml", "notes/cases/a.yml"]);
    let found = find_cases(&[folder.path().join("notes")]).unwrap_err();
    assert!(found[0].message.contains("does not end in `.yaml`"), "{found:?}");
    fs::remove_file(folder.path().join("notes/cases/a.yml")).unwrap();
    let found = find_cases(&[folder.path().join("notes")]).unwrap_err();
    assert_eq!(found[0].message, "there is no case in it");
    let found = find_cases(&[folder.path().to_owned(), folder.path().join("nowhere")]).unwrap_err();
    assert_eq!(found.len(), 2, "{found:?}");
}
