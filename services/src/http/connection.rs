//! One connection, from its first byte to its last.

use std::{convert::Infallible, time::Duration};

use axum::{
    Router,
    http::{HeaderMap, StatusCode, Version, header},
    response::IntoResponse,
};
use hyper::{
    body::Incoming,
    server::conn::http1,
    service::{Service, service_fn},
};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use super::{Limits, Problem, activity::Activity, ending::Ending, wire::Wire, wish::Wish};

/// The largest request head, in bytes.
const MAX_HEAD: usize = 64 * 1024;

/// How long a client that is answered may go on sending before the connection is closed, and how many bytes.
const LINGER: (Duration, u64) = (Duration::from_secs(1), 4 * super::MAX_BODY as u64);

/// How a connection came to its end.
enum End {
    /// By the client, by hyper, or with the server.
    Own(hyper::Result<()>),
    /// For another client.
    MadeRoom,
}

/// Answers the requests of one client until it leaves, breaks the rules, another needs its place, or the server ends.
pub(super) async fn serve(stream: TcpStream, router: Router, limits: Limits, mut ending: Ending, wish: Wish) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "a connection ended as it began");
        return;
    }
    let activity = Activity::new();
    let app = TowerToHyperService::new(router);
    let of_requests = ending.clone();
    let of_service = activity.clone();
    let service = service_fn(move |mut request: hyper::Request<Incoming>| {
        let running = of_service.request();
        request.extensions_mut().insert(of_requests.clone());
        let answer = well_formed(request.version(), request.headers()).map(|()| app.call(request));
        async move {
            let _running = running;
            match answer {
                Ok(answer) => answer.await,
                // Where one request ends and the next begins is not to be trusted any more.
                Err(problem) => Ok::<_, Infallible>(([(header::CONNECTION, "close")], problem).into_response()),
            }
        }
    });
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header_timeout)
        .max_header_size(MAX_HEAD)
        .max_buf_size(MAX_HEAD);
    let wire = Wire::new(stream, limits.write_timeout, activity.clone());
    let mut connection = builder.serve_connection(TokioIo::new(wire), service);
    let ended = tokio::select! {
        biased;
        () = ending.told() => {
            Pin::new(&mut connection).graceful_shutdown();
            tokio::select! {
                biased;
                result = &mut connection => End::Own(result),
                // Who has not finished a request by then is not waited for: nothing of it has been done.
                () = activity.left_alone() => End::Own(Ok(())),
            }
        }
        result = &mut connection => End::Own(result),
        // After the connection, which has seen by now whatever has arrived.
        () = activity.makes_room(&wish) => End::MadeRoom,
    };
    end(connection.into_parts().io.into_inner(), ended, &activity).await;
}

/// Tells the client why its connection ends, if hyper has not, and lets it read that.
async fn end(wire: Wire, ended: End, activity: &Activity) {
    let status = match &ended {
        _ if wire.refusal().is_some() => wire.refusal(),
        End::MadeRoom if activity.is_unanswered() => Some(StatusCode::REQUEST_TIMEOUT),
        End::Own(Err(error)) if error.is_timeout() && activity.is_unanswered() => Some(StatusCode::REQUEST_TIMEOUT),
        // HTTP/2 without having been asked for.
        End::Own(Err(error)) if error.is_parse() => Some(StatusCode::BAD_REQUEST),
        _ => None,
    };
    let linger = match ended {
        End::Own(Ok(())) => LINGER.0,
        End::Own(Err(error)) => {
            tracing::debug!(%error, "a connection ended");
            LINGER.0
        }
        // Its place is wanted now; what fits into the system's buffers still arrives.
        End::MadeRoom => Duration::ZERO,
    };
    let mut stream = wire.into_stream();
    let closing = async {
        if let Some(status) = status {
            stream.write_all(&Problem::new(status, why(status)).into_bytes()).await?;
        }
        stream.shutdown().await?;
        // Closed with unread bytes in it, a connection is reset, and its client may never see the answer.
        tokio::io::copy(&mut (&mut stream).take(LINGER.1), &mut tokio::io::sink()).await
    };
    if !matches!(timeout(linger, closing).await, Ok(Ok(_))) {
        tracing::trace!("a client did not close its connection");
    }
}

fn why(status: StatusCode) -> &'static str {
    match status {
        StatusCode::REQUEST_TIMEOUT => "The request's head did not arrive in time.",
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE => "The request's head is too large.",
        _ => "This is not an HTTP/1.1 request.",
    }
}

/// RFC 9112, 3.2: a request says once to whom it is addressed.
fn well_formed(version: Version, headers: &HeaderMap) -> Result<(), Problem> {
    let hosts = headers.get_all(header::HOST).iter().count();
    if hosts > 1 || (hosts == 0 && version == Version::HTTP_11) {
        return Err(Problem::new(StatusCode::BAD_REQUEST, "A request has one Host header."));
    }
    Ok(())
}
