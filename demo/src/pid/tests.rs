//! A record names one process, not whoever has its pid.

use super::*;

#[test]
fn own_process_runs() {
    let record = PidRecord::of("me", std::process::id()).unwrap();
    assert!(record.is_running());
}

#[test]
fn another_process_of_the_same_pid_is_not_meant() {
    let folder = tempfile::tempdir().unwrap();
    let mut record = PidRecord::of("me", std::process::id()).unwrap();
    record.started = record.started.wrapping_add(1);
    record.save(folder.path()).unwrap();
    assert!(!record.is_running());
    // Signals nobody: this test would not survive it.
    record.signal(Signal::KILL).unwrap();
    assert_eq!(PidRecord::running(folder.path()).unwrap(), []);
    assert!(!folder.path().join("me").exists());
}

#[test]
fn a_record_survives_its_file() {
    let folder = tempfile::tempdir().unwrap();
    let record = PidRecord::of("me", std::process::id()).unwrap();
    record.save(folder.path()).unwrap();
    assert_eq!(PidRecord::running(folder.path()).unwrap(), [record]);
}

#[test]
fn no_folder_means_no_process() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(PidRecord::running(&folder.path().join("absent")).unwrap(), []);
}
