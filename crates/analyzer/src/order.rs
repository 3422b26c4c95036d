//! Puts the records of one capture into time order.
//!
//! Invariants:
//! - Records of the same time keep the order of the capture.
//! - A record is let go when a `complete` mark says that nothing older will come. As long as there was none, when it is
//!   [`WINDOW_NS`] older than the newest; always when more than [`WINDOW_BYTES`] are held.
//! - Memory is bounded by [`WINDOW_BYTES`], one block, and [`WINDOW_RECORDS`], whatever the times say. A record that comes too late
//!   for its place is let go at once, and counted.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use crate::identity::SegmentId;

/// Without marks: how much older than the newest a record must be. The recorder drains its buffers at least this often.
const WINDOW_NS: u64 = 2_000_000_000;
/// Bytes of blocks held at most.
const WINDOW_BYTES: usize = 48 << 20;
/// Records held at most.
const WINDOW_RECORDS: usize = 1 << 20;

/// A record's place: its time, its number in the capture, its block and where it lies in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    time_ns: u64,
    number: u64,
    block: u64,
    offset: u32,
    segment: SegmentId,
}

/// A record whose turn it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Next {
    /// Its block: for [`Window::block`] and [`Window::done`].
    pub block: u64,
    /// Where it begins there.
    pub offset: usize,
    /// Its segment.
    pub segment: SegmentId,
}

/// Blocks whose records wait for their turn.
#[derive(Debug, Default)]
pub struct Window {
    blocks: VecDeque<Held>,
    /// Number of the first of `blocks`.
    first_block: u64,
    bytes: usize,
    /// Records that came in order: most of them, for the price of a push.
    run: VecDeque<Place>,
    /// Those that didn't.
    late: BinaryHeap<Reverse<Place>>,
    numbered: u64,
    newest_ns: u64,
    /// Nothing before this time will come, says the last mark.
    complete_ns: Option<u64>,
    released_ns: u64,
    out_of_order: u64,
    /// No more input: all may go.
    ended: bool,
    /// Nothing may go yet, unless memory asks for it: no clock is known.
    hold: bool,
}

#[derive(Debug, Default)]
struct Held {
    bytes: Vec<u8>,
    /// Records that still wait.
    waiting: usize,
}

impl Window {
    /// Takes a block; its records are named next by [`Window::push`], then comes [`Window::end_block`]. Gives back its number.
    pub fn begin_block(&mut self, bytes: Vec<u8>) -> u64 {
        self.bytes += bytes.len();
        self.blocks.push_back(Held { bytes, waiting: 0 });
        self.first_block + self.blocks.len() as u64 - 1
    }

    /// A record of the block that waits for its turn.
    pub fn push(&mut self, block: u64, offset: usize, time_ns: u64, segment: SegmentId) {
        let Some(held) = block.checked_sub(self.first_block).and_then(|i| self.blocks.get_mut(i as usize))
        else {
            return;
        };
        held.waiting += 1;
        let place = Place { time_ns, number: self.numbered, block, offset: offset as u32, segment };
        self.numbered += 1;
        self.newest_ns = self.newest_ns.max(time_ns);
        if time_ns < self.released_ns {
            self.out_of_order += 1;
        }
        match self.run.back() {
            Some(last) if last.time_ns > time_ns => self.late.push(Reverse(place)),
            _ => self.run.push_back(place),
        }
    }

    /// The bytes of a block.
    pub fn block(&self, block: u64) -> &[u8] {
        block
            .checked_sub(self.first_block)
            .and_then(|i| self.blocks.get(i as usize))
            .map_or(&[], |h| &h.bytes)
    }

    /// A mark says that nothing before `time_ns` will come.
    pub fn complete(&mut self, time_ns: u64) {
        self.complete_ns = Some(self.complete_ns.map_or(time_ns, |t| t.max(time_ns)));
    }

    /// Nothing more comes: all may go.
    pub fn end(&mut self) {
        self.ended = true;
    }

    /// After [`Window::end`], and when all went: starts anew, with times that have nothing to do with those before.
    pub fn restart(&mut self) {
        let out_of_order = self.out_of_order;
        *self = Window { out_of_order, ..Window::default() };
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.run.is_empty() && self.late.is_empty()
    }

    /// The time of the newest record that went.
    pub fn released_ns(&self) -> u64 {
        self.released_ns
    }

    /// The time of the newest record that came.
    pub fn newest_ns(&self) -> u64 {
        self.newest_ns
    }

    /// Nothing may go (unless memory asks for it) until [`Window::hold`] is called with `false`.
    pub fn hold(&mut self, hold: bool) {
        self.hold = hold;
    }

    /// Records that came too late for their place.
    pub fn out_of_order(&self) -> u64 {
        self.out_of_order
    }

    /// The time of the next record, if it may go.
    pub fn ready(&self) -> Option<u64> {
        let next = self.next()?;
        let is_full = self.bytes > WINDOW_BYTES || self.run.len() + self.late.len() > WINDOW_RECORDS;
        let may_go = self.ended
            || is_full
            || (!self.hold
                && match self.complete_ns {
                    Some(complete) => next.time_ns < complete,
                    None => next.time_ns < self.newest_ns.saturating_sub(WINDOW_NS),
                });
        may_go.then_some(next.time_ns)
    }

    /// Whether nothing that is as old as this will come or waits.
    pub fn is_settled(&self, time_ns: u64) -> bool {
        !self.hold
            && self.complete_ns.is_some_and(|complete| time_ns < complete)
            && self.next().is_none_or(|next| time_ns < next.time_ns)
    }

    fn next(&self) -> Option<Place> {
        match (self.run.front(), self.late.peek()) {
            (Some(a), Some(Reverse(b))) => Some(*a.min(b)),
            (Some(a), None) => Some(*a),
            (None, late) => late.map(|Reverse(b)| *b),
        }
    }

    /// Takes the next record. To be followed by [`Window::done`].
    pub fn pop(&mut self) -> Option<Next> {
        let next = self.next()?;
        match self.run.front() {
            Some(front) if *front == next => drop(self.run.pop_front()),
            _ => drop(self.late.pop()),
        }
        self.released_ns = self.released_ns.max(next.time_ns);
        Some(Next { block: next.block, offset: next.offset as usize, segment: next.segment })
    }

    /// A record of this block was dealt with; frees blocks that nothing waits for.
    pub fn done(&mut self, block: u64) {
        if let Some(held) = block.checked_sub(self.first_block).and_then(|i| self.blocks.get_mut(i as usize))
        {
            held.waiting = held.waiting.saturating_sub(1);
            if held.waiting == 0 {
                self.bytes -= held.bytes.len();
                held.bytes = Vec::new();
            }
        }
        self.forget_empty();
    }

    /// All records of the block were named. One without any is freed.
    pub fn end_block(&mut self, block: u64) {
        let held = block.checked_sub(self.first_block).and_then(|i| self.blocks.get(i as usize));
        if held.is_some_and(|h| h.waiting == 0) {
            self.done(block);
        }
    }

    fn forget_empty(&mut self) {
        // The newest block stays: its records may still be being named.
        while self.blocks.len() > 1 && self.blocks.front().is_some_and(|h| h.waiting == 0) {
            if let Some(held) = self.blocks.pop_front() {
                self.bytes -= held.bytes.len();
                self.first_block += 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Blocks of (time) records; each record is one byte in its block, its running number.
    fn push(window: &mut Window, numbers: std::ops::Range<u8>, times: &[u64]) {
        let block = window.begin_block(numbers.collect());
        for (offset, &time) in times.iter().enumerate() {
            window.push(block, offset, time, SegmentId(0));
        }
        window.end_block(block);
    }

    fn take(window: &mut Window) -> Vec<u8> {
        let mut taken = Vec::new();
        while window.ready().is_some() {
            let next = window.pop().unwrap();
            taken.push(window.block(next.block)[next.offset]);
            window.done(next.block);
        }
        taken
    }

    #[test]
    fn marks_let_go_of_what_is_older() {
        let mut window = Window::default();
        push(&mut window, 0..3, &[10, 30, 20]);
        assert!(take(&mut window).is_empty());
        window.complete(30);
        assert_eq!(take(&mut window), [0, 2]);
        push(&mut window, 3..5, &[25, 30]);
        window.complete(20); // a mark that goes back says nothing new
        assert_eq!(take(&mut window), [3]);
        window.end();
        assert_eq!(take(&mut window), [1, 4]);
        assert_eq!(window.out_of_order(), 0);
    }

    #[test]
    fn the_same_time_keeps_the_order_of_the_capture() {
        let mut window = Window::default();
        push(&mut window, 0..4, &[5, 9, 5, 5]);
        push(&mut window, 4..6, &[5, 9]);
        window.end();
        assert_eq!(take(&mut window), [0, 2, 3, 4, 1, 5]);
    }

    #[test]
    fn what_is_older_than_a_mark_and_all_that_waits_is_settled() {
        let mut window = Window::default();
        assert!(!window.is_settled(1));
        window.complete(30);
        assert!(window.is_settled(29) && !window.is_settled(30));
        push(&mut window, 0..1, &[20]);
        assert!(window.is_settled(19) && !window.is_settled(20));
        window.hold(true);
        assert!(!window.is_settled(1));
    }

    #[test]
    fn without_marks_time_lets_go() {
        let mut window = Window::default();
        push(&mut window, 0..2, &[0, 1000]);
        assert!(take(&mut window).is_empty());
        push(&mut window, 2..3, &[WINDOW_NS + 1000]);
        assert_eq!(take(&mut window), [0]);
    }

    #[test]
    fn late_ones_are_counted_and_go_at_once() {
        let mut window = Window::default();
        push(&mut window, 0..2, &[100, 200]);
        window.complete(150);
        assert_eq!(take(&mut window), [0]);
        push(&mut window, 2..3, &[50]);
        assert_eq!(take(&mut window), [2]);
        assert_eq!(window.out_of_order(), 1);
    }

    #[test]
    fn memory_is_bounded() {
        let mut window = Window::default();
        let mut taken = 0;
        for i in 0..200u64 {
            let block = window.begin_block(vec![0; 1 << 20]);
            window.push(block, 0, u64::MAX - i, SegmentId(0));
            window.end_block(block);
            taken += take(&mut window).len();
            assert!(window.bytes <= WINDOW_BYTES + (1 << 20), "{}", window.bytes);
        }
        window.end();
        assert_eq!(taken + take(&mut window).len(), 200);
        let held: usize = window.blocks.iter().map(|h| h.bytes.len()).sum();
        assert_eq!((held, window.bytes), (0, 0));
    }

    #[test]
    fn holding_keeps_all_until_it_is_lifted() {
        let mut window = Window::default();
        window.hold(true);
        push(&mut window, 0..1, &[1]);
        window.complete(10);
        assert!(take(&mut window).is_empty());
        window.hold(false);
        assert_eq!(take(&mut window), [0]);
    }
}
