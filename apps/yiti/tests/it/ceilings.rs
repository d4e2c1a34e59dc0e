//! The head of a clinical department says why a share is what it is, and the quality officer reads it.

use axum::http::StatusCode;
use yiti_kernel::Lang;
use yiti_store::{args, sql};

use crate::pages::world;

#[tokio::test(flavor = "multi_thread")]
async fn the_head_of_a_department_justifies_a_share_and_the_officer_reads_it() {
    let world = world().await;
    let chief = world.sign_in("chief");
    // The last month in which the own department discharged someone.
    let sql = sql!(
        "select s.department, substr(max(s.discharged_on), 1, 7) as month, count(*) as stays
         from drg_stay s join post p on p.institution_id = s.institution_id
         join department d on d.id = p.department_id and d.name = s.department
         where p.id = $1 and s.status = 'final' group by s.department"
    );
    let row = world.platform.store.read().await.unwrap().one(sql, args![chief.post.0]).await.unwrap();
    let (department, month): (String, String) = (row.get("department").unwrap(), row.get("month").unwrap());
    assert!(row.get::<i64>("stays").unwrap() > 3, "the department occurs on the pages");

    let token = world.token(chief, Lang::En).await;
    let path = format!("/drg/ceilings?month={month}");
    let (status, page) = world.get(&path, &token).await;
    assert_eq!(status, StatusCode::OK);
    assert!(page.contains(&department) && page.contains("#reason"), "the own department and the way to say why");
    let others = ["\u{9aa8}\u{79d1}", "\u{5fc3}\u{5185}\u{79d1}"];
    assert!(others.iter().all(|other| !page.contains(other)), "no other department");

    let form = format!(
        "month={month}&institution={}&department={}&kind=drug&reason=Many+severe+cases",
        chief.institution,
        yiti_web::query(&[("d", department.as_str())]).trim_start_matches("?d="),
    );
    let (status, said) = world.post("/drg/ceilings", &token, form).await;
    assert_eq!(status, StatusCode::SEE_OTHER, "{said}");
    for login in ["chief", "quality"] {
        let token = world.token(world.sign_in(login), Lang::En).await;
        let (status, page) = world.get(&path, &token).await;
        assert!(status == StatusCode::OK && page.contains("Many severe cases"), "{login} reads it");
    }
}
