//! Every message we speak, request and answer, with lengths that lie. A failure here is the process's end: an
//! allocation of what a length claims aborts it.

use bytes::Bytes;
use kafka_protocol::{
    messages::*,
    protocol::{Decodable, Encodable, Request},
};

use crate::protocol::{Api, Fetch, Produce, guard, spoken, versions};

/// A small generator, so that a failure is found again.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 16).unwrap() % limit
    }

    fn byte(&mut self) -> u8 {
        [0, 1, 2, 0x7f, 0x80, 0xff, u8::try_from(self.below(256)).unwrap()][self.below(7)]
    }
}

/// The message with a lying count at each of its places, and zeros behind it that look like empty elements.
fn lies(body: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    let claims: [&[u8]; 3] = [&[0x7f, 0xff, 0xff, 0xff], &[0, 0x10, 0, 0], &[0xff, 0xff, 0xff, 0xff, 0x0f]];
    (0..=body.len()).flat_map(move |at| claims.into_iter().map(move |claim| [&body[..at], claim, &[0; 2000]].concat()))
}

fn mutation(body: &[u8], random: &mut Random) -> Vec<u8> {
    let mut mutated = body.to_vec();
    let tail = random.below(300);
    mutated.extend((0..tail).map(|_| random.byte()));
    for _ in 0..random.below(4) {
        let at = random.below(mutated.len().max(1));
        if let Some(byte) = mutated.get_mut(at) {
            *byte = random.byte();
        }
    }
    mutated
}

const MUTATIONS: usize = 400;

/// Tries all of it on a message and returns how many bodies were tried.
fn attack<T: Decodable + Encodable + Default>(version: i16, flexible: bool, random: &mut Random) -> usize {
    let mut body = Vec::new();
    T::default().encode(&mut body, version).expect("a message of this version");
    assert!(guard::decode::<T>(body.clone().into(), version, flexible).is_ok(), "an honest message");
    let mut tried = 0;
    for lie in lies(&body) {
        let _ = guard::decode::<T>(lie.into(), version, flexible);
        tried += 1;
    }
    for _ in 0..MUTATIONS {
        let _ = guard::decode::<T>(mutation(&body, random).into(), version, flexible);
    }
    tried + MUTATIONS
}

fn attack_both<R: Request + Default>(random: &mut Random) -> (i16, usize)
where
    R::Response: Default,
{
    let versions = spoken(R::KEY).expect("a request we speak");
    let tried = versions.map(|version| {
        let flexible = R::header_version(version) >= 2;
        attack::<R>(version, flexible, random) + attack::<R::Response>(version, flexible, random)
    });
    (R::KEY, tried.sum())
}

macro_rules! attack_all {
    ($($request:ident)*) => {{
        let mut random = Random(88_172_645_463_325_252);
        vec![$(attack_both::<$request>(&mut random)),*]
    }};
}

#[test]
fn no_message_we_speak_can_make_the_process_allocate_what_it_claims() {
    let attacked = attack_all!(ProduceRequest FetchRequest ListOffsetsRequest MetadataRequest OffsetCommitRequest
        OffsetFetchRequest FindCoordinatorRequest JoinGroupRequest HeartbeatRequest LeaveGroupRequest SyncGroupRequest
        DescribeGroupsRequest ListGroupsRequest SaslHandshakeRequest ApiVersionsRequest CreateTopicsRequest
        DeleteTopicsRequest DeleteRecordsRequest InitProducerIdRequest OffsetForLeaderEpochRequest
        DescribeConfigsRequest DescribeLogDirsRequest SaslAuthenticateRequest CreatePartitionsRequest DeleteGroupsRequest
        IncrementalAlterConfigsRequest OffsetDeleteRequest DescribeClusterRequest ConsumerGroupHeartbeatRequest
        ConsumerGroupDescribeRequest DescribeTopicPartitionsRequest);
    let keys: Vec<i16> = attacked.iter().map(|(key, _)| *key).collect();
    assert_eq!(keys, versions::keys().collect::<Vec<_>>(), "every message we speak is attacked");
    assert!(attacked.iter().map(|(_, tried)| tried).sum::<usize>() > 100_000);
}

#[test]
fn the_answers_decoded_by_hand_survive_the_same() {
    fn attack<A: Api>(random: &mut Random, honest: impl Fn(i16) -> Vec<u8>) {
        for version in A::VERSIONS {
            let body = honest(version);
            assert!(A::decode(version, body.clone().into()).is_ok(), "an honest answer");
            for lie in lies(&body) {
                let _ = A::decode(version, lie.into());
            }
            for _ in 0..4000 {
                let _ = A::decode(version, mutation(&body, random).into());
            }
        }
    }
    fn encoded(answer: &impl Encodable, version: i16) -> Vec<u8> {
        super::theirs(answer, version).to_vec()
    }
    let mut random = Random(2_463_534_242);
    attack::<Produce>(&mut random, |version| {
        let topic = produce_response::TopicProduceResponse::default();
        let topic = topic.with_partition_responses(vec![Default::default(), Default::default()]);
        encoded(&ProduceResponse::default().with_responses(vec![topic]), version)
    });
    attack::<Fetch>(&mut random, |version| {
        let partition = fetch_response::PartitionData::default().with_records(Some(Bytes::from_static(b"records")));
        let topic = fetch_response::FetchableTopicResponse::default().with_partitions(vec![partition]);
        encoded(&FetchResponse::default().with_responses(vec![topic]), version)
    });
}
