//! Instructions of x86-64: where a function takes a probe, and where it ends.
//!
//! Invariants:
//! - A place is passed exactly once in each call: what a branch of the function leads to isn't taken, so that no loop is
//!   counted as calls.
//! - At the place the arguments that are wanted stand in their registers, and nothing was written but to the stack.
//! - The kernel can step the instruction (arch/x86/kernel/uprobes.c refuses a lock prefix, for one). Where there is a
//!   choice it is one that the kernel emulates, which costs a tenth.

use super::Unprobed;
use iced_x86::{
    Code, Decoder, DecoderOptions, EncodingKind, FlowControl, Instruction, InstructionInfoFactory, Mnemonic,
    OpAccess, OpKind, Register,
};

/// How far from the start a place is looked for.
const PLACE_INSTRUCTIONS: usize = 16;

/// Registers of the first six arguments.
pub(super) const C_ARGUMENTS: [Register; 6] =
    [Register::RDI, Register::RSI, Register::RDX, Register::RCX, Register::R8, Register::R9];
/// The same of Go since 1.17.
pub(super) const GO_ARGUMENTS: [Register; 6] =
    [Register::RAX, Register::RBX, Register::RCX, Register::RDI, Register::RSI, Register::R8];

/// Where the entry probe goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// From the function's start.
    pub(super) offset: u64,
    /// Bytes that were put on the stack since the start.
    pub(super) sp_delta: u16,
    /// The kernel emulates the instruction.
    pub(super) cheap: bool,
}

/// Where a function goes when it is done.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Exits {
    /// Its own return instructions, from its start.
    pub(super) returns: Vec<u64>,
    /// Addresses that it jumps to.
    pub(super) jumps: Vec<u64>,
    /// Addresses of pointers that it jumps through.
    pub(super) through: Vec<u64>,
    /// It may go elsewhere, which can't be seen.
    pub(super) unknown: bool,
}

/// A function's instructions.
pub(super) struct Body {
    start: u64,
    end: u64,
    instructions: Vec<Instruction>,
    /// Addresses within that branches of the function lead to, in order.
    targets: Vec<u64>,
    /// Everything up to the end was decoded.
    whole: bool,
}

impl Body {
    /// Decodes a function; `whole`: the bytes are all of it.
    pub(super) fn decode(code: &[u8], start: u64, whole: bool) -> Body {
        // No function goes on past the last address.
        let room = usize::try_from(u64::MAX - start).unwrap_or(usize::MAX);
        let code = &code[..code.len().min(room)];
        let mut decoder = Decoder::with_ip(64, code, start, DecoderOptions::NONE);
        let mut body = Body {
            start,
            end: start.saturating_add(code.len() as u64),
            instructions: Vec::new(),
            targets: Vec::new(),
            whole,
        };
        while decoder.can_decode() {
            let instruction = decoder.decode();
            if instruction.is_invalid() {
                body.whole = false;
                break;
            }
            if let Some(target) = branch(&instruction) {
                body.targets.push(target);
            }
            body.instructions.push(instruction);
        }
        body.targets.sort_unstable();
        body
    }

    /// The place for the entry probe: the nearest cheap one, else the nearest. `wanted`: registers whose values are
    /// read; `returns`: a return probe goes to the same place, which needs the stack as it was.
    pub(super) fn entry(&self, wanted: &[Register], returns: bool) -> Result<Place, Unprobed> {
        self.entry_from(0, wanted, returns)
    }

    /// Go's functions begin by looking whether the stack is large enough; if not, they make it larger and begin again.
    /// The place is after that.
    pub(super) fn go_entry(&self, wanted: &[Register]) -> Result<Place, Unprobed> {
        if self.targets.binary_search(&self.start).is_err() {
            return self.entry_from(0, wanted, true);
        }
        let mut first = None;
        let mut grow = None;
        for (i, instruction) in self.instructions.iter().take(PLACE_INSTRUCTIONS).enumerate() {
            match (instruction.flow_control(), branch(instruction)) {
                (FlowControl::Next, _) => {}
                (FlowControl::ConditionalBranch, Some(target)) if *grow.get_or_insert(target) == target => {
                    first = Some(i + 1);
                }
                _ => break,
            }
        }
        let first = first.ok_or(Unprobed::Instruction("it begins with a loop"))?;
        self.entry_from(first, wanted, true)
    }

    fn entry_from(&self, first: usize, wanted: &[Register], returns: bool) -> Result<Place, Unprobed> {
        let mut factory = InstructionInfoFactory::new();
        let mut found: Option<Place> = None;
        let mut reason = Unprobed::Instruction("no instruction of it can be decoded");
        let mut pushed: u16 = 0;
        let from = self.instructions.get(first).map_or(self.start, Instruction::ip);
        for instruction in self.instructions.iter().skip(first).take(PLACE_INSTRUCTIONS) {
            let place = Place {
                offset: instruction.ip() - self.start,
                sp_delta: pushed,
                cheap: is_emulated(instruction),
            };
            let refused = self.refusal(from, instruction, returns && pushed > 0);
            match refused {
                None if place.cheap => return Ok(place),
                None => found = found.or(Some(place)),
                Some(why) if found.is_none() => reason = Unprobed::Instruction(why),
                Some(_) => {}
            }
            let Some(more) = goes_on(&mut factory, instruction, wanted) else { break };
            match pushed.checked_add(more) {
                Some(sum) => pushed = sum,
                None => break,
            }
        }
        found.ok_or(reason)
    }

    fn refusal(&self, from: u64, instruction: &Instruction, moved: bool) -> Option<&'static str> {
        // Up to here no branch leads out of the straight way: what leads into it comes from behind.
        let after = self.targets.partition_point(|target| *target < from);
        if self.targets.get(after).is_some_and(|target| *target <= instruction.ip()) {
            return Some("it begins with a loop");
        }
        if moved {
            return Some("the stack has moved");
        }
        unsteppable(instruction)
    }

    /// How the function ends.
    pub(super) fn exits(&self) -> Exits {
        let mut exits = Exits { unknown: !self.whole, ..Exits::default() };
        for instruction in &self.instructions {
            match instruction.flow_control() {
                FlowControl::Return => exits.returns.push(instruction.ip() - self.start),
                FlowControl::UnconditionalBranch | FlowControl::ConditionalBranch => {
                    match branch(instruction) {
                        Some(target) if target < self.start || target >= self.end => exits.jumps.push(target),
                        Some(_) => {}
                        None => exits.unknown = true,
                    }
                }
                FlowControl::IndirectBranch if instruction.is_ip_rel_memory_operand() => {
                    exits.through.push(instruction.ip_rel_memory_address());
                }
                FlowControl::IndirectBranch => exits.unknown = true,
                _ => {}
            }
        }
        exits
    }
}

/// The pointer that a stub of the procedure linkage table jumps through.
pub(super) fn stub(code: &[u8], address: u64) -> Option<u64> {
    let mut decoder = Decoder::with_ip(64, code, address, DecoderOptions::NONE);
    let mut instruction = decoder.decode();
    if instruction.mnemonic() == Mnemonic::Endbr64 {
        instruction = decoder.decode();
    }
    let through = instruction.is_jmp_near_indirect() && instruction.is_ip_rel_memory_operand();
    through.then(|| instruction.ip_rel_memory_address())
}

/// Where a branch leads, calls excepted.
fn branch(instruction: &Instruction) -> Option<u64> {
    let near = instruction.op0_kind() == OpKind::NearBranch64;
    let calls = instruction.is_call_near();
    (near && !calls).then(|| instruction.near_branch_target())
}

/// Why the kernel refuses to step an instruction.
fn unsteppable(instruction: &Instruction) -> Option<&'static str> {
    use Mnemonic::{In, Insb, Insd, Insw, Out, Outsb, Outsd, Outsw, Syscall, Sysenter};
    let segments = [Register::ES, Register::CS, Register::SS, Register::DS];
    if instruction.has_lock_prefix() {
        return Some("its first instruction has a lock prefix");
    }
    if segments.contains(&instruction.segment_prefix()) || instruction.op0_register().is_segment_register() {
        return Some("its first instruction is about a segment register");
    }
    if instruction.encoding() != EncodingKind::Legacy {
        return Some("its first instruction is one of vectors");
    }
    let stops = matches!(
        instruction.flow_control(),
        FlowControl::Interrupt | FlowControl::Exception | FlowControl::XbeginXabortXend
    );
    let system = matches!(
        instruction.mnemonic(),
        In | Insb | Insd | Insw | Out | Outsb | Outsd | Outsw | Syscall | Sysenter
    );
    (stops || system || instruction.is_privileged()).then_some("its first instruction is one of the system")
}

/// Whether the kernel emulates it instead of stepping: jumps, calls and pushes of a register in their plain forms, nop.
fn is_emulated(instruction: &Instruction) -> bool {
    match instruction.code() {
        Code::Push_r64 => {
            // With a prefix other than the one of r8 to r15 it is stepped.
            let high = instruction.op0_register().number() >= 8;
            instruction.len() == if high { 2 } else { 1 }
        }
        Code::Nopd => instruction.len() == 1,
        Code::Nopw => instruction.len() == 2,
        Code::Jmp_rel8_64 | Code::Jmp_rel32_64 | Code::Call_rel32_64 => true,
        _ => instruction.is_jcc_short_or_near(),
    }
}

/// By how much an instruction lowers the stack pointer; `None`: the next one isn't reached in each call, or finds
/// other arguments or other memory.
fn goes_on(
    factory: &mut InstructionInfoFactory,
    instruction: &Instruction,
    wanted: &[Register],
) -> Option<u16> {
    if instruction.flow_control() != FlowControl::Next {
        return None;
    }
    let writes = |access: OpAccess| {
        matches!(
            access,
            OpAccess::Write | OpAccess::CondWrite | OpAccess::ReadWrite | OpAccess::ReadCondWrite
        )
    };
    let mut moves = false;
    let info = factory.info(instruction);
    for used in info.used_registers().iter().filter(|used| writes(used.access())) {
        let register = used.register().full_register();
        if wanted.contains(&register) {
            return None;
        }
        moves |= register == Register::RSP;
    }
    let elsewhere = |base: Register| base.full_register() != Register::RSP;
    if info.used_memory().iter().any(|used| writes(used.access()) && elsewhere(used.base())) {
        return None;
    }
    if !moves {
        return Some(0);
    }
    let lowered = match instruction.code() {
        Code::Sub_rm64_imm8 | Code::Sub_rm64_imm32 if instruction.op0_register() == Register::RSP => {
            i64::try_from(instruction.immediate(1)).ok()?
        }
        Code::Push_r64 => 8,
        _ => return None,
    };
    u16::try_from(lowered).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: u64 = 0x1000;

    fn body(code: &[u8]) -> Body {
        Body::decode(code, START, true)
    }

    fn place(offset: u64, sp_delta: u16, cheap: bool) -> Result<Place, Unprobed> {
        Ok(Place { offset, sp_delta, cheap })
    }

    const ENDBR64: [u8; 4] = [0xf3, 0x0f, 0x1e, 0xfa];
    const SUB_RSP_24: [u8; 4] = [0x48, 0x83, 0xec, 0x18];
    const MOV_RAX_RDI: [u8; 3] = [0x48, 0x89, 0xf8];
    const MOV_RDI_RSI: [u8; 3] = [0x48, 0x89, 0xf7];
    const JE_NEXT: [u8; 2] = [0x74, 0x00];

    #[test]
    fn a_push_behind_endbr64_is_cheap() {
        let code = [&ENDBR64[..], &[0x41, 0x54, 0xc3]].concat();
        assert_eq!(body(&code).entry(&C_ARGUMENTS, true), place(4, 0, true));
        // A push with a prefix that it doesn't need is stepped.
        assert_eq!(body(&[0x48, 0x55, 0xc3]).entry(&C_ARGUMENTS, true), place(0, 0, false));
    }

    #[test]
    fn the_nearest_cheap_instruction_is_taken() {
        // mov rax, rdi; je +0; ret
        let code = [&MOV_RAX_RDI[..], &JE_NEXT, &[0x90, 0xc3]].concat();
        // What je leads to is its next instruction, but je itself is passed once.
        assert_eq!(body(&code).entry(&C_ARGUMENTS, true), place(3, 0, true));
    }

    #[test]
    fn without_a_return_probe_the_stack_may_have_moved() {
        let code = [&SUB_RSP_24[..], &MOV_RAX_RDI, &JE_NEXT, &[0xc3]].concat();
        assert_eq!(body(&code).entry(&C_ARGUMENTS, true), place(0, 0, false));
        assert_eq!(body(&code).entry(&C_ARGUMENTS, false), place(7, 24, true));
    }

    #[test]
    fn arguments_are_still_there() {
        let code = [&MOV_RDI_RSI[..], &[0x55, 0xc3]].concat();
        assert_eq!(body(&code).entry(&C_ARGUMENTS, true), place(0, 0, false));
        assert_eq!(body(&code).entry(&[Register::RSI], true), place(3, 0, true), "rdi isn't wanted");
        // xor edi, edi clears rdi too.
        assert_eq!(body(&[0x31, 0xff, 0x55]).entry(&[Register::RDI], true), place(0, 0, false));
        // mov [rdi], eax: what rdi points to is another thing after it.
        assert_eq!(body(&[0x89, 0x07, 0x55]).entry(&[Register::RDI], true), place(0, 0, false));
        // call: what comes after it may find anything.
        let call = [&MOV_RAX_RDI[..], &[0xe8, 0, 0, 0, 0, 0x55]].concat();
        assert_eq!(body(&call).entry(&C_ARGUMENTS, true), place(3, 0, true), "the call itself");
    }

    #[test]
    fn a_loop_is_not_counted_as_calls() {
        // endbr64; L: mov al, [rdi]; test al, al; jne L; ret
        let code = [&ENDBR64[..], &[0x8a, 0x07, 0x84, 0xc0, 0x75, 0xfa, 0xc3]].concat();
        // The test is within the loop too, though nothing jumps to it: only straight from the start is once.
        assert_eq!(body(&code).entry(&[], true), place(0, 0, false));
    }

    #[test]
    fn what_the_kernel_refuses_is_left_out() {
        // lock incl (%rdi); ret
        let lock = [0xf0, 0xff, 0x07, 0xc3];
        let refused = |code: &[u8]| body(code).entry(&C_ARGUMENTS, true);
        assert_eq!(refused(&lock), Err(Unprobed::Instruction("its first instruction has a lock prefix")));
        // Behind endbr64 there is a place before it.
        assert_eq!(refused(&[&ENDBR64[..], &lock].concat()), place(0, 0, false));
        for code in [
            &[0xcc][..],
            &[0x0f, 0x05],
            &[0xf4],
            &[0x0f, 0x0b],
            &[0x8e, 0xd8],
            &[0xc5, 0xf8, 0x77],
            &[0x06],
            &[],
        ] {
            assert!(refused(code).is_err(), "{code:x?}");
        }
    }

    #[test]
    fn a_go_function_is_entered_after_it_looked_at_its_stack() {
        // cmp rsp, [r14+16]; jbe M; push rbp; ret; M: call …; jmp start
        let code = [0x49, 0x3b, 0x66, 0x10, 0x76, 0x02, 0x55, 0xc3, 0xe8, 0, 0, 0, 0, 0xeb, 0xf1];
        assert_eq!(body(&code).go_entry(&GO_ARGUMENTS), place(6, 0, true));
        // A leaf doesn't look.
        assert_eq!(body(&[0x48, 0x89, 0xd8, 0xc3]).go_entry(&GO_ARGUMENTS), place(0, 0, false));
    }

    #[test]
    fn ends_are_found() {
        // jmp 0x2000; jmp [rip+0]; ret; jmp rax
        let mut code = vec![0xe9, 0xfb, 0x0f, 0, 0, 0xff, 0x25, 0, 0, 0, 0, 0xc3];
        let exits = body(&code).exits();
        assert_eq!(exits.jumps, [0x2000]);
        assert_eq!(exits.through, [0x100b]);
        assert_eq!((exits.returns.as_slice(), exits.unknown), (&[11][..], false));
        code.extend([0xff, 0xe0]);
        assert!(body(&code).exits().unknown);
        assert!(Body::decode(&[0xc3], START, false).exits().unknown, "not all of it");
        assert!(body(&[0x06, 0xc3]).exits().unknown, "not an instruction");
    }

    #[test]
    fn stubs_are_read() {
        let jump = [0xff, 0x25, 0x10, 0, 0, 0];
        assert_eq!(stub(&jump, 0x100), Some(0x116));
        assert_eq!(stub(&[&ENDBR64[..], &[0xf2], &jump].concat(), 0x100), Some(0x11b));
        assert_eq!(stub(&[0xe9, 0, 0, 0, 0], 0x100), None);
        assert_eq!(stub(&[], 0x100), None);
    }

    /// The whole function of OpenSSL 3.0's SSL_CTX_new, as Debian's compiler wrote it.
    #[test]
    fn a_door_that_only_jumps_is_entered_at_its_jump() {
        let code = [0x48, 0x89, 0xfa, 0x31, 0xf6, 0x31, 0xff, 0xe9, 0xa4, 0x32, 0xfe, 0xff];
        let body = Body::decode(&code, 0x3c610, true);
        assert_eq!(body.entry(&[], true), place(7, 0, true));
        assert_eq!(body.entry(&[Register::RDI], true), place(0, 0, false));
        assert_eq!(body.exits(), Exits { jumps: vec![0x1f8c0], ..Exits::default() });
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_looked_at(code in proptest::collection::vec(proptest::num::u8::ANY, 0..300)) {
            for start in [0, START, u64::MAX - 100] {
                let body = Body::decode(&code, start, true);
                let _ = (body.entry(&C_ARGUMENTS, true), body.go_entry(&GO_ARGUMENTS), body.exits());
                stub(&code, start);
            }
        }
    }
}
