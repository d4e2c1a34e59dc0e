//! The synthetic year of discharges is what a county group treats: nearly all of it groups, some of it is wrong.

use yiti::demo;
use yiti_store::{args, sql};

use crate::pages::world_of;

#[tokio::test(flavor = "multi_thread")]
async fn the_demonstration_groups_and_prices_nearly_every_stay() {
    let world = world_of(demo::Size { residents: 250, readings: 0, stays: 1_400 }).await;
    let mut reader = world.platform.store.read().await.unwrap();
    let row = reader
        .one(
            sql!(
                "select count(*) as n, count(distinct drg) as groups, count(distinct institution_id) as institutions,
                     count(*) filter (where outcome in ('ungrouped', 'ambiguous')) as ungrouped,
                     count(*) filter (where complication <> 'none') as complicated,
                     count(*) filter (where finding_count > 0) as findings,
                     count(*) filter (where refusing_count > 0) as refusing,
                     count(pay) as priced, count(*) filter (where cost > pay) as losses,
                     count(*) filter (where status = 'draft') as drafts, count(*) filter (where is_dead = 1) as dead
                 from drg_stay"
            ),
            args![],
        )
        .await
        .unwrap();
    let count = |name: &str| row.get::<i64>(name).unwrap();
    let all = count("n");
    assert_eq!((all, count("drafts"), count("institutions")), (1425, 25, 7));
    assert!(count("ungrouped") * 100 < all * 3, "{} of {all} have no group", count("ungrouped"));
    assert!(count("groups") > 80, "only {} groups", count("groups"));
    assert!(count("priced") * 100 > all * 90, "only {} are priced", count("priced"));
    assert!(count("complicated") * 10 > all, "only {} have a complication", count("complicated"));
    let losses = count("losses") * 100 / all;
    assert!((25..=75).contains(&losses), "{losses} % lose");
    let (flawed, refusing) = (count("findings"), count("refusing"));
    assert!(flawed > 3 && refusing > 0 && refusing * 10 < all, "flaws are rare and there: {flawed}, {refusing}");
    assert!(count("dead") > 0 && count("dead") * 100 < all * 3);
    let flawed = reader
        .one(sql!("select count(*) as n from drg_stay where finding_count > 0 and status = 'final'"), args![])
        .await
        .unwrap();
    assert!(flawed.get::<i64>("n").unwrap() > 3);
}
