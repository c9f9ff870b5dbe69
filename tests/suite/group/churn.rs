//! Members that come, leave and are killed under load, while connections are cut: nothing is lost, no commit is ahead
//! of what was handled, no partition has two owners in a generation, and reading goes on in time.

use std::time::Duration;

use libtest_mimic::Failed;
use ottla_kafka_core::{Ack, Client, Producer, ProducerRecord};
use ottla_tests::{
    history::{History, Sending},
    lane::Needs,
    seed::Seed,
};
use tokio::{
    sync::{mpsc, watch},
    time::{Instant, interval, sleep},
};

use super::{
    drained,
    members::{Members, SESSION_TIMEOUT},
    progress::Progress,
};
use crate::{
    harness::{Context, Outcome, Suite},
    support::Proxied,
};

const LIMIT: Duration = Duration::from_secs(1_800);
const PARTITIONS: i32 = 6;
/// A member that is killed while it joins is a ghost of the new generation, and costs its session once more; up to three
/// are killed within a few seconds, and connections are lost between.
const WAIT_MAX: Duration = SESSION_TIMEOUT.saturating_mul(6);

pub(super) fn tests(suite: &mut Suite) {
    let (killed, needs) = (members_killed_under_load_with_cut_connections_lose_nothing, Needs::ANY.alone());
    suite.long_test("group::members_killed_under_load_with_cut_connections_lose_nothing", needs, LIMIT, killed);
}

async fn members_killed_under_load_with_cut_connections_lose_nothing(cx: Context) -> Outcome {
    let rounds: u32 = cx.size().of(3, 60);
    let proxied = Proxied::start(&cx).await?;
    let direct = cx.client()?;
    let topic = cx.topic(&direct, "orders", PARTITIONS).await?;
    let group = cx.unique("group");
    let history = History::new();
    let mut members = Members::new(&direct, &group, &topic, &history);
    let progress = members.progress();
    let (ending, over) = watch::channel(false);
    let begun = Instant::now();
    let changing = async {
        let changed = change(&proxied, &mut members, cx.seed(), rounds).await;
        let _ = ending.send(true);
        changed
    };
    let (changed, sent, cuts, watched) = tokio::join!(
        changing,
        send(&proxied, &topic, (&history, &progress), over.clone()),
        proxied.cut(cx.seed(), over.clone()),
        watch_commits(&direct, &group, &progress, over),
    );
    changed?;
    sent?;
    let looks = watched?;
    drained(&cx, &topic, &history, &mut members).await?;
    progress.committed(direct.admin().group_offsets(&group).await?)?;
    members.close().await?;
    progress.committed(direct.admin().group_offsets(&group).await?)?;
    history.check_sends().clean()?;
    let report = history.check_polls().clean()?;
    let wait = progress.longest_wait();
    cx.figure(&format!(
        "{report}; {cuts} cuts, {rounds} times 2 → 3 → 1 members, {looks} looks at the commits, \
         longest wait {:.1} s, {:.0} s",
        wait.as_secs_f64(),
        begun.elapsed().as_secs_f64()
    ));
    assert!(wait <= WAIT_MAX, "a record waited for {wait:?}");
    Ok(())
}

/// Two members become three, three become one: killed and left in an order of chance, at moments of chance.
async fn change(proxied: &Proxied, members: &mut Members, seed: Seed, rounds: u32) -> Outcome {
    let mut seed = seed.fork("members");
    members.join_by(proxied.client()?)?;
    members.join_by(proxied.client()?)?;
    for _ in 0..rounds {
        sleep(seed.millis(1_000..4_000)).await;
        members.join_by(proxied.client()?)?;
        for _ in 0..2 {
            sleep(seed.millis(300..5_000)).await;
            if seed.between(0..3) == 0 { members.leave() } else { members.kill() }
        }
        sleep(seed.millis(300..5_000)).await;
        members.join_by(proxied.client()?)?;
        members.check()?;
    }
    sleep(seed.millis(1_000..4_000)).await;
    Ok(())
}

/// Some hundred records a second, until it is over; all must be acknowledged.
async fn send(
    proxied: &Proxied,
    topic: &str,
    (history, progress): (&History, &Progress),
    over: watch::Receiver<bool>,
) -> Outcome {
    let client = proxied.client()?;
    let producer = Producer::builder(&client).build()?;
    let (under_way, mut acks) = mpsc::channel::<(Sending, Ack)>(2_000);
    let sending = async {
        let under_way = under_way;
        let mut pace = interval(Duration::from_millis(20));
        for number in 0_u64.. {
            if number % 10 == 0 {
                pace.tick().await;
            }
            if *over.borrow() {
                break;
            }
            let value = format!("record {number}");
            let sending = history.send(0, &value);
            let record = ProducerRecord::to(topic).key(format!("key-{}", number % 97)).value(value);
            under_way.send((sending, producer.enqueue(record).await?)).await?;
        }
        Ok::<_, Failed>(())
    };
    let acknowledged = async {
        while let Some((sending, ack)) = acks.recv().await {
            let written = ack.await?;
            let partition = written.topic_partition().partition();
            sending.acked(partition, written.offset());
            if let Some(offset) = written.offset() {
                progress.written(partition, offset);
            }
        }
        Ok::<_, Failed>(())
    };
    let (sent, acked) = tokio::join!(sending, acknowledged);
    producer.close().await;
    sent.and(acked)
}

/// Compares what is committed with what was handled, until it is over. Returns how often.
async fn watch_commits(
    client: &Client,
    group: &str,
    progress: &Progress,
    mut over: watch::Receiver<bool>,
) -> Result<usize, Failed> {
    let mut looks = 0;
    while !*over.borrow() {
        // The commits first: what is handled in between does no harm.
        progress.committed(client.admin().group_offsets(group).await?)?;
        looks += 1;
        tokio::select! {
            biased;
            _ = over.wait_for(|over| *over) => {}
            () = sleep(Duration::from_millis(200)) => {}
        }
    }
    Ok(looks)
}
