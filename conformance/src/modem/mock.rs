//! A ModemManager made for mmsd-tng: one modem that is connected by the loopback interface.

use std::{
    collections::HashMap,
    sync::mpsc::{self, Receiver},
    thread,
};

use anyhow::{Context, anyhow};
use tokio::sync::oneshot;
use zbus::{
    Connection, MatchRule, MessageStream, OwnedObjectPath, OwnedVariant, Variant, connection,
    message::{Message, Type},
};

use crate::buses::Bus;

const SERVICE: &str = "org.freedesktop.ModemManager1";
const ROOT: &str = "/org/freedesktop/ModemManager1";
const MODEM: &str = "/org/freedesktop/ModemManager1/Modem/0";
const BEARER: &str = "/org/freedesktop/ModemManager1/Bearer/0";
const SIM: &str = "/org/freedesktop/ModemManager1/SIM/0";

type Properties = HashMap<&'static str, Variant<'static>>;
type Interfaces = HashMap<String, Properties>;

/// The service, on a thread of its own.
#[derive(Debug)]
pub struct ModemManagerForMmsd {
    _stop: oneshot::Sender<()>,
}

impl ModemManagerForMmsd {
    /// Starts it on `bus`.
    ///
    /// # Errors
    ///
    /// The bus does not let it.
    pub fn start(bus: &Bus) -> anyhow::Result<Self> {
        let (stop, stopped) = oneshot::channel();
        let (sender, ready) = mpsc::channel();
        let address = bus.address().to_owned();
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?;
            runtime.block_on(async {
                let serving = async {
                    let connection = connection::Builder::address(address.as_str())
                        .build()
                        .await?;
                    let calls = calls(&connection).await?;
                    connection.request_name(SERVICE).await?;
                    sender.send(()).ok();
                    serve(&connection, calls).await
                };
                tokio::select! {
                    served = serving => served,
                    _ = stopped => Ok(()),
                }
            })
        });
        wait(&ready)?;
        Ok(Self { _stop: stop })
    }
}

fn wait(ready: &Receiver<()>) -> anyhow::Result<()> {
    let ready = ready.recv_timeout(crate::process::PATIENCE);
    ready.context("the ModemManager of the test does not start")
}

async fn calls(connection: &Connection) -> anyhow::Result<MessageStream> {
    let rule = MatchRule::builder().msg_type(Type::MethodCall).build()?;
    Ok(MessageStream::for_match_rule(rule.to_owned(), connection, None).await?)
}

async fn serve(connection: &Connection, mut calls: MessageStream) -> anyhow::Result<()> {
    use std::{future::poll_fn, pin::Pin};
    use zbus::export::futures_core::Stream;

    loop {
        let call = poll_fn(|context| Pin::new(&mut calls).poll_next(context)).await;
        let call = call.ok_or_else(|| anyhow!("the bus has gone"))??;
        answer(connection, &call).await?;
    }
}

async fn answer(connection: &Connection, call: &Message) -> anyhow::Result<()> {
    let header = call.header();
    let path = header.path().map(ToString::to_string).unwrap_or_default();
    let member = header.member().map(ToString::to_string).unwrap_or_default();
    match member.as_str() {
        "GetManagedObjects" => {
            let modem = OwnedObjectPath::try_from(MODEM)?;
            let objects = HashMap::from([(modem, object(MODEM))]);
            connection.reply(&header, &objects).await?;
        }
        "GetAll" => {
            let interface: String = call.body().deserialize()?;
            let properties = object(&path).remove(&interface).unwrap_or_default();
            connection.reply(&header, &properties).await?;
        }
        "Get" => {
            let (interface, name): (String, String) = call.body().deserialize()?;
            let mut properties = object(&path).remove(&interface).unwrap_or_default();
            if let Some(value) = properties.remove(name.as_str()) {
                connection.reply(&header, &value).await?;
            } else {
                let error = "org.freedesktop.DBus.Error.UnknownProperty";
                let refusal = connection.reply_error(&header, error, &"there is none");
                refusal.await?;
            }
        }
        "ListBearers" => {
            let bearers = vec![OwnedObjectPath::try_from(BEARER)?];
            connection.reply(&header, &bearers).await?;
        }
        "List" => {
            connection
                .reply(&header, &Vec::<OwnedObjectPath>::new())
                .await?;
        }
        _ => connection.reply(&header, &()).await?,
    }
    Ok(())
}

/// The interfaces of an object.
fn object(path: &str) -> Interfaces {
    let name = |end: &str| format!("{SERVICE}{end}");
    match path {
        ROOT => [(
            SERVICE.to_owned(),
            Properties::from([("Version", "1.20.4".into())]),
        )]
        .into(),
        MODEM => [
            (name(".Modem"), modem()),
            (name(".Modem.Messaging"), messaging()),
            (name(".Modem.Modem3gpp"), modem_3gpp()),
        ]
        .into(),
        SIM => [(name(".Sim"), sim())].into(),
        BEARER => [(name(".Bearer"), bearer())].into(),
        _ => Interfaces::new(),
    }
}

fn path(text: &'static str) -> Variant<'static> {
    OwnedObjectPath::try_from(text).map_or_else(|_| text.into(), |path| path.into_inner().into())
}

fn modem() -> Properties {
    Properties::from([
        ("Sim", path(SIM)),
        ("Bearers", vec![path_of(BEARER)].into()),
        ("SupportedCapabilities", vec![4_u32].into()),
        ("CurrentCapabilities", 4_u32.into()),
        ("MaxBearers", 1_u32.into()),
        ("MaxActiveBearers", 1_u32.into()),
        ("Manufacturer", "Pushcai".into()),
        ("Model", "Text".into()),
        ("Revision", "1".into()),
        ("DeviceIdentifier", "lab0".into()),
        ("Device", "/lab".into()),
        ("Drivers", Vec::<String>::new().into()),
        ("Plugin", "lab".into()),
        ("PrimaryPort", "lo".into()),
        ("EquipmentIdentifier", "356938035643809".into()),
        ("UnlockRequired", 1_u32.into()),
        ("State", 11_i32.into()),
        ("StateFailedReason", 0_u32.into()),
        ("AccessTechnologies", 0x4000_u32.into()),
        ("SignalQuality", (80_u32, true).into()),
        ("OwnNumbers", vec!["+15551234567"].into()),
        ("PowerState", 3_u32.into()),
        ("SupportedIpFamilies", 3_u32.into()),
    ])
}

fn path_of(text: &'static str) -> zbus::ObjectPath<'static> {
    zbus::ObjectPath::from_static_str_unchecked(text)
}

fn messaging() -> Properties {
    Properties::from([
        ("Messages", Vec::<zbus::ObjectPath<'_>>::new().into()),
        ("SupportedStorages", vec![1_u32].into()),
        ("DefaultStorage", 1_u32.into()),
    ])
}

fn modem_3gpp() -> Properties {
    Properties::from([
        ("Imei", "356938035643809".into()),
        ("RegistrationState", 1_u32.into()),
        ("OperatorCode", "310260".into()),
        ("OperatorName", "Lab".into()),
        ("EnabledFacilityLocks", 0_u32.into()),
    ])
}

fn sim() -> Properties {
    Properties::from([
        ("Active", true.into()),
        ("SimIdentifier", "8901000000000000001".into()),
        ("Imsi", "310260000000001".into()),
        ("OperatorIdentifier", "310260".into()),
        ("OperatorName", "Lab".into()),
    ])
}

fn bearer() -> Properties {
    let ip = HashMap::from([
        ("method", Variant::from(2_u32)),
        ("address", "127.0.0.1".into()),
        ("prefix", 8_u32.into()),
        ("gateway", "127.0.0.1".into()),
        ("dns1", "127.0.0.1".into()),
    ]);
    let settings = HashMap::from([("apn", Variant::from("lab.apn")), ("ip-type", 1_u32.into())]);
    Properties::from([
        ("Interface", "lo".into()),
        ("Connected", true.into()),
        ("Suspended", false.into()),
        ("BearerType", 1_u32.into()),
        ("IpTimeout", 20_u32.into()),
        ("Ip4Config", ip.into()),
        (
            "Ip6Config",
            HashMap::from([("method", Variant::from(0_u32))]).into(),
        ),
        ("Properties", settings.into()),
        ("Stats", HashMap::<String, OwnedVariant>::new().into()),
    ])
}
