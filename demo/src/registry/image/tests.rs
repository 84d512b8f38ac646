//! A layout holds what it says.

use super::*;

#[tokio::test]
async fn every_image_is_in_the_layout_and_made_the_same_each_time() {
    let folder = tempfile::tempdir().unwrap();
    let (one, other) = (folder.path().join("one"), folder.path().join("other"));
    make(&one, &["a", "b"]).await.unwrap();
    make(&other, &["b"]).await.unwrap();
    let found = find(&one, "b").unwrap().unwrap();
    assert_eq!(find(&other, "b").unwrap(), Some(found.clone()));
    assert_ne!(find(&one, "a").unwrap(), Some(found.clone()));
    assert_eq!(find(&one, "c").unwrap(), None);

    let read = |digest: &Value| {
        let digest = digest.as_str().unwrap();
        let bytes = fs::read(one.join("blobs").join(digest.replace(':', "/"))).unwrap();
        assert_eq!(super::digest(&bytes), digest);
        bytes
    };
    let manifest: Value = serde_json::from_slice(&read(&found.into())).unwrap();
    let config: Value = serde_json::from_slice(&read(&manifest["config"]["digest"])).unwrap();
    let layer = &manifest["layers"][0];
    let packed = read(&layer["digest"]);
    assert_eq!(layer["size"], packed.len());
    let unpacked = Tool::new("gzip", ["-cd"]).input(packed).succeed().await.unwrap();
    assert_eq!(config["rootfs"]["diff_ids"][0], digest(&unpacked));
    assert!(unpacked.windows(2).any(|window| window == b"b\n"), "the file does not say its name");
}
