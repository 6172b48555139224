//! What SIPp plays.

use conformance::kamailio::DOMAIN;

use crate::stage::{Psa, instance};

const HEAD: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";

/// A Push Sender Agent: looks at the capabilities that it is told, and answers.
pub(crate) fn psa(psa: Psa) -> String {
    let served = match psa {
        Psa::ServesOnly(served) => format!(";+g.oma.pusheventapp=\"{served}\""),
        Psa::Serves | Psa::Refuses(_) | Psa::Absent => "[$2]".to_owned(),
    };
    let (status, headers) = match psa {
        Psa::Refuses(status) => (status, String::new()),
        Psa::Serves | Psa::ServesOnly(_) | Psa::Absent => (
            "200 OK",
            format!(
                "Contact: <sip:psa@[local_ip]:[local_port]>{served}\n\
                 Allow: INVITE, ACK, CANCEL, OPTIONS, BYE, MESSAGE\n"
            ),
        ),
    };
    format!(
        r#"{HEAD}<scenario name="psa">
<recv request="OPTIONS"><action>
<ereg regexp="(;\+g\.oma\.pusheventapp=&quot;[^&quot;]*&quot;)" search_in="hdr" header="Contact:" assign_to="1,2"/>
<ereg regexp="MESSAGE" search_in="hdr" header="Allow:" check_it="true" assign_to="3"/>
<ereg regexp="." search_in="hdr" header="User-Agent:" check_it="true" assign_to="4"/>
<ereg regexp="sip:.*@{DOMAIN}" search_in="hdr" header="P-Asserted-Identity:" check_it="true" assign_to="5"/>
</action></recv>
<Reference variables="1,2,3,4,5"/>
<send><![CDATA[
SIP/2.0 {status}
[last_Via:]
[last_From:]
[last_To:];tag=psa[pid]-[call_number]
[last_Call-ID:]
[last_CSeq:]
{headers}Content-Length: 0

]]></send>
</scenario>"#
    )
}

/// A push server that pushes by MESSAGE and wants `status`. What it pushes is "push" and a number.
pub(crate) fn message(application: &str, for_instance: Option<&str>, status: u16) -> String {
    let row = for_instance.map_or_else(String::new, |urn| {
        let urn = instance(urn);
        format!("Accept-Contact: *;+g.3gpp.iari-ref=\"{urn}\";require;explicit\n")
    });
    format!(
        r#"{HEAD}<scenario name="push">
<send retrans="500"><![CDATA[
MESSAGE sip:[service]@{DOMAIN} SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
Max-Forwards: 70
From: <sip:psa@{DOMAIN}>;tag=[pid]-[call_number]
To: <sip:[service]@{DOMAIN}>
Call-ID: [call_id]
CSeq: 1 MESSAGE
P-Asserted-Identity: <sip:psa@{DOMAIN}>
Accept-Contact: *;+g.oma.pusheventapp="{application}";require;explicit
{row}Content-Type: text/plain
Content-Length: [len]

push [call_number]]]></send>
<recv response="100" optional="true"/>
<recv response="{status}"/>
</scenario>"#
    )
}

/// As [`message`], with either status.
pub(crate) fn message_or(application: &str, one: u16, other: u16) -> String {
    let (recv, optional) = (
        format!("<recv response=\"{one}\"/>"),
        format!(
            "<recv response=\"{other}\" optional=\"true\" next=\"end\"/>\n<recv response=\"{one}\"/>\n<label id=\"end\"/>"
        ),
    );
    message(application, None, one).replace(&recv, &optional)
}

/// An application server that asks the terminal what it can, and looks at the answer.
pub(crate) fn ask(applications: &str) -> String {
    let applications = applications.replace('.', "\\.");
    format!(
        r#"{HEAD}<scenario name="ask">
<send retrans="500"><![CDATA[
OPTIONS sip:[service]@{DOMAIN} SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
Max-Forwards: 70
From: <sip:psa@{DOMAIN}>;tag=[pid]-[call_number]
To: <sip:[service]@{DOMAIN}>
Call-ID: [call_id]
CSeq: 1 OPTIONS
P-Asserted-Identity: <sip:psa@{DOMAIN}>
Accept: application/sdp
Content-Length: 0

]]></send>
<recv response="100" optional="true"/>
<recv response="200"><action>
<ereg regexp="\+g\.oma\.pusheventapp=&quot;{applications}&quot;" search_in="hdr" header="Contact:" check_it="true" assign_to="1"/>
<ereg regexp="MESSAGE" search_in="hdr" header="Allow:" check_it="true" assign_to="2"/>
<ereg regexp="text/plain" search_in="hdr" header="Accept:" check_it="true" assign_to="3"/>
</action></recv>
<Reference variables="1,2,3"/>
</scenario>"#
    )
}

/// Another terminal registers: `contact` is host, colon and port, `features` are parameters of Contact.
pub(crate) fn registers(contact: &str, features: &str, expires: u32) -> String {
    let request = |number: u8, authentication: &str| {
        format!(
            r#"<send retrans="500"><![CDATA[
REGISTER sip:{DOMAIN} SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
Max-Forwards: 70
From: <sip:[service]@{DOMAIN}>;tag=[pid]-[call_number]
To: <sip:[service]@{DOMAIN}>
Call-ID: [call_id]
CSeq: {number} REGISTER
Contact: <sip:[service]@{contact}>{features};expires={expires}
{authentication}Content-Length: 0

]]></send>
"#
        )
    };
    let (first, second) = (request(1, ""), request(2, "[authentication]\n"));
    format!(
        r#"{HEAD}<scenario name="registers">
{first}<recv response="401" auth="true"/>
{second}<recv response="200"><action>
<ereg regexp="sip:served@" search_in="hdr" header="Service-Route:" check_it="true" assign_to="1"/>
</action></recv>
<Reference variables="1"/>
</scenario>"#
    )
}

/// Another terminal answers pushes with `status` and its phrase.
pub(crate) fn answers(status: &str) -> String {
    format!(
        r#"{HEAD}<scenario name="answers">
<recv request="MESSAGE"/>
<send><![CDATA[
SIP/2.0 {status}
[last_Via:]
[last_From:]
[last_To:];tag=t[pid]-[call_number]
[last_Call-ID:]
[last_CSeq:]
Content-Length: 0

]]></send>
</scenario>"#
    )
}
