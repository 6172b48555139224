//! A gateway, a daemon, and short words for what tests do with them.

use anyhow::Context;
pub(crate) use conformance::pushcai::content;
use conformance::{
    kannel::Kannel,
    pap::{Client, Delivery, Submission},
    pushcai::Daemon,
};
use serde_json::Value;

pub(crate) const MMS: &str = "x-wap-application:mms.ua";
pub(crate) const MMS_TYPE: &str = "application/vnd.wap.mms-message";

const CLIENT: u8 = 2;

/// Kannel and a daemon that it pushes to.
pub(crate) struct Stage {
    pub(crate) kannel: Kannel,
    pub(crate) daemon: Daemon,
}

impl Stage {
    /// Starts both, the daemon with `extra` in its configuration; `None` if Kannel is missing and may be skipped.
    pub(crate) fn set_up(extra: &str) -> anyhow::Result<Option<Self>> {
        let Some(kannel) = Kannel::start()? else {
            return Ok(None);
        };
        let daemon = Daemon::start(kannel.client_address(CLIENT), extra)?;
        Ok(Some(Self { kannel, daemon }))
    }

    /// As [`Stage::set_up`], with `[whitelist] default` holding the gateway's own address when `listed`, else another.
    pub(crate) fn with_default_whitelist(listed: bool) -> anyhow::Result<Option<Self>> {
        let Some(kannel) = Kannel::start()? else {
            return Ok(None);
        };
        let address = if listed {
            kannel.address().to_string()
        } else {
            "192.0.2.1".to_owned()
        };
        let extra = format!("[whitelist]\ndefault = [\"{address}\"]\n");
        let daemon = Daemon::start(kannel.client_address(CLIENT), &extra)?;
        Ok(Some(Self { kannel, daemon }))
    }

    /// Has Kannel push `content` to the application `id`.
    pub(crate) fn push(&self, id: &str, content_type: &str, content: &[u8]) -> anyhow::Result<()> {
        self.push_with(id, content_type, content, &[])
    }

    /// As [`Stage::push`], with headers for the client.
    pub(crate) fn push_with(
        &self,
        id: &str,
        content_type: &str,
        content: &[u8],
        http_headers: &[(&str, &str)],
    ) -> anyhow::Result<()> {
        self.kannel.submit(&Submission {
            client: Client::Ip(self.kannel.client_address(CLIENT)),
            delivery: Delivery::Unconfirmed,
            content_type,
            part_headers: &[("X-Wap-Application-Id", id)],
            http_headers,
            content,
        })
    }

    /// Registers for `id` with more `arguments`, which has to succeed.
    pub(crate) fn register(&self, id: &str, arguments: &[&str]) -> anyhow::Result<Value> {
        let arguments = [&["register", id, "--json"], arguments].concat();
        let answers = self.daemon.pushcai_json(&arguments)?;
        answers.into_iter().next().context("register wrote nothing")
    }

    /// The next `number` events that `pushcai events --follow --ack` writes, and each of them is acknowledged.
    pub(crate) fn events(&self, number: usize) -> anyhow::Result<Vec<Value>> {
        self.daemon.events(number)
    }

    /// The events that wait at this moment, taken without waiting for more and acknowledged.
    pub(crate) fn waiting(&self) -> anyhow::Result<Vec<Value>> {
        self.daemon.waiting()
    }
}
