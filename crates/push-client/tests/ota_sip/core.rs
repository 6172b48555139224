//! The core of a SIP network with a Push Sender Agent behind it, as far as one terminal sees them.

use std::net::SocketAddr;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream, UdpSocket};

use crate::bench::within;
use crate::message::Message;

/// A connection of whatever kind.
pub(crate) trait Connection: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Connection for S {}

/// What carries SIP between the core and the terminal.
enum Wire {
    Udp {
        socket: UdpSocket,
        terminal: Option<SocketAddr>,
    },
    Connection(&'static str, Box<dyn Connection>),
}

/// One end of SIP that speaks to the terminal.
pub(crate) struct Core {
    wire: Wire,
    octets: Vec<u8>,
    address: SocketAddr,
    /// Where the terminal is to be asked.
    pub(crate) contact: String,
    transactions: u32,
}

impl Core {
    /// A core that is reached over UDP.
    pub(crate) async fn udp() -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        let terminal = None;
        Self::over(Wire::Udp { socket, terminal }, address)
    }

    /// The core's end of the next connection that the terminal opens.
    pub(crate) async fn accepted(listener: &TcpListener) -> Self {
        let (stream, _) = within(listener.accept()).await.unwrap();
        Self::on_connection("TCP", stream, listener.local_addr().unwrap())
    }

    /// One that opens a connection to the terminal.
    pub(crate) async fn dialling(terminal: SocketAddr) -> Self {
        let stream = TcpStream::connect(terminal).await.unwrap();
        let address = stream.local_addr().unwrap();
        let mut core = Self::on_connection("TCP", stream, address);
        core.contact = format!("sip:alice@{terminal}");
        core
    }

    pub(crate) fn on_connection(
        transport: &'static str,
        stream: impl Connection + 'static,
        address: SocketAddr,
    ) -> Self {
        Self::over(Wire::Connection(transport, Box::new(stream)), address)
    }

    /// One over UDP that the terminal does not know of.
    pub(crate) async fn stranger(terminal: SocketAddr) -> Self {
        let mut stranger = Self::udp().await;
        stranger.contact = format!("sip:alice@{terminal}");
        if let Wire::Udp { terminal: to, .. } = &mut stranger.wire {
            *to = Some(terminal);
        }
        stranger
    }

    fn over(wire: Wire, address: SocketAddr) -> Self {
        Self {
            wire,
            octets: Vec::new(),
            address,
            contact: String::new(),
            transactions: 0,
        }
    }

    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The next message; absent where the connection has ended.
    pub(crate) async fn next(&mut self) -> Option<Message> {
        loop {
            if let Some((message, length)) = Message::take(&self.octets) {
                self.octets.drain(..length);
                return Some(message);
            }
            let mut buffer = vec![0; 65_536];
            match &mut self.wire {
                Wire::Udp { socket, terminal } => {
                    let (length, source) = within(socket.recv_from(&mut buffer)).await.unwrap();
                    *terminal = Some(source);
                    self.octets = buffer[..length].to_vec();
                }
                Wire::Connection(_, stream) => {
                    let length = within(stream.read(&mut buffer)).await.unwrap_or(0);
                    if length == 0 {
                        return None;
                    }
                    self.octets.extend_from_slice(&buffer[..length]);
                }
            }
        }
    }

    /// Nothing more comes: closes the connection, if there is one.
    pub(crate) async fn hang_up(&mut self) {
        if matches!(self.wire, Wire::Connection(..)) {
            assert!(self.next().await.is_none());
            self.wire = Wire::Connection("TCP", Box::new(tokio::io::empty()));
        }
    }

    /// The next request, which has to have this method.
    pub(crate) async fn request(&mut self, method: &str) -> Message {
        let message = self.next().await.unwrap();
        assert_eq!(message.method(), method, "{message:?}");
        message
    }

    pub(crate) async fn send(&mut self, octets: impl AsRef<[u8]>) {
        let octets = octets.as_ref();
        match &mut self.wire {
            Wire::Udp { socket, terminal } => {
                let terminal = terminal.unwrap();
                socket.send_to(octets, terminal).await.unwrap();
            }
            Wire::Connection(_, stream) => {
                stream.write_all(octets).await.unwrap();
                stream.flush().await.unwrap();
            }
        }
    }

    /// Answers a request.
    pub(crate) async fn answer(&mut self, request: &Message, status: &str, headers: &str) {
        self.send(request.response(status, headers)).await;
    }

    /// Takes a REGISTER and keeps the binding.
    pub(crate) async fn bind(&mut self) -> Message {
        let request = self.request("REGISTER").await;
        self.keep(&request).await;
        request
    }

    /// Answers a REGISTER: the binding is kept.
    pub(crate) async fn keep(&mut self, request: &Message) {
        self.contact = request.contact().0.to_owned();
        let headers = format!("Contact: {};expires=600\r\n", request.header("contact"));
        self.answer(request, "200 OK", &headers).await;
    }

    /// Takes an OPTIONS as the Push Sender Agent, which serves every id in it.
    pub(crate) async fn learn(&mut self) -> Message {
        let request = self.request("OPTIONS").await;
        let (_, parameters) = request.contact();
        let headers = format!("Contact: <sip:psa@{}>{parameters}\r\n", self.address);
        self.answer(&request, "200 OK", &headers).await;
        request
    }

    /// A request to the terminal, in a transaction of its own.
    pub(crate) fn compose(&mut self, method: &str, headers: &str, body: &[u8]) -> Vec<u8> {
        self.transactions += 1;
        let number = self.transactions;
        let call = format!("{number}-{}", self.address);
        self.within_call(method, number, &call, headers, body)
    }

    /// A request of a certain call.
    pub(crate) fn within_call(
        &self,
        method: &str,
        number: u32,
        call: &str,
        headers: &str,
        body: &[u8],
    ) -> Vec<u8> {
        let transport = match &self.wire {
            Wire::Udp { .. } => "UDP",
            Wire::Connection(transport, _) => transport,
        };
        let Self {
            address, contact, ..
        } = self;
        let to = if headers.starts_with("To:") {
            String::new()
        } else {
            "To: <sip:alice@example.test>\r\n".to_owned()
        };
        let head = format!(
            "{method} {contact} SIP/2.0\r\n\
             Via: SIP/2.0/{transport} {address};branch=z9hG4bK{method}{number}x{call}\r\n\
             Max-Forwards: 70\r\n\
             From: <sip:psa@example.test>;tag=f{number}\r\n\
             {to}Call-ID: {call}\r\n\
             CSeq: {number} {method}\r\n\
             {headers}Content-Length: {}\r\n\r\n",
            body.len()
        );
        [head.as_bytes(), body].concat()
    }

    /// Pushes to an application, and gives the answer.
    pub(crate) async fn push(&mut self, id: &str, content_type: &str, body: &[u8]) -> Message {
        let headers = push_headers(id, content_type);
        let request = self.compose("MESSAGE", &headers, body);
        self.ask(&request).await
    }

    /// Sends a request and gives its final answer.
    pub(crate) async fn ask(&mut self, request: &[u8]) -> Message {
        self.send(request).await;
        loop {
            let answer = self.next().await.unwrap();
            if answer.status() >= 200 {
                return answer;
            }
        }
    }
}

/// The headers of a MESSAGE that is a push to this application.
pub(crate) fn push_headers(id: &str, content_type: &str) -> String {
    format!(
        "P-Asserted-Identity: <sip:psa@example.test>\r\n\
         Accept-Contact: *;+g.oma.pusheventapp=\"{id}\"\r\n\
         Content-Type: {content_type}\r\n"
    )
}
