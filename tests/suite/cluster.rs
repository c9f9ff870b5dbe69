//! The fixture itself: a lane that cannot do what it offers would make every other suite's verdict worthless.

use std::time::Duration;

use libtest_mimic::Failed;
use ottla_tests::lane::Needs;
use tokio::time::timeout;

use crate::{
    fixture::probe,
    harness::{Context, Outcome, Suite},
};

pub(crate) fn tests(suite: &mut Suite) {
    suite.test("cluster::every_node_knows_the_others", Needs::ANY, every_node_knows_the_others);
    suite.long_test(
        "cluster::a_killed_node_returns",
        Needs::ANY.restart(),
        Duration::from_secs(180),
        a_killed_node_returns,
    );
    let paused = a_paused_node_is_silent_until_resumed;
    suite.test("cluster::a_paused_node_is_silent_until_resumed", Needs::ANY.pause(), paused);
    suite.test("cluster::kafkas_tools_run", Needs::ANY.tools(), kafkas_tools_run);
}

async fn every_node_knows_the_others(cx: Context) -> Outcome {
    let nodes = cx.fixture().offers().nodes;
    for address in cx.fixture().addresses() {
        assert_eq!(probe::brokers(&address).await?, nodes, "{address}");
    }
    Ok(())
}

async fn a_killed_node_returns(cx: Context) -> Outcome {
    let fixture = cx.fixture();
    let node = any_node(&cx)?;
    let address = fixture.addresses().get(node - 1).cloned().ok_or("no node")?;
    fixture.kill(node).await?;
    assert!(probe::brokers(&address).await.is_err(), "a killed node still answers");
    fixture.restart(node).await?;
    assert_eq!(probe::brokers(&address).await?, fixture.offers().nodes);
    Ok(())
}

async fn a_paused_node_is_silent_until_resumed(cx: Context) -> Outcome {
    let fixture = cx.fixture();
    let node = any_node(&cx)?;
    let address = fixture.addresses().get(node - 1).cloned().ok_or("no node")?;
    fixture.pause(node).await?;
    let answer = timeout(Duration::from_millis(500), probe::brokers(&address)).await;
    fixture.resume(node).await?;
    assert!(answer.is_err(), "a paused node answered {answer:?}");
    assert_eq!(probe::brokers(&address).await?, fixture.offers().nodes);
    Ok(())
}

async fn kafkas_tools_run(cx: Context) -> Outcome {
    let address = cx.fixture().addresses().join(",");
    let topic = cx.unique("tools");
    let tools = cx.fixture().tools()?;
    let class = "org.apache.kafka.tools.TopicCommand";
    tools.run(class, &["--bootstrap-server", &address, "--create", "--topic", &topic, "--partitions", "2"]).await?;
    let topics = tools.run(class, &["--bootstrap-server", &address, "--list"]).await?;
    assert!(topics.lines().any(|line| line == topic), "{topics}");
    Ok(())
}

/// One of the cluster's nodes, as the seed says.
fn any_node(cx: &Context) -> Result<usize, Failed> {
    let nodes = u64::try_from(cx.fixture().offers().nodes)?;
    Ok(usize::try_from(cx.seed().between(1..nodes + 1))?)
}
