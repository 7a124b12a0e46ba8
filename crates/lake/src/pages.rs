//! A bucket, listed page by page: a key that the library cannot name makes it refuse the page, and so the whole bucket; here it
//! is one entry that says so. Everything else is the library's.

use std::fmt;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use object_store::aws::AmazonS3;
use object_store::list::{PaginatedListOptions, PaginatedListStore};
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, PutMultipartOptions,
    PutOptions, PutPayload, PutResult, Result,
};

use crate::odd::OddKey;

/// What was taken out of a page on its way; it travels with the request.
#[derive(Clone, Debug, Default)]
pub(crate) struct Taken(Arc<Mutex<Vec<OddKey>>>);

impl Taken {
    pub(crate) fn replace(&self, odd: Vec<OddKey>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = odd;
    }

    fn take(&self) -> Vec<OddKey> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Pages(Arc<AmazonS3>);

impl Pages {
    pub(crate) fn of(bucket: AmazonS3) -> Pages {
        Pages(Arc::new(bucket))
    }

    async fn page(
        &self,
        prefix: Option<&str>,
        options: PaginatedListOptions,
    ) -> Result<(ListResult, Vec<OddKey>, Option<String>)> {
        let taken = Taken::default();
        let mut options = options;
        options.extensions.insert(taken.clone());
        let page = self.0.list_paginated(prefix, options).await?;
        Ok((page.result, taken.take(), page.page_token))
    }

    fn all(&self, prefix: Option<&Path>, offset: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        let (pages, prefix, offset) = (self.clone(), prefix.and_then(folder), offset.map(Path::to_string));
        let first = Some(None);
        let pages = stream::unfold(first, move |token: Option<Option<String>>| {
            let (pages, prefix, offset) = (pages.clone(), prefix.clone(), offset.clone());
            async move {
                let options = PaginatedListOptions { offset, page_token: token?, ..PaginatedListOptions::default() };
                Some(match pages.page(prefix.as_deref(), options).await {
                    Ok((listed, odd, next)) => {
                        let odd = odd.into_iter().map(|odd| Err(odd.into_error()));
                        (listed.objects.into_iter().map(Ok).chain(odd).collect::<Vec<_>>(), next.map(Some))
                    }
                    Err(error) => (vec![Err(error)], None),
                })
            }
        });
        pages.flat_map(stream::iter).boxed()
    }
}

fn folder(path: &Path) -> Option<String> {
    (!path.as_ref().is_empty()).then(|| format!("{path}/"))
}

impl fmt::Display for Pages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[async_trait]
impl ObjectStore for Pages {
    async fn put_opts(&self, path: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        self.0.put_opts(path, payload, options).await
    }

    async fn put_multipart_opts(&self, path: &Path, options: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        self.0.put_multipart_opts(path, options).await
    }

    async fn get_opts(&self, path: &Path, options: GetOptions) -> Result<GetResult> {
        self.0.get_opts(path, options).await
    }

    async fn get_ranges(&self, path: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        self.0.get_ranges(path, ranges).await
    }

    fn delete_stream(&self, paths: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        self.0.delete_stream(paths)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.all(prefix, None)
    }

    fn list_with_offset(&self, prefix: Option<&Path>, offset: &Path) -> BoxStream<'static, Result<ObjectMeta>> {
        self.all(prefix, Some(offset))
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        let prefix = prefix.and_then(folder);
        let mut listed = ListResult { common_prefixes: Vec::new(), objects: Vec::new() };
        let mut token = None;
        loop {
            let delimiter = Some("/".into());
            let options = PaginatedListOptions { delimiter, page_token: token, ..PaginatedListOptions::default() };
            let (page, _, next) = self.page(prefix.as_deref(), options).await?;
            listed.common_prefixes.extend(page.common_prefixes);
            listed.objects.extend(page.objects);
            match next {
                Some(next) => token = Some(next),
                None => return Ok(listed),
            }
        }
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.0.copy_opts(from, to, options).await
    }
}
