//! What is behind the gate: the refs of the repositories and the tags of the registry, as their own servers say, and
//! the files of the MCP server.

use std::collections::BTreeMap;

use super::clients::Desk;
use crate::{error::DemoError, git::REPOSITORIES, registry::SEEDS, world::World};

/// What is there at one time, each thing with what it points to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Behind(BTreeMap<String, String>);

/// What a client that is let through changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    /// Nothing.
    Nothing,
    /// This ref (`payments refs/heads/main`) is the commit that was made at the desk.
    Ref(&'static str),
    /// This tag (`payments:staging`) is this image.
    Tag(&'static str, &'static str),
    /// This file of the MCP server holds this.
    File(&'static str, &'static str),
}

// === impl Behind ===

impl Behind {
    pub(super) async fn look(world: &World) -> Result<Self, DemoError> {
        let mut things = BTreeMap::new();
        for repository in REPOSITORIES {
            for (name, object) in world.git().refs(repository).await? {
                things.insert(format!("{repository} {name}"), object);
            }
        }
        for (tag, _) in SEEDS {
            if let Some(digest) = world.registry().digest(tag).await? {
                things.insert(tag.to_owned(), digest);
            }
        }
        let files = world.mcp().files()?;
        things.extend(files.into_iter().map(|(name, content)| (format!("file {name}"), content)));
        Ok(Self(things))
    }

    /// What should be there after a change.
    pub(super) async fn after(&self, change: Change, desk: &Desk<'_>) -> Result<Self, DemoError> {
        let mut things = self.0.clone();
        match change {
            Change::Nothing => {}
            Change::Ref(name) => drop(things.insert(name.to_owned(), desk.commit().await?)),
            Change::File(name, content) => drop(things.insert(format!("file {name}"), content.to_owned())),
            Change::Tag(tag, image) => drop(things.insert(tag.to_owned(), desk.image_digest(image)?)),
        }
        Ok(Self(things))
    }

    /// Nothing, or the first thing that is not as it should be.
    pub(super) fn compare(&self, should: &Self) -> Result<(), String> {
        let names = self.0.keys().chain(should.0.keys());
        let is_other = |name: &&String| self.0.get(*name) != should.0.get(*name);
        match names.into_iter().find(is_other) {
            None => Ok(()),
            Some(name) => Err(format!(
                "behind the gate, {name} is {:?} and should be {:?}",
                self.0.get(name),
                should.0.get(name)
            )),
        }
    }
}

#[cfg(test)]
mod tests;
