//! A push of the demo that comes as short messages.

use push_client::short_messages::{Content, Delivery, Intake, Settled};
use push_lab::short_message::{Order, ShortMessage};
use push_lab::{ApplicationId, Push, bodies};

use crate::commands::demo::pushes::MMS;
use crate::commands::demo::step::Step;
use crate::failure::Failure;
use crate::output::Output;

/// What comes, in words.
const WHAT: &str = "an MMS notification to 4 by SMS, the last segment first";
/// The modem that it comes by.
const DEVICE: &str = "demo-modem";
/// So short that there are several.
const SEGMENT: usize = 60;

/// Hands the segments over as a modem does, in the wrong order; each is kept until the message is whole.
pub(super) async fn deliver(intake: &Intake, output: &mut Output) -> Result<(), Failure> {
    let body = bodies::mms_notification(
        "T2",
        "+4917099999/TYPE=PLMN",
        40_960,
        "http://mmsc.example.net/m2",
    );
    let push = Push::new(bodies::MMS_NOTIFICATION, body)
        .tid(7)
        .application(ApplicationId::parse(MMS));
    let datagram = push.encode().map_err(|error| failed(&error))?;
    let message = ShortMessage::new(datagram)
        .segment_size(SEGMENT)
        .centre("+4917000000")
        .order(Order::Backward);
    let tpdus = message.tpdus();
    let last = tpdus.len();
    for (index, tpdu) in tpdus.into_iter().enumerate() {
        let delivery = Delivery {
            device: DEVICE.into(),
            content: Content::Tpdu(tpdu.into()),
        };
        let settled = intake.deliver(delivery).await;
        let is_last = index + 1 == last;
        let is_right = matches!(
            (&settled, is_last),
            (Settled::Kept, false) | (Settled::Durable(_), true)
        );
        if !is_right {
            return Err(failed(&format_args!("segment {}: {settled:?}", index + 1)));
        }
    }
    Step::ShortMessages {
        what: WHAT,
        segments: last,
        device: DEVICE,
    }
    .show(output)
}

fn failed(error: &dyn std::fmt::Display) -> Failure {
    Failure::Other(format!("the demo's short messages: {error}"))
}
