//! One connection to the centre.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _, split};
use tokio::sync::{broadcast, mpsc};

use super::centre::{Inner, Kept, Order, SmscFault};
use super::events::{Mode, SmscEvent};
use super::pdu::{self, Pdu};

/// PDUs read ahead of what they are answered with.
const READ_AHEAD: usize = 16;

/// Serves a connection until it ends; what was not answered on it goes back to the centre.
pub(super) async fn serve<S>(inner: Arc<Inner>, number: u64, stream: S)
where
    S: AsyncRead + AsyncWrite + Send + 'static,
{
    let (mut reader, writer) = split(stream);
    let (pdus, incoming) = mpsc::channel(READ_AHEAD);
    let most = inner.settings.max_pdu;
    let reading = async move {
        loop {
            let read = Pdu::read(&mut reader, most).await.transpose();
            let Some(read) = read else { return };
            let failed = read.is_err();
            if pdus.send(read).await.is_err() || failed {
                return;
            }
        }
    };
    let mut link = Link {
        orders: inner.orders.subscribe(),
        inner: Arc::clone(&inner),
        number,
        writer,
        incoming,
        mode: None,
        sequence: 0,
        under_way: BTreeMap::new(),
        sent: 0,
    };
    let reason = tokio::select! {
        result = link.run() => match result {
            Ok(reason) => reason.to_owned(),
            Err(error) => error.to_string(),
        },
        () = reading => match link.finish().await {
            Ok(reason) => reason.to_owned(),
            Err(error) => error.to_string(),
        },
    };
    inner.put_back(std::mem::take(&mut link.under_way).into_values());
    inner.log.tell(SmscEvent::Ended {
        link: number,
        reason,
    });
}

struct Link<W> {
    inner: Arc<Inner>,
    number: u64,
    writer: W,
    incoming: mpsc::Receiver<io::Result<Pdu>>,
    orders: broadcast::Receiver<Order>,
    mode: Option<Mode>,
    sequence: u32,
    /// Sent and not answered, by sequence number.
    under_way: BTreeMap<u32, Kept>,
    /// Short messages sent on this connection.
    sent: usize,
}

impl<W: AsyncWrite + Unpin> Link<W> {
    /// Takes and gives until the connection ends; says why.
    async fn run(&mut self) -> io::Result<&'static str> {
        loop {
            if self.sends()
                && let Some(kept) = self.inner.take()
            {
                self.deliver(kept).await?;
                if self.is_to_end() {
                    return Ok("ended by order after so many short messages");
                }
                continue;
            }
            let sends = self.sends();
            tokio::select! {
                pdu = self.incoming.recv() => match pdu {
                    Some(pdu) => if let Some(reason) = self.take(pdu?).await? {
                        return Ok(reason);
                    },
                    None => return Ok("the peer ended it"),
                },
                order = self.orders.recv() => match order {
                    Ok(Order::Enquire) => self.ask(pdu::ENQUIRE_LINK, Vec::new()).await?,
                    Ok(Order::Unbind) => self.ask(pdu::UNBIND, Vec::new()).await?,
                    Ok(Order::End) => return Ok("ended by order"),
                    Err(_) => {}
                },
                () = self.inner.changed.notified(), if sends => {}
            }
        }
    }

    /// Takes what was read before the peer ended the connection.
    async fn finish(&mut self) -> io::Result<&'static str> {
        while let Ok(pdu) = self.incoming.try_recv() {
            if let Some(reason) = self.take(pdu?).await? {
                return Ok(reason);
            }
        }
        Ok("the peer ended it")
    }

    fn sends(&self) -> bool {
        self.mode.is_some_and(Mode::receives) && self.under_way.len() < self.inner.settings.window
    }

    fn is_to_end(&self) -> bool {
        self.inner.settings.faults.iter().any(|fault| {
            matches!(fault, SmscFault::EndAfter { connections, messages }
                if self.number <= *connections && self.sent >= *messages)
        })
    }

    async fn deliver(&mut self, kept: Kept) -> io::Result<()> {
        let body = pdu::write_message(&kept.message);
        let message = kept.number;
        self.sequence += 1;
        let request = Pdu::request(pdu::DELIVER_SM, self.sequence, body);
        self.under_way.insert(self.sequence, kept);
        self.sent += 1;
        self.write(&request.encode()).await?;
        self.inner.log.tell(SmscEvent::Sent {
            message,
            link: self.number,
        });
        Ok(())
    }

    async fn ask(&mut self, command: u32, body: Vec<u8>) -> io::Result<()> {
        self.sequence += 1;
        let request = Pdu::request(command, self.sequence, body);
        self.write(&request.encode()).await
    }

    async fn write(&mut self, octets: &[u8]) -> io::Result<()> {
        if !self.inner.has(&SmscFault::Trickle) {
            return self.writer.write_all(octets).await;
        }
        for octet in octets {
            self.writer.write_all(&[*octet]).await?;
            self.writer.flush().await?;
        }
        Ok(())
    }

    /// Takes a PDU; why the connection ends, where it does.
    async fn take(&mut self, pdu: Pdu) -> io::Result<Option<&'static str>> {
        let link = self.number;
        match pdu.command {
            pdu::BIND_RECEIVER => self.bind(&pdu, Mode::Receiver).await?,
            pdu::BIND_TRANSMITTER => self.bind(&pdu, Mode::Transmitter).await?,
            pdu::BIND_TRANSCEIVER => self.bind(&pdu, Mode::Transceiver).await?,
            pdu::SUBMIT_SM => self.submit(&pdu).await?,
            pdu::ENQUIRE_LINK => {
                self.inner.log.tell(SmscEvent::Enquired { link });
                self.answer(pdu.answer(pdu::OK, &[])).await?;
            }
            pdu::UNBIND => {
                self.inner.log.tell(SmscEvent::Unbound { link });
                self.answer(pdu.answer(pdu::OK, &[])).await?;
                return Ok(Some("the peer unbound"));
            }
            pdu::GENERIC_NACK => {
                let status = pdu.status;
                self.inner.log.tell(SmscEvent::Rejected { link, status });
            }
            answer if answer & pdu::ANSWER != 0 => return Ok(self.answered(&pdu)),
            _ => {
                let mut refusal = pdu.answer(pdu::INVALID_COMMAND, &[]);
                refusal.command = pdu::GENERIC_NACK;
                self.answer(refusal).await?;
            }
        }
        Ok(None)
    }

    async fn answer(&mut self, answer: Pdu) -> io::Result<()> {
        if self.inner.has(&SmscFault::Mute) {
            return Ok(());
        }
        self.write(&answer.encode()).await
    }

    async fn bind(&mut self, request: &Pdu, mode: Mode) -> io::Result<()> {
        let link = self.number;
        let status = self.judge_bind(request);
        let mut body = self.inner.settings.system_id.clone().into_bytes();
        body.push(0);
        let body = if status == pdu::OK { &body[..] } else { &[] };
        self.write(&request.answer(status, body).encode()).await?;
        if status != pdu::OK {
            self.inner.log.tell(SmscEvent::BindRefused { link, status });
            return Ok(());
        }
        for fault in self.inner.settings.faults.clone() {
            if let SmscFault::Garbage(octets) = fault {
                self.write(&octets).await?;
            }
        }
        self.mode = Some(mode);
        let system_id = pdu::read_bind(&request.body).map(|(system_id, _)| system_id);
        self.inner.log.tell(SmscEvent::Bound {
            link,
            mode,
            system_id: system_id.unwrap_or_default(),
        });
        Ok(())
    }

    fn judge_bind(&self, request: &Pdu) -> u32 {
        let binds = self.inner.binds.fetch_add(1, Ordering::Relaxed);
        for fault in &self.inner.settings.faults {
            if let SmscFault::RefuseBinds { count, status } = fault
                && binds < *count
            {
                return *status;
            }
        }
        match (pdu::read_bind(&request.body), &self.inner.settings.account) {
            (None, _) => pdu::INVALID_LENGTH,
            (Some((system_id, password)), Some(account))
                if account.system_id != system_id || account.password != password =>
            {
                pdu::BIND_FAILED
            }
            (Some(_), _) => pdu::OK,
        }
    }

    async fn submit(&mut self, request: &Pdu) -> io::Result<()> {
        if !self.mode.is_some_and(Mode::transmits) {
            return self.answer(request.answer(pdu::WRONG_STATE, &[])).await;
        }
        let Some(message) = pdu::read_message(&request.body) else {
            return self.answer(request.answer(pdu::INVALID_LENGTH, &[])).await;
        };
        let answer = match self.inner.keep(message) {
            Some(number) => request.answer(pdu::OK, format!("{number}\0").as_bytes()),
            None => request.answer(pdu::QUEUE_FULL, &[]),
        };
        self.answer(answer).await
    }

    /// Takes the answer to a request of the centre.
    fn answered(&mut self, answer: &Pdu) -> Option<&'static str> {
        let link = self.number;
        match answer.command & !pdu::ANSWER {
            pdu::DELIVER_SM => {
                if let Some(kept) = self.under_way.remove(&answer.sequence) {
                    let status = answer.status;
                    self.inner.log.tell(SmscEvent::Answered {
                        message: kept.number,
                        link,
                        status,
                    });
                    if !matches!(status, pdu::OK | pdu::REFUSED_FOR_GOOD) {
                        self.inner.put_back(std::iter::once(kept));
                    }
                }
            }
            pdu::ENQUIRE_LINK => self.inner.log.tell(SmscEvent::Alive { link }),
            pdu::UNBIND => {
                self.inner.log.tell(SmscEvent::Unbound { link });
                return Some("the centre unbound");
            }
            _ => {}
        }
        None
    }
}
