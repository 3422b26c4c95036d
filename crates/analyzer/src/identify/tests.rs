//! Who is who, in whichever order records come, and within which memory.

use super::*;
use crate::event::Event;

#[derive(Default)]
struct Told {
    processes: Vec<Process>,
    states: Vec<State>,
}

impl Sink for Told {
    fn process(&mut self, process: &Process) -> Result<(), AnalyzeError> {
        self.processes.push(process.clone());
        Ok(())
    }

    fn state(&mut self, state: &State) -> Result<(), AnalyzeError> {
        self.states.push(state.clone());
        Ok(())
    }

    fn event(&mut self, _event: &Event<'_>) -> Result<(), AnalyzeError> {
        Ok(())
    }
}

const HOST: HostId = HostId(0);

fn header(tgid: u32, start_ns: u64, time_ns: u64, name: &[u8]) -> Header {
    let mut comm = [0; 16];
    comm[..name.len()].copy_from_slice(name);
    Header { tgid, start_ns, time_ns, comm, ..Header::default() }
}

fn name(identify: &mut Identify, header: &Header) -> (ProcessId, String) {
    let id = identify.process(HOST, header, &Clocks::default());
    let mut told = Told::default();
    let (_, state) = identify.actor(id, header, &mut told).unwrap().unwrap();
    (id, String::from_utf8(state.name.to_vec()).unwrap())
}

#[test]
fn proc_and_kernel_name_the_same_process() {
    let mut identify = Identify::default();
    let (from_proc, _) = name(&mut identify, &header(5, 1_230_000_000, 2_000_000_000, b"a"));
    let (from_kernel, _) = name(&mut identify, &header(5, 1_234_567_890, 2_000_000_001, b"a"));
    let (other, _) = name(&mut identify, &header(5, 1_240_000_000, 2_000_000_002, b"a"));
    assert_eq!(from_proc, from_kernel);
    assert_ne!(from_kernel, other);
    let mut told = Told::default();
    identify.tell_all(&mut told).unwrap();
    assert_eq!(identify.tracks[&from_proc].process.start_ns, 1_234_567_890);
}

#[test]
fn a_pid_alone_is_who_had_it_at_that_time() {
    let mut identify = Identify::default();
    let (first, _) = name(&mut identify, &header(5, 100_000_000, 200_000_000, b"first"));
    let (second, _) = name(&mut identify, &header(5, 500_000_000, 600_000_000, b"second"));
    assert_eq!(name(&mut identify, &header(5, 0, 300_000_000, b"")), (first, "first".to_owned()));
    assert_eq!(name(&mut identify, &header(5, 0, 700_000_000, b"")), (second, "second".to_owned()));
    identify.exit(second, Exit { time_ns: 800_000_000, wall_ns: None, code: 0, signal: 0 });
    assert_eq!(name(&mut identify, &header(5, 0, 800_000_000, b"")).0, second);
    let (third, unknown) = name(&mut identify, &header(5, 0, 900_000_000, b""));
    assert!(third != second && third != first && unknown.is_empty());
    assert_eq!(name(&mut identify, &header(5, 0, 901_000_000, b"")).0, third);
}

#[test]
fn one_known_by_its_pid_takes_the_start_that_fits() {
    let mut identify = Identify::default();
    let (id, _) = name(&mut identify, &header(5, 0, 300_000_000, b""));
    // Started after that moment: another one.
    assert_ne!(name(&mut identify, &header(5, 400_000_000, 500_000_000, b"late")).0, id);
    assert_eq!(name(&mut identify, &header(5, 200_000_000, 500_000_001, b"early")), (id, "early".to_owned()));
}

#[test]
fn older_facts_do_not_overwrite_newer_ones() {
    let mut identify = Identify::default();
    let (id, _) = name(&mut identify, &header(5, 100_000_000, 900_000_000, b"new"));
    let program = |exe| Program { exe: Some(exe), argv: Some(b"x\0"), ..Program::default() };
    identify.program(id, 900_000_000, &program(b"/new"));
    identify.program(id, 800_000_000, &program(b"/old"));
    let (_, shown) = name(&mut identify, &header(5, 100_000_000, 800_000_000, b"old"));
    let process = &identify.tracks[&id].process;
    assert_eq!((process.exe.as_deref(), &*process.name), (Some(&b"/new"[..]), &b"new"[..]));
    // What an event shows is how it was then.
    assert_eq!(shown, "old");
}

#[test]
fn a_state_is_told_once_and_again_only_when_it_changed() {
    let mut identify = Identify::default();
    let mut told = Told::default();
    for (time_ns, comm, uid) in [(1, "a", 0), (2, "a", 0), (3, "b", 0), (4, "b", 7), (5, "b", 7)] {
        let header = Header { uid, ..header(5, 100_000_000, 200_000_000 + time_ns, comm.as_bytes()) };
        let id = identify.process(HOST, &header, &Clocks::default());
        identify.actor(id, &header, &mut told).unwrap();
    }
    let states: Vec<_> = told.states.iter().map(|s| (&*s.name, s.uid)).collect();
    assert_eq!(states, [(&b"a"[..], Some(0)), (b"b", Some(0)), (b"b", Some(7))]);
}

#[test]
fn what_is_forgotten_was_told_and_memory_is_bounded() {
    let mut identify = Identify::default();
    let mut told = Told::default();
    let argv = [b'x'; 4096];
    let many = 3 * BYTES / 2 / argv.len();
    for i in 0..many {
        let header = header(i as u32, 100_000_000, 200_000_000, b"x");
        let id = identify.process(HOST, &header, &Clocks::default());
        let program = Program { argv: Some(&argv), ..Program::default() };
        identify.program(id, header.time_ns, &program);
        if i % 1000 == 0 {
            identify.forget(header.time_ns, HOST, &mut told).unwrap();
        }
    }
    identify.forget(200_000_000, HOST, &mut told).unwrap();
    assert!(identify.bytes <= BYTES, "{}", identify.bytes);
    let kept: usize = identify.tracks.values().map(|t| t.cost).sum();
    assert_eq!(kept, identify.bytes);
    assert_eq!(identify.by_key.len(), identify.tracks.len());
    assert_eq!(identify.by_tgid.len(), identify.tracks.len());
    told.processes.clear();
    identify.tell_all(&mut told).unwrap();
    assert!(told.processes.len() <= identify.tracks.len());
}

#[test]
fn the_ended_are_forgotten_after_a_while() {
    let mut identify = Identify::default();
    let mut told = Told::default();
    let (id, _) = name(&mut identify, &header(5, 100_000_000, 200_000_000, b"x"));
    identify.exit(id, Exit { time_ns: 300_000_000, wall_ns: None, code: 3, signal: 0 });
    identify.forget(300_000_000 + GRACE_NS, HOST, &mut told).unwrap();
    assert_eq!((identify.tracks.len(), told.processes.len()), (1, 0));
    identify.forget(300_000_001 + GRACE_NS, HOST, &mut told).unwrap();
    assert_eq!((identify.tracks.len(), told.processes[0].exit.map(|e| e.code)), (0, Some(3)));
}
