//! A materialised view that nobody can read while it is computed.

use reshape_runtime::rule::Rule;
use reshape_runtime::schema::Problem;

use super::site::{Point, Site};

pub(super) fn check(site: &Site<'_>, problems: &mut Vec<Problem>) {
    let statement = site.statement();
    let Some(rest) = statement.after("refresh materialized view") else { return };
    let Some(view) = rest.name() else { return };
    let fresh = site.earlier().any(|earlier| {
        let created = earlier.after("create materialized view [if] [not] [exists]");
        created.and_then(|rest| rest.name()).is_some_and(|created| created.name == view.name)
    });
    if site.point == Point::Back || rest.begins("concurrently") || rest.has("with no data") || fresh
    {
        return;
    }
    problems.push(site.problem(
        Rule::RefreshBlocksReads,
        statement.span(),
        format!("nobody can read `{}` while it is computed anew", view.name),
        "say `REFRESH MATERIALIZED VIEW CONCURRENTLY`; it needs a unique index on the view",
    ));
}

#[cfg(test)]
mod tests {
    use crate::hazard::tests::flagged;

    #[test]
    fn it_is_found_where_it_is_certain() {
        assert_eq!(flagged("REFRESH MATERIALIZED VIEW report"), ["refresh-blocks-reads"]);
        assert_eq!(
            flagged(
                "REFRESH MATERIALIZED VIEW CONCURRENTLY report; REFRESH MATERIALIZED VIEW report WITH NO DATA"
            ),
            [""; 0]
        );
        assert_eq!(
            flagged(
                "CREATE MATERIALIZED VIEW v AS SELECT 1 WITH NO DATA; REFRESH MATERIALIZED VIEW v"
            ),
            [""; 0]
        );
    }
}
