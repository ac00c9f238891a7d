//! One call from its first byte to its last: who calls, what is scripted, what the quotas say, what the wire answers, and what goes
//! wrong on the way.

use super::{
    Upstream,
    asked::{Asked, Head},
    behaviour::Behaviour,
    control, firefly,
    line::{End, Line, Socket},
    oauth, openai,
    refusal::{Reason, Refusal},
    reply::Reply,
    script::Op,
    solver, sora,
    stage::{Call, Stage, Who, Wire},
};
use actix_http::{HttpService, KeepAlive, Request, Response, body::BoxBody};
use actix_service::{Service, ServiceFactory, fn_service};
use std::{convert::Infallible, future::pending, rc::Rc, sync::Arc, time::Duration};
use tokio::{net::TcpListener, sync::Semaphore};

/// How many connections there may be at the same time; more wait to be accepted.
const MOST_CONNECTIONS: usize = 16_384;

/// How long an idle connection is kept.
const KEPT: Duration = Duration::from_secs(75);

const WIRES: &[Wire] = &[openai::WIRE, oauth::WIRE, solver::WIRE, firefly::WIRE, sora::WIRE];

/// Serves until it is dropped.
pub async fn accept(listener: TcpListener, stage: Arc<Stage>) {
    let answer = move |mut request: Request| {
        let stage = stage.clone();
        async move { Ok::<Response<BoxBody>, Infallible>(serve(stage, &mut request).await) }
    };
    let service = HttpService::build()
        .keep_alive(KeepAlive::Timeout(KEPT))
        .client_request_timeout(Duration::ZERO)
        .tcp_nodelay(true)
        .on_connect_ext(|socket: &Socket, data| {
            data.insert(socket.line());
        })
        .h1(fn_service(answer));
    let Ok(handler) = service.new_service(()).await else { return };
    let (handler, places) = (Rc::new(handler), Arc::new(Semaphore::new(MOST_CONNECTIONS)));
    loop {
        let Ok(place) = places.clone().acquire_owned().await else { return };
        let Ok((stream, peer)) = listener.accept().await else {
            // Out of files, most likely: others have to end first.
            tokio::time::sleep(Duration::from_millis(10)).await;
            continue;
        };
        let socket = Socket::new(stream);
        let line = socket.line();
        let connection = handler.call((socket, Some(peer)));
        actix_rt::spawn(async move {
            tokio::select! {
                // How a connection ended is told by the book and by its client.
                _ = connection => {}
                () = line.ended() => {}
            }
            drop(place);
        });
    }
}

/// Counts a call while it lasts, also when it is dropped in the middle.
struct Underway {
    stage: Arc<Stage>,
    account: Option<String>,
    submits: bool,
}

impl Drop for Underway {
    fn drop(&mut self) {
        self.stage.world().book.over(self.account.as_deref());
        if let (true, Some(account)) = (self.submits, &self.account) {
            self.stage.submitted(account);
        }
    }
}

async fn serve(stage: Arc<Stage>, request: &mut Request) -> Response<BoxBody> {
    let head = Head::of(request);
    let line = request.conn_data::<Line>().cloned().unwrap_or_default();
    if head.path.starts_with(Upstream::CONTROL) {
        let reply = match Asked::read(request).await {
            Some(asked) => control::answer(&stage, &head, &asked),
            None => Reply::bare(413),
        };
        return reply.deliver(&Behaviour::Ok, &line, ());
    }
    stage.world().book.request(&head.keys());
    let mut underway = Underway { stage: stage.clone(), account: None, submits: false };
    let routed = WIRES.iter().find_map(|wire| Some((wire, (wire.route)(&stage, &head)?)));
    let Some((wire, route)) = routed else {
        let asked = Asked::read(request).await.unwrap_or_default();
        stage.world().book.saw(head.seen(None, &asked));
        let text = format!("Invalid URL ({} {})", head.method, head.path);
        let nowhere = Refusal::new(Reason::NotFound).saying(text);
        return (openai::WIRE.refuse)(&stage, &nowhere).deliver(&Behaviour::Ok, &line, ());
    };
    let (account, mut asked) = match identify(&stage, route.who, &head, request).await {
        Ok(known) => known,
        Err(reply) => return reply.deliver(&Behaviour::Ok, &line, ()),
    };
    let taken = enter(&stage, route.op, &account, &mut underway);
    let (wait_ms, behaviour) = taken.clone().unwrap_or_default().unfold();
    if behaviour == Behaviour::ResetBeforeBody {
        return line.break_off(End::Reset).await;
    }
    if asked.is_none() {
        asked = Asked::read(request).await;
    }
    // A client that went away in the middle of its body sees no answer.
    let Some(asked) = asked else { return line.break_off(End::Closed).await };
    let call = Call { head, asked, op: route.op, id: route.id, account, behaviour };
    note(&stage, &call);
    if wait_ms > 0 {
        tokio::time::sleep(Duration::from_millis(wait_ms)).await;
    }
    let reply = match taken {
        Err(refusal) => (wire.refuse)(&stage, &refusal),
        Ok(_) => perform(wire, route.answer, &stage, &call, &line).await,
    };
    reply.deliver(&call.behaviour, &line, underway)
}

/// Whose call it is, and the body if that had to be read for it.
async fn identify(
    stage: &Stage,
    who: Who,
    head: &Head,
    request: &mut Request,
) -> Result<(String, Option<Asked>), Reply> {
    if let Who::Account(name) = who {
        return Ok((name, None));
    }
    // What a stranger sends is read, too: left unread it would make the connection end with an RST.
    let asked = Asked::read(request).await.unwrap_or_default();
    let reply = match who {
        Who::InBody(owner) => match owner(stage, &asked) {
            Ok(name) => return Ok((name, Some(asked))),
            Err(reply) => reply,
        },
        Who::Stranger(reply) => reply,
        Who::Account(name) => return Ok((name, Some(asked))),
    };
    let mut world = stage.world();
    world.book.stranger();
    world.book.saw(head.seen(None, &asked));
    Err(*reply)
}

/// What the script says, unless the account may not call now.
fn enter(stage: &Stage, op: Op, account: &str, underway: &mut Underway) -> Result<Behaviour, Refusal> {
    let now_ms = stage.clock.now_ms();
    stage.world().book.arrived(account, op);
    underway.account = Some(account.to_owned());
    {
        let mut world = stage.world();
        let account = world.accounts.of(account, now_ms);
        let limits = account.limits;
        account.used.request(&limits, now_ms)?;
    }
    if op.submits() {
        stage.submitting(account)?;
        underway.submits = true;
    }
    let mut world = stage.world();
    Ok(world.accounts.of(account, now_ms).script.take(op))
}

fn note(stage: &Stage, call: &Call) {
    let seen = call.head.seen(Some(&call.account), &call.asked);
    let prompt = call.op.submits().then(|| call.prompt());
    let mut world = stage.world();
    world.book.saw(seen);
    if let Some(prompt) = prompt {
        world.book.prompt(&call.account, &prompt);
    }
}

async fn perform(
    wire: &Wire,
    answer: fn(&Stage, &Call) -> Reply,
    stage: &Stage,
    call: &Call,
    line: &Line,
) -> Reply {
    match &call.behaviour {
        Behaviour::Hang => pending().await,
        Behaviour::ResetAfterBody => line.break_off(End::Reset).await,
        Behaviour::CloseAfterBody => line.break_off(End::Closed).await,
        Behaviour::AcceptThenHang => {
            answer(stage, call);
            pending().await
        }
        Behaviour::AcceptThenReset => {
            answer(stage, call);
            line.break_off(End::Reset).await
        }
        Behaviour::AcceptThenRefuse(refusal) => {
            let reply = answer(stage, call);
            if reply.is_fine() { (wire.refuse)(stage, refusal) } else { reply }
        }
        Behaviour::ErrorEvent(refusal) => {
            let reply = answer(stage, call);
            if reply.streams { reply.failing(refusal) } else { reply }
        }
        Behaviour::Refuse(refusal) => (wire.refuse)(stage, refusal),
        Behaviour::Answer(written) => Reply::written(written),
        Behaviour::Html { status } => Reply::page(*status, "Welcome"),
        Behaviour::Redirect { to, status } => Reply::bare(*status).with("location", to),
        Behaviour::ContentType(mime) => {
            let reply = answer(stage, call);
            if reply.is_fine() { reply.with("content-type", mime) } else { reply }
        }
        _ => answer(stage, call),
    }
}
