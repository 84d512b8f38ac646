//! The description of the API names exactly the routes that are served.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::print_stderr,
    clippy::print_stdout,
    reason = "test code"
)]

mod support;

use actgate_control::{api::OPENAPI, store::Store};
use saphyr::{LoadableYamlNode as _, Yaml};
use support::Replica;

#[tokio::test]
async fn every_described_operation_is_served_and_no_other_method_is() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::sqlite(&folder.path().join("control.db")).await.unwrap();
    let replica = Replica::start(folder.path(), store).await;
    let document = Yaml::load_from_str(OPENAPI).unwrap().remove(0);
    let paths = document.as_mapping_get("paths").unwrap().as_mapping().unwrap();
    let mut operations = 0;
    for (path, item) in paths {
        let path = path.as_str().unwrap().replace("{id}", "none");
        for method in ["GET", "POST", "PUT", "DELETE", "PATCH"] {
            let is_described = item.as_mapping_get(&method.to_lowercase()).is_some();
            operations += usize::from(is_described);
            let status = replica.send(replica.request(method, &path), Vec::new()).await.status;
            assert_eq!(status != 405 && status != 404, is_described, "{method} {path}: {status}");
        }
    }
    // One more in the router is one that is not described.
    let routes = include_str!("../src/api.rs");
    let served =
        routes.matches("post(").count() + routes.matches("get(").count() + routes.matches(".delete(").count();
    assert_eq!(served, operations);
    replica.stop().await;
}
