//! Servers come, get ready, and go.

use super::*;

const LIMIT: Duration = Duration::from_secs(10);

fn layout() -> (tempfile::TempDir, Layout) {
    let folder = tempfile::tempdir().unwrap();
    let layout = Layout::new(folder.path());
    (folder, layout)
}

fn shell(script: &str) -> Launch {
    Launch { name: "test", program: "/bin/sh".into(), arguments: vec!["-c".into(), script.into()] }
}

fn records(layout: &Layout) -> Vec<PidRecord> {
    PidRecord::running(&layout.pids()).unwrap()
}

#[tokio::test]
async fn a_dropped_server_is_gone_with_its_children() {
    let (_folder, layout) = layout();
    let mut server = Server::start(&layout, shell("sleep 600 & echo $!; wait")).unwrap();
    let log = layout.log("test");
    let written = || fs::read_to_string(&log).unwrap().trim().parse().ok();
    server.ready(LIMIT, async || written().is_some()).await.unwrap();
    let child = PidRecord::of("child", written().unwrap()).unwrap();
    assert_eq!(records(&layout).len(), 1);
    drop(server);
    assert_eq!(records(&layout), []);
    while child.is_running() {
        sleep(POLL).await;
    }
}

#[tokio::test]
async fn a_stopped_server_can_finish_what_it_does() {
    let (_folder, layout) = layout();
    let script = "trap 'echo finished; exit' TERM; echo started; while :; do sleep 0.05; done";
    let mut server = Server::start(&layout, shell(script)).unwrap();
    let log = layout.log("test");
    let text = || fs::read_to_string(&log).unwrap();
    server.ready(LIMIT, async || text().contains("started")).await.unwrap();
    server.stop().await.unwrap();
    // Its own child, being of its group, was ended too, and the shell may say so.
    assert!(text().ends_with("finished\n"), "{}", text());
    assert_eq!(records(&layout), []);
}

#[tokio::test]
async fn a_server_that_ends_early_says_why() {
    let (_folder, layout) = layout();
    let mut server = Server::start(&layout, shell("echo no such key >&2; exit 3")).unwrap();
    let error = server.ready(LIMIT, async || false).await.unwrap_err();
    assert_eq!(error.code(), "server_exited");
    assert!(error.to_string().contains("exit status: 3"), "{error}");
    assert!(error.to_string().ends_with("no such key"), "{error}");
}

#[tokio::test]
async fn a_server_that_never_gets_ready_is_given_up() {
    let (_folder, layout) = layout();
    let mut server = Server::start(&layout, shell("sleep 600")).unwrap();
    let error = server.ready(Duration::from_millis(60), async || false).await.unwrap_err();
    assert_eq!(error.code(), "server_not_ready");
}

#[tokio::test]
async fn a_server_left_running_is_found_and_ended_by_its_record() {
    let (_folder, layout) = layout();
    Server::start(&layout, shell("exec sleep 600")).unwrap().leave_running();
    let [record] = records(&layout).try_into().unwrap();
    record.end(&layout.pids()).await.unwrap();
    assert!(!record.is_running());
    assert_eq!(records(&layout), []);
}

#[tokio::test]
async fn a_program_that_is_not_there_leaves_nothing() {
    let (_folder, layout) = layout();
    let launch = Launch { name: "test", program: "/nowhere".into(), arguments: Vec::new() };
    assert_eq!(Server::start(&layout, launch).unwrap_err().code(), "io");
    assert_eq!(records(&layout), []);
}
