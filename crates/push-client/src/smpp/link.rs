//! One connection to a message centre.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use rusmpp::{Command, CommandId, CommandStatus, Pdu};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _, ReadHalf, WriteHalf, split};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};

use super::commands::{self, Header};
use super::content;
use super::frames::Frames;
use super::settings::SmppSettings;
use crate::short_messages::{Content, Delivery, Intake, Settled, SourceState};

/// Why a connection ended that was not to.
#[derive(Debug, thiserror::Error)]
pub(super) enum LinkError {
    /// The connection broke, or the centre wrote what is no SMPP.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// The centre ended the connection.
    #[error("the message centre ended the connection")]
    Ended,
    /// The centre took its leave.
    #[error("the message centre took its leave")]
    Unbound,
    /// The centre did not answer in time.
    #[error("the message centre did not answer {what} within {} s", limit.as_secs())]
    Silent {
        /// What was asked.
        what: &'static str,
        /// How long was waited.
        limit: Duration,
    },
    /// The centre refused the bind.
    #[error(
        "the message centre refused the bind: {0:?}; check system_id, password_file and system_type"
    )]
    Refused(CommandStatus),
    /// Something in the settings cannot be written.
    #[error("{0} is too long for SMPP")]
    Setting(&'static str),
}

/// A connection on which the client is bound as receiver.
pub(super) struct Link<'a, S> {
    settings: &'a SmppSettings,
    intake: &'a Intake,
    reader: ReadHalf<S>,
    writer: WriteHalf<S>,
    frames: Frames,
    sequence: u32,
    /// Short messages that are being written down.
    deliveries: JoinSet<Command>,
    /// The latest sign of life.
    heard: Instant,
    /// Whether the centre has said anything since the bind but that it ends the connection.
    has_heard: bool,
    /// When the centre was asked for one.
    asked: Option<Instant>,
}

impl<'a, S: AsyncRead + AsyncWrite> Link<'a, S> {
    /// Binds as receiver.
    pub(super) async fn bind(
        settings: &'a SmppSettings,
        intake: &'a Intake,
        stream: S,
    ) -> Result<Self, LinkError> {
        let (reader, writer) = split(stream);
        let mut link = Self {
            settings,
            intake,
            reader,
            writer,
            frames: Frames::new(settings.max_pdu),
            sequence: 0,
            deliveries: JoinSet::new(),
            heard: Instant::now(),
            has_heard: false,
            asked: None,
        };
        let bind = commands::bind(settings).map_err(LinkError::Setting)?;
        link.ask(bind).await?;
        let limit = settings.response_timeout;
        let bound = timeout(limit, link.bound()).await;
        bound.map_err(|_| LinkError::Silent {
            what: "the bind",
            limit,
        })??;
        Ok(link)
    }

    async fn bound(&mut self) -> Result<(), LinkError> {
        loop {
            let frame = self.frames.next(&mut self.reader).await?;
            let frame = frame.ok_or(LinkError::Ended)?;
            let Ok(command) = commands::decode(frame) else {
                continue;
            };
            match (command.id(), command.status()) {
                (CommandId::BindReceiverResp, CommandStatus::EsmeRok) => return Ok(()),
                (CommandId::BindReceiverResp | CommandId::GenericNack, status) => {
                    return Err(LinkError::Refused(status));
                }
                _ => {}
            }
        }
    }

    /// Takes short messages until the client stops; then takes leave.
    pub(super) async fn serve(&mut self) -> Result<(), LinkError> {
        self.intake.state(SourceState::Connected);
        self.heard = Instant::now();
        loop {
            let due = self.due();
            tokio::select! {
                () = self.intake.stopped() => return self.leave().await,
                frame = self.frames.next(&mut self.reader),
                    if self.deliveries.len() < self.settings.window =>
                {
                    self.take(frame?.ok_or(LinkError::Ended)?).await?;
                }
                Some(answer) = self.deliveries.join_next() => self.settle(answer).await?,
                () = sleep_until(due) => self.enquire().await?,
            }
        }
    }

    /// Whether the centre has said anything since the bind but that it ends the connection.
    pub(super) const fn has_heard(&self) -> bool {
        self.has_heard
    }

    /// When the silence has lasted too long.
    fn due(&self) -> Instant {
        match self.asked {
            Some(asked) => asked + self.settings.response_timeout,
            None => self.heard + self.settings.enquire_interval,
        }
    }

    async fn enquire(&mut self) -> Result<(), LinkError> {
        if self.asked.is_some() {
            return Err(LinkError::Silent {
                what: "whether it is alive",
                limit: self.settings.response_timeout,
            });
        }
        self.asked = Some(Instant::now());
        self.ask(Pdu::EnquireLink).await
    }

    async fn ask(&mut self, pdu: Pdu) -> Result<(), LinkError> {
        self.sequence = self.sequence.wrapping_add(1) & 0x7FFF_FFFF;
        let request = commands::request(self.sequence.max(1), pdu);
        self.write(&request).await
    }

    async fn write(&mut self, command: &Command) -> Result<(), LinkError> {
        let limit = self.settings.response_timeout;
        let octets = commands::encode(command);
        let written = timeout(limit, self.writer.write_all(&octets)).await;
        let what = "by reading what was written to it";
        Ok(written.map_err(|_| LinkError::Silent { what, limit })??)
    }

    async fn settle(
        &mut self,
        answer: Result<Command, tokio::task::JoinError>,
    ) -> Result<(), LinkError> {
        match answer {
            Ok(answer) => self.write(&answer).await,
            // A delivery that was cut off was not answered; the centre sends it again.
            Err(_) => Ok(()),
        }
    }

    /// Takes one PDU.
    async fn take(&mut self, frame: BytesMut) -> Result<(), LinkError> {
        self.heard = Instant::now();
        self.asked = None;
        let Some(header) = commands::header(&frame) else {
            return Ok(());
        };
        self.has_heard |= header.command != CommandId::Unbind;
        let Ok(command) = commands::decode(frame) else {
            return self.refuse(header).await;
        };
        let smsc = self.settings.smsc.as_deref();
        match command.pdu() {
            Some(Pdu::DeliverSm(message)) => {
                self.deliver(header, content::of_delivery(message, smsc))
                    .await
            }
            Some(Pdu::DataSm(message)) => {
                self.deliver(header, content::of_data(message, smsc)).await
            }
            Some(Pdu::EnquireLink) => {
                let answer = commands::request(header.sequence, Pdu::EnquireLinkResp);
                self.write(&answer).await
            }
            Some(Pdu::Unbind) => {
                let answer = commands::request(header.sequence, Pdu::UnbindResp);
                self.write(&answer).await?;
                Err(LinkError::Unbound)
            }
            Some(_) | None if is_answer(header.command) => Ok(()),
            Some(_) | None => self.refuse(header).await,
        }
    }

    /// Answers a request that cannot be carried out.
    async fn refuse(&mut self, header: Header) -> Result<(), LinkError> {
        if is_answer(header.command) {
            return Ok(());
        }
        tracing::debug!(link = %self.settings.id, command = ?header.command, "PDU refused");
        let refusal = if content::is_carrier(header.command) {
            // It is as broken when it comes again.
            commands::answer(header, CommandStatus::EsmeRxPAppn)
        } else {
            let status = CommandStatus::EsmeRinvcmdid;
            Command::new(status, header.sequence, Pdu::GenericNack)
        };
        self.write(&refusal).await
    }

    /// Hands a short message over. Its answer is written once it is settled.
    async fn deliver(&mut self, header: Header, content: Option<Content>) -> Result<(), LinkError> {
        let Some(content) = content else {
            // A receipt: nothing was sent from here that it could be for.
            let answer = commands::answer(header, CommandStatus::EsmeRok);
            return self.write(&answer).await;
        };
        let delivery = Delivery {
            device: Arc::clone(&self.settings.id),
            content,
        };
        let intake = self.intake.clone();
        self.deliveries.spawn(async move {
            let settled = intake.deliver(delivery).await;
            commands::answer(header, status_of(&settled))
        });
        Ok(())
    }

    /// Answers what is being written down, and unbinds.
    async fn leave(&mut self) -> Result<(), LinkError> {
        while let Some(answer) = self.deliveries.join_next().await {
            self.settle(answer).await?;
        }
        self.ask(Pdu::Unbind).await?;
        let limit = self.settings.response_timeout;
        let left = timeout(limit, async {
            while let Some(frame) = self.frames.next(&mut self.reader).await? {
                let header = commands::header(&frame);
                if header.is_some_and(|header| header.command == CommandId::UnbindResp) {
                    break;
                }
            }
            Ok(())
        });
        left.await.unwrap_or(Ok(()))
    }
}

/// What the centre is told of a short message.
const fn status_of(settled: &Settled) -> CommandStatus {
    match settled {
        Settled::Durable(_) | Settled::Kept | Settled::Followed | Settled::Refused { .. } => {
            CommandStatus::EsmeRok
        }
        Settled::NotAPush { .. } => CommandStatus::EsmeRxPAppn,
        Settled::NotNow => CommandStatus::EsmeRxTAppn,
    }
}

fn is_answer(command: CommandId) -> bool {
    u32::from(command) & 0x8000_0000 != 0
}
