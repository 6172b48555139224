//! An application with a Push Client of its own: it registers, gets one push over loopback, and acknowledges it.
//!
//! `cargo run -p push-client --example embedded`

#![expect(clippy::print_stdout, reason = "an example shows what happens")]

use std::net::UdpSocket;

use push_client::{
    Acknowledgement, Builder, DeregistrationRequest, Outcome, RegistrationRequest, Selector,
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    // Without a store, what waits is held in memory alone; `.store("/var/lib/my-app/push.db")` writes it down.
    let (client, engine) = Builder::new().listen("127.0.0.1:0".parse()?).build()?;
    let engine = tokio::spawn(engine.run());

    let application = client.application("my-app");
    let push_application_id = "x-wap-application:mms.ua".to_owned();
    let request = RegistrationRequest {
        push_application_id: push_application_id.clone(),
        accept: Some("application/vnd.wap.mms-message".to_owned()),
        ..RegistrationRequest::default()
    };
    let registered = application.register(request).await?;
    println!("registered as {}", registered.registration);
    let mut events = application.subscribe(Selector::default()).await?;

    // A Push Proxy Gateway would send this: transaction 1, Push, 3 octets of headers (content type, id 4), content.
    let gateway = UdpSocket::bind("127.0.0.1:0")?;
    let address = client.listening().first().ok_or("nothing is listened on")?;
    gateway.send_to(b"\x01\x06\x03\xBE\xAF\x84hello", address)?;

    if let Some(event) = events.next_event().await {
        println!(
            "{}: {:?}",
            event.content_type(),
            String::from_utf8_lossy(event.content())
        );
        let outcome = Outcome::Accepted;
        application
            .acknowledge(vec![Acknowledgement::new(event.id(), outcome)])
            .await?;
    }
    application
        .deregister(DeregistrationRequest {
            push_application_id,
            ..DeregistrationRequest::default()
        })
        .await?;
    client.shut_down().await;
    engine.await??;
    Ok(())
}
