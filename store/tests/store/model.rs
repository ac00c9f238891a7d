//! Random batches against a plain map: same answers, same content, also after reopening.

use std::collections::BTreeMap;

use atelier_store::{Batch, CommitError, Expect, LogEntry, Op, Refusal, Table};
use proptest::prelude::*;

use crate::support::{content, open};

#[derive(Default, Clone)]
struct Model {
    rows: BTreeMap<Vec<u8>, Vec<u8>>,
    sums: BTreeMap<Vec<u8>, i64>,
    log: Vec<Vec<u8>>,
}

impl Model {
    fn commit(&mut self, batch: &Batch) -> Result<(Vec<i64>, Vec<u64>), (usize, Refusal)> {
        let mut next = self.clone();
        let (mut sums, mut appended) = (Vec::new(), Vec::new());
        for (index, op) in batch.ops().iter().enumerate() {
            next.step(op, &mut sums, &mut appended).map_err(|reason| (index, reason))?;
        }
        *self = next;
        Ok((sums, appended))
    }

    fn step(&mut self, op: &Op, sums: &mut Vec<i64>, appended: &mut Vec<u64>) -> Result<(), Refusal> {
        match op {
            Op::Put { key, value, expect, .. } => {
                self.guard(key, expect)?;
                self.rows.insert(key.clone(), value.clone());
            }
            Op::Delete { key, expect, .. } => {
                self.guard(key, expect)?;
                self.rows.remove(key);
            }
            Op::Add { key, delta, floor, .. } => {
                let balance = self.sums.get(key).copied().unwrap_or(0);
                if floor.is_some_and(|floor| balance + delta < floor) {
                    return Err(Refusal::BelowFloor { balance });
                }
                self.sums.insert(key.clone(), balance + delta);
                sums.push(balance + delta);
            }
            Op::Append { row, .. } => {
                self.log.push(row.clone());
                appended.push(self.log.len() as u64);
            }
        }
        Ok(())
    }

    fn guard(&self, key: &[u8], expect: &Expect) -> Result<(), Refusal> {
        match (expect, self.rows.get(key)) {
            (Expect::Absent, Some(_)) => Err(Refusal::Exists),
            (Expect::Present | Expect::Equals(_), None) => Err(Refusal::Missing),
            (Expect::Equals(bytes), Some(row)) if bytes != row => Err(Refusal::Changed),
            _ => Ok(()),
        }
    }
}

fn op() -> impl Strategy<Value = Op> {
    let key = || prop::sample::select(vec!["a", "b", "c"]).prop_map(|key| key.as_bytes().to_vec());
    let value = || prop::sample::select(vec!["1", "2"]).prop_map(|value| value.as_bytes().to_vec());
    let expect = prop_oneof![
        4 => Just(Expect::Any),
        1 => Just(Expect::Absent),
        1 => Just(Expect::Present),
        1 => value().prop_map(Expect::Equals),
    ];
    let floor = prop::option::of(Just(0));
    prop_oneof![
        3 => (key(), value(), expect.clone())
            .prop_map(|(key, value, expect)| Op::Put { table: Table::Jobs, key, value, expect }),
        1 => (key(), expect).prop_map(|(key, expect)| Op::Delete { table: Table::Jobs, key, expect }),
        2 => (key(), -5i64..8, floor)
            .prop_map(|(key, delta, floor)| Op::Add { table: Table::Balances, key, delta, floor }),
        1 => (0u32..9).prop_map(|row| {
            Op::Append { table: Table::Entries, row: row.to_string().into_bytes(), owner: None }
        }),
    ]
}

fn batches() -> impl Strategy<Value = Vec<Batch>> {
    let batch = prop::collection::vec(op(), 0..5).prop_map(|ops| {
        let mut batch = Batch::new();
        ops.into_iter().for_each(|op| {
            batch.push(op);
        });
        batch
    });
    prop::collection::vec(batch, 1..60)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn the_store_agrees_with_a_plain_map(rounds in prop::collection::vec(batches(), 1..4)) {
        let dir = tempfile::tempdir().unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let mut model = Model::default();
        for round in rounds {
            let store = open(dir.path());
            // All of a round are queued before the first is answered, so they share groups.
            let waiting: Vec<_> = round.iter().map(|batch| store.submit(batch.clone())).collect();
            for (batch, answer) in round.iter().zip(waiting) {
                let answer = runtime.block_on(answer);
                let expected = model.commit(batch);
                match (&answer, &expected) {
                    (Ok(receipt), Ok((sums, appended))) => {
                        prop_assert_eq!(&receipt.sums, sums);
                        prop_assert_eq!(&receipt.appended, appended);
                    }
                    (Err(CommitError::Refused { op, reason }), Err(refused)) => {
                        prop_assert_eq!((*op, reason), (refused.0, &refused.1));
                    }
                    _ => prop_assert!(false, "{answer:?} is not {expected:?}"),
                }
            }
            compare(&content(&store), &model);
        }
        compare(&content(&open(dir.path())), &model);
    }
}

fn compare(content: &crate::support::Content, model: &Model) {
    let of = |table| content.iter().filter(move |((found, _), _)| *found == table);
    let rows: BTreeMap<_, _> = of(Table::Jobs).map(|((_, key), row)| (key.clone(), row.clone())).collect();
    assert_eq!(rows, model.rows);
    let sums: BTreeMap<_, _> =
        of(Table::Balances).map(|((_, key), row)| (key.clone(), row.clone())).collect();
    let expected: BTreeMap<_, _> = model
        .sums
        .iter()
        .map(|(key, n)| (key.clone(), format!(r#"{{"v":1,"n":{n}}}"#).into_bytes()))
        .collect();
    assert_eq!(sums, expected);
    let log: Vec<_> = of(Table::Entries).map(|(_, entry)| LogEntry::decode(entry).unwrap().row).collect();
    assert_eq!(log, model.log);
}
