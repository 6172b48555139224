//! A modem that speaks AT commands (3GPP TS 27.005, 27.007), as much of them as oFono and ModemManager need.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    io::{ErrorKind, Read, Write},
    net::{SocketAddrV4, TcpListener, TcpStream},
    os::{
        linux::net::SocketAddrExt,
        unix::net::{SocketAddr, UnixListener, UnixStream},
    },
    process,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    thread,
    time::Duration,
};

/// What a modem answers, by what the command begins with behind `AT`; the first that fits counts.
const ANSWERS: &[(&str, &str)] = &[
    ("I", "Conformance modem"),
    ("+SIMSTATE?", "+SIMSTATE: 1"),
    ("+GCAP", "+GCAP: +CGSM"),
    ("+CGMI", "Pushcai"),
    ("+GMI", "Pushcai"),
    ("+CGMM", "Text"),
    ("+GMM", "Text"),
    ("+CGMR", "1.0"),
    ("+GMR", "1.0"),
    ("+CGSN", "356938035643809"),
    ("+GSN", "356938035643809"),
    ("+CPIN?", "+CPIN: READY"),
    ("+CFUN?", "+CFUN: 1"),
    ("+CCID", "+CCID: 8901260000000000001"),
    ("+CRSM=176,12258", "+CRSM: 144,0,\"981062000000000000F1\""),
    ("+CRSM", "+CRSM: 148,4"),
    ("+CLCK=\"SC\",2", "+CLCK: 0"),
    ("+CLCK=?", "+CLCK: (\"SC\",\"FD\")"),
    ("+CNUM", "+CNUM: \"\",\"+15551234567\",145"),
    ("+CREG=?", "+CREG: (0-2)"),
    ("+CREG?", "+CREG: 2,1,\"0001\",\"00000001\""),
    ("+CGREG=?", "+CGREG: (0-2)"),
    ("+CGREG?", "+CGREG: 2,1,\"0001\",\"00000001\""),
    ("+COPS=?", "+COPS: (2,\"Lab\",\"Lab\",\"00101\")"),
    ("+COPS?", "+COPS: 0,2,\"00101\""),
    ("+CSQ", "+CSQ: 20,99"),
    ("+CSCA?", "+CSCA: \"+15550000\",145"),
    ("+CSCS=?", "+CSCS: (\"IRA\",\"GSM\",\"UCS2\")"),
    ("+CSCS?", "+CSCS: \"GSM\""),
    ("+CSMS=?", "+CSMS: (0,1)"),
    ("+CSMS?", "+CSMS: 1,1,1,1"),
    ("+CSMS=", "+CSMS: 1,1,1"),
    ("+CGSMS?", "+CGSMS: 1"),
    ("+CNMI=?", "+CNMI: (0-2),(0-3),(0-2),(0-2),(0,1)"),
    ("+CMGF=?", "+CMGF: (0,1)"),
    (
        "+CPMS=?",
        "+CPMS: (\"ME\",\"SM\"),(\"ME\",\"SM\"),(\"ME\",\"SM\")",
    ),
    ("+CPMS", "+CPMS: 0,100,0,100,0,100"),
    ("+CIND=?", "+CIND: (\"service\",(0-1)),(\"signal\",(0-5))"),
    ("+CIND?", "+CIND: 1,4"),
    ("+CGDCONT=?", "+CGDCONT: (1-10),\"IP\",,,(0),(0)"),
    ("+CGDCONT?", "+CGDCONT: 1,\"IP\",\"lab.apn\",\"\",0,0"),
    ("+WS46=?", "+WS46: (12,22,25)"),
    ("+CMER=?", "+CMER: (0-3),(0),(0),(0-1),(0-1)"),
];

/// Commands that are refused: what they ask for is not there.
const REFUSED: &[&str] = &["+CPWD", "+CLCK=", "+XX"];

/// Commands that need no answer but `OK`; whatever is in none of these lists is refused as well, where the modem is `strict`.
const TAKEN: &[&str] = &[
    "E0", "V1", "&F", "Z", "X4", "&C1", "S0", "+CMEE", "+CFUN=", "+CMGF=", "+CNMI=", "+CSCS=",
    "+CREG=", "+CGREG=", "+COPS=", "+CMER=", "+CUSD", "+CRC", "+CLIP", "+CCWA",
];

/// How fast short messages come: ModemManager loses track of those that come while it reads another one.
const PACE: Duration = Duration::from_millis(100);

/// After how many paces a stored message that nobody has read is announced again.
const REMINDER: u32 = 20;

/// A modem; whoever drives it may come and go.
#[derive(Debug, Clone)]
pub struct Modem(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    /// The subscriber, by which oFono keeps segments apart.
    subscriber: String,
    /// Whether commands that it does not know are refused: ModemManager goes on from there, oFono gives up.
    strict: bool,
    /// Stored short messages by index.
    stored: BTreeMap<u32, String>,
    next: u32,
    /// Short messages handed over by `+CMT` that have not been acknowledged, and those that still wait for their turn.
    unacknowledged: Option<String>,
    waiting: Vec<String>,
    ports: Vec<(u64, Port)>,
    /// How many programs have come.
    came: u64,
    /// Stored messages that a program has read.
    read: BTreeSet<u32>,
    /// For how many paces no program has read one or been told of one.
    quiet: u32,
    /// The one that was announced last.
    reminded: Option<u32>,
    /// Whether a program drives it and has asked for short messages.
    ready: bool,
    /// The last commands and answers.
    said: VecDeque<String>,
}

/// An IMSI that no other modem has, in this process or in one beside it.
fn subscriber() -> String {
    static MODEMS: AtomicU32 = AtomicU32::new(0);
    let number = MODEMS.fetch_add(1, Ordering::Relaxed);
    format!("00101{:07}{:03}", process::id() % 10_000_000, number % 1000)
}

/// One program at the modem.
#[derive(Debug)]
enum Port {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Port {
    fn write(&mut self, text: &str) {
        // Whoever has gone is noticed by the reader.
        let written = match self {
            Self::Tcp(stream) => stream.write_all(text.as_bytes()),
            Self::Unix(stream) => stream.write_all(text.as_bytes()),
        };
        drop(written);
    }
}

impl Modem {
    fn new(strict: bool) -> Self {
        Self(Arc::new(Mutex::new(State {
            subscriber: subscriber(),
            strict,
            stored: BTreeMap::new(),
            next: 1,
            unacknowledged: None,
            waiting: Vec::new(),
            ports: Vec::new(),
            came: 0,
            read: BTreeSet::new(),
            quiet: 0,
            reminded: None,
            ready: false,
            said: VecDeque::new(),
        })))
    }

    /// A modem on a TCP port, which hands short messages over as they come: for oFono.
    ///
    /// # Errors
    ///
    /// There is no port.
    pub fn on_tcp() -> anyhow::Result<(Self, SocketAddrV4)> {
        let listener = TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, 0))?;
        let port = listener.local_addr()?.port();
        let modem = Self::new(false);
        let served = modem.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let Ok(writer) = stream.try_clone() else {
                    continue;
                };
                served.serve(stream, Port::Tcp(writer));
            }
        });
        Ok((
            modem,
            SocketAddrV4::new(std::net::Ipv4Addr::LOCALHOST, port),
        ))
    }

    /// A modem on an abstract Unix socket, which stores short messages: for ModemManager.
    ///
    /// # Errors
    ///
    /// The name is taken.
    pub fn on_abstract_socket(name: &str) -> anyhow::Result<Self> {
        let address = SocketAddr::from_abstract_name(name)?;
        let listener = UnixListener::bind_addr(&address)?;
        let modem = Self::new(true);
        let announced = modem.clone();
        thread::spawn(move || {
            loop {
                thread::sleep(PACE);
                announced.lock().announce();
            }
        });
        let served = modem.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let Ok(writer) = stream.try_clone() else {
                    continue;
                };
                served.serve(stream, Port::Unix(writer));
            }
        });
        Ok(modem)
    }

    /// A short message comes and is stored; whoever drives the modem is told.
    pub fn store(&self, tpdu: &str) {
        let mut state = self.lock();
        let index = state.next;
        state.next += 1;
        state.stored.insert(index, tpdu.to_owned());
    }

    /// A short message comes; it is handed over once the one before has been acknowledged.
    pub fn hand_over(&self, tpdu: &str) {
        let mut state = self.lock();
        state.waiting.push(tpdu.to_owned());
        state.hand_over_next();
    }

    /// The subscriber (IMSI).
    #[must_use]
    pub fn subscriber(&self) -> String {
        self.lock().subscriber.clone()
    }

    /// How many short messages are stored.
    #[must_use]
    pub fn stored(&self) -> usize {
        self.lock().stored.len()
    }

    /// How many short messages nobody has acknowledged.
    #[must_use]
    pub fn unacknowledged(&self) -> usize {
        let state = self.lock();
        state.waiting.len() + usize::from(state.unacknowledged.is_some())
    }

    /// The last of what was said to it and what it answered, for an error message.
    #[must_use]
    pub fn complaints(&self) -> String {
        let said: Vec<String> = self.lock().said.iter().cloned().collect();
        format!(
            "the last that the modem heard and said:\n{}",
            said.join("\n")
        )
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Serves one program, on a thread of its own, until it goes.
    fn serve(&self, mut reader: impl Read + Send + 'static, port: Port) {
        let modem = self.clone();
        let number = {
            let mut state = self.lock();
            state.came += 1;
            let number = state.came;
            state.ports.push((number, port));
            state.ready = false;
            state.note(format!("program {number} comes"));
            number
        };
        thread::spawn(move || {
            let mut line = Vec::new();
            let mut octets = [0; 4096];
            loop {
                let length = match reader.read(&mut octets) {
                    Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                    Ok(0) | Err(_) => return modem.lock().gone(number),
                    Ok(length) => length,
                };
                for octet in octets.iter().take(length) {
                    if matches!(octet, b'\r' | 0x1a) {
                        modem.command(number, String::from_utf8_lossy(&line).trim());
                        line.clear();
                    } else {
                        line.push(*octet);
                    }
                }
            }
        });
    }

    fn command(&self, program: u64, line: &str) {
        if line.is_empty() {
            return;
        }
        let mut state = self.lock();
        let answer = state.answer(line);
        state.note(format!("{line} -> {}", answer.trim().replace("\r\n", " ")));
        let mut ports = state.ports.iter_mut();
        if let Some((_, port)) = ports.find(|(number, _)| *number == program) {
            port.write(&answer);
        }
        state.hand_over_next();
    }
}

impl State {
    fn note(&mut self, line: String) {
        if self.said.len() == 60 {
            self.said.pop_front();
        }
        self.said.push_back(line);
    }

    /// Tells whoever drives the modem something unasked.
    fn tell(&mut self, text: &str) {
        self.note(text.trim().replace("\r\n", " "));
        for (_, port) in &mut self.ports {
            port.write(text);
        }
    }

    /// A program has gone.
    fn gone(&mut self, program: u64) {
        self.note(format!("program {program} goes"));
        self.ports.retain(|(number, _)| *number != program);
    }

    /// Announces a stored short message that nobody has read, one at a time.
    fn announce(&mut self) {
        let mut unread = self
            .stored
            .keys()
            .filter(|index| !self.read.contains(index));
        let Some(index) = unread.next().copied() else {
            return;
        };
        let is_reminder = self.reminded == Some(index);
        self.quiet = self.quiet.saturating_add(1);
        if !self.ready || self.quiet < if is_reminder { REMINDER } else { 2 } {
            return;
        }
        self.quiet = 0;
        self.reminded = Some(index);
        self.tell(&format!("\r\n+CMTI: \"ME\",{index}\r\n"));
    }

    /// Hands the next short message over, if somebody wants it and none is under way.
    fn hand_over_next(&mut self) {
        if !self.ready || self.waiting.is_empty() {
            return;
        }
        // One that was under way when its program ended is lost to it: a network repeats it.
        if self.unacknowledged.is_none() {
            let tpdu = self.waiting.remove(0);
            let length = tpdu.len() / 2;
            self.tell(&format!("\r\n+CMT: ,{length}\r\n00{tpdu}\r\n"));
            self.unacknowledged = Some(tpdu);
        }
    }

    fn answer(&mut self, line: &str) -> String {
        let Some(command) = line.strip_prefix("AT") else {
            // The acknowledgement's own TPDU, behind `AT+CNMA=1,…`.
            self.unacknowledged = None;
            return "\r\nOK\r\n".to_owned();
        };
        if command.starts_with("+CIMI") {
            return format!("\r\n{}\r\n\r\nOK\r\n", self.subscriber);
        }
        if let Some(index) = command.strip_prefix("+CMGR=") {
            let index = index.parse().unwrap_or_default();
            self.read.insert(index);
            self.quiet = 0;
            return match self.stored.get(&index) {
                Some(tpdu) => format!("\r\n+CMGR: 0,,{}\r\n00{tpdu}\r\n\r\nOK\r\n", tpdu.len() / 2),
                None => "\r\n+CMS ERROR: 321\r\n".to_owned(),
            };
        }
        if command.starts_with("+CMGL=4") {
            self.read.extend(self.stored.keys());
            let list = self.stored.iter().map(|(index, tpdu)| {
                format!("\r\n+CMGL: {index},0,,{}\r\n00{tpdu}", tpdu.len() / 2)
            });
            let mut list: String = list.collect();
            // oFono takes an empty line amiss where there is nothing to list.
            list.push_str(if list.is_empty() {
                "\r\nOK\r\n"
            } else {
                "\r\n\r\nOK\r\n"
            });
            return list;
        }
        if let Some(index) = command.strip_prefix("+CMGD=") {
            let index = index.split(',').next().unwrap_or_default();
            index
                .parse()
                .ok()
                .and_then(|index| self.stored.remove(&index));
            return "\r\nOK\r\n".to_owned();
        }
        if command.starts_with("+CNMA=1") {
            return "\r\n> ".to_owned();
        }
        if command.starts_with("+CNMA") {
            self.unacknowledged = None;
        }
        if command.starts_with("+CNMI=") && !command.starts_with("+CNMI=?") {
            self.ready = true;
            // What was handed over to the program before this one comes again.
            if let Some(lost) = self.unacknowledged.take() {
                self.waiting.insert(0, lost);
            }
        }
        if REFUSED.iter().any(|refused| command.starts_with(refused))
            && !command.starts_with("+CLCK=\"SC\",2")
            && !command.starts_with("+CLCK=?")
        {
            return "\r\nERROR\r\n".to_owned();
        }
        if let Some((_, answer)) = ANSWERS.iter().find(|(begin, _)| command.starts_with(begin)) {
            return format!("\r\n{answer}\r\n\r\nOK\r\n");
        }
        let known = command.is_empty() || TAKEN.iter().any(|taken| command.starts_with(taken));
        if known || !self.strict {
            return "\r\nOK\r\n".to_owned();
        }
        "\r\nERROR\r\n".to_owned()
    }
}
