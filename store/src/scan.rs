//! Which rows a bounded read returns, and in which order.

use std::ops::Bound;

/// The lowest and the highest key of a read.
pub(crate) type Bounds = (Bound<Vec<u8>>, Bound<Vec<u8>>);

/// A bounded read over one table, in key order.
#[derive(Debug, Clone)]
pub struct Scan {
    pub(crate) from: Bound<Vec<u8>>,
    pub(crate) to: Bound<Vec<u8>>,
    pub(crate) limit: usize,
    pub(crate) reverse: bool,
    after: Option<Vec<u8>>,
}

impl Scan {
    /// Rows returned when no limit is given.
    pub const DEFAULT_LIMIT: usize = 100;
    /// The highest limit; what is more is read page by page, or with `Store::for_each`.
    pub const MAX_LIMIT: usize = 10_000;

    /// Every row.
    pub fn all() -> Scan {
        Scan::bounds(Bound::Unbounded, Bound::Unbounded)
    }

    /// Rows whose key starts with `prefix`.
    pub fn prefix(prefix: impl Into<Vec<u8>>) -> Scan {
        let from = prefix.into();
        let to = successor(&from).map_or(Bound::Unbounded, Bound::Excluded);
        Scan::bounds(Bound::Included(from), to)
    }

    /// Rows with `from <= key < to`.
    pub fn range(from: impl Into<Vec<u8>>, to: impl Into<Vec<u8>>) -> Scan {
        Scan::bounds(Bound::Included(from.into()), Bound::Excluded(to.into()))
    }

    fn bounds(from: Bound<Vec<u8>>, to: Bound<Vec<u8>>) -> Scan {
        Scan { from, to, limit: Scan::DEFAULT_LIMIT, reverse: false, after: None }
    }

    /// Goes on after this key, in the direction of the scan: the key itself is left out.
    #[must_use]
    pub fn after(mut self, key: impl Into<Vec<u8>>) -> Scan {
        self.after = Some(key.into());
        self
    }

    /// At most this many rows, up to [`Scan::MAX_LIMIT`].
    #[must_use]
    pub fn limit(mut self, rows: usize) -> Scan {
        self.limit = rows.min(Scan::MAX_LIMIT);
        self
    }

    /// From the highest key down.
    #[must_use]
    pub fn reverse(mut self) -> Scan {
        self.reverse = true;
        self
    }

    /// The bounds with the cursor applied, or nothing if no key can lie between them.
    pub(crate) fn resolve(self) -> Option<Bounds> {
        let Scan { mut from, mut to, reverse, after, .. } = self;
        if let Some(cursor) = after {
            let narrows = match (if reverse { &to } else { &from }, reverse) {
                (Bound::Unbounded, _) => true,
                (Bound::Included(edge) | Bound::Excluded(edge), false) => cursor >= *edge,
                (Bound::Included(edge) | Bound::Excluded(edge), true) => cursor < *edge,
            };
            if narrows {
                *(if reverse { &mut to } else { &mut from }) = Bound::Excluded(cursor);
            }
        }
        let empty = match (&from, &to) {
            (Bound::Included(low), Bound::Included(high)) => low > high,
            (Bound::Included(low) | Bound::Excluded(low), Bound::Included(high) | Bound::Excluded(high)) => {
                low >= high
            }
            (Bound::Unbounded, _) | (_, Bound::Unbounded) => false,
        };
        (!empty).then_some((from, to))
    }
}

/// The lowest key above every key with this prefix; none if the prefix is all `0xff`.
fn successor(prefix: &[u8]) -> Option<Vec<u8>> {
    let last = prefix.iter().rposition(|byte| *byte != u8::MAX)?;
    let mut next = prefix[..=last].to_vec();
    next[last] += 1;
    Some(next)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_prefix_ends_before_the_next_prefix() {
        assert_eq!(successor(b"ab"), Some(b"ac".to_vec()));
        assert_eq!(successor(b"a\xff"), Some(b"b".to_vec()));
        assert_eq!(successor(b"\xff\xff"), None);
        assert_eq!(successor(b""), None);
    }

    #[test]
    fn a_cursor_outside_the_range_does_not_widen_it() {
        let (from, _) = Scan::range("f", "m").after("a").resolve().unwrap();
        assert_eq!(from, Bound::Included(b"f".to_vec()));
        let (_, to) = Scan::range("f", "m").after("z").reverse().resolve().unwrap();
        assert_eq!(to, Bound::Excluded(b"m".to_vec()));
        assert!(Scan::range("f", "m").after("z").resolve().is_none());
        assert!(Scan::range("f", "m").after("f").reverse().resolve().is_none());
    }
}
