//! The `OpenAPI` document and what is served are the same.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::collections::BTreeSet;

use common::{FakeEvent, Served, request, settings};
use push_api::{OPENAPI, Reason, Refusal, SessionClosing, SessionOrder, Watched, WatchedKind};
use push_http::ROUTES;
use serde_json::Value;

const METHODS: [&str; 5] = ["get", "post", "delete", "put", "patch"];

fn document() -> Value {
    serde_yaml_ng::from_str(OPENAPI).unwrap()
}

fn resolved<'a>(root: &'a Value, value: &'a Value) -> &'a Value {
    match value["$ref"].as_str() {
        Some(reference) => root.pointer(reference.strip_prefix('#').unwrap()).unwrap(),
        None => value,
    }
}

/// What of `value` does not fit `schema`. A property that is not described does not fit; a keyword that is not known here
/// is a failure of this test.
fn faults(root: &Value, schema: &Value, value: &Value, at: &str) -> Vec<String> {
    let schema = resolved(root, schema);
    let mut faults = Vec::new();
    let mut fault = |fits: bool, what: &str| {
        if !fits {
            faults.push(format!("{at}: {what}: {value}"));
        }
    };
    for (keyword, wanted) in schema.as_object().unwrap() {
        match keyword.as_str() {
            "type" => fault(has_type(wanted, value), "type"),
            "const" => fault(value == wanted, "const"),
            "enum" => fault(wanted.as_array().unwrap().contains(value), "enum"),
            "minimum" => fault(
                value.is_string() || value.as_u64() >= wanted.as_u64(),
                "minimum",
            ),
            "maximum" => fault(value.as_u64() <= wanted.as_u64(), "maximum"),
            "minItems" => fault(
                value.as_array().unwrap().len() as u64 >= wanted.as_u64().unwrap(),
                "minItems",
            ),
            "maxItems" => fault(
                value.as_array().unwrap().len() as u64 <= wanted.as_u64().unwrap(),
                "maxItems",
            ),
            "required" => {
                for name in wanted.as_array().unwrap() {
                    fault(
                        value.get(name.as_str().unwrap()).is_some(),
                        &format!("lacks {name}"),
                    );
                }
            }
            "contentEncoding" => fault(value.is_string(), "contentEncoding"),
            "format" => fault(has_format(wanted, value), "format"),
            "properties"
            | "additionalProperties"
            | "items"
            | "prefixItems"
            | "description"
            | "examples"
            | "default" => {}
            other => panic!("{at}: the keyword {other} is not known to this test"),
        }
    }
    faults.extend(parts_faults(root, schema, value, at));
    faults
}

fn has_type(wanted: &Value, value: &Value) -> bool {
    let is = |name: &Value| match name.as_str().unwrap() {
        "string" => value.is_string(),
        "integer" => value.is_u64() || value.is_i64(),
        "boolean" => value.is_boolean(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        "null" => value.is_null(),
        other => panic!("no type {other}"),
    };
    wanted
        .as_array()
        .map_or_else(|| is(wanted), |names| names.iter().any(is))
}

fn has_format(wanted: &Value, value: &Value) -> bool {
    assert_eq!(wanted, "date-time", "no other format is described");
    let digits = |text: &str| {
        text.chars()
            .map(|c| if c.is_ascii_digit() { '0' } else { c })
            .collect::<String>()
    };
    value.as_str().map(digits).as_deref() == Some("0000-00-00T00:00:00.000Z")
}

fn parts_faults(root: &Value, schema: &Value, value: &Value, at: &str) -> Vec<String> {
    match value {
        Value::Array(items) => {
            let of = |index: usize| {
                schema["prefixItems"]
                    .get(index)
                    .or_else(|| schema.get("items"))
            };
            let items = items.iter().enumerate();
            items
                .flat_map(|(index, item)| match of(index) {
                    Some(schema) => faults(root, schema, item, &format!("{at}[{index}]")),
                    None => vec![format!("{at}[{index}] is not described")],
                })
                .collect()
        }
        Value::Object(members) => members
            .iter()
            .flat_map(|(name, member)| {
                let described = schema["properties"].get(name);
                let described = described.or_else(|| {
                    schema
                        .get("additionalProperties")
                        .filter(|any| any.is_object())
                });
                match described {
                    Some(schema) => faults(root, schema, member, &format!("{at}.{name}")),
                    None => vec![format!("{at}.{name} is not described")],
                }
            })
            .collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Vec::new(),
    }
}

#[track_caller]
fn assert_fits(root: &Value, schema: &Value, value: &Value) {
    assert!(!schema.is_null(), "there is no schema");
    let found = faults(root, schema, value, "");
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn every_route_served_is_described_and_the_reverse() {
    let document = document();
    let described: BTreeSet<(String, String)> = document["paths"]
        .as_object()
        .unwrap()
        .iter()
        .flat_map(|(path, item)| {
            let methods = item.as_object().unwrap().keys();
            methods.map(|method| (path.clone(), method.to_uppercase()))
        })
        .collect();
    let served = ROUTES.iter().flat_map(|route| {
        let methods = route.methods.iter();
        methods.map(|method| (route.path.to_owned(), (*method).to_owned()))
    });
    assert_eq!(described, served.collect());
    assert!(
        described
            .iter()
            .all(|(_, method)| METHODS.contains(&method.to_lowercase().as_str()))
    );
}

#[test]
fn every_reference_leads_somewhere_and_every_schema_is_used() {
    fn collect(value: &Value, references: &mut BTreeSet<String>) {
        match value {
            Value::Object(members) => {
                for (name, member) in members {
                    match member.as_str() {
                        Some(reference) if name == "$ref" => {
                            references.insert(reference.to_owned());
                        }
                        _ => collect(member, references),
                    }
                }
            }
            Value::Array(items) => items.iter().for_each(|item| collect(item, references)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    let document = document();
    let mut references = BTreeSet::new();
    collect(&document, &mut references);
    for reference in &references {
        assert!(document.pointer(&reference[1..]).is_some(), "{reference}");
    }
    for name in document["components"]["schemas"]
        .as_object()
        .unwrap()
        .keys()
    {
        let reference = format!("#/components/schemas/{name}");
        assert!(references.contains(&reference), "{name} is not used");
    }
}

#[test]
fn every_reason_is_described() {
    let document = document();
    let schema = &document["components"]["schemas"]["Reason"];
    let words: Vec<&str> = schema["enum"]
        .as_array()
        .unwrap()
        .iter()
        .map(|word| word.as_str().unwrap())
        .collect();
    assert_eq!(words, Reason::ALL.map(Reason::as_str));
    for reason in Reason::ALL {
        let status = push_api::Problem::of(&Refusal::new(reason, "")).status;
        let text = schema["description"].as_str().unwrap();
        assert!(
            text.contains(&format!("{reason} ({status})")) || reason == Reason::NotAuthorized,
            "{reason}"
        );
    }
}

/// The parameters that an operation takes, as its own answer lists them.
async fn taken(served: &Served, method: &str, path: &str) -> BTreeSet<String> {
    let answer = served
        .ask(method, &format!("{path}?zzzzzzzzzzzzzzzzzzzzzzzz=1"), "")
        .await;
    assert_eq!(answer.status, 400, "{method} {path}");
    let detail = answer.detail();
    let Some((_, known)) = detail.split_once("known are ") else {
        assert!(detail.ends_with("; none is taken here"), "{detail}");
        return BTreeSet::new();
    };
    known
        .split('`')
        .skip(1)
        .step_by(2)
        .map(str::to_owned)
        .collect()
}

#[tokio::test]
async fn every_parameter_taken_is_described_and_the_reverse() {
    let served = Served::unix(settings());
    let document = document();
    for route in ROUTES {
        for method in route.methods {
            let operation = &document["paths"][route.path][method.to_lowercase()];
            let parameters = operation["parameters"].as_array().into_iter().flatten();
            let described: BTreeSet<String> = parameters
                .filter(|parameter| parameter["in"] == "query")
                .map(|parameter| parameter["name"].as_str().unwrap().to_owned())
                .collect();
            let path = route.path.replace("{id}", "1");
            assert_eq!(
                taken(&served, method, &path).await,
                described,
                "{method} {path}"
            );
        }
    }
}

#[tokio::test]
async fn every_field_taken_is_described_and_the_reverse() {
    let served = Served::unix(settings());
    let document = document();
    for (path, schema) in [
        ("/v1/registrations", "RegistrationRequest"),
        ("/v1/events/{id}/ack", "AcknowledgeRequest"),
        ("/v1/dead-letters", "SettleDeadLetters"),
        ("/v1/explain", "ExplainRequest"),
        ("/v1/submit", "SubmitRequest"),
    ] {
        let body = &document["paths"][path]["post"]["requestBody"]["content"]["application/json"]["schema"];
        assert_eq!(body["$ref"], format!("#/components/schemas/{schema}"));
        let answer = served
            .ask(
                "POST",
                &path.replace("{id}", "1"),
                r#"{"zzzzzzzzzzzzzzzzzzzzzzzz":1}"#,
            )
            .await;
        let detail = answer.detail();
        let known = detail.split_once("known are ").unwrap().1;
        let known: BTreeSet<&str> = known.split('`').skip(1).step_by(2).collect();
        let properties = document["components"]["schemas"][schema]["properties"]
            .as_object()
            .unwrap();
        assert_eq!(
            known,
            properties.keys().map(String::as_str).collect(),
            "{schema}"
        );
    }
}

const FULL: &str = r#"{"pushApplicationID":"4","applicationID":"a","eventHandler":"unix:/x","whitelist":["192.0.2.0/24"],
    "connectionProfile":[{"protocol":"OTA-WSP","bearerType":"IP","port":2948}],"Accept":"text/plain","suppressEqualContent":5}"#;

const SUBMITTED: &str = r#"{"kind":"push","content":["AQI="],"sender":"+4917099999","smsc":"+491710760000","sentAt":1,
    "bearer":"GSM-SMS","ports":{"dest":2948,"orig":9200},"device":"modem0"}"#;

#[tokio::test]
async fn answers_fit_their_schemas() {
    let served = Served::unix(settings());
    served.fake.push((1..=3).map(|id| FakeEvent::new(id, b"x")));
    let root = document();
    for (method, path, target, body, status) in [
        ("POST", "/v1/registrations", "/v1/registrations", FULL, 201),
        ("GET", "/v1/registrations", "/v1/registrations", "", 200),
        ("GET", "/v1/events", "/v1/events?fetch=3", "", 200),
        (
            "POST",
            "/v1/events/{id}/ack",
            "/v1/events/0000000000000001/ack",
            r#"{"outcome":"later"}"#,
            200,
        ),
        (
            "POST",
            "/v1/events/{id}/ack",
            "/v1/events/0000000000000001/ack",
            "{}",
            400,
        ),
        (
            "POST",
            "/v1/events/ack",
            "/v1/events/ack",
            r#"[{"id":"x","outcome":"accepted"}]"#,
            200,
        ),
        ("GET", "/v1/dead-letters", "/v1/dead-letters", "", 200),
        (
            "POST",
            "/v1/dead-letters",
            "/v1/dead-letters",
            r#"{"fate":"drop","ids":["0000000000000001","x"],"all":false}"#,
            200,
        ),
        (
            "POST",
            "/v1/dead-letters",
            "/v1/dead-letters",
            r#"{"fate":"bury"}"#,
            400,
        ),
        ("GET", "/v1/status", "/v1/status", "", 200),
        ("GET", "/v1/servers", "/v1/servers", "", 200),
        (
            "POST",
            "/v1/explain",
            "/v1/explain",
            r#"{"pushApplicationID":"4"}"#,
            200,
        ),
        (
            "POST",
            "/v1/explain",
            "/v1/explain",
            r#"{"eventID":"0000000000000001"}"#,
            200,
        ),
        ("POST", "/v1/submit", "/v1/submit", SUBMITTED, 200),
        (
            "POST",
            "/v1/submit",
            "/v1/submit",
            r#"{"kind":"push","content":["x"]}"#,
            400,
        ),
        (
            "DELETE",
            "/v1/registrations",
            "/v1/registrations?pushApplicationID=4",
            "",
            200,
        ),
        (
            "DELETE",
            "/v1/registrations",
            "/v1/registrations?pushApplicationID=4",
            "",
            404,
        ),
        ("DELETE", "/v1/registrations", "/v1/registrations", "", 400),
    ] {
        let answer = served.ask(method, target, body).await;
        assert_eq!(answer.status, status, "{method} {target}");
        let operation = &root["paths"][path][method.to_lowercase()];
        let responses = &operation["responses"];
        let described = responses
            .get(status.to_string())
            .unwrap_or_else(|| &responses["default"]);
        let media = answer.header("content-type").unwrap();
        let schema = &resolved(&root, described)["content"][media]["schema"];
        assert_fits(&root, schema, &answer.json());
        if !body.is_empty() && status < 300 {
            let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
            assert_fits(&root, schema, &serde_json::from_str(body).unwrap());
        }
    }
}

#[tokio::test]
async fn the_data_of_a_stream_fits_its_schema() {
    let served = Served::unix(settings());
    served.fake.push([FakeEvent::new(1, b"x")]);
    let mut client = served.connect().await;
    client.send(request("GET", "/v1/events", "", "")).await;
    client.up_to(b"data: ").await.unwrap();
    let data = client.up_to(b"\n").await.unwrap();
    let root = document();
    let schema = &root["components"]["schemas"]["PushEvent"];
    assert_fits(&root, schema, &serde_json::from_slice(&data).unwrap());
}

#[tokio::test]
async fn whatever_is_watched_fits_its_schema() {
    let served = Served::unix(settings());
    let everything = common::everything_watched();
    let kinds: BTreeSet<_> = everything.iter().map(Watched::kind).collect();
    assert_eq!(kinds, WatchedKind::ALL.into(), "one of each is tested");
    let root = document();
    let schema = &root["components"]["schemas"]["Watched"];
    let words = schema["properties"]["kind"]["enum"].as_array().unwrap();
    assert!(words.iter().eq(&WatchedKind::ALL.map(WatchedKind::as_str)));
    served.fake.watched(everything.clone());
    let mut client = served.connect().await;
    client
        .send(request("GET", "/v1/watch?content=true", "", ""))
        .await;
    for watched in everything {
        client.up_to(b"event: ").await.unwrap();
        let kind = client.up_to(b"\n").await.unwrap();
        assert_eq!(kind, format!("{}\n", watched.kind().as_str()).as_bytes());
        client.up_to(b"data: ").await.unwrap();
        let data = client.up_to(b"\n").await.unwrap();
        assert_fits(&root, schema, &serde_json::from_slice(&data).unwrap());
        let read: Watched = serde_json::from_slice(&data).unwrap();
        assert_eq!(read, watched);
    }
}

#[tokio::test]
async fn the_tasks_of_a_session_helper_fit_their_schema() {
    let served = Served::unix(settings());
    let mut client = served.connect().await;
    client
        .send(request("GET", "/v1/session-helper", "", ""))
        .await;
    let root = document();
    let schema = &root["components"]["schemas"]["SessionTask"];
    let mut tasks = Vec::new();
    for _ in 0..4 {
        client.up_to(b"event: ").await.unwrap();
        let kind = String::from_utf8(client.up_to(b"\n").await.unwrap()).unwrap();
        client.up_to(b"data: ").await.unwrap();
        let data = client.up_to(b"\n").await.unwrap();
        assert_fits(&root, schema, &serde_json::from_slice(&data).unwrap());
        let data = std::str::from_utf8(&data).unwrap();
        tasks.push(SessionOrder::read(kind.trim_end(), data).unwrap().unwrap());
    }
    let check = SessionOrder::Check(common::session_check());
    let loss = SessionOrder::Lost(common::session_loss());
    let closing = SessionOrder::Close(SessionClosing { opening: 5 });
    assert_eq!(tasks, [check, loss, closing, SessionOrder::Replaced]);
    let answers = r#"[{"task":3,"outcome":"missing","detail":"nobody"},{"task":4,"outcome":"later","after":5}]"#;
    let answered = served.ask("POST", "/v1/session-helper", answers).await;
    assert_eq!(answered.status, 200);
    let operation = &root["paths"]["/v1/session-helper"]["post"];
    let taken = &operation["requestBody"]["content"]["application/json"]["schema"];
    assert_fits(&root, taken, &serde_json::from_str(answers).unwrap());
    let given = &operation["responses"]["200"]["content"]["application/json"]["schema"];
    assert_fits(&root, given, &answered.json());
}

#[tokio::test]
async fn the_checker_finds_what_does_not_fit() {
    let root = document();
    let schema = &root["components"]["schemas"]["Problem"];
    let wrong = serde_json::json!({"type": 1, "status": 99, "result": "success", "reason": "x", "more": true});
    let found = faults(&root, schema, &wrong, "").join("\n");
    for part in [
        ".type: type",
        ".status: minimum",
        ".result: const",
        ".reason: enum",
        "lacks \"detail\"",
        ".more is not described",
    ] {
        assert!(found.contains(part), "{part} in {found}");
    }
}
