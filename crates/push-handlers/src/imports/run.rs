//! From files to registrations, and back where files are gone.

use std::collections::{BTreeMap, BTreeSet};
use std::future::pending;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use push_api::{Caller, PushService as _, Registration};
use push_client::{Client, DeregistrationRequest};
use push_message::{ApplicationId, Owner, Refusal};
use tokio::sync::Notify;
use tokio::time::sleep;

use super::ImportSettings;
use super::directory::{self, Drop};
use super::group::{Kind, Wanted};
use super::watch::Watch;

/// What owners of imported registrations begin with.
pub const OWNER: &str = "import:";

/// Between two readings, so that files that change all the time, or are written in parts, cost little and end nothing.
const PAUSE: Duration = Duration::from_millis(200);

/// After this time it is tried again to register what could not be registered.
const RETRY: Duration = Duration::from_secs(30);

/// The consumers of other push daemons, kept registered as their files say.
#[derive(Debug)]
pub struct Imports {
    settings: ImportSettings,
    client: Client,
    /// What was said of files, so that it is said once.
    said: BTreeSet<String>,
    /// Owners that nobody asked for when the files were read last.
    gone: BTreeSet<String>,
}

/// What came of one reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Done {
    /// The registrations are what the files ask for.
    All,
    /// Something could not be done.
    NotAll,
    /// Something is gone, unless it is there again at the next reading.
    Unsure,
}

/// What the files ask for.
#[derive(Debug, Default)]
struct Asked {
    /// By owner: the name of the group, and what it wants.
    wanted: BTreeMap<String, (String, Wanted)>,
    /// Beginnings of owners whose files or groups cannot be read: what they had before stands.
    kept: Vec<String>,
    /// What people should hear.
    said: BTreeSet<String>,
}

impl Imports {
    /// Imports into the Push Client that `client` is a handle to.
    pub fn new(settings: ImportSettings, client: Client) -> Self {
        Self {
            settings,
            client,
            said: BTreeSet::new(),
            gone: BTreeSet::new(),
        }
    }

    /// Runs until `stop`: reads the files now, when they change, and when it is told to.
    pub async fn run(mut self, read_again: Arc<Notify>, stop: impl Future<Output = ()>) {
        tokio::select! {
            () = stop => {}
            () = self.go_on(&read_again) => {}
        }
    }

    async fn go_on(&mut self, read_again: &Notify) {
        let directories: Vec<PathBuf> = self
            .settings
            .directories()
            .map(|(_, path)| path.clone())
            .collect();
        let watch = if directories.is_empty() {
            None
        } else {
            watch(directories)
        };
        loop {
            let done = self.import().await;
            sleep(PAUSE).await;
            if done == Done::Unsure {
                continue;
            }
            tokio::select! {
                () = changed(watch.as_ref()) => {}
                () = read_again.notified() => {}
                () = sleep(RETRY), if done == Done::NotAll => {}
            }
        }
    }

    /// Makes the registrations what the files ask for.
    async fn import(&mut self) -> Done {
        let settings = self.settings.clone();
        let asked = tokio::task::spawn_blocking(move || Asked::read(&settings)).await;
        let Ok(mut asked) = asked else {
            return Done::NotAll;
        };
        let done = self.register(&mut asked).await;
        for said in asked.said.difference(&self.said) {
            tracing::warn!("{said}");
        }
        self.said = asked.said;
        done
    }

    async fn register(&mut self, asked: &mut Asked) -> Done {
        let caller = Caller {
            owner: Owner::proved("import"),
            administrator: true,
        };
        let standing = match self.client.registrations(caller).await {
            Ok(registrations) => registrations,
            Err(refusal) => {
                tracing::warn!(%refusal, "what is imported cannot be compared with what is registered");
                return Done::NotAll;
            }
        };
        let standing = standing
            .iter()
            .filter(|registration| registration.owner.starts_with(OWNER));
        let mut is_done = true;
        let gone_before = std::mem::take(&mut self.gone);
        for registration in standing {
            match asked.judge(registration) {
                Standing::AsAsked => {
                    asked.wanted.remove(&registration.owner);
                }
                Standing::Kept | Standing::Replaced => {}
                // A file that is being written may have lost its groups for a moment, and with them would go what waits.
                Standing::Gone if !gone_before.contains(&registration.owner) => {
                    self.gone.insert(registration.owner.clone());
                }
                Standing::Gone => is_done &= self.end(registration).await,
            }
        }
        for (owner, (name, wanted)) in std::mem::take(&mut asked.wanted) {
            match self.begin(&owner, &name, &wanted).await {
                Ok(()) => tracing::info!(%owner, handler = %wanted.handler(), "imported"),
                Err(refusal) => {
                    is_done = false;
                    asked
                        .said
                        .insert(format!("{owner} is not imported: {refusal}"));
                }
            }
        }
        match (self.gone.is_empty(), is_done) {
            (false, _) => Done::Unsure,
            (true, true) => Done::All,
            (true, false) => Done::NotAll,
        }
    }

    async fn begin(&self, owner: &str, name: &str, wanted: &Wanted) -> Result<(), Refusal> {
        let mut request = wanted.request(name);
        if ApplicationId::parse(name).is_err() {
            request.application_id = None;
        }
        self.client.application(owner).register(request).await?;
        Ok(())
    }

    async fn end(&self, registration: &Registration) -> bool {
        let request = DeregistrationRequest {
            push_application_id: registration.request.push_application_id.clone(),
            application_id: registration.request.application_id.clone(),
            revoked: false,
            force: true,
        };
        let owner = registration.owner.as_str();
        match self.client.application(owner).deregister(request).await {
            Ok(_) => {
                tracing::info!(%owner, "imported no longer");
                true
            }
            Err(refusal) => {
                tracing::warn!(%owner, %refusal, "what is imported no longer cannot be deregistered");
                false
            }
        }
    }
}

fn watch(directories: Vec<PathBuf>) -> Option<Watch> {
    match Watch::new(directories) {
        Ok(watch) => Some(watch),
        Err(error) => {
            tracing::warn!(%error, "files to import are not watched; SIGHUP has them read again");
            None
        }
    }
}

async fn changed(watch: Option<&Watch>) {
    match watch {
        Some(watch) => {
            if let Err(error) = watch.changed().await {
                tracing::warn!(%error, "files to import are not watched any more; SIGHUP has them read again");
                pending::<()>().await;
            }
        }
        None => pending().await,
    }
}

/// How a registration stands to what the files ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// It is what they ask for.
    AsAsked,
    /// The next registration takes its place.
    Replaced,
    /// What it came from cannot be read at present.
    Kept,
    /// Nobody asks for it any more.
    Gone,
}

impl Asked {
    fn read(settings: &ImportSettings) -> Self {
        let mut asked = Self::default();
        for (kind, path) in settings.directories() {
            let read = directory::read(path, settings.max_files, settings.max_file_octets);
            match read {
                Ok(files) => {
                    for file in files {
                        asked.take(kind, path, file, settings);
                    }
                }
                Err(error) => asked.unreadable(kind, path, &error),
            }
        }
        asked
    }

    fn unreadable(&mut self, kind: Kind, path: &Path, error: &io::Error) {
        self.kept.push(format!("{OWNER}{}:", kind.as_str()));
        self.said.insert(format!(
            "{} cannot be imported from: {error}; what was imported from it before stands",
            path.display()
        ));
    }

    fn take(&mut self, kind: Kind, directory: &Path, file: Drop, settings: &ImportSettings) {
        let path = directory.join(&file.name);
        let beginning = format!("{OWNER}{}:{}/", kind.as_str(), file.name);
        let content = match file.content {
            Ok(content) => content,
            Err(fault) => {
                self.kept.push(beginning);
                self.said.insert(format!(
                    "{} cannot be imported: {fault}; what was imported from it before stands",
                    path.display()
                ));
                return;
            }
        };
        for group in &content.groups {
            let owner = format!("{beginning}{}", group.name);
            let place = format!("[{}] of {}", group.name, path.display());
            match Wanted::read(kind, group, settings.session_bus) {
                Ok((wanted, notes)) => {
                    let notes = notes.into_iter().map(|note| format!("{place}: {note}"));
                    self.said.extend(notes);
                    self.want(
                        owner,
                        group.name.clone(),
                        wanted,
                        &place,
                        settings.max_groups,
                    );
                }
                Err(fault) => {
                    self.said
                        .insert(format!("{place} cannot be imported: {fault}"));
                    self.kept.push(owner);
                }
            }
        }
    }

    fn want(&mut self, owner: String, name: String, wanted: Wanted, place: &str, most: usize) {
        if self.wanted.contains_key(&owner) {
            self.said.insert(format!(
                "{place} is not imported: a file of that name in another directory has such a group"
            ));
        } else if self.wanted.len() >= most {
            self.said.insert(format!(
                "{place} is not imported: there are {most} groups already"
            ));
            self.kept.push(owner);
        } else {
            self.wanted.insert(owner, (name, wanted));
        }
    }

    fn judge(&self, registration: &Registration) -> Standing {
        let request = &registration.request;
        let Some((name, wanted)) = self.wanted.get(&registration.owner) else {
            let is_kept = self.kept.iter().any(|owner| {
                registration.owner == *owner
                    || (owner.ends_with(['/', ':']) && registration.owner.starts_with(owner))
            });
            return if is_kept {
                Standing::Kept
            } else {
                Standing::Gone
            };
        };
        let is_same = wanted.is(
            &request.push_application_id,
            request.accept.as_deref(),
            request.event_handler.as_deref(),
        );
        let has_name = request
            .application_id
            .as_deref()
            .is_none_or(|known| known == name);
        if is_same && has_name {
            Standing::AsAsked
        } else if wanted.takes_place_of(&request.push_application_id) && has_name {
            Standing::Replaced
        } else {
            Standing::Gone
        }
    }
}
