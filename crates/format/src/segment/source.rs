//! A window over the input: looks ahead as far as needed, never allocates more than thrice what the input really gave (and one step),
//! and passes over what isn't wanted, by seeking where the input can.

use std::io::{self, ErrorKind, Read, Seek, SeekFrom};

/// Most bytes asked for in one read.
const STEP: usize = 64 * 1024;
/// Fewest bytes asked for in one read of an input that can seek: there, what isn't wanted should not be read.
const SEEK_STEP: usize = 4 * 1024;

/// What an input that can seek offers beyond reading.
struct Seeking<R> {
    to: fn(&mut R, u64) -> io::Result<()>,
    /// Length of the input when it was opened. It may grow; what is behind is then read on.
    length: u64,
}

pub(super) struct Source<R> {
    input: R,
    /// Initialized as a whole; the window is `start..end` of it.
    buf: Vec<u8>,
    start: usize,
    end: usize,
    /// Offset in the input of the first byte of the window.
    offset: u64,
    eof: bool,
    /// Bytes really read.
    read: u64,
    seeking: Option<Seeking<R>>,
}

impl<R: Read> Source<R> {
    pub fn new(input: R) -> Self {
        Source { input, buf: Vec::new(), start: 0, end: 0, offset: 0, eof: false, read: 0, seeking: None }
    }

    /// Offset of the window's first byte.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// Bytes that were read from the input, less than its length where parts were hopped over.
    pub fn bytes_read(&self) -> u64 {
        self.read
    }

    /// The window, with at least `n` bytes unless the input ends before.
    pub fn fill(&mut self, n: usize) -> io::Result<&[u8]> {
        while self.end - self.start < n && !self.eof {
            let least = if self.seeking.is_some() { SEEK_STEP } else { STEP };
            let step = (n - (self.end - self.start)).clamp(least, STEP);
            self.room(step);
            let room = self.buf.get_mut(self.end..self.end + step).unwrap_or(&mut []);
            let got = loop {
                match self.input.read(room) {
                    Err(e) if e.kind() == ErrorKind::Interrupted => {}
                    other => break other?.min(step),
                }
            };
            self.eof = got == 0;
            self.end += got;
            self.read += got as u64;
        }
        Ok(self.window())
    }

    /// Makes room for `step` bytes behind the window.
    fn room(&mut self, step: usize) {
        if self.end + step <= self.buf.len() {
            return;
        }
        let kept = self.end - self.start;
        if kept + step <= self.buf.len() && self.start >= kept {
            self.buf.copy_within(self.start..self.end, 0);
        } else {
            let mut larger = vec![0; (2 * kept).max(kept + step)];
            larger[..kept].copy_from_slice(self.window());
            self.buf = larger;
        }
        self.start = 0;
        self.end = kept;
    }

    /// What [`Source::fill`] gave, without reading.
    pub fn window(&self) -> &[u8] {
        self.buf.get(self.start..self.end).unwrap_or(&[])
    }

    /// Passes over `n` bytes of the window.
    pub fn consume(&mut self, n: usize) {
        let n = n.min(self.end - self.start);
        self.start += n;
        self.offset += n as u64;
        if self.start == self.end {
            self.start = 0;
            self.end = 0;
        }
    }

    /// Passes over `n` bytes of the input; returns how many there were.
    pub fn skip(&mut self, n: u64) -> io::Result<u64> {
        let ahead = self.end - self.start;
        if n > ahead as u64
            && let Some(seeking) = &self.seeking
            && self.offset.saturating_add(n) <= seeking.length
        {
            self.seek(self.offset + n)?;
            return Ok(n);
        }
        let mut left = n;
        while left > 0 {
            let step = left.min(STEP as u64) as usize;
            let got = self.fill(step)?.len().min(step);
            if got == 0 {
                break;
            }
            self.consume(got);
            left -= got as u64;
        }
        Ok(n - left)
    }

    /// Whether parts can be hopped over, and back.
    pub fn can_seek(&self) -> bool {
        self.seeking.is_some()
    }

    /// Length of an input that can seek.
    pub fn length(&self) -> Option<u64> {
        self.seeking.as_ref().map(|s| s.length)
    }

    /// Moves the window to `offset` of an input that can seek; others stay where they are.
    pub fn seek(&mut self, offset: u64) -> io::Result<()> {
        let ahead = offset.checked_sub(self.offset).and_then(|n| usize::try_from(n).ok());
        if let Some(ahead) = ahead.filter(|&n| n < self.end - self.start) {
            self.consume(ahead);
            return Ok(());
        }
        if let Some(seeking) = &self.seeking {
            (seeking.to)(&mut self.input, offset)?;
            self.start = 0;
            self.end = 0;
            self.offset = offset;
            self.eof = false;
        }
        Ok(())
    }
}

impl<R: Read + Seek> Source<R> {
    /// From the input's beginning.
    pub fn seekable(mut input: R) -> io::Result<Self> {
        let length = input.seek(SeekFrom::End(0))?;
        input.seek(SeekFrom::Start(0))?;
        let to = |input: &mut R, offset| input.seek(SeekFrom::Start(offset)).map(|_| ());
        Ok(Source { seeking: Some(Seeking { to, length }), ..Source::new(input) })
    }
}
