//! Dice that fall the same way each time, and names and values as SQL and TOML.

/// A value; `None` is NULL.
pub(crate) type Cell = Option<String>;

/// `SplitMix64`.
#[derive(Debug)]
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self, below: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % (below.max(1) as u64)).expect("less than `below`")
    }

    pub(crate) fn chance(&mut self, percent: usize) -> bool {
        self.next(100) < percent
    }

    pub(crate) fn pick<'a, T>(&mut self, list: &'a [T]) -> Option<&'a T> {
        list.get(self.next(list.len()))
    }
}

pub(crate) fn q(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

pub(crate) fn literal(cell: &Cell) -> String {
    cell.as_ref().map_or_else(|| String::from("NULL"), |t| format!("'{}'", t.replace('\'', "''")))
}

/// A TOML string.
pub(crate) fn s(text: &str) -> String {
    format!("{text:?}")
}
