use super::*;

#[test]
fn copy_source_encodes_all_but_slashes() {
    for (key, wire) in [
        ("a+b", "a%2Bb"),
        ("a b", "a%20b"),
        ("100%", "100%25"),
        ("%41", "%2541"),
        ("a?b", "a%3Fb"),
        ("a#b", "a%23b"),
        ("d/é", "d/%C3%A9"),
        ("😀", "%F0%9F%98%80"),
        ("t~*x", "t~%2Ax"),
        ("=:;,@!$'()", "%3D%3A%3B%2C%40%21%24%27%28%29"),
        ("b\\s\n", "b%5Cs%0A"),
        ("/lead//x", "/lead//x"),
    ] {
        assert_eq!(copy_source("b-1", key), format!("b-1/{wire}"));
    }
}

#[test]
fn content_range() {
    assert_eq!(parse_content_range("bytes 0-9/100"), Some((0..10, 100)));
    assert_eq!(parse_content_range("bytes 99-99/100"), Some((99..100, 100)));
    for wrong in ["bytes 5-4/100", "bytes 0-100/100", "bytes */100", "bytes 0-9/*", "0-9/100", "bytes -9/100", ""] {
        assert_eq!(parse_content_range(wrong), None, "{wrong}");
    }
    assert_eq!(range_header(&(3..4)), "bytes=3-3");
}

#[test]
fn etag_of_a_multipart_upload() {
    // Two parts of "a" and "b", as Amazon and RGW compute it.
    let parts = [ETag::new("0cc175b9c0f1b6a831c399e269772661"), ETag::new("\"92eb5ffee6ae2fec3ad71c777531578f\"")];
    let joined = multipart_etag(&parts).unwrap();
    use md5::Digest;
    let raw: Vec<u8> = parts.iter().flat_map(|p| hex::decode(p.as_str()).unwrap()).collect();
    assert_eq!(joined.as_str(), format!("{}-2", hex::encode(md5::Md5::digest(raw))));
    assert_eq!(multipart_etag(&[ETag::new("not-an-md5")]), None);
}

fn grant(grantee: Grantee, permission: &str) -> Grant {
    Grant { grantee, permission: permission.into() }
}

#[test]
fn several_grantees_share_a_header() {
    let grants = [
        grant(Grantee::Id("alice_um".into()), "FULL_CONTROL"),
        grant(Grantee::Id("bob_wsu".into()), "READ"),
        grant(Grantee::Group("http://acs.amazonaws.com/groups/global/AllUsers".into()), "READ"),
        grant(Grantee::Id("carol_msu".into()), "WRITE_ACP"),
    ];
    let list = grant_headers("PutObject", &grants).unwrap();
    let expected = [
        ("x-amz-grant-full-control", "id=\"alice_um\""),
        ("x-amz-grant-read", "id=\"bob_wsu\", uri=\"http://acs.amazonaws.com/groups/global/AllUsers\""),
        ("x-amz-grant-write-acp", "id=\"carol_msu\""),
    ];
    assert_eq!(list, expected.map(|(a, b)| (a.to_owned(), b.to_owned())));
    for wrong in [grant(Grantee::Id("a\"b".into()), "READ"), grant(Grantee::Id("a".into()), "EXECUTE")] {
        assert_eq!(grant_headers("PutObject", &[wrong]).unwrap_err().kind, ErrorKind::BadRequest);
    }
}

#[test]
fn tags_are_form_encoded() {
    let tags = [("a b".to_owned(), "1&2=3".to_owned()), ("k".to_owned(), String::new())];
    assert_eq!(tagging(&tags), "a%20b=1%262%3D3&k=");
}

#[test]
fn headers_that_cannot_travel_are_refused_here() {
    let mut with = WriteHeaders::default();
    with.headers.user.insert("n".repeat(81), "v".into());
    assert_eq!(write_headers("PutObject", &with).unwrap_err().kind, ErrorKind::MetadataTooLarge);
    let mut with = WriteHeaders::default();
    with.headers.user.insert("name".into(), "two\nlines".into());
    assert_eq!(write_headers("PutObject", &with).unwrap_err().kind, ErrorKind::BadRequest);
    let mut with = WriteHeaders::default();
    with.headers.user.insert("Name".into(), "é".into());
    assert_eq!(write_headers("PutObject", &with).unwrap(), [("x-amz-meta-name".to_owned(), "é".to_owned())]);
}
