use scim::message::{LIST, SEARCH, Search, list};
use scim::resources::{configuration, schemas, types};
use scim::{Error, ScimType};
use serde_json::{Value, json};

#[test]
fn an_error_has_the_form_of_the_standard() {
    let body = Error::taken("userName: is taken").body();
    assert_eq!(
        body,
        json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:Error"], "status": "409", "scimType": "uniqueness", "detail": "userName: is taken" })
    );
    assert_eq!(Error::new(404, "x").body().get("scimType"), None);
}

#[test]
fn a_search_is_read_from_a_query_and_from_a_body() {
    let query = [
        ("filter", "userName eq \"a\""),
        ("startIndex", "3"),
        ("count", "5000"),
        ("sortBy", "userName"),
        ("sortOrder", "descending"),
        ("attributes", "userName,active"),
        ("other", "x"),
    ];
    let body = json!({ "schemas": [SEARCH], "Filter": "userName eq \"a\"", "startIndex": 3, "count": 5000, "sortBy": "userName", "sortOrder": "descending", "attributes": ["userName", "active"] });
    let search = Search::query(query).unwrap();
    assert_eq!(search, Search::body(&body).unwrap());
    assert_eq!((search.start, search.count), (3, 200));
    let edge = Search::query([("startIndex", "-4"), ("count", "-1"), ("filter", "")]).unwrap();
    assert_eq!((edge.start, edge.count, edge.filter), (1, 0, None));
    let all = Search::query([]).unwrap();
    assert_eq!(all.page(vec![1, 2, 3]), [1, 2, 3]);
    assert_eq!(
        Search {
            start: 2,
            count: 1,
            ..all
        }
        .page(vec![1, 2, 3]),
        [2]
    );
    for (bad, why) in [
        (("filter", "userName"), ScimType::InvalidFilter),
        (("count", "x"), ScimType::InvalidValue),
        (("sortBy", "a b"), ScimType::InvalidPath),
    ] {
        assert_eq!(Search::query([bad]).unwrap_err().scim_type, Some(why));
    }
    assert!(Search::body(&json!({ "filter": "id pr" })).is_err());
    assert!(Search::body(&json!({ "schemas": [SEARCH], "count": {} })).is_err());
}

#[test]
fn the_documents_of_discovery_are_whole() {
    let base = "https://city.test/scim/v2";
    let ids: Vec<&str> = schemas().iter().map(|s| s.id).collect();
    for t in types() {
        let d = t.document(base);
        assert!(ids.contains(&d["schema"].as_str().unwrap()));
        assert!(
            d["schemaExtensions"]
                .as_array()
                .unwrap()
                .iter()
                .all(|e| ids.contains(&e["schema"].as_str().unwrap()))
        );
        assert_eq!(d["meta"]["location"], format!("{base}/ResourceTypes/{}", t.name));
    }
    fn check(a: &Value) {
        for field in [
            "name",
            "type",
            "multiValued",
            "description",
            "required",
            "mutability",
            "returned",
        ] {
            assert!(a.get(field).is_some_and(|v| v != ""), "{field} of {a}");
        }
        assert_eq!(a["type"] == "complex", a.get("subAttributes").is_some());
        a["subAttributes"]
            .as_array()
            .into_iter()
            .flatten()
            .for_each(check);
    }
    for s in schemas() {
        s.document(base)["attributes"]
            .as_array()
            .unwrap()
            .iter()
            .for_each(check);
    }
    let c = configuration(base);
    assert_eq!(
        (
            &c["patch"]["supported"],
            &c["bulk"]["supported"],
            &c["filter"]["maxResults"]
        ),
        (&json!(true), &json!(false), &json!(200))
    );
    let l = list(7, 2, vec![json!({})]);
    assert_eq!(
        l,
        json!({ "schemas": [LIST], "totalResults": 7, "itemsPerPage": 1, "startIndex": 2, "Resources": [{}] })
    );
}
