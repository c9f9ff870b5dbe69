use super::*;

#[tokio::test(start_paused = true)]
async fn close_finishes_commits_and_leaves_the_group() {
    let mut group = group().assigned().await;
    group.fake.fail("commit", Fault::Code(ErrorCode::COORDINATOR_LOAD_IN_PROGRESS));
    let (outcome, ()) = tokio::join!(biased; group.commit(3), group.handle.close(Duration::from_secs(20)));
    assert_eq!(outcome, "committed");
    assert_eq!(group.fake.calls().last().map(String::as_str), Some("leave m"));
    assert!((&mut group.owner).await, "the task has ended by itself");
    assert_eq!(group.next().await, "error: closed");
    assert!(group.commit(4).await.contains("closed"));
}

#[tokio::test(start_paused = true)]
async fn a_static_member_does_not_leave() {
    let group = group_with(|config| config.instance_id = Some("i".to_owned())).assigned().await;
    group.handle.close(Duration::from_secs(20)).await;
    assert_eq!(group.next().await, "error: closed");
    assert_eq!(group.fake.count("leave"), 0);
}

#[tokio::test(start_paused = true)]
async fn close_is_bounded_when_the_coordinator_is_silent() {
    let group = group().assigned().await;
    for _ in 0..100 {
        group.fake.fail("commit", Fault::Silence(Duration::from_secs(30)));
    }
    group.fake.fail("leave", Fault::Silence(Duration::from_secs(5)));
    let began = group.shared.now();
    let (_, ()) = tokio::join!(biased; group.commit(3), group.handle.close(Duration::from_secs(20)));
    assert_eq!((group.shared.now() - began).as_secs(), 15, "10 s for commits, 5 s to leave");
}

#[tokio::test(start_paused = true)]
async fn close_before_the_first_recv_asks_nobody() {
    let group = group();
    group.handle.close(Duration::from_secs(20)).await;
    assert_eq!(group.fake.calls(), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn a_recv_that_is_dropped_loses_no_event() {
    let group = group();
    for _ in 0..50 {
        let _ = timeout(Duration::from_millis(1), group.shared.recv()).await;
    }
    // Each event is either returned or still there.
    let mut events = Vec::new();
    for offset in 1..=5 {
        group.fake.deliver_position(0, offset);
        if let Ok(event) = timeout(Duration::from_millis(1), group.shared.recv()).await {
            events.push(words(&event));
        }
    }
    assert_eq!(events.last().map(String::as_str), Some("position t-0@5"), "{events:?}");
}
