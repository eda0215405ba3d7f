//! The order in which tables are filled.

/// `0..count`, with `earlier` before `later` for each `(later, earlier)`, and otherwise as they are; `None` if that is impossible.
pub(super) fn order(count: usize, needs: &[(usize, usize)]) -> Option<Vec<usize>> {
    let mut order: Vec<usize> = Vec::new();
    let mut has_place = vec![false; count];
    while order.len() < count {
        let ready = (0..count).find(|table| {
            let waits = |(later, earlier): &(usize, usize)| later == table && !has_place[*earlier];
            !has_place[*table] && !needs.iter().any(waits)
        })?;
        has_place[ready] = true;
        order.push(ready);
    }
    Some(order)
}

#[cfg(test)]
mod tests {
    use super::order;

    #[test]
    fn what_is_read_comes_first() {
        assert_eq!(order(3, &[]), Some(vec![0, 1, 2]));
        assert_eq!(order(4, &[(0, 2), (2, 3)]), Some(vec![1, 3, 2, 0]));
        assert_eq!(order(3, &[(0, 1), (1, 2), (2, 0)]), None);
    }
}
