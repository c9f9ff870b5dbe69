//! One connection: requests are read and answered one by one, in order, as Kafka does.

use ottla_kafka_core::Io;

use crate::{
    api::Api,
    dispatch::{At, Outcome, dispatch},
    frame::{ConnectionError, Frame, Frames},
};

/// Serves a connection until either side closes it. An error is this connection's alone.
pub(crate) async fn serve(io: Io, peer: String, at: At) {
    match serve_frames(Frames::new(io), &peer, &at).await {
        Ok(()) => tracing::debug!(peer, "connection ended"),
        Err(ConnectionError::Io(error)) => tracing::debug!(peer, %error, "connection broke"),
        Err(error) => tracing::warn!(peer, %error, "connection closed"),
    }
}

async fn serve_frames(mut frames: Frames, peer: &str, at: &At) -> Result<(), ConnectionError> {
    while let Some(frame) = frames.next().await? {
        match answer(&mut frames, frame, peer, at).await? {
            Some(Outcome::Answer(bytes, mute)) => {
                frames.write(&bytes).await?;
                tokio::time::sleep(mute).await;
            }
            Some(Outcome::Nothing) => {}
            Some(Outcome::Silence) => {
                frames.closed().await;
                return Ok(());
            }
            None => return Ok(()),
        }
    }
    Ok(())
}

/// The outcome of one request, `None` if the client left before there was one.
async fn answer(frames: &mut Frames, frame: Frame, peer: &str, at: &At) -> Result<Option<Outcome>, ConnectionError> {
    // A held answer nobody waits for must end; all other work is done even if the client does not wait for it.
    let abandon = Api::from_key(frame.key).is_some_and(Api::is_held);
    let mut answering = dispatch(at, peer, frame);
    tokio::select! {
        biased;
        outcome = &mut answering => return outcome.map(Some),
        () = frames.closed() => {}
    }
    if !abandon {
        answering.await?;
    }
    Ok(None)
}
