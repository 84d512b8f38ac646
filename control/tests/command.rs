//! The `actgate-control` command.

#![allow(clippy::unwrap_used, reason = "test code")]

use std::{fs, process::Command};

#[test]
fn signing_in_by_name_is_refused_off_loopback() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("control.yaml");
    let text = "
version: 1
public_url: http://127.0.0.1:10100
state: state
gateways: [{ name: demo, token_file: state/gateway.token }]
groups: [{ name: release-managers }]
";
    fs::write(&config, text).unwrap();
    for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:0"] {
        let output = Command::new(env!("CARGO_BIN_EXE_actgate-control"))
            .args(["serve", "--dev-login", "--listen", address, "--config"])
            .arg(&config)
            .env_remove("DATABASE_URL")
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(1), "{address}");
        assert!(String::from_utf8_lossy(&output.stderr).contains("loopback"), "{address}");
    }
    assert!(!folder.path().join("state").exists());
}
