//! Every limit of the format, in one table. A reader refuses what exceeds them, each with an error of its own, so that
//! memory stays bounded whatever a file says. [`TABLE`] is what docs/capture-format.md prints.

macro_rules! limits {
    ($( $(#[doc = $doc:literal])* $name:ident: $ty:ty = $value:expr; )*) => {
        $( $(#[doc = $doc])* pub const $name: $ty = $value; )*

        /// Name, value and meaning of every limit.
        pub const TABLE: &[(&str, u64, &[&str])] = &[$( (stringify!($name), $name as u64, &[$($doc),*]) ),*];
    };
}

limits! {
    /// Largest record, so that offsets within it fit 16 bits.
    RECORD_BYTES: usize = 64 * 1024;
    /// Longest string in a record: PATH_MAX.
    STRING_BYTES: usize = 4096;
    /// Largest payload of a skippable frame of ours, END excepted.
    FRAME_BYTES: usize = 1024 * 1024;
    /// Largest payload of an END frame. It is read as a stream, or piece by piece where its index is wanted.
    END_BYTES: usize = 64 * 1024 * 1024;
    /// Largest skippable frame of someone else that is passed over as one; a larger one is passed over as damage is.
    FOREIGN_BYTES: usize = 4 * 1024 * 1024;
    /// Largest content of a block, decoded.
    BLOCK_BYTES: usize = 4 * 1024 * 1024;
    /// Largest data frame of a block: what zstd needs at most for the largest content.
    DATA_BYTES: usize = BLOCK_BYTES + (BLOCK_BYTES >> 8);
    /// Largest window of a zstd frame, as a power of two (2^23 = 8 MiB).
    WINDOW_LOG: u32 = 23;
    /// Smallest block that a writer may be asked for.
    MIN_BLOCK_BYTES: usize = 1024;
    /// Most entries that a writer puts into the index of END; a longer segment has none, and a reader walks it.
    INDEX_ENTRIES: usize = 65_536;
    /// An index may have one entry for so many bytes of its segment.
    BYTES_PER_INDEX_ENTRY: u64 = 64;
    /// Longest name of a writer, in bytes.
    WRITER_BYTES: usize = 256;
    /// Most damages that a reader lists one by one; further ones are added up.
    DAMAGES_LISTED: usize = 1024;
    /// Most unknown record types that a reader counts one by one; further ones are added up.
    UNKNOWN_KINDS: usize = 256;
    /// Most segments of a file that a reader finds from its end; the others are walked.
    SEGMENTS_INDEXED: usize = 4096;
    /// A segment of a capture not seen before is believed after damage only where its chain is whole for so many bytes
    /// (more than one record, and so more than a traced process can write in one piece), or up to the end of the input.
    PROOF_BYTES: usize = 64 * 1024;
    /// So many such segments, and ENDs found by scanning, may turn out false; further ones are not believed.
    PROOFS: u32 = 1024;
    /// So many blocks whose data are damaged, and whose length nothing proves, are searched for other blocks; the data of further ones are passed over.
    SEARCHED: u32 = 1024;
    /// Longest SEG or BLK frame that is believed when it was found by scanning.
    SCANNED_FRAME_BYTES: usize = 4096;
}
