//! S3: the account's buckets in folders, served by `s3s`, each in its region alone. It refuses requests that were signed for
//! another region, as the service does.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::{Request, Response};
use s3s::auth::SimpleAuth;
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s_fs::FileSystem;
use serde_json::Map;
use tempfile::TempDir;

use super::answer::{AnswerBody, Protocol, Refusal};
use super::lambda::decode;
use super::{ACCESS_KEY, Asked, Call, SECRET_KEY};

pub(super) struct Buckets {
    root: TempDir,
    service: S3Service,
    /// The region of each.
    regions: Mutex<BTreeMap<String, String>>,
}

/// The call that a request is: bucket, key and prefix for a body.
pub(super) fn call(asked: &Asked, request: &Request<Incoming>) -> Call {
    let path = decode(request.uri().path());
    let (bucket, key) = path.trim_start_matches('/').split_once('/').unwrap_or((path.trim_start_matches('/'), ""));
    let query: BTreeMap<&str, &str> = request
        .uri()
        .query()
        .unwrap_or_default()
        .split('&')
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .collect();
    let operation = match (request.method().as_str(), key) {
        ("GET", "") if query.contains_key("list-type") => "ListObjectsV2".to_owned(),
        ("HEAD", "") => "HeadBucket".to_owned(),
        ("GET", key) if !key.is_empty() => "GetObject".to_owned(),
        ("HEAD", _) => "HeadObject".to_owned(),
        ("PUT", key) if !key.is_empty() && request.headers().contains_key("x-amz-copy-source") => {
            "CopyObject".to_owned()
        }
        ("PUT", key) if !key.is_empty() => "PutObject".to_owned(),
        ("DELETE", key) if !key.is_empty() => "DeleteObject".to_owned(),
        ("POST", "") if query.contains_key("delete") => "DeleteObjects".to_owned(),
        (method, key) => format!("{method} {}", if key.is_empty() { "bucket" } else { "object" }),
    };
    let mut body = Map::from_iter([("Bucket".to_owned(), bucket.into()), ("Key".to_owned(), key.into())]);
    if let Some(prefix) = query.get("prefix") {
        body.insert("Prefix".to_owned(), decode(prefix).into());
    }
    Call { region: asked.region.clone(), service: asked.service.clone(), operation, body: body.into(), status: 0 }
}

impl Buckets {
    pub(super) fn new() -> Buckets {
        let root = tempfile::tempdir().unwrap();
        let mut builder = S3ServiceBuilder::new(FileSystem::new(root.path()).unwrap());
        builder.set_auth(SimpleAuth::from_single(ACCESS_KEY, SECRET_KEY));
        Buckets { service: builder.build(), root, regions: Mutex::default() }
    }

    pub(super) fn folder(&self, region: &str, name: &str) -> PathBuf {
        let folder = self.root.path().join(name);
        std::fs::create_dir_all(&folder).unwrap();
        let mut regions = self.regions.lock().unwrap_or_else(PoisonError::into_inner);
        regions.insert(name.to_owned(), region.to_owned());
        folder
    }

    pub(super) fn remove(&self, name: &str) {
        std::fs::remove_dir_all(self.root.path().join(name)).unwrap();
        self.regions.lock().unwrap_or_else(PoisonError::into_inner).remove(name);
    }

    pub(super) async fn answer(
        &self,
        call: &Call,
        request: Request<Incoming>,
    ) -> Result<Response<AnswerBody>, std::io::Error> {
        let name = call.body["Bucket"].as_str().unwrap_or_default();
        let region = self.regions.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned();
        match region {
            Some(region) if region != call.region => {
                let message = format!("The region '{}' is wrong; expecting '{region}'", call.region);
                return Ok(Protocol::S3.refuse(&Refusal::new(400, "AuthorizationHeaderMalformed", &message)));
            }
            None => {
                let message = "The specified bucket does not exist";
                return Ok(Protocol::S3.refuse(&Refusal::new(404, "NoSuchBucket", message)));
            }
            Some(_) => {}
        }
        let answer = self.service.call(request.map(s3s::Body::from)).await;
        let (head, body) = answer.map_err(|error| std::io::Error::other(format!("{error:?}")))?.into_parts();
        let body = body.collect().await.map_err(|error| std::io::Error::other(error.to_string()))?.to_bytes();
        Ok(Response::from_parts(head, AnswerBody::Whole(Full::new(body))))
    }
}
