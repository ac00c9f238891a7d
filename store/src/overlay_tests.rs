//! What a group decides, over committed rows that are a map.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeMap;
use std::convert::Infallible;

use super::*;

#[derive(Default)]
struct Rows(BTreeMap<(Table, Vec<u8>), Vec<u8>>);

impl Rows {
    fn with(table: Table, key: &str, value: &str) -> Rows {
        Rows(BTreeMap::from([((table, key.into()), value.into())]))
    }
}

impl Committed for Rows {
    type Bytes = Vec<u8>;
    type Error = Infallible;

    fn read(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, Infallible> {
        Ok(self.0.get(&(table, key.to_vec())).cloned())
    }
}

fn refused(overlay: &mut Overlay<'_, Rows>, batch: &Batch) -> (usize, Refusal) {
    match overlay.accept(batch.clone()) {
        Err(Rejected::Refused { op, reason }) => (op, reason),
        Err(Rejected::Failed(never)) => match never {},
        Ok(receipt) => panic!("accepted: {receipt:?}"),
    }
}

fn accept(overlay: &mut Overlay<'_, Rows>, batch: &Batch) -> Receipt {
    overlay.accept(batch.clone()).ok().unwrap()
}

#[test]
fn a_refused_batch_leaves_no_trace() {
    let rows = Rows::with(Table::Jobs, "there", "old");
    let mut overlay = Overlay::new(&rows, Head::default());
    accept(
        &mut overlay,
        Batch::new().put_new(Table::Jobs, "mine", "1").add(Table::Balances, "b", 5, Some(0)),
    );
    let mut bad = Batch::new();
    bad.put(Table::Jobs, "mine", "2").delete(Table::Jobs, "there").add(Table::Balances, "b", -5, Some(0));
    bad.append_indexed(Table::Entries, "{}", "o").put_new(Table::Jobs, "mine", "3");
    assert_eq!(refused(&mut overlay, &bad), (4, Refusal::Exists));
    assert_eq!(overlay.head(), Head::default());

    let (mut images, tallies) = overlay.finish(Tallies::default());
    images.sort_by_key(|image| image.table);
    assert_eq!(
        images,
        [
            Image { table: Table::Jobs, key: b"mine".to_vec(), value: Some(b"1".to_vec()) },
            Image { table: Table::Balances, key: b"b".to_vec(), value: Some(br#"{"v":1,"n":5}"#.to_vec()) },
        ]
    );
    assert_eq!(tallies.of(Table::Jobs).rows, 1);
}

#[test]
fn a_balance_that_many_batches_touch_is_written_once_with_every_sum_answered() {
    let rows = Rows::with(Table::Balances, "b", r#"{"v":1,"n":10}"#);
    let mut overlay = Overlay::new(&rows, Head::default());
    for step in 1..=128 {
        let receipt = accept(&mut overlay, Batch::new().add(Table::Balances, "b", 1, None));
        assert_eq!(receipt.sums, [10 + step]);
    }
    let (images, _) = overlay.finish(Tallies::default());
    assert_eq!(images.len(), 1);
    assert_eq!(images[0].value.as_deref(), Some(br#"{"v":1,"n":138}"#.as_slice()));
}

#[test]
fn a_sum_falls_to_its_floor_and_not_below_also_within_a_group() {
    let rows = Rows::with(Table::Balances, "b", r#"{"v":1,"n":3}"#);
    let mut overlay = Overlay::new(&rows, Head::default());
    let take = |amount: i64| Batch::new().add(Table::Balances, "b", -amount, Some(0)).clone();
    assert_eq!(accept(&mut overlay, &take(2)).sums, [1]);
    assert_eq!(refused(&mut overlay, &take(2)), (0, Refusal::BelowFloor { balance: 1 }));
    assert_eq!(accept(&mut overlay, &take(1)).sums, [0]);
    let overflow =
        Batch::new().add(Table::Balances, "b", i64::MAX, None).add(Table::Balances, "b", 1, None).clone();
    assert_eq!(refused(&mut overlay, &overflow), (1, Refusal::Malformed("sum overflows")));
}

#[test]
fn guards_see_what_the_group_has_done_so_far() {
    let rows = Rows::with(Table::Keys, "k", "1");
    let mut overlay = Overlay::new(&rows, Head::default());
    let swap =
        |from: &str, to: &str| Batch::new().put_if(Table::Keys, "k", to, Expect::Equals(from.into())).clone();
    accept(&mut overlay, &swap("1", "2"));
    assert_eq!(refused(&mut overlay, &swap("1", "3")), (0, Refusal::Changed));
    accept(&mut overlay, Batch::new().delete_present(Table::Keys, "k"));
    assert_eq!(refused(&mut overlay, &swap("2", "3")), (0, Refusal::Missing));
    assert_eq!(refused(&mut overlay, Batch::new().delete_present(Table::Keys, "k")), (0, Refusal::Missing));
    accept(&mut overlay, Batch::new().put_new(Table::Keys, "k", "4"));
    let not_a_number = Batch::new().add(Table::Keys, "k", 1, None).add(Table::Keys, "k", 1, None).clone();
    assert_eq!(accept(&mut overlay, &Batch::new()).sums, [0i64; 0]);
    assert_eq!(refused(&mut overlay, &not_a_number), (0, Refusal::Malformed("row is not an integer")));
}

#[test]
fn what_ends_as_it_began_is_not_written() {
    let rows = Rows::with(Table::Jobs, "same", "x");
    let mut overlay = Overlay::new(&rows, Head::default());
    accept(&mut overlay, Batch::new().put(Table::Jobs, "same", "y").put(Table::Jobs, "passing", "z"));
    accept(&mut overlay, Batch::new().put(Table::Jobs, "same", "x").delete(Table::Jobs, "passing"));
    let (images, _) = overlay.finish(Tallies::default());
    assert_eq!(images, []);
}

#[test]
fn entries_are_numbered_without_gaps_across_refusals() {
    let rows = Rows::default();
    let mut overlay = Overlay::new(&rows, Head { seq: 41, hash: [7; 32] });
    assert_eq!(accept(&mut overlay, Batch::new().append(Table::Entries, "1")).appended, [42]);
    refused(&mut overlay, Batch::new().append(Table::Entries, "2").delete_present(Table::Jobs, "none"));
    let receipt = accept(
        &mut overlay,
        Batch::new().append_indexed(Table::Entries, "3", "o").append(Table::Entries, "4"),
    );
    assert_eq!(receipt.appended, [43, 44]);
    let (images, _) = overlay.finish(Tallies::default());
    let index: Vec<_> = images.iter().filter(|image| image.table == Table::EntryIndex).collect();
    assert_eq!(index.len(), 1);
    assert_eq!(index[0].key, [b"o".as_slice(), &43u64.to_be_bytes()].concat());
}
