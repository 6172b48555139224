//! What a command line that cannot be understood is answered with.

use clap::error::ErrorKind;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Output;

/// Prints the help or version asked for, or says in one line what is wrong and in hints what would work.
pub(crate) fn report(error: &clap::Error) -> Exit {
    let mut output = Output::new(false);
    let text = error.render().to_string();
    if matches!(
        error.kind(),
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion
    ) {
        let written = output.octets(text.as_bytes()).and_then(|()| output.flush());
        return match written {
            Ok(()) | Err(Failure::OutputClosed) => Exit::Success,
            Err(_) => Exit::Failure,
        };
    }
    if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        output.say(text.trim_end());
        return Exit::Usage;
    }
    let (message, hints) = split(&text);
    output.complain(&message);
    for hint in hints {
        output.hint(&hint);
    }
    Exit::Usage
}

/// The complaint in one line, and what the parser has to say beside it.
fn split(text: &str) -> (String, Vec<String>) {
    let mut paragraphs = text.trim_end().split("\n\n").map(joined);
    let message = paragraphs.next().unwrap_or_default();
    let message = message.trim_start_matches("error: ").to_owned();
    let hints = paragraphs
        .map(|paragraph| {
            paragraph
                .trim_start_matches("tip: ")
                .replace("Usage: ", "usage: ")
        })
        .map(|hint| hint.replace("For more information, try '--help'.", "--help tells more"));
    (message, hints.collect())
}

fn joined(paragraph: &str) -> String {
    let lines = paragraph.lines().map(str::trim);
    lines
        .filter(|line| !line.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn complaints_take_one_line_and_hints_one_each() {
        let text = "error: the following required arguments were not provided:\n  <ID>\n\n  tip: give one\n\n\
                    Usage: pushcai register <ID>\n\nFor more information, try '--help'.\n";
        let (message, hints) = split(text);
        assert_eq!(
            message,
            "the following required arguments were not provided: <ID>"
        );
        assert_eq!(
            hints,
            [
                "give one",
                "usage: pushcai register <ID>",
                "--help tells more"
            ]
        );
    }
}
