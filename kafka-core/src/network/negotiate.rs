//! Which versions a broker and we share (KIP-35, KIP-511).

use std::collections::BTreeMap;

use kafka_protocol::{
    messages::{ApiVersionsRequest, ApiVersionsResponse},
    protocol::StrBytes,
};
use rskafka::{
    messenger::{Messenger, RequestError},
    protocol::api_version::ApiVersionRange,
};

use super::{
    adapter::{Answer, Call, key, version},
    stream::Stream,
};
use crate::protocol::{ErrorCode, by_version, spoken};

const API_VERSIONS: i16 = 18;
/// The first version that names the client's software.
const NAMED_SINCE: i16 = 3;

/// The highest version we share with the broker, by API key.
pub(super) type Versions = BTreeMap<i16, i16>;

/// Asks for the broker's versions and tells `messenger` what to use.
pub(super) async fn negotiate(messenger: &mut Messenger<Stream>) -> Result<Versions, RequestError> {
    let answer = api_versions(messenger).await?;
    let mut shared = Versions::new();
    // Messenger's map is rskafka's type; it is looked up, never iterated.
    let ranges = answer
        .api_keys
        .iter()
        .filter_map(|api| {
            let ours = spoken(api.api_key)?;
            let (min, max) = (api.min_version.max(*ours.start()), api.max_version.min(*ours.end()));
            (min <= max).then(|| {
                shared.insert(api.api_key, max);
                (key(api.api_key), ApiVersionRange::new(version(min), version(max)))
            })
        })
        .collect();
    messenger.override_version_ranges(ranges);
    Ok(shared)
}

/// A broker that does not know our version of ApiVersions answers in version 0 with UNSUPPORTED_VERSION.
async fn api_versions(messenger: &mut Messenger<Stream>) -> Result<ApiVersionsResponse, RequestError> {
    let mut refused = None;
    for max in [NAMED_SINCE, 0] {
        messenger.override_version_ranges([(key(API_VERSIONS), range(max))].into_iter().collect());
        let request = by_version(|version| {
            let request = ApiVersionsRequest::default();
            if version < NAMED_SINCE {
                return request;
            }
            request
                .with_client_software_name(StrBytes::from_static_str("ottla"))
                .with_client_software_version(StrBytes::from_static_str(env!("CARGO_PKG_VERSION")))
        });
        match messenger.request(Call(&request)).await.map(Answer::into_inner) {
            Ok(answer) if answer.error_code == ErrorCode::NONE.0 => return Ok(answer),
            Ok(answer) => refused = Some(ErrorCode(answer.error_code)),
            // The version 0 body of a refusal does not parse as version 3.
            Err(RequestError::ReadVersionedError(_)) if max > 0 => {}
            Err(error) => return Err(error),
        }
    }
    tracing::debug!(?refused, "the broker refuses every version of ApiVersions");
    Err(RequestError::NoVersionMatch { api_key: key(API_VERSIONS) })
}

fn range(max: i16) -> ApiVersionRange {
    ApiVersionRange::new(version(0), version(max))
}
