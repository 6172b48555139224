//! The files by which a bus knows how to start services: whose user a service runs as.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

/// The most octets of a service file, and of the table of users, that are read.
const MAX_FILE_OCTETS: u64 = 1024 * 1024;

/// The user that a service is started as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ServiceUser {
    /// This one.
    Known(u32),
    /// The file names a user that there is not.
    Unknown(String),
    /// No directory has a file of this service.
    NoFile,
}

/// The user that a service is started as, by the first of `directories` that has a file for it.
pub(crate) fn service_user(name: &str, directories: &[PathBuf], users: &Path) -> ServiceUser {
    let files = directories
        .iter()
        .map(|directory| directory.join(format!("{name}.service")));
    let found = files
        .filter_map(|path| read(&path).ok())
        .find(|text| value(text, "Name") == Some(name));
    let Some(text) = found else {
        return ServiceUser::NoFile;
    };
    // A bus of the system starts nothing as nobody in particular: what is left out is root.
    let user = value(&text, "User").unwrap_or("root");
    let uid = user
        .parse()
        .ok()
        .or_else(|| uid_of_user(&read(users).unwrap_or_default(), user));
    uid.map_or_else(|| ServiceUser::Unknown(user.to_owned()), ServiceUser::Known)
}

fn read(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    File::open(path)?
        .take(MAX_FILE_OCTETS)
        .read_to_string(&mut text)?;
    Ok(text)
}

/// A value of the group that such a file has.
fn value<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    let mut lines = text.lines().map(str::trim);
    lines.by_ref().find(|line| *line == "[D-BUS Service]")?;
    lines
        .take_while(|line| !line.starts_with('['))
        .filter_map(|line| line.split_once('='))
        .find(|(name, _)| name.trim_end() == key)
        .map(|(_, value)| value.trim())
}

/// The number of a user in the table of users.
fn uid_of_user(table: &str, user: &str) -> Option<u32> {
    let mut entries = table.lines().map(|line| line.split(':'));
    entries.find_map(|mut fields| {
        let is_it = fields.next() == Some(user);
        is_it.then(|| fields.nth(1)?.parse().ok()).flatten()
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_service_file_says_whose_user_it_is() {
        let directory = tempfile::tempdir().unwrap();
        let (first, second) = (directory.path().join("a"), directory.path().join("b"));
        let users = directory.path().join("passwd");
        fs::create_dir(&first).unwrap();
        fs::create_dir(&second).unwrap();
        fs::write(&users, "root:x:0:0::/:\nmeter:x:123:9::/:\n").unwrap();
        let write = |directory: &Path, name: &str, rest: &str| {
            let text =
                format!("# one\n[D-BUS Service]\nName = {name}\n{rest}\n[Other]\nUser=root\n");
            fs::write(directory.join(format!("{name}.service")), text).unwrap();
        };
        write(&first, "org.a.One", "User=meter\nExec=/bin/true");
        write(&second, "org.a.One", "User=root");
        write(&second, "org.a.Two", "User = 77");
        write(&second, "org.a.Three", "Exec=/bin/true");
        write(&second, "org.a.Four", "User=ghost");
        fs::write(
            second.join("org.a.Five.service"),
            "[D-BUS Service]\nName=org.a.Else\n",
        )
        .unwrap();
        let directories = [first, second];
        let user = |name: &str| service_user(name, &directories, &users);
        assert_eq!(user("org.a.One"), ServiceUser::Known(123));
        assert_eq!(user("org.a.Two"), ServiceUser::Known(77));
        assert_eq!(user("org.a.Three"), ServiceUser::Known(0));
        assert_eq!(user("org.a.Four"), ServiceUser::Unknown("ghost".to_owned()));
        assert_eq!(user("org.a.Five"), ServiceUser::NoFile);
        assert_eq!(user("org.a.Six"), ServiceUser::NoFile);
    }
}
