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
    let ask = |client| Question { process: ProcessId(1), object: 9, client, times: (0, 9) };
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
    let ask = |object, client| Question { process: ProcessId(1), object, client, times: (0, 9) };
    let mut library = Library::default();
    let set = |library: &mut Library, object, mode| {
        let telling = Telling { mode: Some(mode), ..Telling::default() };
        let process = ProcessId(1);
        library.note(&Call { process, time_ns: 4, object, parent: 0, file: &file(), telling: &telling });
    };
    set(&mut library, 1, Mode::On);
    set(&mut library, 3, Mode::On);
    check(&mut library, 100, 1, "ssl_server", "ok");
    check(&mut library, 101, 2, "ssl_server", "failed");
    check(&mut library, 102, 3, "default", "failed");
    check(&mut library, 103, 5, "ssl_server", "ok");
    let verify = |object, client| library.verify(&ask(object, client));
    assert_eq!(verify(1, true).as_deref(), Some("ok"));
    assert_eq!(verify(1, false), None, "a server's peer is a client");
    assert_eq!(
        verify(2, true).as_deref(),
        Some("failed"),
        "whether anybody minded isn't known, that it failed is"
    );
    assert_eq!(verify(3, true), None, "a chain of its own says nothing of the peer");
    assert_eq!((verify(4, true), verify(0, true)), (None, None), "not seen");
    assert_eq!(verify(5, true), None, "it may be that nobody would have minded anything else");
}

#[test]
fn a_child_has_the_youngest_of_its_parents_objects_as_they_were() {
    let (parent, child) = (ProcessId(1), ProcessId(2));
    let mode = |library: &mut Library, process, object, mode| {
        let telling = Telling { mode: Some(mode), ..Telling::default() };
        library.note(&Call { process, time_ns: 4, object, parent: 0, file: &file(), telling: &telling });
    };
    let verify = |library: &Library, process, object| {
        library.verify(&Question { process, object, client: true, times: (0, 9) })
    };
    let off = Some("disabled".to_owned());
    let mut library = Library::default();
    for object in 1..=INHERITED as u64 + 1 {
        mode(&mut library, parent, object, Mode::Off);
    }
    // What it did itself before its beginning was told of holds.
    mode(&mut library, child, 3, Mode::On);
    library.inherit(child, parent);
    assert_eq!([1, 2, 3].map(|object| verify(&library, child, object)), [None, off.clone(), None]);
    mode(&mut library, parent, 2, Mode::On);
    assert_eq!((verify(&library, child, 2), verify(&library, parent, 2)), (off.clone(), None));
    library.forget(child);
    assert_eq!((verify(&library, child, 2), verify(&library, parent, 4)), (None, off));
}
