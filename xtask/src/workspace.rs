//! What `cargo metadata` says of the workspace.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use anyhow::Context;
use serde_json::Value;

use crate::command;

/// The workspace's packages and the graph of everything they are built from.
#[derive(Debug)]
pub(crate) struct Workspace {
    /// The directory of the root Cargo.toml.
    pub(crate) root: PathBuf,
    /// Where cargo builds.
    pub(crate) target: PathBuf,
    /// The members, by name.
    pub(crate) members: BTreeMap<String, Member>,
    names: BTreeMap<String, String>,
    edges: BTreeMap<String, BTreeSet<String>>,
}

/// One package of the workspace.
#[derive(Debug)]
pub(crate) struct Member {
    /// The directory of its Cargo.toml.
    pub(crate) directory: PathBuf,
    /// The packages that its Cargo.toml names, development apart.
    pub(crate) dependencies: BTreeSet<String>,
    id: String,
}

impl Workspace {
    /// Asks cargo, with every feature on.
    pub(crate) fn load() -> anyhow::Result<Self> {
        let here = root();
        let arguments = ["metadata", "--format-version", "1", "--all-features"];
        let text = command::output(&mut command::cargo(&here, &arguments))?;
        let metadata: Value =
            serde_json::from_str(&text).context("cargo metadata wrote no valid JSON")?;
        Ok(Self {
            root: here,
            target: PathBuf::from(text_of(&metadata["target_directory"])),
            members: members(&metadata),
            names: names(&metadata),
            edges: edges(&metadata),
        })
    }

    /// The names of all packages that `member` is built from, itself apart, sorted.
    pub(crate) fn reachable(&self, member: &Member) -> BTreeSet<&str> {
        let mut seen = BTreeSet::new();
        let mut waiting = vec![member.id.as_str()];
        while let Some(id) = waiting.pop() {
            for next in self.edges.get(id).into_iter().flatten() {
                if seen.insert(next.as_str()) {
                    waiting.push(next);
                }
            }
        }
        seen.iter()
            .filter_map(|id| self.names.get(*id).map(String::as_str))
            .collect()
    }
}

/// The directory of the workspace's root.
pub(crate) fn root() -> PathBuf {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest.parent().unwrap_or(manifest).to_path_buf()
}

fn members(metadata: &Value) -> BTreeMap<String, Member> {
    let ids: BTreeSet<&str> = list(&metadata["workspace_members"]).map(text_of).collect();
    list(&metadata["packages"])
        .filter(|package| ids.contains(text_of(&package["id"])))
        .map(|package| (text_of(&package["name"]).to_owned(), member(package)))
        .collect()
}

fn member(package: &Value) -> Member {
    let dependencies = list(&package["dependencies"])
        .filter(|dependency| dependency["kind"] != "dev")
        .map(|dependency| text_of(&dependency["name"]).to_owned())
        .collect();
    let manifest = Path::new(text_of(&package["manifest_path"]));
    Member {
        directory: manifest.parent().unwrap_or(manifest).to_path_buf(),
        dependencies,
        id: text_of(&package["id"]).to_owned(),
    }
}

fn names(metadata: &Value) -> BTreeMap<String, String> {
    list(&metadata["packages"])
        .map(|package| {
            (
                text_of(&package["id"]).to_owned(),
                text_of(&package["name"]).to_owned(),
            )
        })
        .collect()
}

/// For each package the packages that it is built from; what only tests or build scripts use is left out.
fn edges(metadata: &Value) -> BTreeMap<String, BTreeSet<String>> {
    let normal =
        |dependency: &&Value| list(&dependency["dep_kinds"]).any(|kind| kind["kind"].is_null());
    list(&metadata["resolve"]["nodes"])
        .map(|node| {
            let to = list(&node["deps"])
                .filter(normal)
                .map(|dependency| text_of(&dependency["pkg"]).to_owned());
            (text_of(&node["id"]).to_owned(), to.collect())
        })
        .collect()
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn text_of(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
