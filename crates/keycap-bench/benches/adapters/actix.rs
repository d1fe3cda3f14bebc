//! actix-web: an app with one route.

use std::future::{Ready, ready};
use std::task::{Context, Poll};

use actix_web::body::MessageBody;
use actix_web::dev::{Service, ServiceFactory, ServiceRequest, ServiceResponse, Transform};
use actix_web::test::{TestRequest, call_service, init_service, read_body};
use actix_web::{App, Error, web};
use keycap::actix::{Key, Keycap};
use keycap::{Cost, Guard};
use keycap_bench::{BURST, Case, Load, World, drive, price, tokio_runtime};

pub(crate) const CASES: [Case; 5] = [
    Case { name: "actix, bare", prepare: || requests(|_| app(), Cost::none()) },
    Case {
        name: "actix, a middleware that does nothing",
        prepare: || requests(|_| app().wrap(Idle), Cost::none()),
    },
    Case {
        name: "actix, Keycap, free",
        prepare: || requests(|world| app().wrap(wrap(world, Guard::free())), Cost::none()),
    },
    Case {
        name: "actix, Keycap, priced",
        prepare: || requests(|world| app().wrap(wrap(world, Guard::priced(price()))), price()),
    },
    Case {
        name: "actix, Keycap, fixed, tracked in the handler",
        prepare: || requests(|world| tracking().wrap(wrap(world, Guard::fixed(price()))), price()),
    },
];

fn app() -> App<
    impl ServiceFactory<
        ServiceRequest,
        Config = (),
        Response = ServiceResponse,
        Error = Error,
        InitError = (),
    >,
> {
    App::new().route("/chat", web::post().to(async || "ok"))
}

/// The same with a handler that says what its work cost, and does not wait.
fn tracking() -> App<
    impl ServiceFactory<
        ServiceRequest,
        Config = (),
        Response = ServiceResponse,
        Error = Error,
        InitError = (),
    >,
> {
    let chat = async |key: Key| {
        drop(key.track(price()));
        "ok"
    };
    App::new().route("/chat", web::post().to(chat))
}

fn wrap(world: &World, guard: Guard) -> Keycap {
    Keycap::new(&world.gate, guard).expect("a guard")
}

/// Requests to what `app` makes, each of which counts `cost`.
fn requests<T, B>(app: fn(&World) -> App<T>, cost: Cost) -> Load
where
    T: ServiceFactory<
            ServiceRequest,
            Config = (),
            Response = ServiceResponse<B>,
            Error = Error,
            InitError = (),
        > + 'static,
    B: MessageBody + 'static,
{
    let runtime = tokio_runtime();
    let world = runtime.block_on(World::roomy());
    let service = runtime.block_on(init_service(app(&world)));
    let mut served = 0;
    Box::new(move |bursts| {
        runtime.block_on(async {
            drive(bursts, || async {
                for _ in 0..BURST {
                    let request = TestRequest::post().uri("/chat");
                    let request = request.insert_header(("authorization", &*world.sent.0));
                    let response = call_service(&service, request.to_request()).await;
                    assert_eq!(response.status(), 200, "served");
                    assert_eq!(&read_body(response).await[..], b"ok", "whole");
                }
            })
            .await;
            served += bursts * BURST;
            world.check(served, &cost).await;
        });
    })
}

/// A middleware that does nothing: what any middleware costs.
struct Idle;

struct IdleService<S>(S);

impl<S: Service<ServiceRequest>> Transform<S, ServiceRequest> for Idle {
    type Response = S::Response;
    type Error = S::Error;
    type Transform = IdleService<S>;
    type InitError = ();
    type Future = Ready<Result<IdleService<S>, ()>>;

    fn new_transform(&self, service: S) -> Self::Future {
        ready(Ok(IdleService(service)))
    }
}

impl<S: Service<ServiceRequest>> Service<ServiceRequest> for IdleService<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(context)
    }

    fn call(&self, request: ServiceRequest) -> S::Future {
        self.0.call(request)
    }
}
