//! Where a client works: a clone with a commit of its own, the same at every desk.

use std::{fs, path::PathBuf, time::Duration};

use actgate_demo::{
    git,
    tool::{Finished, Tool},
};
use tempfile::TempDir;

use crate::stage::Repositories;

/// A folder with a clone of `payments` in it.
pub(crate) struct Desk {
    folder: TempDir,
    /// Where `/git/` is for this desk.
    url: String,
    /// The repository's folder behind it.
    behind: PathBuf,
    token: Option<String>,
}

/// Files of this size, so that no test holds a large one in memory.
const FILE: usize = 4 << 20;

/// 1 GiB is pushed in a minute or two.
const LIMIT: Duration = Duration::from_secs(900);

// === impl Desk ===

impl Desk {
    /// A clone that was made behind the gate, so that it costs no request.
    pub(crate) async fn new(world: &Repositories, url: String, token: Option<String>) -> Self {
        let folder = TempDir::new().expect("a folder");
        let desk = Self { folder, url, behind: world.path("payments"), token };
        let behind = desk.behind.display().to_string();
        git::tool(desk.folder.path(), ["clone", "--quiet", "--no-local", &behind, "work"])
            .succeed()
            .await
            .expect("a clone");
        desk.succeed(&["remote", "set-url", "origin", "{payments}"]).await;
        desk
    }

    /// Commits `size` bytes that do not compress; nothing but a line of text where that is 0.
    pub(crate) async fn commit(&self, size: usize) {
        let work = self.work();
        fs::write(work.join("greeting"), "good day\n").expect("a file");
        let mut noise = Noise(0x9e37_79b9_7f4a_7c15);
        for (number, start) in (0..size).step_by(FILE).enumerate() {
            let bytes = noise.bytes(FILE.min(size - start));
            fs::write(work.join(format!("noise-{number}")), bytes).expect("a file");
        }
        // Nothing of this compresses, and nobody is to try.
        for setting in [["core.compression", "0"], ["core.bigFileThreshold", "1m"]] {
            self.succeed(&["config", setting[0], setting[1]]).await;
        }
        self.succeed(&["add", "."]).await;
        self.succeed(&["commit", "--quiet", "--allow-empty", "--message", "Greet"]).await;
    }

    /// Writes a file in the clone.
    pub(crate) fn write(&self, path: &str, contents: &str) {
        fs::write(self.work().join(path), contents).expect("a file");
    }

    /// Runs git to its end.
    pub(crate) async fn git(&self, arguments: &[&str]) -> Finished {
        self.tool(arguments).finish().await.expect("git runs")
    }

    /// Runs git, which has to succeed.
    pub(crate) async fn succeed(&self, arguments: &[&str]) -> String {
        let Finished { success, stdout, stderr } = self.git(arguments).await;
        assert!(success, "git {arguments:?}: {stderr}");
        String::from_utf8_lossy(&stdout).trim_end().to_owned()
    }

    /// What git says, without what differs from desk to desk.
    pub(crate) fn plain(&self, text: &str) -> String {
        let lines: Vec<String> = text
            .replace(&self.url, "URL")
            .lines()
            // git clears the rest of a terminal's line behind what a server says.
            .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
            .collect();
        lines.join("\n")
    }

    fn tool(&self, arguments: &[&str]) -> Tool {
        let arguments: Vec<String> = arguments.iter().map(|argument| self.fill(argument)).collect();
        let tool = git::tool(&self.work(), arguments)
            .limit(LIMIT)
            .variable("GIT_AUTHOR_NAME", "coder")
            .variable("GIT_AUTHOR_EMAIL", "coder@demo")
            .variable("GIT_AUTHOR_DATE", "1770000000 +0000")
            .variable("GIT_COMMITTER_NAME", "coder")
            .variable("GIT_COMMITTER_EMAIL", "coder@demo")
            .variable("GIT_COMMITTER_DATE", "1770000000 +0000");
        match &self.token {
            None => tool,
            Some(token) => tool
                .variable("GIT_CONFIG_COUNT", "1")
                .variable("GIT_CONFIG_KEY_0", "http.extraHeader")
                .variable("GIT_CONFIG_VALUE_0", format!("Authorization: Bearer {token}")),
        }
    }

    fn fill(&self, argument: &str) -> String {
        let url = |repository: &str| format!("{}/{repository}.git", self.url);
        argument
            .replace("{payments}", &url("payments"))
            .replace("{website}", &url("website"))
            .replace("{nothing}", &url("nothing"))
            .replace("{behind}", &self.behind.display().to_string())
    }

    fn work(&self) -> PathBuf {
        self.folder.path().join("work")
    }
}

/// Bytes that do not compress, the same each time (xorshift64).
struct Noise(u64);

// === impl Noise ===

impl Noise {
    fn bytes(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(count + 8);
        while bytes.len() < count {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            bytes.extend_from_slice(&self.0.to_le_bytes());
        }
        bytes.truncate(count);
        bytes
    }
}
