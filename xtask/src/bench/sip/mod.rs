//! MESSAGE to its final answer over OTA-SIP: beside Kamailio that answers statelessly, and beside an answerer that syncs.

mod client;
pub(crate) mod floor;
mod kamailio;
mod registrar;

use std::fs::Permissions;
use std::net::{SocketAddr, UdpSocket};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use super::Programs;
use super::answers::{self, Comparison, LATENCY_COUNT, WARM_UP_COUNT, rate_count};
use super::app::EventReader;
use super::delivery::Figures;
use super::process::{Daemon, Process, free_address};

use client::Client;
use kamailio::Kamailio;

/// Pushes under way in a rate run.
const WINDOW: usize = 64;
/// A load for a terminal that runs already.
#[derive(Debug, clap::Args)]
pub(crate) struct Load {
    /// The daemon's API socket
    #[arg(long)]
    socket: PathBuf,
    /// Where the daemon's configuration has its outbound proxy: the load is sent from there
    #[arg(long)]
    core: SocketAddr,
    /// Pushes to send
    #[arg(long, default_value_t = 10_000)]
    count: u32,
    /// Pushes under way
    #[arg(long, default_value_t = WINDOW)]
    window: usize,
    /// The application reads and acknowledges them meanwhile
    #[arg(long)]
    there: bool,
}

/// Registers an application, sends it pushes, and says how fast they were answered.
pub(crate) fn load(load: &Load) -> anyhow::Result<()> {
    let core = UdpSocket::bind(load.core)?;
    let (mut reader, target) = register(&load.socket, &core)?;
    let mut client = Client::new(core, target)?;
    let mut send = || client.rate(load.window, load.count);
    let rate = if load.there {
        answers::reading(&mut reader, load.count, send)?
    } else {
        drop(reader);
        send()?
    };
    println!("{rate:.0} answers/s, {} repeated", client.repeated());
    Ok(())
}

/// Runs the rounds.
pub(crate) fn measure(programs: &Programs, rounds: usize) -> anyhow::Result<Vec<Comparison>> {
    let mut comparisons = vec![Comparison::new("power-loss", "floor")];
    if kamailio::is_here() {
        comparisons.insert(0, Comparison::new("none", "Kamailio, stateless"));
    } else {
        println!("kamailio is not installed: nothing to compare pushes with that are not synced");
    }
    answers::measure(
        comparisons,
        rounds,
        |place, durability| match durability {
            "none" => peer(place),
            _ => floor(programs, place),
        },
        |place, durability| queued(programs, place, durability),
        |place, durability| delivered(programs, place, durability),
    )
}

fn peer(place: &Path) -> anyhow::Result<Figures> {
    let target = free_address()?.parse()?;
    let _kamailio = Kamailio::start(place, target)?;
    run(UdpSocket::bind("127.0.0.1:0")?, target, "none")
}

fn floor(programs: &Programs, place: &Path) -> anyhow::Result<Figures> {
    let listen = free_address()?;
    let log = place.join("sip-floor.log").display().to_string();
    let arguments = ["bench", "sip-floor", "--listen", &listen, "--log", &log];
    let mut server = Process::start(&programs.xtask, &arguments)?;
    server.wait_for_output("ready")?;
    run(
        UdpSocket::bind("127.0.0.1:0")?,
        listen.parse()?,
        "power-loss",
    )
}

fn queued(programs: &Programs, place: &Path, durability: &str) -> anyhow::Result<Figures> {
    let (daemon, core) = daemon(programs, place, durability)?;
    let (reader, target) = register(&daemon.socket, &core)?;
    // Whoever registered goes away; the registration stays.
    drop(reader);
    run(core, target, durability)
}

fn delivered(programs: &Programs, place: &Path, durability: &str) -> anyhow::Result<Figures> {
    let (daemon, core) = daemon(programs, place, durability)?;
    let (mut reader, target) = register(&daemon.socket, &core)?;
    answers::while_read(&mut reader, durability, || run(core, target, durability))
}

/// A daemon whose core is the socket.
fn daemon(
    programs: &Programs,
    place: &Path,
    durability: &str,
) -> anyhow::Result<(Daemon, UdpSocket)> {
    std::fs::create_dir_all(place)?;
    let core = UdpSocket::bind("127.0.0.1:0")?;
    let password = place.join("password");
    std::fs::write(&password, "bench")?;
    // A password that others can read is refused.
    std::fs::set_permissions(&password, Permissions::from_mode(0o600))?;
    let settings = format!(
        "[ota_sip]\nregistrar = \"sip:ims.example.net\"\nuser = \"sip:terminal@ims.example.net\"\npassword_file = \"{}\"\n\
         outbound = \"sip:{};lr\"\npsa = [\"sip:psa@ims.example.net\"]\nlisten = \"127.0.0.1:0\"\n\
         [queue]\nmax_queue_events = 200000\nmax_queue_octets = \"512MiB\"\nmax_total_octets = \"512MiB\"\n",
        password.display(),
        core.local_addr()?
    );
    let daemon = Daemon::start_with(programs, place, durability, &settings)?;
    Ok((daemon, core))
}

/// Registers the application while the core answers, and says where the terminal is.
fn register(socket: &Path, core: &UdpSocket) -> anyhow::Result<(EventReader, SocketAddr)> {
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let serving = scope.spawn(|| registrar::serve(core, &done));
        let reader = EventReader::connect_on(socket, &[client::APPLICATION], "OTA-SIP");
        done.store(true, Ordering::Release);
        let target = serving.join();
        let target = target.map_err(|_| anyhow::anyhow!("the core broke"))?;
        Ok((reader?, target?))
    })
}

fn run(own: UdpSocket, target: SocketAddr, durability: &str) -> anyhow::Result<Figures> {
    let mut client = Client::new(own, target)?;
    client.latencies(WARM_UP_COUNT)?;
    let times = client.latencies(LATENCY_COUNT)?;
    let rate = client.rate(WINDOW, rate_count(durability))?;
    if client.repeated() > 0 {
        println!("{} requests were sent again", client.repeated());
    }
    answers::figures(&times, rate)
}
