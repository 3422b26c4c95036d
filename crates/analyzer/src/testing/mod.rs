//! Captures for tests, made record by record. Used by the tests of this crate and, by path, by those in `tests/`.
//!
//! A [`Recording`] writes records as the recorder would: `Recording::begin(HOST)` gives host and clock at [`BOOT`] = 100 s
//! after boot, which is [`WALL`] in UTC. Times are given in milliseconds after that. `bytes()` is a closed capture;
//! `blocks()` the bare records.
#![allow(dead_code, reason = "each user needs some of it")]

mod crypto;

use crypto_tracer_format::record::{
    self, BaselineMapping, BaselineOpenFile, BaselineProcess, BaselineSummary, Builder, Cgroup, Clock, Fact,
    FileOpen, Header, Host, LibLoad, Library, Loss, LossReason, Mark, MarkKind, Payload, ProbeState,
    ProbeStatus, ProcessExec, ProcessExit, ProcessFork, StrRef, User,
};
use crypto_tracer_format::segment::{CloseReason, SegmentOptions, SegmentWriter};

/// Time of the first record on the capture's clock.
pub const BOOT: u64 = 100_000_000_000;
/// The same in UTC: 2025-11-17T10:30:45Z.
pub const WALL: i64 = 1_763_375_445_000_000_000;
/// A boot id, and so a host.
pub const HOST: &str = "11111111-2222-3333-4444-555555555555";

/// Milliseconds after the first record, on the capture's clock.
pub fn at(ms: u64) -> u64 {
    BOOT + ms * 1_000_000
}

/// Milliseconds after the first record, in UTC.
pub fn wall(ms: i64) -> i64 {
    WALL + ms * 1_000_000
}

/// A process, as headers have it.
#[derive(Clone, Copy, Debug)]
pub struct Who {
    /// The pid.
    pub pid: u32,
    /// Start, nanoseconds after boot; 0: not known.
    pub start_ns: u64,
    /// User.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Name.
    pub comm: &'static [u8],
    /// Cgroup id.
    pub cgroup: u64,
}

/// A process of root that started 50 s after boot and `pid` nanoseconds.
pub const fn who(pid: u32, comm: &'static [u8]) -> Who {
    Who { pid, start_ns: 50_000_000_000 + pid as u64, uid: 0, gid: 0, comm, cgroup: 0 }
}

impl Who {
    /// As perf tells it: by the pid alone.
    pub fn by_pid(self) -> Who {
        Who { start_ns: 0, uid: 0, gid: 0, comm: b"", cgroup: 0, ..self }
    }

    /// As /proc tells it: in hundredths of a second.
    pub fn by_proc(self) -> Who {
        Who { start_ns: self.start_ns / record::TICK_NS * record::TICK_NS, ..self }
    }

    /// A record's header.
    pub fn header(&self, time_ns: u64) -> Header {
        let mut comm = [0; 16];
        let len = self.comm.len().min(15);
        comm[..len].copy_from_slice(&self.comm[..len]);
        Header {
            time_ns,
            tgid: self.pid,
            tid: self.pid,
            uid: self.uid,
            gid: self.gid,
            start_ns: self.start_ns,
            cgroup: self.cgroup,
            comm,
            ..Header::default()
        }
    }
}

/// Arguments as a record has them.
pub fn argv(arguments: &[&str]) -> Vec<u8> {
    arguments.iter().flat_map(|a| a.bytes().chain([0])).collect()
}

/// A capture being made.
#[derive(Clone, Debug, Default)]
pub struct Recording {
    segments: Vec<Vec<Vec<u8>>>,
    /// Changes the ids in the frames.
    pub seed: u8,
    boot_id: String,
}

impl Recording {
    /// Host and clock records of a boot; its host is called `web1`.
    pub fn begin(boot_id: &str) -> Recording {
        let mut recording = Recording::empty();
        recording.host(boot_id, "web1", 0);
        recording.clock(0, WALL);
        recording
    }

    /// No records at all.
    pub fn empty() -> Recording {
        Recording { segments: vec![vec![Vec::new()]], seed: 1, boot_id: String::new() }
    }

    fn out(&mut self) -> &mut Vec<u8> {
        let segment = self.segments.last_mut().expect("a segment");
        segment.last_mut().expect("a block")
    }

    /// What follows goes into another block.
    pub fn block(&mut self) -> &mut Self {
        self.segments.last_mut().expect("a segment").push(Vec::new());
        self
    }

    /// What follows goes into another segment, with host and clock records of its own.
    pub fn segment(&mut self, ms: u64) -> &mut Self {
        self.segments.push(vec![Vec::new()]);
        let boot_id = self.boot_id.clone();
        self.host(&boot_id, "web1", ms).clock(ms, wall(ms as i64))
    }

    /// Any record: `fill` adds the strings and gives the fixed part.
    pub fn record<P: Payload>(
        &mut self,
        header: Header,
        fill: impl FnOnce(&mut Builder<'_, P>) -> P,
    ) -> &mut Self {
        let out = self.out();
        let mut builder = Builder::new(out);
        let payload = fill(&mut builder);
        builder.finish(&header, &payload).expect("a record that fits");
        self
    }

    /// Bytes as they are.
    pub fn raw(&mut self, bytes: &[u8]) -> &mut Self {
        self.out().extend_from_slice(bytes);
        self
    }

    fn nobody(ms: u64) -> Header {
        Header { time_ns: at(ms), ..Header::default() }
    }

    /// A host record.
    pub fn host(&mut self, boot_id: &str, hostname: &str, ms: u64) -> &mut Self {
        self.boot_id = boot_id.to_owned();
        self.record(Self::nobody(ms), |b: &mut Builder<'_, Host>| Host {
            schema_major: 1,
            clock_id: 7,
            cpus: 2,
            redaction: record::redaction::SECRETS,
            hostname: b.string(hostname.as_bytes()),
            kernel: b.string(b"6.1.0-test"),
            machine: b.string(b"x86_64"),
            os: b.string(b"Test Linux 1"),
            boot_id: b.string(boot_id.as_bytes()),
            recorder: b.string(b"crypto-tracer 0.1.0"),
            options: b.string(b""),
            ..Host::default()
        })
    }

    /// A clock record.
    pub fn clock(&mut self, ms: u64, realtime_ns: i64) -> &mut Self {
        self.record(Self::nobody(ms), |_: &mut Builder<'_, Clock>| Clock {
            realtime_ns: realtime_ns as u64,
            monotonic_ns: at(ms),
            uncertainty_ns: 100,
        })
    }

    /// A mark.
    pub fn mark(&mut self, ms: u64, mark: MarkKind, text: &str) -> &mut Self {
        self.record(Self::nobody(ms), |b: &mut Builder<'_, Mark>| Mark {
            mark: mark.number(),
            text: b.string(text.as_bytes()),
            ..Mark::default()
        })
    }

    /// Everything before this has been written.
    pub fn complete(&mut self, ms: u64) -> &mut Self {
        self.mark(ms, MarkKind::Complete, "")
    }

    /// A probe's status.
    pub fn probe(&mut self, fact: Fact, state: ProbeState, probe: &str, reason: &str) -> &mut Self {
        self.record(Self::nobody(0), |b: &mut Builder<'_, ProbeStatus>| ProbeStatus {
            fact: fact.number(),
            state: state.number(),
            errno: 0,
            probe: b.string(probe.as_bytes()),
            reason: b.string(reason.as_bytes()),
        })
    }

    /// A loss of `count` records.
    pub fn loss(&mut self, ms: u64, fact: Fact, count: u64, from_ms: u64, to_ms: u64) -> &mut Self {
        self.record(Self::nobody(ms), |_: &mut Builder<'_, Loss>| Loss {
            fact: fact.number(),
            reason: LossReason::BufferFull.number(),
            count,
            from_ns: at(from_ms),
            to_ns: at(to_ms),
            ..Loss::default()
        })
    }

    /// A file open: `dir` is empty for absolute paths.
    pub fn open(&mut self, ms: u64, who: Who, dir: &[u8], path: &[u8], flags: u32, result: i32) -> &mut Self {
        self.record(who.header(at(ms)), |b: &mut Builder<'_, FileOpen>| FileOpen {
            result,
            flags,
            mode: if flags & 0o100 == 0 { 0 } else { 0o600 },
            bits: 0,
            dir: b.string(dir),
            path: b.string(path),
        })
    }

    /// A successful open for reading.
    pub fn read(&mut self, ms: u64, who: Who, path: &str) -> &mut Self {
        self.open(ms, who, b"", path.as_bytes(), 0o2000000, 3)
    }

    /// A library's mapping; the inode is made of the path's length.
    pub fn load(&mut self, ms: u64, who: Who, path: &[u8]) -> &mut Self {
        self.record(who.header(at(ms)), |b: &mut Builder<'_, LibLoad>| LibLoad {
            ino: 1000 + path.len() as u64,
            dev_major: 8,
            dev_minor: 1,
            addr: 0x7f00_0000_0000,
            len: 0x1000,
            path: b.string(path),
            ..LibLoad::default()
        })
    }

    /// A new process.
    pub fn fork(&mut self, ms: u64, child: Who, parent: Who) -> &mut Self {
        self.record(child.header(at(ms)), |_: &mut Builder<'_, ProcessFork>| ProcessFork {
            ppid: parent.pid,
            parent_tid: parent.pid,
            parent_start_ns: parent.start_ns,
        })
    }

    /// A new program.
    pub fn exec(&mut self, ms: u64, who: Who, ppid: u32, exe: &str, arguments: &[&str]) -> &mut Self {
        let line = argv(arguments);
        self.record(who.header(at(ms)), |b: &mut Builder<'_, ProcessExec>| ProcessExec {
            ppid,
            argv_len: line.len() as u32,
            exe: b.string(exe.as_bytes()),
            filename: b.string(exe.as_bytes()),
            argv: b.string(&line),
            ..ProcessExec::default()
        })
    }

    /// The end of a process.
    pub fn exit(&mut self, ms: u64, who: Who, exit_code: i32, signal: u32) -> &mut Self {
        self.record(who.header(at(ms)), |_: &mut Builder<'_, ProcessExit>| ProcessExit {
            exit_code,
            signal,
            ..ProcessExit::default()
        })
    }

    /// A process in the scan.
    pub fn process(
        &mut self,
        ms: u64,
        who: Who,
        ppid: u32,
        exe: &str,
        arguments: &[&str],
        cgroup: &str,
    ) -> &mut Self {
        let line = argv(arguments);
        self.record(who.by_proc().header(at(ms)), |b: &mut Builder<'_, BaselineProcess>| BaselineProcess {
            ppid,
            bits: 0,
            argv_len: line.len() as u32,
            exe: b.string(exe.as_bytes()),
            argv: b.string(&line),
            cgroup_path: b.string(cgroup.as_bytes()),
        })
    }

    /// A library in a process of the scan.
    pub fn mapping(&mut self, ms: u64, who: Who, path: &str) -> &mut Self {
        self.record(who.by_proc().header(at(ms)), |b: &mut Builder<'_, BaselineMapping>| BaselineMapping {
            ino: 1000 + path.len() as u64,
            dev_major: 8,
            dev_minor: 1,
            addr: 0x7f00_0000_0000,
            len: 0x1000,
            path: b.string(path.as_bytes()),
            ..BaselineMapping::default()
        })
    }

    /// An open file of a process of the scan.
    pub fn open_file(&mut self, ms: u64, who: Who, fd: i32, path: &str) -> &mut Self {
        self.record(who.by_proc().header(at(ms)), |b: &mut Builder<'_, BaselineOpenFile>| BaselineOpenFile {
            fd,
            flags: 0,
            bits: 0,
            path: b.string(path.as_bytes()),
        })
    }

    /// What a library says of itself.
    pub fn library(&mut self, ms: u64, path: &str, soname: &str, version: &str, build_id: &str) -> &mut Self {
        self.record(Self::nobody(ms), |b: &mut Builder<'_, Library>| Library {
            ino: 1000 + path.len() as u64,
            dev_major: 8,
            dev_minor: 1,
            size: 500_000,
            mtime_ns: 1_700_000_000_000_000_000,
            path: b.string(path.as_bytes()),
            soname: b.string(soname.as_bytes()),
            version: b.string(version.as_bytes()),
            build_id: b.string(build_id.as_bytes()),
            ..Library::default()
        })
    }

    /// The path of a cgroup.
    pub fn cgroup(&mut self, ms: u64, id: u64, path: &str) -> &mut Self {
        self.record(Self::nobody(ms), |b: &mut Builder<'_, Cgroup>| Cgroup {
            id,
            path: b.string(path.as_bytes()),
            reserved: 0,
        })
    }

    /// The name of a user.
    pub fn user(&mut self, ms: u64, id: u32, name: &str) -> &mut Self {
        self.record(Self::nobody(ms), |b: &mut Builder<'_, User>| User {
            id,
            name: b.string(name.as_bytes()),
        })
    }

    /// The end of a scan.
    pub fn scanned(&mut self, from_ms: u64, to_ms: u64, processes: u32, denied: u32) -> &mut Self {
        self.record(Self::nobody(to_ms), |_: &mut Builder<'_, BaselineSummary>| BaselineSummary {
            from_ns: at(from_ms),
            processes,
            denied,
            ..BaselineSummary::default()
        })
    }

    /// The bare records of each block.
    pub fn blocks(&self) -> Vec<Vec<u8>> {
        self.segments.iter().flatten().filter(|b| !b.is_empty()).cloned().collect()
    }

    /// Each segment as a closed file.
    pub fn files(&self) -> Vec<Vec<u8>> {
        let mut previous = [0; 32];
        let mut files = Vec::new();
        for (number, blocks) in self.segments.iter().enumerate() {
            let options = SegmentOptions {
                capture_id: [self.seed; 16],
                segment_id: [self.seed ^ (number as u8 + 1) << 4; 16],
                number: number as u32,
                previous,
                level: 1,
                block_bytes: 1 << 20,
                writer: "test".to_owned(),
            };
            let mut writer = SegmentWriter::begin(Vec::new(), options).expect("a segment");
            for block in blocks.iter().filter(|b| !b.is_empty()) {
                writer.append(block).expect("whole records");
                writer.flush_block().expect("a block");
            }
            let (bytes, digest) = writer.finish(CloseReason::Stopped).expect("an end");
            previous = digest;
            files.push(bytes);
        }
        files
    }

    /// The whole capture as one closed file.
    pub fn bytes(&self) -> Vec<u8> {
        self.files().concat()
    }
}

/// The bytes of digits in hexadecimal.
pub fn bytes_of(hex: &str) -> Vec<u8> {
    let digits: Vec<u32> = hex.chars().filter_map(|c| c.to_digit(16)).collect();
    digits.chunks_exact(2).map(|pair| (pair[0] << 4 | pair[1]) as u8).collect()
}

/// The bytes of a file of tests/messages: TLS messages of real programs, randoms and session ids zeroed.
macro_rules! message {
    ($name:literal) => {
        $crate::testing::bytes_of(include_str!(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/tests/messages/",
            $name,
            ".hex"
        )))
    };
}
pub(crate) use message;

/// A string that isn't there.
pub const NO_STRING: StrRef = StrRef { off: 0, len: 0 };
