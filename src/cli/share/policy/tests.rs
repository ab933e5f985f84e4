use super::*;

fn share<'a>(user: &'a str, prefix: &'a str, write: bool) -> Share<'a> {
    Share { bucket: "um-lab", prefix, owner: "alice_um", user, write }
}

fn statements(policy: &str) -> Vec<Value> {
    parts(Some(policy)).unwrap().1
}

#[test]
fn shares_are_merged_and_taken_out_again() {
    let foreign = r#"{"Version":"2008-10-17","Id":"x","Statement":{"Sid":"theirs","Effect":"Deny","Principal":"*","Action":"s3:DeleteBucket","Resource":"arn:aws:s3:::um-lab"}}"#;
    let one = with(Some(foreign), share("bob_wsu", "", false)).unwrap();
    assert_eq!(statements(&one).len(), 4);
    assert!(one.contains(r#""Id":"x""#) && one.contains("2008-10-17"), "{one}");
    let again = with(Some(&one), share("bob_wsu", "", false)).unwrap();
    assert_eq!(statements(&again).len(), 4, "the same share is not added twice");
    let two = with(Some(&again), share("carol_msu", "d/", true)).unwrap();
    assert_eq!(statements(&two).len(), 6, "the owner is named once");
    let Without::Policy(left) = without(Some(&two), share("bob_wsu", "", false)).unwrap() else { panic!() };
    assert!(!left.contains("bob_wsu") && left.contains("carol_msu") && left.contains("alice_um"));
    let Without::Policy(left) = without(Some(&left), share("carol_msu", "", false)).unwrap() else { panic!() };
    assert!(left.contains("theirs"), "what is not ours stays: {left}");
    assert_eq!(without(Some(&left), share("bob_wsu", "", false)).unwrap(), Without::Same);
    assert_eq!(without(None, share("bob_wsu", "", false)).unwrap(), Without::Same);
}

#[test]
fn nothing_is_left_when_the_last_share_goes() {
    let policy = with(None, share("bob_wsu", "", true)).unwrap();
    assert_eq!(without(Some(&policy), share("bob_wsu", "", true)).unwrap(), Without::Nothing);
}

#[test]
fn a_folder_is_taken_away_alone() {
    let policy = with(None, share("bob_wsu", "a/", false)).unwrap();
    let policy = with(Some(&policy), share("bob_wsu", "b/", false)).unwrap();
    let Without::Policy(left) = without(Some(&policy), share("bob_wsu", "a/", false)).unwrap() else { panic!() };
    assert!(left.contains("um-lab/b/*") && !left.contains("um-lab/a/*"), "{left}");
}

#[test]
fn others_in_the_same_statement_stay() {
    let policy = r#"{"Statement":[{"Effect":"Allow","Principal":{"AWS":["bob_wsu","arn:aws:iam::carol_msu:user/carol_msu"]},"Action":"s3:GetObject","Resource":"arn:aws:s3:::um-lab/*"}]}"#;
    let Without::Policy(left) = without(Some(policy), share("bob_wsu", "", false)).unwrap() else { panic!() };
    assert!(!left.contains("bob_wsu") && left.contains("carol_msu"), "{left}");
}

#[test]
fn never_everything_and_never_without_the_owner() {
    for write in [false, true] {
        let policy = with(None, share("bob_wsu", "d/", write)).unwrap();
        assert!(!policy.contains("s3:*") && !policy.contains("s3:PutBucketPolicy"), "{policy}");
        assert!(policy.contains("arn:aws:iam::alice_um:user/alice_um"), "{policy}");
        assert!(policy.contains("arn:aws:iam::bob_wsu:user/bob_wsu"), "{policy}");
        assert!(policy.contains(r#""s3:prefix":["d/*"]"#), "{policy}");
        let his = statements(&policy).into_iter().filter(|one| !sid(one).starts_with("OsirisfsOwner"));
        assert_eq!(his.map(|one| one.to_string()).any(|text| text.contains("PutObject\"")), write);
    }
    assert!(with(None, share("bob_wsu", "a*/", false)).is_err());
    assert!(with(Some("junk"), share("bob_wsu", "", false)).is_err());
}

#[test]
fn plain_words() {
    let policy = with(None, share("bob_wsu", "", true)).unwrap();
    assert_eq!(
        words(&policy, "um-lab").unwrap(),
        [
            "bob_wsu may list in the bucket",
            "bob_wsu may read, write, delete in all of it",
            "alice_um may read, write, delete, s3:PutObjectAcl in all of it",
        ]
    );
    let policy = with(None, share("bob_wsu", "d/", false)).unwrap();
    assert_eq!(
        words(&policy, "um-lab").unwrap()[..2],
        ["bob_wsu may list in the bucket below d/*".to_owned(), "bob_wsu may read in d/*".to_owned(),]
    );
    let open = r#"{"Statement":[{"Effect":"Deny","Principal":"*","Action":"s3:*","Resource":"arn:aws:s3:::um-lab"}]}"#;
    let said = words(open, "um-lab").unwrap();
    assert_eq!(said, ["everybody, also without a login may NOT do everything, also change this policy in the bucket"]);
}
