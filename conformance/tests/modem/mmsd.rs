//! Real mmsd-tng: notifications reach it by way of the daemon and `pushcai relay mmsd`, and it fetches the messages.

use std::{fs, net::UdpSocket, path::Path, process::Command};

use conformance::{
    buses::{Bus, Kind, Scope},
    kannel::CONNECTIONLESS_PUSH,
    loopback::Network,
    modem::{mmsc::Mmsc, mock::ModemManagerForMmsd},
    peer,
    process::Running,
    pushcai::Daemon,
};

/// Starts mmsd-tng, which leaves short messages to others; `None` if it is missing and may be skipped.
fn start_mmsd(bus: &Bus, mmsc: &Mmsc) -> anyhow::Result<Option<Running>> {
    let Some([program]) = peer::find(["mmsdtng"])? else {
        return Ok(None);
    };
    write_settings(bus.directory(), mmsc)?;
    let mut command = Command::new(program);
    command
        .arg("-d")
        .env("HOME", bus.directory())
        .env_remove("XDG_CONFIG_HOME")
        .env_remove("XDG_DATA_HOME");
    let mmsd = Running::start("mmsdtng", bus.offer_everywhere(&mut command))?;
    Ok(Some(mmsd))
}

fn write_settings(home: &Path, mmsc: &Mmsc) -> anyhow::Result<()> {
    let directory = home.join(".mms/modemmanager");
    fs::create_dir_all(&directory)?;
    let text = format!(
        "[Modem Manager]\nCarrierMMSC={}\nMMS_APN=lab.apn\nCarrierMMSProxy=NULL\nDefaultModemNumber=NULL\n\
         AutoProcessOnConnection=true\nAutoProcessSMSWAP=false\nIMSI=310260000000001\n\n\
         [Settings]\nUseDeliveryReports=false\nTotalMaxAttachmentSize=1100000\nMaxAttachments=25\n\
         AutoCreateSMIL=false\nForceCAres=false\n",
        mmsc.address()
    );
    Ok(fs::write(directory.join("mms"), text)?)
}

/// A daemon, and a Push Server that sends it MMS notifications.
struct Way {
    daemon: Daemon,
    network: Network,
}

impl Way {
    fn start() -> anyhow::Result<Self> {
        let network = Network::claim()?;
        let daemon = Daemon::start(network.host(2), "[delivery]\nbackoff_base = \"100ms\"\n")?;
        Ok(Self { daemon, network })
    }

    fn notify(&self, content: &[u8]) -> anyhow::Result<()> {
        let push = [&b"\x01\x06\x03\xBE\xAF\x84"[..], content].concat();
        let socket = UdpSocket::bind((self.network.host(1), 0))?;
        socket.send_to(&push, (self.network.host(2), CONNECTIONLESS_PUSH))?;
        Ok(())
    }

    fn relay(&self, bus: &Bus) -> anyhow::Result<Running> {
        self.daemon
            .follow(&["relay", "mmsd", "--bus", bus.address(), "--json"])
    }
}

/// The message is fetched, once, and the message centre told so. What mmsd-tng tells again of messages before does not matter:
/// it may have been killed before it had the answer.
fn is_fetched(mmsc: &Mmsc, transaction: &str) -> anyhow::Result<()> {
    let mut fetched = 0;
    loop {
        let request = mmsc.next()?;
        if request.method == "GET" {
            assert!(request.path.ends_with(transaction), "{request:?}");
            fetched += 1;
            continue;
        }
        // M-NotifyResp.ind, with the transaction.
        let told = [b"\x8c\x83\x98", transaction.as_bytes(), b"\0"].concat();
        if request.method == "POST" && request.body.starts_with(&told) {
            assert_eq!(fetched, 1);
            return Ok(());
        }
    }
}

/// The relay has handed a notification over. Until mmsd-tng has set itself up, it may put one off.
fn is_accepted(relay: &Running) -> anyhow::Result<()> {
    loop {
        let line = relay.next_line()?;
        if line.contains("\"accepted\"") {
            return Ok(());
        }
        assert!(line.contains("\"later\""), "{line}");
    }
}

#[test]
fn mmsd_fetches_the_messages_whose_notifications_are_pushed() -> anyhow::Result<()> {
    let Some(bus) = Bus::start(Kind::DbusDaemon, Scope::Session)? else {
        return Ok(());
    };
    let mmsc = Mmsc::start()?;
    let _manager = ModemManagerForMmsd::start(&bus)?;
    let way = Way::start()?;
    // The relay comes before mmsd-tng, and a notification before both.
    let relay = way.relay(&bus)?;
    relay.wait_for_error_line("not on the bus")?;
    way.notify(&mmsc.notification("T-first"))?;
    let Some(mmsd) = start_mmsd(&bus, &mmsc)? else {
        return Ok(());
    };
    is_fetched(&mmsc, "T-first")?;
    is_accepted(&relay)?;
    way.notify(&mmsc.notification("T-second"))?;
    is_fetched(&mmsc, "T-second")?;
    is_accepted(&relay)?;
    // While it is away, notifications wait; nothing is asked for twice.
    mmsd.kill()?;
    relay.wait_for_error_line("not on the bus")?;
    way.notify(&mmsc.notification("T-third"))?;
    let Some(_mmsd) = start_mmsd(&bus, &mmsc)? else {
        return Ok(());
    };
    is_fetched(&mmsc, "T-third")?;
    is_accepted(&relay)?;
    assert!(way.daemon.waiting()?.is_empty());
    relay.terminate()?;
    Ok(())
}
