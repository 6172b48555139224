//! The command line.

use std::ffi::OsString;
use std::path::PathBuf;

/// The text for `--help`.
pub const HELP: &str = "\
pushcaid: the Push Client daemon. It takes pushes from Push Proxy Gateways and delivers them to the applications
that registered for them.

Usage: pushcaid [--config FILE] [--check | --print-config]

Options:
  -c, --config FILE   the configuration, a TOML document; without it every key has its default
      --check         read the configuration, say what is wrong with it, and end
      --print-config  print the whole configuration that is in force, and end
  -h, --help          print this text, and end
  -V, --version       print the version, and end

Exit status:
  0   ended as it was asked to (SIGTERM, SIGINT)
  1   something failed while it started or ran: an address or the store is in use, the store is damaged, ...
  2   the command line is wrong
  78  the configuration is wrong

The keys of the configuration are described in docs/configuration.md. Logs go to the journal where standard error is
connected to it, and to standard error elsewhere.
";

/// What the command line asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Run the daemon.
    Run {
        /// The configuration file; absent: the defaults.
        config: Option<PathBuf>,
    },
    /// Read the configuration and end.
    Check {
        /// The configuration file; absent: the defaults.
        config: Option<PathBuf>,
    },
    /// Print the configuration and end.
    PrintConfig {
        /// The configuration file; absent: the defaults.
        config: Option<PathBuf>,
    },
    /// Print the help and end.
    Help,
    /// Print the version and end.
    Version,
}

/// What is wrong with a command line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidArguments {
    /// An argument that means nothing.
    #[error("unknown argument `{0}`; pushcaid --help lists those that are known")]
    Unknown(String),
    /// `--config` without a file behind it.
    #[error("--config needs a file: pushcaid --config /etc/pushcai/pushcaid.toml")]
    NoFile,
    /// An option that stands twice.
    #[error("{0} is given twice")]
    Twice(&'static str),
    /// Two options that exclude each other.
    #[error("--check and --print-config exclude each other")]
    Both,
}

impl Command {
    /// Parses the arguments behind the program's name.
    pub fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Self, InvalidArguments> {
        let mut arguments = arguments.into_iter();
        let (mut config, mut check, mut print) = (None, false, false);
        while let Some(argument) = arguments.next() {
            match argument.to_str() {
                Some("--help" | "-h") => return Ok(Self::Help),
                Some("--version" | "-V") => return Ok(Self::Version),
                Some("--config" | "-c") => {
                    let file = arguments.next().ok_or(InvalidArguments::NoFile)?;
                    set_once(&mut config, PathBuf::from(file))?;
                }
                Some(text) if text.starts_with("--config=") => {
                    let file = text.trim_start_matches("--config=");
                    set_once(&mut config, PathBuf::from(file))?;
                }
                Some("--check") => check = true,
                Some("--print-config") => print = true,
                Some(_) | None => {
                    return Err(InvalidArguments::Unknown(
                        argument.to_string_lossy().into_owned(),
                    ));
                }
            }
        }
        match (check, print) {
            (false, false) => Ok(Self::Run { config }),
            (true, false) => Ok(Self::Check { config }),
            (false, true) => Ok(Self::PrintConfig { config }),
            (true, true) => Err(InvalidArguments::Both),
        }
    }
}

fn set_once(config: &mut Option<PathBuf>, file: PathBuf) -> Result<(), InvalidArguments> {
    if file.as_os_str().is_empty() {
        return Err(InvalidArguments::NoFile);
    }
    match config.replace(file) {
        None => Ok(()),
        Some(_) => Err(InvalidArguments::Twice("--config")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &[&str]) -> Result<Command, InvalidArguments> {
        Command::parse(arguments.iter().map(OsString::from))
    }

    #[test]
    fn every_option_is_understood() {
        let config = Some(PathBuf::from("f"));
        assert_eq!(parse(&[]), Ok(Command::Run { config: None }));
        for arguments in [&["--config", "f"][..], &["-c", "f"], &["--config=f"]] {
            assert_eq!(
                parse(arguments),
                Ok(Command::Run {
                    config: config.clone()
                })
            );
        }
        assert_eq!(
            parse(&["--check", "-c", "f"]),
            Ok(Command::Check {
                config: config.clone()
            })
        );
        assert_eq!(
            parse(&["-c", "f", "--print-config"]),
            Ok(Command::PrintConfig { config })
        );
        assert_eq!(parse(&["--help"]), Ok(Command::Help));
        assert_eq!(parse(&["-V"]), Ok(Command::Version));
    }

    #[test]
    fn anything_else_is_refused() {
        assert_eq!(parse(&["--config"]), Err(InvalidArguments::NoFile));
        assert_eq!(parse(&["--config="]), Err(InvalidArguments::NoFile));
        assert_eq!(
            parse(&["-c", "a", "-c", "b"]),
            Err(InvalidArguments::Twice("--config"))
        );
        assert_eq!(
            parse(&["--check", "--print-config"]),
            Err(InvalidArguments::Both)
        );
        assert_eq!(
            parse(&["start"]),
            Err(InvalidArguments::Unknown("start".to_owned()))
        );
    }
}
