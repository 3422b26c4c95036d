//! Instructions of 64-bit ARM: where a function takes a probe, and where one of Go ends.
//!
//! Invariant: the place is the first instruction, or the one behind the landing pad of indirect branches: before the
//! link register is signed or saved.

use super::Unprobed;
use super::instructions::Place;

/// `bti c` and `bti jc`.
const LANDING_PADS: [u32; 2] = [0xd503_245f, 0xd503_24df];
/// `ret` to the link register, plain and with either key.
const RETURNS: [u32; 3] = [0xd65f_03c0, 0xd65f_0bff, 0xd65f_0fff];

/// A look at the stack has at most so many instructions.
const GO_PROLOGUE: usize = 8;

fn words(code: &[u8]) -> impl Iterator<Item = u32> {
    code.chunks_exact(4).filter_map(|word| Some(u32::from_le_bytes(word.try_into().ok()?)))
}

/// The place for the entry probe.
pub(super) fn entry(code: &[u8]) -> Result<Place, Unprobed> {
    let mut words = words(code);
    let first = words.next().ok_or(Unprobed::Instruction("it has no instruction"))?;
    let (offset, word) = match words.next() {
        Some(second) if LANDING_PADS.contains(&first) => (4, second),
        _ => (0, first),
    };
    // Exclusive loads and stores fail when they are stepped; exceptions and system registers are refused.
    let exclusive = word & 0x3f00_0000 == 0x0800_0000;
    let exception = word & 0xff00_0000 == 0xd400_0000;
    let system = word & 0xffc0_0000 == 0xd500_0000 && word & 0xffff_f01f != 0xd503_201f;
    if exclusive || exception || system || word == 0 {
        return Err(Unprobed::Instruction("its first instruction is one that can't be stepped"));
    }
    Ok(Place { offset, sp_delta: 0, cheap: false })
}

/// The place in a function of Go: behind the look at the stack, which ends in a branch to where it is made larger.
/// That is, after the first conditional branch, if the function begins with loads of the limit from the goroutine (R28).
pub(super) fn go_entry(code: &[u8]) -> Result<Place, Unprobed> {
    let start: Vec<u32> = words(code).take(GO_PROLOGUE).collect();
    // ldr x16, [x28, #16]
    if start.first() != Some(&0xf940_0b90) {
        return entry(code);
    }
    let branches = start.iter().position(|word| word & 0xff00_0010 == 0x5400_0000);
    let after = branches.ok_or(Unprobed::Instruction("its look at the stack isn't understood"))?;
    let offset = 4 * (after + 1);
    let place = entry(code.get(offset..).unwrap_or_default())?;
    Ok(Place { offset: place.offset + offset as u64, ..place })
}

/// The return instructions, from the start.
pub(super) fn returns(code: &[u8]) -> Vec<u64> {
    (0..).step_by(4).zip(words(code)).filter(|(_, word)| RETURNS.contains(word)).map(|(at, _)| at).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(words: &[u32]) -> Vec<u8> {
        words.iter().flat_map(|word| word.to_le_bytes()).collect()
    }

    #[test]
    fn the_landing_pad_is_passed_over() {
        // bti c; paciasp; stp x29, x30, [sp, #-16]!; ret
        let function = code(&[0xd503_245f, 0xd503_233f, 0xa9bf_7bfd, 0xd65f_03c0]);
        assert_eq!(entry(&function), Ok(Place { offset: 4, sp_delta: 0, cheap: false }));
        assert_eq!(entry(&function[4..]), Ok(Place { offset: 0, sp_delta: 0, cheap: false }));
        assert_eq!(returns(&function), [12]);
    }

    #[test]
    fn go_looks_at_its_stack_first() {
        // ldr x16, [x28, #16]; cmp sp, x16; b.ls …; str x30, [sp, #-96]!; ret
        let function = code(&[0xf940_0b90, 0xeb30_63ff, 0x5400_0a09, 0xf81a_0ffe, 0xd65f_03c0]);
        assert_eq!(go_entry(&function).map(|place| place.offset), Ok(12));
        assert_eq!(go_entry(&function[12..]).map(|place| place.offset), Ok(0), "a leaf");
        assert!(go_entry(&function[..8]).is_err());
    }

    #[test]
    fn what_cannot_be_stepped_is_left_out() {
        // ldxr w0, [x0]; svc #0; mrs x0, tpidr_el0; udf #0
        for word in [0x885f_7c00, 0xd400_0001, 0xd53b_d040, 0] {
            assert!(entry(&code(&[word])).is_err(), "{word:#x}");
        }
        assert!(entry(&[1, 2, 3]).is_err());
        assert!(entry(&[]).is_err());
    }
}
