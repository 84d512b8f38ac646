//! Programs end in one way or the other.

use super::*;

fn shell(script: &str) -> Tool {
    Tool::new("sh", ["-c", script])
}

#[tokio::test]
async fn what_it_writes_is_kept_apart() {
    let finished = shell("cat; echo $NAME; pwd; echo no >&2; exit 3");
    let finished = finished.input("in\n").variable("NAME", "value").within("/").finish().await.unwrap();
    let expected = Finished { success: false, stdout: b"in\nvalue\n/\n".to_vec(), stderr: "no\n".to_owned() };
    assert_eq!(finished, expected);
}

#[tokio::test]
async fn one_that_reads_nothing_may_be_given_much() {
    assert_eq!(shell("echo done").input(vec![b'x'; 1 << 20]).succeed().await.unwrap(), b"done\n");
}

#[tokio::test]
async fn a_failure_says_what_failed() {
    let error = shell("echo why >&2; exit 1").succeed().await.unwrap_err();
    assert_eq!(error.to_string(), "`sh -c echo why >&2; exit 1` failed:\nwhy\n");
    assert_eq!(Tool::new("no-such-program", ["x"]).finish().await.unwrap_err().code(), "io");
}
