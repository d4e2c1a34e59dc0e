//! Which role may use which route, as a reviewed list. A change of a role or a route shows here.

use yiti_web::Access;

#[test]
fn the_permission_matrix_is_the_reviewed_one() {
    let definitions = yiti::definitions::load(None).unwrap_or_else(|faults| panic!("{faults:?}"));
    let mut routes: Vec<_> = yiti::site::slices().iter().flat_map(|slice| slice.routes().to_vec()).collect();
    routes.sort_by_key(|route| (route.path, route.method));
    let mut lines = Vec::new();
    for route in &routes {
        let who = match route.access {
            Access::Public => "anyone".to_owned(),
            Access::SignedIn => "whoever is signed in".to_owned(),
            Access::Permission(permission) => {
                let may = |role: &&yiti_directory::Role| role.permissions.contains(permission);
                let roles: Vec<&str> = definitions.roles.iter().filter(may).map(|role| role.id.as_str()).collect();
                assert!(!roles.is_empty(), "{} {} is open to no role", route.method, route.path);
                format!("{permission}: {}", roles.join(" "))
            }
        };
        lines.push(format!("{:<5}{:<52}{who}", route.method, route.path));
    }
    insta::assert_snapshot!("permission_matrix", lines.join("\n"));
}

#[test]
fn no_clinical_page_is_open_to_the_it_administrator() {
    let definitions = yiti::definitions::load(None).unwrap_or_else(|faults| panic!("{faults:?}"));
    let administrator = definitions.roles.get("it_administrator").unwrap();
    let clinical =
        |permission: &&String| ["diagnostics.", "patient.", "drg."].iter().any(|area| permission.starts_with(area));
    assert_eq!(administrator.permissions.iter().filter(clinical).count(), 0);
}
