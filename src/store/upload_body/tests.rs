use super::*;
use http_body_util::BodyExt;
use std::io::Write;

fn mixed() -> (Body, Vec<u8>) {
    let mut file = tempfile::tempfile().unwrap();
    let content: Vec<u8> = (0..3_000_000_u32).map(|n| (n % 251) as u8).collect();
    file.write_all(&content).unwrap();
    let mut body = Body::new();
    body.push(Segment::Bytes(Bytes::new()));
    body.push(Segment::Bytes(Bytes::from_static(b"head")));
    body.push(Segment::File { file: Arc::new(file), offset: 7, len: 2_500_000 });
    body.push(Segment::Zeros(700_000));
    body.push(Segment::Zeros(0));
    body.push(Segment::Bytes(Bytes::from_static(b"tail")));
    let mut plain = b"head".to_vec();
    plain.extend_from_slice(&content[7..2_500_007]);
    plain.resize(plain.len() + 700_000, 0);
    plain.extend_from_slice(b"tail");
    (body, plain)
}

#[tokio::test]
async fn sends_every_segment_in_order_and_again() {
    let (body, plain) = mixed();
    let sent = Arc::new(AtomicU64::new(0));
    let sdk = stream(&body, &sent).into_inner();
    assert_eq!(sdk.content_length(), Some(plain.len() as u64));
    assert!(sdk.bytes().is_none(), "the SDK would hash bytes in memory");
    for _ in 0..2 {
        let again = sdk.try_clone().unwrap();
        assert!(again.collect().await.unwrap().to_bytes() == plain);
    }
    assert_eq!(sent.load(Ordering::Relaxed), 2 * plain.len() as u64);
}

#[tokio::test]
async fn memory_is_not_copied() {
    let bytes = Bytes::from(vec![7; 1000]);
    let mut sending = stream(&Body::from(bytes.clone()), &Arc::default()).into_inner();
    let frame = sending.frame().await.unwrap().unwrap().into_data().unwrap();
    assert_eq!(frame.as_ptr(), bytes.as_ptr());
}

#[tokio::test]
async fn a_file_that_became_shorter_is_an_error() {
    let file = tempfile::tempfile().unwrap();
    let mut body = Body::new();
    body.push(Segment::File { file: Arc::new(file), offset: 0, len: 10 });
    assert!(stream(&body, &Arc::default()).into_inner().collect().await.is_err());
}
