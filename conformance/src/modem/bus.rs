//! What tests ask of services on a bus, and how they wait for what comes about there.

use std::{thread, time::Duration};

use anyhow::bail;
use zbus::{
    Type, connection,
    export::serde::{Serialize, de::DeserializeOwned},
};

use crate::process::PATIENCE;

/// How often a condition is looked at, and the pause in between.
const ATTEMPTS: u32 = 3000;
const PAUSE: Duration = Duration::from_millis(20);

/// An interface of an object of a service.
#[derive(Debug, Clone, Copy)]
pub struct Target<'a> {
    /// The service.
    pub service: &'a str,
    /// The object.
    pub path: &'a str,
    /// The interface.
    pub interface: &'a str,
}

/// Waits until `condition` gives something.
///
/// # Errors
///
/// It gave nothing for a minute, and failed in this way last.
pub fn wait_for<T>(
    what: &str,
    mut condition: impl FnMut() -> anyhow::Result<Option<T>>,
) -> anyhow::Result<T> {
    let mut failed = None;
    for _ in 0..ATTEMPTS {
        match condition() {
            Ok(Some(found)) => return Ok(found),
            Ok(None) => {}
            Err(error) => failed = Some(error),
        }
        thread::sleep(PAUSE);
    }
    bail!("{what} did not come about: {failed:?}")
}

/// Calls a method on the bus at `address`, and gives what it returns.
///
/// # Errors
///
/// The call fails, or returns something else.
pub(crate) fn call_at<B, R>(
    address: &str,
    target: Target<'_>,
    method: &str,
    body: &B,
) -> anyhow::Result<R>
where
    B: Serialize + Type,
    R: DeserializeOwned + Type,
{
    let Target {
        service,
        path,
        interface,
    } = target;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let connection = connection::Builder::address(address)
            .method_timeout(PATIENCE)
            .build();
        let connection = tokio::time::timeout(PATIENCE, connection).await??;
        let answer = connection
            .call_method(Some(service), path, Some(interface), method, body)
            .await?;
        Ok(answer.body().deserialize()?)
    })
}
