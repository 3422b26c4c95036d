//! What holds of bounds; what is told of handshakes is tested with these.

use super::*;

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
        tid: 5,
        time_ns: 1,
        object: 9,
        parent: 0,
        telling: &telling,
    });
    let ask = |client| Question { process: ProcessId(1), tid: 5, object: 9, client, times: (0, 9) };
    assert_eq!(library.verify(&ask(true)).as_deref(), Some("disabled"));
    assert_eq!(library.verify(&ask(false)), None);
    assert_eq!(library.verify(&Question { process: ProcessId(2), ..ask(true) }), None);
}
