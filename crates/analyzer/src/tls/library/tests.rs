//! What holds of bounds; what is told of handshakes is tested with these.

use super::*;
use crate::event::FileId;

fn file() -> Arc<LibraryFile> {
    Arc::new(LibraryFile { path: b"/libssl.so.3"[..].into(), file: FileId::default(), tells_purpose: true })
}

#[test]
fn the_older_half_is_forgotten() {
    let mut recent: Recent<u64, u64> = Recent::default();
    for key in 0..OBJECTS as u64 {
        recent.insert(key, key);
    }
    // Used again: young.
    *recent.entry(0) += 100;
    recent.insert(OBJECTS as u64, 1);
    assert!(recent.entries.len() <= OBJECTS / 2 + 2);
    assert_eq!((recent.get(&0), recent.get(&1)), (Some(&100), None));
    assert_eq!(recent.get(&(OBJECTS as u64 - 1)), Some(&(OBJECTS as u64 - 1)));
}

#[test]
fn a_server_that_asks_for_nothing_has_nothing_disabled() {
    let mut library = Library::default();
    let telling = Telling { mode: Some(Mode::Off), ..Telling::default() };
    library.note(&Call {
        process: ProcessId(1),
        time_ns: 1,
        object: 9,
        parent: 0,
        file: &file(),
        telling: &telling,
    });
    let ask = |client| Question { process: ProcessId(1), object: 9, client, times: (0, 9), succeeded: true };
    assert_eq!(library.verify(&ask(true)).as_deref(), Some("disabled"));
    assert_eq!(library.verify(&ask(false)), None);
    assert_eq!(library.verify(&Question { process: ProcessId(2), ..ask(true) }), None);
}

#[test]
fn a_verification_belongs_to_the_connection_that_it_was_made_for() {
    let check = |library: &mut Library, object, parent, purpose: &str, text: &str| {
        let telling =
            Telling { verified: Some(text.into()), purpose: Some(purpose.into()), ..Telling::default() };
        let process = ProcessId(1);
        library.note(&Call { process, time_ns: 5, object, parent, file: &file(), telling: &telling });
    };
    let ask = |object, client, succeeded| Question {
        process: ProcessId(1),
        object,
        client,
        times: (0, 9),
        succeeded,
    };
    let mut library = Library::default();
    check(&mut library, 100, 1, "ssl_server", "ok");
    check(&mut library, 101, 2, "ssl_server", "failed");
    check(&mut library, 102, 3, "default", "failed");
    let verify = |object, client, succeeded| library.verify(&ask(object, client, succeeded));
    assert_eq!(verify(1, true, true).as_deref(), Some("ok"));
    assert_eq!(verify(1, false, true), None, "a server's peer is a client");
    assert_eq!(verify(2, true, false).as_deref(), Some("failed"));
    assert_eq!(verify(2, true, true).as_deref(), Some("disabled"), "it failed, and nobody minded");
    assert_eq!(verify(3, true, true), None, "a chain of its own says nothing of the peer");
    assert_eq!((verify(4, true, true), verify(0, true, true)), (None, None), "not seen");
}
