//! Commands about customers, beside the service.

use super::*;

/// Two people whom a source reported, and one delivery about each.
fn insert_people(scratch: &Scratch) {
    let socket = scratch.0.join("data/run");
    let insert = async {
        let options = sqlx::postgres::PgConnectOptions::new()
            .socket(socket)
            .username("hookpoint")
            .database("postgres");
        let pool = sqlx::PgPool::connect_with(options).await.unwrap();
        for (id, first) in [("crm-1", "Anna"), ("crm-2", "Bert")] {
            let value =
                |value: &str| serde_json::json!({"at": "2026-01-01T00:00:00Z", "value": value});
            let mail = format!("{}@example.org", first.to_lowercase());
            let fields = serde_json::json!({"name.first": value(first), "email.main": value(&mail), "phone.main": value("+31612312311")});
            let state = serde_json::json!({"fields": fields, "first_at": "2026-01-01T00:00:00Z", "asserted_at": "2026-01-01T00:00:00Z"});
            let insert = "insert into records select brand_id, 'omniotap.contact:' || $1, $2::json, true from brands";
            sqlx::query(insert).bind(id).bind(state.to_string()).execute(&pool).await.unwrap();
            let insert =
                "insert into deliveries (brand_id, delivery_id, source, event, headers, body, received_at, priority, state, due_at, finished_at)
                select brand_id, gen_random_uuid(), 'omniotap', 'contact.created', '{}', $1, now(), 1, 'dead', now(), now() from brands";
            sqlx::query(insert)
                .bind(format!("not json {mail} <script>").into_bytes())
                .execute(&pool)
                .await
                .unwrap();
        }
        pool.close().await;
    };
    tokio::runtime::Runtime::new().unwrap().block_on(insert);
}

#[test]
fn customers_are_exported_erased_and_taken_back_beside_the_service() {
    let scratch = Scratch::new();
    let suppression_file = scratch.0.join("suppressions.jsonl");
    let settings = scratch.settings(&format!("[erasure]\nsuppression_file = {suppression_file:?}"));
    let service = Running::serve(&settings);
    let key = key_of(&settings);
    insert_people(&scratch);
    let run = |arguments: &[&str]| {
        let output = run(&settings, arguments);
        (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
    };
    assert_eq!(run(&["rebuild"]).0, 0);
    let lookup = |email: &str| {
        let query = format!("key={key}&channelAddressType=email&address={email}");
        let response = service.ask(&query);
        response.split_once("\r\n\r\n").unwrap().1.to_owned()
    };
    assert!(lookup("anna%40example.org").contains("Anna"));
    let bert = lookup("bert%40example.org");
    let (code, out, _) = run(&["lookup", "--id", "omniotap.contact:crm-2"]);
    assert!(code == 0 && out.contains("bert@example.org"), "{out}");
    // Whom it is about must be one.
    let several: [&[&str]; 2] = [&["export"], &["erase", "--yes"]];
    for command in several {
        let arguments = [&["customer"], command, &["--phone", "06-12312311"]].concat();
        let (code, out, error) = run(&arguments);
        assert_eq!((code, out.as_str()), (1, ""), "an export may go to a file");
        for said in ["anna@example.org", "key         omniotap.contact:crm-2", "with --id"] {
            assert!(error.contains(said), "{error}");
        }
    }
    assert_eq!(
        run(&["customer", "erase", "--email", "nobody@example.org", "--yes"]),
        (
            4,
            String::new(),
            "hookpoint: no customer and no deleted record has this address or id\n".to_owned()
        )
    );
    let (code, out, error) = run(&["customer", "erase", "--email", "anna@example.org"]);
    assert!(code == 2 && out.contains("Anna") && error.contains("add --yes"), "{out}{error}");
    assert!(lookup("anna%40example.org").contains("Anna") && !suppression_file.exists());

    let (code, out, _) = run(&["customer", "export", "--email", "anna@example.org"]);
    let export: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, export["records"][0]["key"].as_str()), (0, Some("omniotap.contact:crm-1")));
    assert_eq!(
        export["records"][0]["state"]["fields"]["name.first"],
        serde_json::json!({"at": "2026-01-01T00:00:00Z", "value": "Anna"})
    );
    assert_eq!(export["deliveries"].as_array().map(Vec::len), Some(1));
    assert_eq!(export["deliveries"][0]["body"], "not json anna@example.org <script>");

    let (code, page, _) =
        run(&["customer", "export", "--email", "anna@example.org", "--format", "html"]);
    assert_eq!(code, 0);
    for shown in [
        "<!doctype html>",
        "<h1>Your data</h1>",
        "<dd>anna@example.org, +31612312311</dd>",
        "not json anna@example.org",
    ] {
        assert!(page.contains(shown), "{shown}: {page}");
    }
    assert!(!page.contains("<script") && !page.contains("src="), "{page}");
    assert!(page.contains("&lt;script&gt;"), "markup of a source is text: {page}");

    let (code, out, error) =
        run(&["customer", "erase", "--id", "omniotap.contact:crm-1", "--yes", "--by", "Femke"]);
    assert_eq!((code, error.as_str()), (0, ""));
    let receipt = out.split_once("Erased.").unwrap().1;
    assert!(
        receipt.contains("records         1\n")
            && receipt.contains("deliveries      1\n")
            && receipt.contains("brand           shop\n"),
        "{out}"
    );
    assert!(
        !receipt.contains("anna") && !receipt.contains("Anna") && !receipt.contains("crm-1"),
        "{out}"
    );
    let deadline = Instant::now() + Duration::from_secs(60);
    while lookup("anna%40example.org") != "[]" {
        assert!(Instant::now() < deadline, "still remembered");
    }
    assert_eq!(lookup("bert%40example.org"), bert);
    assert!(!std::fs::read_to_string(&suppression_file).unwrap().contains("anna"));

    let (code, out, _) = run(&["customer", "erasures"]);
    assert_eq!(code, 0);
    assert!(
        out.contains("by       Femke") && out.contains("1 record, 0 events, 1 delivery"),
        "{out}"
    );
    assert!(!out.contains("anna") && !out.contains("crm-1"), "{out}");

    let (_, out, _) = run(&["lookup", "--email", "anna@example.org", "--why"]);
    assert!(out.contains("A person with it was erased"), "{out}");
    assert_eq!(run(&["customer", "revoke-erasure", "--email", "bert@example.org"]).0, 4);
    assert_eq!(run(&["customer", "revoke-erasure", "--email", "anna@example.org"]).0, 0);
    assert_eq!(
        run(&["customer", "export", "--email", "anna@example.org"]),
        (
            4,
            String::new(),
            "hookpoint: no customer and no deleted record has this address or id\n".to_owned()
        )
    );
}
