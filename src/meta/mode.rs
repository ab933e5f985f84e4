//! `st_mode` in headers: a number whose base is not said.

use super::Kind;

/// Type bits of `st_mode` (`S_IFMT`).
const TYPES: [(u32, Kind); 7] = [
    (0o010000, Kind::Fifo),
    (0o020000, Kind::CharDevice),
    (0o040000, Kind::Dir),
    (0o060000, Kind::BlockDevice),
    (0o100000, Kind::File),
    (0o120000, Kind::Symlink),
    (0o140000, Kind::Socket),
];

/// What a mode header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mode {
    /// `None`: permission bits only.
    pub kind: Option<Kind>,
    /// `0o7777`.
    pub bits: u32,
}

impl Mode {
    fn of(number: u32) -> Option<Mode> {
        let (kind, bits) = (number & !0o7777, number & 0o7777);
        if kind == 0 {
            // "0" is what programs write that know no mode.
            return (bits != 0).then_some(Mode { kind: None, bits });
        }
        TYPES.iter().find(|(value, _)| *value == kind).map(|(_, kind)| Mode { kind: Some(*kind), bits })
    }

    /// Whether somebody would set these bits: no more for others than for the group, no more for it than for the owner.
    fn is_likely(self) -> bool {
        let (owner, group, others) = (self.bits >> 6, self.bits >> 3 & 7, self.bits & 7);
        owner <= 7 && group & !owner == 0 && others & !group == 0
    }

    /// Reads decimal (s3fs, s3cmd, mc, GeeseFS) and octal (rclone, FSx; people by hand).
    ///
    /// A leading zero means octal, as it does for s3fs. Otherwise the number is decimal if that gives a file type, else
    /// octal if that does (`100644`); of numbers without a type (`644`, `420`) the likelier reading counts, decimal first.
    pub(super) fn from_header(text: &str) -> Option<Mode> {
        let text = text.trim();
        let octal = |digits| u32::from_str_radix(digits, 8).ok().and_then(Mode::of);
        if let Some(digits) = text.strip_prefix("0o").or_else(|| text.strip_prefix('0')) {
            return octal(digits);
        }
        let decimal = text.parse().ok().and_then(Mode::of);
        let readings = || [decimal, octal(text)].into_iter().flatten();
        let typed = readings().find(|mode| mode.kind.is_some());
        let likely = || readings().find(|mode| mode.is_likely());
        typed.or_else(likely).or(decimal)
    }
}

/// `st_mode` as s3fs writes it: decimal, with the type.
pub(super) fn to_header(kind: Kind, bits: u32) -> String {
    let value = TYPES.iter().find(|(_, of)| *of == kind).map_or(0, |(value, _)| *value);
    (value | bits & 0o7777).to_string()
}
