//! ApiVersions.

use kafka_protocol::messages::{ApiVersionsRequest, ApiVersionsResponse, api_versions_response::ApiVersion};

use crate::{
    api::Api,
    dispatch::{Cx, Handler},
    log::Refusal,
};

impl Handler for ApiVersionsRequest {
    async fn answer(&self, _cx: &Cx<'_>) -> ApiVersionsResponse {
        served(0)
    }

    fn refused(&self, _version: i16, refusal: Refusal) -> ApiVersionsResponse {
        served(refusal.code())
    }
}

/// The answer, in version 0, to a version the broker does not know.
pub(crate) fn unsupported() -> ApiVersionsResponse {
    served(Refusal::UnsupportedVersion.code())
}

fn served(error_code: i16) -> ApiVersionsResponse {
    let range = |api: Api| {
        let versions = api.versions();
        ApiVersion::default()
            .with_api_key(api.key())
            .with_min_version(*versions.start())
            .with_max_version(*versions.end())
    };
    ApiVersionsResponse::default().with_error_code(error_code).with_api_keys(Api::all().map(range).collect())
}
