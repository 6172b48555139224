//! What each command does.

mod dead;
mod decode;
mod demo;
mod events;
mod lab;
mod line;
mod pages;
mod ppg;
mod registration;
mod relay;
mod session;
mod session_helper;
mod short_message;
mod sip;
mod state;
mod submit;
mod watch;

use tokio::signal::unix::{SignalKind, signal};

use crate::arguments::{Arguments, Command, Lab, Relay};
use crate::client::Client;
use crate::failure::Failure;
use crate::output::Output;

/// Does what was asked.
pub(crate) fn run(arguments: &Arguments, output: &mut Output) -> Result<(), Failure> {
    match &arguments.command {
        Command::Decode(decode) => decode::run(decode, output),
        Command::Completions { shell } => pages::completions(*shell, output),
        Command::Man { directory } => pages::man(directory.as_deref(), output),
        Command::Register(_)
        | Command::Deregister(_)
        | Command::Apps
        | Command::Events(_)
        | Command::Ack(_)
        | Command::Dead(_)
        | Command::Watch(_)
        | Command::Status
        | Command::Servers
        | Command::Explain(_)
        | Command::Submit(_)
        | Command::Metrics
        | Command::Relay(_)
        | Command::SessionHelper(_)
        | Command::Lab(_)
        | Command::Demo => tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| Failure::Other(format!("the runtime cannot be started: {error}")))?
            .block_on(talk(arguments, output)),
    }
}

async fn talk(arguments: &Arguments, output: &mut Output) -> Result<(), Failure> {
    let client = || Client::new(&arguments.connection);
    match &arguments.command {
        Command::Register(register) => registration::register(register, client()?, output).await,
        Command::Deregister(deregister) => {
            registration::deregister(deregister, client()?, output).await
        }
        Command::Apps => registration::list(client()?, output).await,
        Command::Events(events) => events::run(events, client()?, client()?, output).await,
        Command::Ack(ack) => events::acknowledge(ack, client()?, output).await,
        Command::Dead(dead) => dead::run(dead, client()?, output).await,
        Command::Watch(watch) => watch::run(watch, client()?, output).await,
        Command::Status => state::status(client()?, output).await,
        Command::Servers => state::servers(client()?, output).await,
        Command::Explain(explain) => state::explain(explain, client()?, output).await,
        Command::Submit(submit) => submit::run(submit, client()?, output).await,
        Command::Metrics => state::metrics(client()?, output).await,
        Command::Relay(Relay::Mmsd(mmsd)) => relay::mmsd(mmsd, client()?, client()?, output).await,
        Command::SessionHelper(helper) => {
            session_helper::run(helper, client()?, client()?, output).await
        }
        Command::Lab(Lab::Push(push)) => lab::push(push, output).await,
        Command::Lab(Lab::Ppg(ppg)) => ppg::run(ppg, output).await,
        Command::Lab(Lab::Session(session)) => session::run(session, output).await,
        Command::Lab(Lab::Sip(arguments)) => sip::run(arguments, output).await,
        Command::Lab(Lab::Sms(sms)) => short_message::run(sms, output),
        Command::Demo => demo::run(output).await,
        Command::Decode(_) | Command::Completions { .. } | Command::Man { .. } => Ok(()),
    }
}

/// Waits until somebody wants this program to end.
async fn interrupted() -> Result<(), Failure> {
    let failed =
        |error: std::io::Error| Failure::Other(format!("signals cannot be received: {error}"));
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    Ok(())
}
