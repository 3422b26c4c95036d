//! Hellos are put together here by hand, field by field, with secrets wherever there is room for one.

use super::*;
use proptest::prelude::*;

const SECRET: &[u8] = b"s3cr3t-0f-32-bytes-and-some-more";

fn vector(content: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    put_vector(&mut out, content);
    out
}

fn ext(number: u16, content: &[u8]) -> Vec<u8> {
    [&number.to_be_bytes()[..], &vector(content)].concat()
}

fn message(kind: u8, random: &[u8], session: &[u8], middle: &[u8], extensions: &[Vec<u8>]) -> Vec<u8> {
    let body =
        [&[3, 3], random, &[session.len() as u8], session, middle, &vector(&extensions.concat())].concat();
    let length = (body.len() as u32).to_be_bytes();
    [&[kind][..], &length[1..], &body].concat()
}

const SUITES: &[u8] = &[0, 6, 0x13, 0x02, 0x13, 0x01, 0xc0, 0x2f, 1, 0];

fn client(extensions: &[Vec<u8>]) -> Vec<u8> {
    message(CLIENT_HELLO, SECRET, SECRET, SUITES, extensions)
}

fn sni(name: &[u8]) -> Vec<u8> {
    ext(SERVER_NAME, &vector(&[&[0][..], &vector(name)].concat()))
}

/// As strict as a server is: every length fits exactly. The extensions.
fn parse(hello: &[u8]) -> Vec<(u16, Vec<u8>)> {
    let mut rest = Bytes(hello);
    let kind = rest.u8().expect("a type");
    let length = rest.take(3).expect("a length");
    assert_eq!(u32::from_be_bytes([0, length[0], length[1], length[2]]) as usize, hello.len() - 4);
    rest.take(34).expect("version and random");
    let session = rest.u8().expect("a session id");
    rest.take(session.into()).expect("a session id");
    if kind == CLIENT_HELLO {
        assert_eq!(rest.vector().expect("suites").len() % 2, 0);
        let methods = rest.u8().expect("methods");
        rest.take(methods.into()).expect("methods");
    } else {
        rest.take(3).expect("suite and method");
    }
    if rest.is_empty() {
        return Vec::new();
    }
    let mut extensions = Bytes(rest.vector().expect("extensions"));
    assert!(rest.is_empty());
    let mut all = Vec::new();
    while !extensions.is_empty() {
        let number = extensions.u16().expect("a number");
        all.push((number, extensions.vector().expect("its content").to_vec()));
    }
    all
}

fn holds(bytes: &[u8], what: &[u8]) -> bool {
    bytes.windows(what.len()).any(|w| w == what)
}

#[test]
fn what_is_secret_goes_and_what_was_offered_stays() {
    let share = [&[0x11, 0xec][..], &vector(&SECRET.repeat(38)), &[0x00, 0x1d], &vector(SECRET)].concat();
    let key = [&vector(SECRET)[..], &[9, 9, 9, 9], &vector(&SECRET.repeat(4)), &[8, 8, 8, 8]].concat();
    let binders = [&[32][..], SECRET, &[48], SECRET, &SECRET[..16]].concat();
    let ech = [&[0, 0, 1, 0, 1, 7][..], &vector(SECRET), &vector(&SECRET.repeat(5))].concat();
    let extensions = [
        ext(0x1a1a, &[]),
        sni(b"token.example.com"),
        ext(10, &[0, 4, 0x11, 0xec, 0x00, 0x1d]),
        ext(ALPN, &vector(&[&b"\x02h2"[..], &[SECRET.len() as u8], SECRET, b"\x08http/1.1"].concat())),
        ext(APPLICATION_SETTINGS[0], &vector(&[&[SECRET.len() as u8], SECRET].concat())),
        ext(5, &[&[1][..], &vector(SECRET), &vector(SECRET)].concat()),
        ext(SESSION_TICKET, SECRET),
        ext(KEY_SHARE, &vector(&share)),
        ext(43, &[4, 3, 4, 3, 3]),
        ext(COOKIE, &vector(SECRET)),
        ext(RENEGOTIATION_INFO, &[&[32][..], SECRET].concat()),
        ext(57, SECRET),
        ext(0x8a8a, &[0]),
        ext(ENCRYPTED_CLIENT_HELLO, &ech),
        ext(PADDING, SECRET),
        ext(PRE_SHARED_KEY, &[vector(&key), vector(&binders)].concat()),
    ];
    let before = client(&extensions);
    for names in [true, false] {
        let after = hello(&before, names);
        assert!(!holds(&after, &SECRET[..6]));
        assert_eq!(holds(&after, b"token"), !names, "the policy decides of names");
        let parsed = parse(&after);
        let order: Vec<u16> = parse(&before).iter().map(|e| e.0).collect();
        assert_eq!(parsed.iter().map(|e| e.0).collect::<Vec<_>>(), order);
        let of = |number: u16| parsed.iter().find(|e| e.0 == number).expect("it stays").1.clone();
        assert_eq!(of(10), [0, 4, 0x11, 0xec, 0x00, 0x1d]);
        assert_eq!(of(ALPN), b"\0\x12\x02h2\x05other\x08http/1.1");
        assert_eq!(of(APPLICATION_SETTINGS[0]), b"\0\x06\x05other");
        assert_eq!(of(43), [4, 3, 4, 3, 3]);
        assert_eq!(of(KEY_SHARE), [0, 10, 0x11, 0xec, 0, 1, 0, 0x00, 0x1d, 0, 1, 0]);
        assert_eq!(of(SESSION_TICKET), [0], "one was there");
        assert_eq!(of(5), [1, 0, 0, 0, 0]);
        assert_eq!(of(ENCRYPTED_CLIENT_HELLO), [0, 0, 1, 0, 1, 7, 0, 0, 0, 1, 0]);
        assert_eq!(of(PADDING), []);
        let mut two = Bytes(&parsed.last().expect("the last one").1);
        assert_eq!(two.vector().map(<[u8]>::len), Some(2 * 7), "two identities");
        assert_eq!(two.vector().map(<[u8]>::len), Some(2 * 33), "two binders");
        assert_eq!(of(57), [0; 32], "of the unknown its length");
        assert_eq!(after[38], 32, "the length of the session id stays");
        assert_eq!(&after[6..38], [0; 32]);
    }
    assert!(holds(&hello(&before, true), b"example.com"));
}

#[test]
fn a_server_hello_keeps_what_was_chosen() {
    let name = [&[SECRET.len() as u8], SECRET].concat();
    let extensions = [
        ext(43, &[3, 4]),
        ext(KEY_SHARE, &[&[0x11, 0xec][..], &vector(SECRET)].concat()),
        ext(41, &[0, 1]),
        ext(ALPN, &vector(&name)),
        ext(NEXT_PROTOCOL, &name),
    ];
    let after = hello(&message(SERVER_HELLO, SECRET, SECRET, &[0x13, 2, 0], &extensions), true).into_owned();
    assert!(!holds(&after, &SECRET[..6]));
    let all = parse(&after);
    let want = [
        (43, vec![3, 4]),
        (KEY_SHARE, vec![0x11, 0xec, 0, 1, 0]),
        (PRE_SHARED_KEY, vec![0, 1]),
        (ALPN, b"\0\x06\x05other".to_vec()),
        (NEXT_PROTOCOL, b"\x05other".to_vec()),
    ];
    assert_eq!(all, want);
    assert_eq!(after[4 + 2 + 32 + 1 + 32..][..3], [0x13, 2, 0]);
}

#[test]
fn a_retry_request_stays_one() {
    let extensions = [ext(43, &[3, 4]), ext(KEY_SHARE, &[0x00, 0x18]), ext(COOKIE, &vector(SECRET))];
    let after =
        hello(&message(SERVER_HELLO, &RETRY_RANDOM, &[], &[0x13, 2, 0], &extensions), true).into_owned();
    assert_eq!(after[6..38], RETRY_RANDOM);
    assert_eq!(parse(&after)[1], (KEY_SHARE, vec![0x00, 0x18]));
    assert!(!holds(&after, &SECRET[..6]));
    let random = hello(&message(CLIENT_HELLO, &RETRY_RANDOM, &[], SUITES, &[]), true).into_owned();
    assert_eq!(random[6..38], [0; 32], "a client's is none");
}

#[test]
fn a_hello_without_extensions_is_one() {
    let mut old = client(&[]);
    old.truncate(old.len() - 2);
    let length = (old.len() - 4) as u32;
    old[1..4].copy_from_slice(&length.to_be_bytes()[1..]);
    assert_eq!(hello(&old, true).len(), old.len());
    assert_eq!(parse(&hello(&old, true)), []);
}

#[test]
fn a_hello_that_is_cut_is_closed_behind_its_last_whole_extension() {
    let whole = client(&[ext(43, &[2, 3, 4]), sni(b"token.example.com"), ext(10, &[0, 2, 0, 29])]);
    let after = hello(&whole[..whole.len() - 1], true).into_owned();
    assert_eq!(parse(&after).iter().map(|e| e.0).collect::<Vec<_>>(), [43, SERVER_NAME]);
    let after = hello(&whole[..whole.len() - 8 - 8], true).into_owned();
    assert_eq!(parse(&after).iter().map(|e| e.0).collect::<Vec<_>>(), [43], "no half of a name");
    assert!(!holds(&after, b"tok"));
}

#[test]
fn what_is_no_hello_leaves_nothing() {
    assert_eq!(&*hello(b"", true), b"");
    assert_eq!(&*hello(b"GET / HTTP/1.1\r\nAuthorization: Bearer x\r\n\r\n", true), b"");
    assert_eq!(&*hello(&client(&[])[..60], true), b"");
    let mut finished = client(&[]);
    finished[0] = 20;
    assert_eq!(&*hello(&finished, true), b"");
}

#[test]
fn an_endless_hello_has_an_end() {
    let extensions: Vec<Vec<u8>> = (0..2000).map(|n| ext(n + 100, &[1, 2])).collect();
    let after = hello(&client(&extensions), true).into_owned();
    assert!(after.len() <= limits::STRING_BYTES && after.len() > limits::STRING_BYTES - 12);
    parse(&after);
    let suites = vector(&[0x13; 60000]);
    let endless =
        message(CLIENT_HELLO, SECRET, &[], &[&suites[..], &[1, 0]].concat(), &[sni(b"a.example.com")]);
    let after = hello(&endless, true).into_owned();
    assert!(after.len() < limits::STRING_BYTES);
    assert_eq!(parse(&after).len(), 1);
}

proptest! {
    #[test]
    fn any_bytes_give_a_hello_or_nothing(bytes in prop::collection::vec(any::<u8>(), 0..300), kind in 1u8..3) {
        let mut bytes = bytes;
        if let Some(first) = bytes.first_mut() { *first = kind; }
        let once = hello(&bytes, true).into_owned();
        if !once.is_empty() { parse(&once); }
        prop_assert_eq!(&*hello(&once, true), &*once);
    }

    #[test]
    fn any_extensions_give_a_hello(list in prop::collection::vec((prop::sample::select(vec![0u16, 5, 10, 16, 21, 35, 41, 44, 51, 57, 13172, 17513, 0xfe0d, 0xff01]), prop::collection::vec(any::<u8>(), 0..40)), 0..12), server: bool, retry: bool) {
        let extensions: Vec<Vec<u8>> = list.iter().map(|(n, c)| ext(*n, c)).collect();
        let random = if retry { &RETRY_RANDOM[..] } else { SECRET };
        let before = if server {
            message(SERVER_HELLO, random, SECRET, &[0x13, 2, 0], &extensions)
        } else {
            message(CLIENT_HELLO, random, SECRET, SUITES, &extensions)
        };
        let once = hello(&before, true).into_owned();
        prop_assert_eq!(parse(&once).len(), list.len());
        prop_assert_eq!(&*hello(&once, true), &*once);
        let kept = hello(&before, false).into_owned();
        prop_assert_eq!(&*hello(&kept, true), &*once, "the analyzer may redact what the recorder did not");
    }
}
