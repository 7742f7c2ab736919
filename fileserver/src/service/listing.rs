//! A list of found files, page by page, so that a long list costs little memory.
//!
//! A list sorted by path is looked up page by page, each starting after the last path of the previous page, so nothing
//! is kept while a slow client reads. A list in any other order is sorted when it starts, and its length is limited.

use std::sync::Arc;

use netsocket_protocol::query::{Query, Sort};
use tokio_util::sync::CancellationToken;

use crate::index::select::{FileReader, from_index, sorted};
use crate::index::snapshot::{Position, Snapshot};
use crate::query::matcher::Matcher;
use crate::query::search::{Found, FoundFile, WalkSearch, sort};
use crate::service::file_service::{Service, Source};
use crate::service::request_error::RequestError;
use crate::tree::root::Root;
use crate::tree::unreadable::{UnreadableDirectories, UnreadableReport};
use crate::tree::walk::WalkError;

/// Files per page from the index.
const PAGE: usize = 1_000;

/// Files per page from a walk: each page reads the directories on the path to its first file again.
const WALKED_PAGE: usize = 20_000;

/// The most files in a list not sorted by path: they, or their positions, are kept while it is sent.
const MAX_SORTED: usize = 1_000_000;

/// Files that a sorted walk collects before it drops those beyond the limit.
const COLLECTED: usize = 100_000;

/// The order of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct FileOrder {
    /// The sort key; ties are sorted by path.
    pub(crate) sort: Sort,
    /// Reverses the whole list.
    pub(crate) reverse: bool,
}

/// A part of a list.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) files: Vec<FoundFile>,
    /// Whether another page follows.
    pub(crate) more: bool,
}

/// A list that is being sent.
#[derive(Debug)]
pub(crate) struct Listing<'a> {
    service: &'a Service,
    matcher: Arc<Matcher>,
    /// Files left within the limit.
    left: u64,
    state: State,
    unreadable: UnreadableReport,
}

#[derive(Debug)]
enum State {
    /// Sorted by path: continue after this path.
    Behind(Option<Vec<u8>>),
    /// Positions in a snapshot, in list order, and the next one.
    Places(Arc<Snapshot>, Arc<[Position]>, usize),
    /// Files, in list order.
    Files(std::vec::IntoIter<FoundFile>),
}

impl<'a> Listing<'a> {
    /// Starts a list of at most `limit` files.
    pub(crate) async fn begin(
        service: &'a Service,
        query: &Query,
        order: FileOrder,
        limit: u64,
    ) -> Result<Self, RequestError> {
        let matcher = Arc::new(service.matcher(query).await?);
        let mut listing = Self {
            service,
            matcher,
            left: limit,
            state: State::Behind(None),
            unreadable: UnreadableReport::default(),
        };
        if order != FileOrder::default() {
            listing.sort(order, limit).await?;
        }
        Ok(listing)
    }

    /// Directories that could not be read, in the part of the tree that the pages so far are about.
    pub(crate) fn unreadable(&self) -> &UnreadableReport {
        &self.unreadable
    }

    /// The next page.
    pub(crate) async fn next(&mut self) -> Result<Page, RequestError> {
        let page = match &mut self.state {
            State::Behind(after) => {
                let after = after.take();
                self.behind(after).await?
            }
            State::Places(snapshot, places, from) => {
                let end = places.len().min(*from + PAGE);
                let mut reader = FileReader::new(snapshot);
                let files = places[*from..end]
                    .iter()
                    .map(|at| reader.read(*at))
                    .collect();
                *from = end;
                Page {
                    files,
                    more: end < places.len(),
                }
            }
            State::Files(files) => Page {
                files: files.by_ref().take(PAGE).collect(),
                more: files.len() > 0,
            },
        };
        self.left = self.left.saturating_sub(page.files.len() as u64);
        Ok(Page {
            more: page.more && self.left > 0,
            ..page
        })
    }

    /// The page after a path.
    async fn behind(&mut self, after: Option<Vec<u8>>) -> Result<Page, RequestError> {
        let left = usize::try_from(self.left).unwrap_or(usize::MAX);
        let matcher = Arc::clone(&self.matcher);
        // One more than the page holds, to know whether another page follows.
        let begins = after.clone();
        let (found, page) = match self.service.source(&self.matcher).await {
            Source::Index(current) => {
                let page = left.min(PAGE);
                let work = move || from_index(&current, &matcher, after.as_deref(), page + 1);
                (self.service.run_scan(work).await?, page)
            }
            Source::Walk => {
                let page = left.min(WALKED_PAGE);
                let work = move |root: &Root, cancel: &CancellationToken| {
                    let search = WalkSearch {
                        matcher: &matcher,
                        after: after.as_deref(),
                        limit: page + 1,
                        check_readable: false,
                    };
                    search.run(root, cancel)
                };
                (self.service.run_walk(work).await?, page)
            }
        };
        let Found {
            mut files,
            unreadable,
        } = found;
        let more = files.len() > page;
        files.truncate(page);
        let last = files.last().map(|file| file.path.clone());
        let end = last.as_deref().filter(|_| more);
        let below = &self.matcher.below;
        self.unreadable
            .add(unreadable.within(below, begins.as_deref(), end));
        self.state = State::Behind(last);
        Ok(Page { files, more })
    }

    /// Sorts the whole list.
    async fn sort(&mut self, order: FileOrder, limit: u64) -> Result<(), RequestError> {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let most = limit.min(MAX_SORTED + 1);
        let matcher = Arc::clone(&self.matcher);
        let FileOrder { sort, reverse } = order;
        let (state, count) = match self.service.source(&self.matcher).await {
            Source::Index(current) => {
                let unreadable = current.unreadable.within(&self.matcher.below, None, None);
                self.unreadable.add(unreadable);
                let snapshot = Arc::clone(&current.snapshot);
                let work = move || sorted(&current.snapshot, &matcher, sort, reverse, most);
                let places = self.service.run_scan(work).await?;
                let count = places.len();
                (State::Places(snapshot, places.into(), 0), count)
            }
            Source::Walk => {
                let work = move |root: &Root, cancel: &CancellationToken| {
                    walk_sorted(root, cancel, &matcher, order, most)
                };
                let found = self.service.run_walk(work).await?;
                let unreadable = found.unreadable.within(&self.matcher.below, None, None);
                self.unreadable.add(unreadable);
                let count = found.files.len();
                (State::Files(found.files.into_iter()), count)
            }
        };
        if count > MAX_SORTED {
            return Err(RequestError::TooLarge(format!(
                "a list that is not sorted by path is limited to {MAX_SORTED} files; set a limit"
            )));
        }
        self.state = state;
        Ok(())
    }
}

/// The first `limit` files in this order. Walks in pages, and keeps little more than it returns.
fn walk_sorted(
    root: &Root,
    cancel: &CancellationToken,
    matcher: &Matcher,
    order: FileOrder,
    limit: usize,
) -> Result<Found, WalkError> {
    let (mut files, mut unreadable) = (Vec::new(), Vec::new());
    let mut after: Option<Vec<u8>> = None;
    loop {
        let search = WalkSearch {
            matcher,
            after: after.as_deref(),
            limit: WALKED_PAGE,
            check_readable: false,
        };
        let found = search.run(root, cancel)?;
        let is_last = found.files.len() < WALKED_PAGE;
        let last = found.files.last().map(|file| file.path.clone());
        let end = last.as_deref().filter(|_| !is_last);
        let lacking = found
            .unreadable
            .within(&matcher.below, after.as_deref(), end);
        unreadable.extend_from_slice(lacking);
        after = last;
        files.extend(found.files);
        if is_last || files.len() > limit.saturating_add(COLLECTED) {
            sort(&mut files, order.sort, order.reverse);
            files.truncate(limit);
        }
        if is_last {
            let unreadable = Arc::new(UnreadableDirectories::new(unreadable));
            return Ok(Found { files, unreadable });
        }
    }
}
