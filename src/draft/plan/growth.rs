//! Files that only grow.

use super::{Limits, Plan};
use crate::draft::extents::{Extents, Source};

/// A file below this size is stored whole each time: that costs no more than an append, and reads as one piece.
const SMALL: u64 = 64 << 10;
/// The service reads an appended object piece by piece (0.1 ms for each, Ceph 16 and 20 on one machine): one of so many
/// pieces is stored anew while that is one request.
const PIECES: u64 = 1000;

/// What is known of an object that a file has grown beyond.
#[derive(Clone, Copy, Debug)]
pub struct Growth {
    /// Its size.
    pub from: u64,
    /// It can be appended to: of how many pieces it is.
    pub pieces: Option<u64>,
    /// Programs append to it, and will again: it is worth some requests to make this cheap.
    pub again: bool,
}

impl Growth {
    /// A better plan than `plan`, which is one without an upload that runs, if nothing but growth has happened.
    pub fn better(self, plan: Plan, extents: &Extents, limits: &Limits) -> Plan {
        let size = extents.size();
        let whole = extents.pieces(0..self.from).eq([(0..self.from, Source::Base)]);
        if !whole || size <= self.from || !matches!(plan, Plan::Put | Plan::Multipart(_)) {
            return plan;
        }
        let one_put = plan == Plan::Put;
        match self.pieces {
            Some(pieces) if one_put && pieces >= PIECES => {
                if self.again {
                    Plan::Appendable
                } else {
                    Plan::Put
                }
            }
            Some(_) if size - self.from <= limits.put_max => Plan::Append(self.from),
            None if one_put && self.again && size >= SMALL => Plan::Appendable,
            _ => plan,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    fn better(growth: Growth, extents: &Extents) -> Plan {
        let limits = Limits::default();
        let plan = super::super::plan(extents, Some(growth.from), false, &limits, &[]).unwrap();
        growth.better(plan, extents, &limits)
    }

    fn grown(from: u64, by: u64) -> Extents {
        let mut extents = Extents::of_base(from);
        extents.write(from..from + by);
        extents
    }

    #[test]
    fn only_the_new_bytes_go() {
        for from in [1, 4096, 100 * MIB] {
            let growth = Growth { from, pieces: Some(3), again: false };
            assert_eq!(better(growth, &grown(from, 10)), Plan::Append(from), "{from}");
            let mut sparse = Extents::of_base(from);
            sparse.truncate(from + 5);
            assert_eq!(better(growth, &sparse), Plan::Append(from));
        }
        // What one request does not hold is no append.
        let growth = Growth { from: MIB, pieces: Some(1), again: true };
        assert!(matches!(better(growth, &grown(MIB, 17 * MIB)), Plan::Multipart(_)));
    }

    #[test]
    fn what_was_changed_is_no_growth() {
        let growth = Growth { from: MIB, pieces: Some(1), again: true };
        let mut changed = grown(MIB, 10);
        changed.write(0..1);
        assert_eq!(better(growth, &changed), Plan::Put);
        let mut punched = grown(MIB, 10);
        punched.punch(5..6);
        assert_eq!(better(growth, &punched), Plan::Put);
        let mut cut = Extents::of_base(MIB);
        cut.truncate(MIB - 1);
        assert_eq!(better(growth, &cut), Plan::Put);
        // Cut off, and grown again beyond what it was.
        cut.write(MIB - 1..MIB + 1);
        assert_eq!(better(growth, &cut), Plan::Put);
        assert_eq!(better(growth, &Extents::of_base(MIB)), Plan::Nothing);
        // An empty object has nothing that could be kept.
        assert_eq!(better(Growth { from: 0, ..growth }, &grown(0, 10)), Plan::Put);
    }

    #[test]
    fn a_log_is_made_appendable() {
        let growth = Growth { from: 60 << 10, pieces: None, again: true };
        assert_eq!(better(growth, &grown(60 << 10, 1 << 10)), Plan::Put);
        assert_eq!(better(growth, &grown(60 << 10, 8 << 10)), Plan::Appendable);
        assert_eq!(better(Growth { again: false, ..growth }, &grown(60 << 10, 8 << 10)), Plan::Put);
        let large = Growth { from: 100 * MIB, ..growth };
        assert!(matches!(better(large, &grown(100 * MIB, 10)), Plan::Multipart(_)));
    }

    #[test]
    fn many_pieces_become_one() {
        let growth = Growth { from: MIB, pieces: Some(PIECES), again: true };
        assert_eq!(better(growth, &grown(MIB, 10)), Plan::Appendable);
        assert_eq!(better(Growth { again: false, ..growth }, &grown(MIB, 10)), Plan::Put);
        // Beyond one request it is left as it is.
        let large = Growth { from: 100 * MIB, ..growth };
        assert_eq!(better(large, &grown(100 * MIB, 10)), Plan::Append(100 * MIB));
    }
}
