//! Names, numbers, flags, headers and templates.

use super::*;

#[tokio::test]
async fn a_word_that_may_be_either_part_is_no_first_name_beside_one_that_is_known() {
    let app = receiver().await;
    for (id, last, full) in
        [("a", "Jansen", "Jansen"), ("b", "Jansen", "Jansen Piet"), ("c", "O'Neil", "O'Neil Piet")]
    {
        let email = format!("piet.jansen{id}@example.org");
        let data = json!({"id": id, "firstName": "Piet", "lastName": last, "email": email, "updatedAt": ago(7)});
        omniotap(&app, "contact", "created", json!({"event_id": id, "occurred_at": ago(7)}), data)
            .await;
        omneo(&app, "profile.updated", json!({"id": format!("p-{id}"), "full_name": full, "email": email, "updated_at": ago(1)})).await;
        let found = customer(
            &app,
            &format!("channelAddressType=email&address=piet.jansen{id}%40example.org"),
        )
        .await
        .unwrap();
        assert_eq!(
            (&found["customerFirstname"], &found["customerLastname"]),
            (&json!("Piet"), &json!(last)),
            "{full}"
        );
    }
    // If no part of the name is certain, a guessed part is better than none.
    omneo(&app, "profile.updated", json!({"id": "p-d", "full_name": "Anna Smit", "email": "anna@example.org", "updated_at": ago(1)})).await;
    let found =
        customer(&app, "channelAddressType=email&address=anna%40example.org").await.unwrap();
    assert_eq!(
        (&found["customerFirstname"], &found["customerLastname"]),
        (&json!("Anna"), &json!("Smit"))
    );
    app.stop().await;
}

#[tokio::test]
async fn a_country_is_the_numbers_own_or_the_number_is_nothing() {
    let app = receiver().await;
    for (n, (country, found)) in [
        (json!("BEL"), Some("+32475120001")),
        (json!("be"), Some("+32475120002")),
        (json!("Belgium"), Some("+32475120003")),
        (json!("België"), Some("+32475120004")),
        (json!("32"), Some("+32475120005")),
        (json!("+32"), Some("+32475120006")),
        (json!("056"), Some("+32475120007")),
        (json!("nl-BE"), Some("+32475120008")),
        (json!("Narnia"), None),
        (json!("XX"), None),
        (json!("Europe"), None),
        (json!("ÑL"), None),
        (json!(true), None),
        (json!(["BE"]), Some("+32475120014")),
        (json!({"iso2": "BE"}), None),
    ]
    .into_iter()
    .enumerate()
    {
        let (id, number) = (format!("p-{n}"), format!("0475 12 00 {:02}", n + 1));
        omneo(
            &app,
            "profile.created",
            json!({"id": id, "first_name": "Anna", "mobile_phone": number, "mobile_phone_country": country, "updated_at": ago(1)}),
        )
        .await;
        let phones: Vec<Value> =
            customer(&app, &format!("primaryID={id}")).await.unwrap()["addresses"]
                .as_array()
                .unwrap()
                .clone();
        let expected: Vec<Value> = found
            .into_iter()
            .map(|number| json!({"address": number, "type": "telephone"}))
            .collect();
        assert_eq!(phones, expected, "{country}");
    }
    // The digits of a national number are a number of another country: `612349980` would be Australian.
    let numbers = json!({"id": "p-91", "mobile_phone": "0612349980", "mobile_phone_e164": "612349980", "updated_at": ago(1)});
    omneo(&app, "profile.created", numbers).await;
    assert_eq!(
        customer(&app, "primaryID=p-91").await.unwrap()["addresses"],
        json!([{"address": "+31612349980", "type": "telephone"}])
    );
    // The country also applies to the other number.
    let body = json!({"id": "p-90", "first_name": "Anna", "secondary_phone": "020 7946 0018", "mobile_phone_country": "UK", "updated_at": ago(1)});
    omneo(&app, "profile.created", body).await;
    assert!(
        customer(&app, "channelAddressType=phoneNumber&address=%2B442079460018").await.is_some()
    );
    app.stop().await;
}

#[tokio::test]
async fn numbers_are_shown_and_found_in_the_digits_that_they_were_sent_in() {
    let settings = TestSettings::demo().custom_field("points", "{{ omneo.points }}");
    let app = receiver_with(settings).await;
    for (n, points) in
        ["9007199254740993", "89314404000123456701", "89314404000123456702", "1e400", "12.5"]
            .into_iter()
            .enumerate()
    {
        let body = format!(
            "{{\"id\": \"p-{n}\", \"first_name\": \"Anna\", \"point_balance\": {points}, \"updated_at\": \"{}\"}}",
            ago(1)
        );
        deliver(
            &app,
            UnsignedWebhook::new(Source::Omneo, 0, body).with("x-omneo-event", "profile.created"),
        )
        .await;
        assert_eq!(
            custom_field(&customer(&app, &format!("primaryID=p-{n}")).await.unwrap(), "points")
                .as_deref(),
            Some(points)
        );
    }
    for (id, asked) in [
        ("89314404000123456701", "89314404000123456701"),
        ("770002.0", "770002"),
        ("89314404000123456702", "89314404000123456702"),
    ] {
        let body = format!(
            "{{\"id\": {id}, \"first_name\": \"N{asked}\", \"updated_at\": \"{}\"}}",
            ago(1)
        );
        deliver(
            &app,
            UnsignedWebhook::new(Source::Omneo, 0, body).with("x-omneo-event", "profile.created"),
        )
        .await;
        assert_eq!(
            customer(&app, &format!("primaryID={asked}")).await.unwrap()["customerFirstname"],
            format!("N{asked}")
        );
    }
    let purchase = json!({"id": 5, "profile_id": 770_002, "order_number": 100_698_768.0, "transacted_at": ago(1), "updated_at": ago(1)});
    omneo(&app, "transaction.created", purchase).await;
    for asked in ["100698768", "100698768.0"] {
        assert_eq!(
            customer(&app, &format!("primaryID={asked}")).await.unwrap()["customerID"],
            "770002",
            "{asked}"
        );
    }
    app.stop().await;
}

#[tokio::test]
async fn programs_say_no_in_many_ways() {
    let settings = TestSettings::demo()
        .brand(|brand| brand.reference_ids.push("omneo.identity.card".to_owned()));
    let app = receiver_with(settings).await;
    for (n, (active, finds)) in [
        (json!(0), false),
        (json!("0"), false),
        (json!("false"), false),
        (json!("N"), false),
        (json!(false), false),
        (json!("perhaps"), false),
        (json!(1), true),
        (json!("Y"), true),
        (json!(null), true),
    ]
    .into_iter()
    .enumerate()
    {
        omneo(
            &app,
            "profile.created",
            json!({"id": format!("p-{n}"), "first_name": "Anna", "updated_at": ago(2)}),
        )
        .await;
        let identity = json!({"profile_id": format!("p-{n}"), "handle": "card", "identifier": format!("CARD{n}"), "is_active": active, "updated_at": ago(1)});
        omneo(&app, "identity.created", identity).await;
        assert_eq!(
            customer(&app, &format!("primaryID=CARD{n}")).await.is_some(),
            finds,
            "{active}"
        );
        let purchase = json!({"id": format!("t-{n}"), "profile_id": format!("p-{n}"), "total": 5, "currency": "EUR", "is_void": active, "transacted_at": ago(1), "updated_at": ago(1)});
        omneo(&app, "transaction.created", purchase).await;
        let message =
            customer(&app, &format!("primaryID=p-{n}")).await.unwrap()["timeline"][0]["message"]
                .as_str()
                .unwrap()
                .to_owned();
        let is_void = active == json!(1) || active == json!("Y");
        assert_eq!(message.ends_with("(void)"), is_void, "{active}: {message}");
    }
    app.stop().await;
}

#[tokio::test]
async fn a_header_in_two_lines_is_one_list_and_a_packed_body_is_refused() {
    let app = receiver().await;
    let body = json!({"type": "feedback.submitted.v1", "timestamp": ago(1), "data": {"external_id": "x-1", "comment": "hi"}});
    let sent = UnsignedWebhook::new(Source::OmniLab, 1, body.to_string())
        .signed_with(&secret_of(Source::OmniLab), app.clock.now());
    let right = sent.header("webhook-signature").unwrap().to_owned();
    for lines in [
        ["v1,AAAA", right.as_str()],
        [right.as_str(), "v1,AAAA"],
        [right.as_str(), right.as_str()],
        ["v1a,AAAA", right.as_str()],
    ] {
        let mut two = sent.without("webhook-signature");
        two.headers.extend(lines.map(|line| ("webhook-signature".to_owned(), line.to_owned())));
        assert_eq!(two.to(&app).await.status, 202, "{lines:?}");
    }
    for (encoding, status) in
        [("gzip", 415), ("br", 415), ("identity, gzip", 415), ("identity", 202), ("", 202)]
    {
        let response = sent.with("content-encoding", encoding).to(&app).await;
        assert_eq!(response.status, status, "{encoding}: {}", response.head);
        assert_eq!(response.header("accept-encoding"), (status == 415).then_some("identity"));
    }
    app.stop().await;
}

#[tokio::test]
async fn a_template_that_fails_is_counted_logged_once_and_named() {
    // The second one would be `inf`, the third one `NaN`.
    let settings = TestSettings::demo()
        .custom_field("favoriteColor", "{{ 7 // omneo.points }}")
        .custom_field("loyaltyTier", "{{ (7 / omneo.points) | round }}")
        .custom_field("customerSince", "{{ (omneo.points / omneo.points) | number }}");
    let app = receiver_with(settings).await;
    for points in [0, 7, 0, 0] {
        app.clock.set(app.clock.now() + 1.second());
        let at = app.clock.now().to_string();
        omneo(&app, "profile.updated", json!({"id": "p-1", "first_name": "Anna", "point_balance": points, "gender": points, "updated_at": at})).await;
        let found = customer(&app, "primaryID=p-1").await.unwrap();
        assert_eq!(
            custom_field(&found, "favoriteColor"),
            (points == 7).then(|| "1".to_owned()),
            "{found}"
        );
        assert_eq!(
            custom_field(&found, "loyaltyTier"),
            (points == 7).then(|| "1.0".to_owned()),
            "{found}"
        );
        assert_eq!(
            custom_field(&found, "customerSince"),
            (points == 7).then(|| "1".to_owned()),
            "{found}"
        );
        assert_eq!(
            custom_field(&found, "points"),
            Some(points.to_string()),
            "everything else is shown"
        );
    }
    let explanation =
        explain(&mut app.pool().acquire().await.unwrap(), &app.brand, "omneo.profile:p-1")
            .await
            .unwrap()
            .unwrap();
    assert_eq!(
        explanation.failed_templates.iter().collect::<Vec<_>>(),
        ["custom_fields.1.value", "custom_fields.2.value", "custom_fields.3.value"]
    );
    let text = logs().text();
    let warnings = text
        .lines()
        .filter(|line| line.contains("template failed") && line.contains("custom_fields.2.value"));
    assert_eq!(warnings.count(), 1, "once, not for every customer");
    let metrics = hookpoint::telemetry::metrics().render();
    assert!(metrics.lines().any(|line| line.starts_with("hookpoint_template_failures_total{")
        && line.contains("custom_fields.2.value")));
    app.stop().await;
}

#[tokio::test]
async fn what_is_no_number_is_not_shown_as_one_and_takes_nothing_else_away() {
    let app = receiver().await;
    omneo(
        &app,
        "profile.created",
        json!({"id": "p-1", "first_name": "Anna", "updated_at": ago(7)}),
    )
    .await;
    for (n, (total, currency, message)) in [
        (json!(5), json!(978), "EUR 5.00"),
        (json!("12.50"), json!("EUR"), "EUR 12.50"),
        (json!(true), json!(true), "Purchase"),
        (json!([5]), json!("EUR"), "Purchase"),
        (json!("NaN"), json!("EUR"), "Purchase"),
        (json!("undefined"), json!("undefined"), "Purchase"),
        (json!("free"), json!("EUR"), "Purchase"),
        (json!(5), json!("n/a"), "5.00"),
        (json!(5), json!("J\u{200b}PY"), "JPY 5"),
        (json!("0.00012345"), json!("BTC"), "BTC 0.00012345"),
    ]
    .into_iter()
    .enumerate()
    {
        let (id, sent) = (format!("t-{n}"), format!("{total} {currency}"));
        let purchase = json!({"id": id, "profile_id": "p-1", "total": total, "currency": currency, "transacted_at": ago(2), "updated_at": ago(2)});
        omneo(&app, "transaction.created", purchase).await;
        let found = customer(&app, "primaryID=p-1").await.unwrap();
        let events = found["timeline"].as_array().unwrap();
        let shown = events
            .iter()
            .find(|event| event["externalID"] == id.as_str())
            .unwrap_or_else(|| panic!("{sent} is not shown"));
        let text = shown["message"].as_str().unwrap();
        assert!(text.contains(message), "{sent}: {text}");
        for nothing in ["True", "true", "NaN", "undefined", "free", "[5]", "n/a"] {
            assert!(!text.contains(nothing), "{sent}: {text}");
        }
    }
    app.stop().await;
}
