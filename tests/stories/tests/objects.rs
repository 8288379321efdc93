//! Large contents in an object store: they come back, a slow or lost store holds nobody else up and leaves nothing half done,
//! and what no row names goes away.

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use stories::matter::{PDF, answers};
use stories::{City, Client, Db, morning, on_both};

on_both!(
    large_files_lie_in_the_store,
    a_slow_store_holds_nobody_up,
    what_no_row_names_is_swept,
    the_doctor_names_what_the_store_lost,
);

const DAY: &str = "2026-11-24";
const DAYS: i64 = 24 * 60 * 60_000;

/// A store on loopback, as slow as the story wants.
#[derive(Default)]
struct Shelf {
    objects: Mutex<BTreeMap<String, Bytes>>,
    delay: AtomicU64,
    broken: AtomicBool,
}

type Shared = Arc<Shelf>;

impl Shelf {
    fn keys(&self) -> Vec<String> {
        self.objects.lock().unwrap().keys().cloned().collect()
    }
}

async fn answer(
    State(shelf): State<Shared>,
    method: Method,
    Path(key): Path<String>,
    body: Bytes,
) -> Response {
    if shelf.broken.load(Ordering::SeqCst) {
        return (StatusCode::INTERNAL_SERVER_ERROR, "broken").into_response();
    }
    // The worst kind of slow: it has taken the content in, and says so too late.
    if method == Method::PUT {
        shelf.objects.lock().unwrap().insert(key.clone(), body);
    }
    tokio::time::sleep(Duration::from_millis(shelf.delay.load(Ordering::SeqCst))).await;
    let mut objects = shelf.objects.lock().unwrap();
    match method {
        Method::PUT => StatusCode::OK.into_response(),
        Method::DELETE => {
            objects.remove(&key);
            StatusCode::NO_CONTENT.into_response()
        }
        _ => match objects.get(&key) {
            Some(found) => found.clone().into_response(),
            None => StatusCode::NOT_FOUND.into_response(),
        },
    }
}

/// A city that keeps contents of 1 KiB and more on the shelf, and waits for it one second.
async fn stored(db: Db) -> (City, Shared) {
    let shelf = Shared::default();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = axum::Router::new()
        .route("/city/{*key}", axum::routing::any(answer))
        .layer(axum::extract::DefaultBodyLimit::max(64 << 20))
        .with_state(shelf.clone());
    tokio::spawn(async move { axum::serve(listener, router).await });
    let city = City::open(db, DAY).await;
    let secret = city.place.data().join("store.secret");
    std::fs::write(&secret, "not-a-real-secret\n").unwrap();
    let settings = format!(
        "endpoint = \"http://{address}\"\nbucket = \"city\"\nkey_id = \"city\"\nsecret_file = {:?}\nfrom_kb = 1\ntimeout_seconds = 1",
        secret.display().to_string()
    );
    objects::open(&city.system(), &toml::from_str(&settings).unwrap()).unwrap();
    (city, shelf)
}

/// A document of some KiB.
fn plan() -> Vec<u8> {
    let mut pdf = PDF.to_vec();
    pdf.extend(std::iter::repeat_n(b"% lines of a plan\n".as_slice(), 2_000).flatten());
    pdf
}

async fn upload(her: &mut Client, case: &str, bytes: &[u8]) -> stories::Answer {
    let files = [("file-site-plan", "plan.pdf", bytes)];
    let mut fields = answers();
    fields.push(("action", "save"));
    her.post_multipart(&format!("/cases/{case}/form"), &fields, &files)
        .await
}

/// Id of the one file of a case.
async fn file(city: &City, case: &str) -> Option<String> {
    let sql = "SELECT id FROM cases_material WHERE case_id = $1";
    city.scalar(sql, &[case.into()]).await
}

async fn ready(city: &City) -> String {
    city.visitor().get("/readyz").await.expect(200).text().to_string()
}

async fn large_files_lie_in_the_store(db: Db) {
    let (city, shelf) = stored(db).await;
    let mut her = city.client("resident").await;
    let case = her.begin("occupy-road").await;
    let plan = plan();
    upload(&mut her, &case, &plan).await.expect(303);
    let id = file(&city, &case).await.expect("the file is kept");
    assert_eq!(shelf.keys(), [format!("cases_material/content/{id}")]);
    {
        let objects = shelf.objects.lock().unwrap();
        let body = objects.values().next().unwrap();
        let readable = body.windows(16).any(|w| plan.windows(16).next() == Some(w));
        assert!(!readable && body.len() > plan.len(), "it is sealed");
    }
    let sql = "SELECT CAST(length(content) AS BIGINT) FROM cases_material WHERE id = $1";
    let column = city.count(sql, &[id.as_str().into()]).await;
    assert!(column < 256, "the column holds a key only: {column}");
    let back = her
        .get(&format!("/cases/{case}/materials/{id}"))
        .await
        .expect(200);
    assert_eq!(back.body, plan);
    assert_eq!(city.altered().await, Vec::<String>::new());

    // A small file stays in its column, and the whole path works with the large one.
    her.hand_in(&case, &answers()).await.expect(303);
    assert_eq!(shelf.keys().len(), 1);
    city.decide(&case, "agree", "grant").await;
    city.settle().await;
    let archived: Vec<String> = shelf
        .keys()
        .into_iter()
        .filter(|k| k.starts_with("cases_archive_part/"))
        .collect();
    assert!(
        !archived.is_empty(),
        "the package of the ended case lies there too: {:?}",
        shelf.keys()
    );
    assert_eq!(city.altered().await, Vec::<String>::new());
}

async fn a_slow_store_holds_nobody_up(db: Db) {
    let (city, shelf) = stored(db).await;
    let mut her = city.client("resident").await;
    let case = her.begin("occupy-road").await;
    shelf.delay.store(4_000, Ordering::SeqCst);
    let slow = {
        let mut her = city.client("resident").await;
        let (case, plan) = (case.clone(), plan());
        tokio::spawn(async move { upload(&mut her, &case, &plan).await })
    };
    // Meanwhile the city works: others read, write and decide.
    let began = Instant::now();
    city.client("agent").await.begin("occupy-road").await;
    city.client("clerk").await.get("/work").await.expect(200);
    assert!(!slow.is_finished() || began.elapsed() > Duration::from_millis(900));

    let refused = slow.await.unwrap().expect(503);
    assert!(refused.has("文件存储暂时没有响应"), "{}", refused.text());
    assert!(
        refused.has(stories::matter::LOCATION),
        "what she typed is still there"
    );
    assert_eq!(file(&city, &case).await, None, "nothing is half done");
    assert!(ready(&city).await.contains("object-store"));

    // A store that answers with an error is the same to her.
    shelf.delay.store(0, Ordering::SeqCst);
    shelf.broken.store(true, Ordering::SeqCst);
    upload(&mut her, &case, &plan()).await.expect(503);
    assert_eq!(file(&city, &case).await, None);

    shelf.broken.store(false, Ordering::SeqCst);
    upload(&mut her, &case, &plan()).await.expect(303);
    assert!(file(&city, &case).await.is_some());
    assert!(!ready(&city).await.contains("object-store"));
    her.hand_in(&case, &answers()).await.expect(303);
}

/// What the hourly job does.
async fn sweep(city: &City) {
    let mut commands = city.app.modules.iter().flat_map(|m| &m.commands);
    let command = commands.find(|c| c.name == "objects").unwrap();
    (command.run)(city.system(), vec!["sweep".into()]).await.unwrap();
}

async fn what_no_row_names_is_swept(db: Db) {
    let (city, shelf) = stored(db).await;
    let mut her = city.client("resident").await;
    let case = her.begin("occupy-road").await;
    // One upload that came too late for her, one that she took back, one that stays.
    shelf.delay.store(1_500, Ordering::SeqCst);
    upload(&mut her, &case, &plan()).await.expect(503);
    shelf.delay.store(0, Ordering::SeqCst);
    upload(&mut her, &case, &plan()).await.expect(303);
    let gone = file(&city, &case).await.unwrap();
    let mut fields = answers();
    let action = format!("remove:{gone}");
    fields.push(("action", &action));
    her.post_multipart(&format!("/cases/{case}/form"), &fields, &[])
        .await
        .expect(303);
    assert_eq!(file(&city, &case).await, None);
    let mut another = plan();
    another.push(b'\n');
    upload(&mut her, &case, &another).await.expect(303);
    let stays = format!("cases_material/content/{}", file(&city, &case).await.unwrap());
    assert_eq!(shelf.keys().len(), 3);

    sweep(&city).await;
    assert_eq!(shelf.keys().len(), 3, "neither is old enough");
    city.clock.set(morning(DAY) + 2 * DAYS);
    sweep(&city).await;
    let left = shelf.keys();
    assert_eq!(left.len(), 2, "the abandoned one went: {left:?}");
    assert!(
        left.iter().any(|k| k.ends_with(&gone)),
        "a restored backup may still name what she took back"
    );
    city.clock.set(morning(DAY) + 32 * DAYS);
    sweep(&city).await;
    assert_eq!(shelf.keys(), [stays]);
}

async fn the_doctor_names_what_the_store_lost(db: Db) {
    let (city, shelf) = stored(db).await;
    let mut her = city.client("resident").await;
    let case = her.begin("occupy-road").await;
    upload(&mut her, &case, &plan()).await.expect(303);
    let id = file(&city, &case).await.unwrap();
    let address = format!("/cases/{case}/materials/{id}");
    let key = shelf.keys().remove(0);

    // Another content in its place is never given out.
    let kept = shelf
        .objects
        .lock()
        .unwrap()
        .insert(key.clone(), Bytes::from_static(b"something else"))
        .unwrap();
    her.get(&address).await.expect(500);
    let named = city.altered().await;
    assert!(named.iter().any(|f| f.contains(&key)), "{named:?}");

    shelf.objects.lock().unwrap().remove(&key);
    her.get(&address).await.expect(500);
    let named = city.altered().await;
    assert!(
        named
            .iter()
            .any(|f| f.contains(&key) && f.contains("does not have it")),
        "{named:?}"
    );

    shelf.objects.lock().unwrap().insert(key, kept);
    her.get(&address).await.expect(200);
    assert_eq!(city.altered().await, Vec::<String>::new());
}
