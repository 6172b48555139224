//! What is served where.

use http::Method;
use push_api::nearest;

use crate::failure::{Failure, Fallible};

/// A path that is served, with its methods.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RouteDescription {
    /// The path; `{id}` stands for one segment.
    pub path: &'static str,
    /// The methods, `HEAD` left out (it is served wherever `GET` is).
    pub methods: &'static [&'static str],
}

/// Everything that is served.
pub const ROUTES: &[RouteDescription] = &[
    RouteDescription {
        path: "/v1/registrations",
        methods: &["GET", "POST", "DELETE"],
    },
    RouteDescription {
        path: "/v1/events",
        methods: &["GET"],
    },
    RouteDescription {
        path: "/v1/events/{id}/ack",
        methods: &["POST"],
    },
    RouteDescription {
        path: "/v1/events/ack",
        methods: &["POST"],
    },
    RouteDescription {
        path: "/v1/dead-letters",
        methods: &["GET", "POST"],
    },
    RouteDescription {
        path: "/v1/watch",
        methods: &["GET"],
    },
    RouteDescription {
        path: "/v1/session-helper",
        methods: &["GET", "POST"],
    },
    RouteDescription {
        path: "/v1/status",
        methods: &["GET"],
    },
    RouteDescription {
        path: "/v1/servers",
        methods: &["GET"],
    },
    RouteDescription {
        path: "/v1/explain",
        methods: &["POST"],
    },
    RouteDescription {
        path: "/v1/submit",
        methods: &["POST"],
    },
    RouteDescription {
        path: "/metrics",
        methods: &["GET"],
    },
    RouteDescription {
        path: "/v1/openapi.yaml",
        methods: &["GET"],
    },
];

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Route<'a> {
    /// A stream or a list of events.
    Events,
    /// A list of dead letters.
    DeadLetters,
    /// A stream of what goes on.
    Watch,
    /// A stream of tasks for a session helper.
    SessionTasks,
    /// The end of a registration, named by parameters.
    Deregister,
    /// A document.
    Show(View),
    /// What a body in JSON says.
    Do(Command<'a>),
}

/// Which document is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum View {
    Registrations,
    Status,
    Servers,
    Metrics,
    OpenApi,
}

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Command<'a> {
    Register,
    Acknowledge(&'a str),
    AcknowledgeBatch,
    SettleDeadLetters,
    AnswerSessionTasks,
    Explain,
    Submit,
}

impl<'a> Route<'a> {
    pub(crate) fn find(method: &Method, path: &'a str) -> Fallible<Self> {
        let (description, id) = ROUTES
            .iter()
            .find_map(|route| Some((route, matched(route.path, path)?)))
            .ok_or_else(|| not_found(path))?;
        let method = if *method == Method::HEAD {
            &Method::GET
        } else {
            method
        };
        match (description.path, method.as_str()) {
            ("/v1/registrations", "GET") => Ok(Self::Show(View::Registrations)),
            ("/v1/registrations", "POST") => Ok(Self::Do(Command::Register)),
            ("/v1/registrations", "DELETE") => Ok(Self::Deregister),
            ("/v1/events", "GET") => Ok(Self::Events),
            ("/v1/events/ack", "POST") => Ok(Self::Do(Command::AcknowledgeBatch)),
            ("/v1/events/{id}/ack", "POST") => Ok(Self::Do(Command::Acknowledge(id))),
            ("/v1/dead-letters", "GET") => Ok(Self::DeadLetters),
            ("/v1/dead-letters", "POST") => Ok(Self::Do(Command::SettleDeadLetters)),
            ("/v1/watch", "GET") => Ok(Self::Watch),
            ("/v1/session-helper", "GET") => Ok(Self::SessionTasks),
            ("/v1/session-helper", "POST") => Ok(Self::Do(Command::AnswerSessionTasks)),
            ("/v1/status", "GET") => Ok(Self::Show(View::Status)),
            ("/v1/servers", "GET") => Ok(Self::Show(View::Servers)),
            ("/v1/explain", "POST") => Ok(Self::Do(Command::Explain)),
            ("/v1/submit", "POST") => Ok(Self::Do(Command::Submit)),
            ("/metrics", "GET") => Ok(Self::Show(View::Metrics)),
            ("/v1/openapi.yaml", "GET") => Ok(Self::Show(View::OpenApi)),
            _ => Err(wrong_method(method, path, description)),
        }
    }
}

/// The segment that `{id}` stands for, or nothing at all for a path without one; `None` where the path differs.
fn matched<'a>(template: &str, path: &'a str) -> Option<&'a str> {
    match template.split_once("{id}") {
        None => (template == path).then_some(""),
        Some((start, end)) => path
            .strip_prefix(start)?
            .strip_suffix(end)
            .filter(|id| !id.is_empty() && !id.contains('/')),
    }
}

fn not_found(path: &str) -> Box<Failure> {
    let known = ROUTES.iter().map(|route| route.path);
    let hint = nearest(path, known.clone()).map_or_else(
        || format!("known are {}", known.collect::<Vec<_>>().join(", ")),
        |near| format!("did you mean {near}?"),
    );
    Failure::invalid(404, format!("there is nothing at {path}; {hint}"))
}

fn wrong_method(method: &Method, path: &str, route: &RouteDescription) -> Box<Failure> {
    let mut allow = route.methods.join(", ");
    if route.methods.contains(&"GET") {
        allow.push_str(", HEAD");
    }
    Failure::method(
        &allow,
        format!("{path} does not take {method}; it takes {allow}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_route_and_method_described_is_served() {
        for route in ROUTES {
            let path = route.path.replace("{id}", "0000000000000001");
            for method in route.methods {
                let method = method.parse().unwrap();
                assert!(Route::find(&method, &path).is_ok(), "{method} {path}");
            }
            let failure = Route::find(&Method::PATCH, &path).unwrap_err();
            assert_eq!(failure.problem.status, 405, "{path}");
        }
    }

    #[test]
    fn one_event_and_several_are_told_apart() {
        assert_eq!(
            Route::find(&Method::POST, "/v1/events/ack").unwrap(),
            Route::Do(Command::AcknowledgeBatch)
        );
        assert_eq!(
            Route::find(&Method::POST, "/v1/events/ab/ack").unwrap(),
            Route::Do(Command::Acknowledge("ab"))
        );
        for path in ["/v1/events//ack", "/v1/events/a/b/ack", "/v1/events/ack/"] {
            assert_eq!(
                Route::find(&Method::POST, path).unwrap_err().problem.status,
                404
            );
        }
    }

    #[test]
    fn an_unknown_path_names_the_nearest_known_one() {
        let near = Route::find(&Method::GET, "/v1/event").unwrap_err().problem;
        assert_eq!(
            near.detail,
            "there is nothing at /v1/event; did you mean /v1/events?"
        );
        let far = Route::find(&Method::GET, "/").unwrap_err().problem;
        assert!(
            far.detail.contains("known are /v1/registrations, "),
            "{}",
            far.detail
        );
    }
}
