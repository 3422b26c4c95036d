//! The wire structs of the compiled BPF object, held against the tables of the format crate, by the object's BTF.

use crypto_tracer_format::record::{HEADER_FIELDS, HEADER_SIZE, Kind};
use crypto_tracer_recorder::probes::config::{CONFIG_BYTES, CONFIG_FIELDS};
use crypto_tracer_recorder::probes::object::OBJECT;
use crypto_tracer_recorder::wire::part::{PART_BYTES, PART_FIELDS};
use libbpf_rs::btf::types::Struct;
use libbpf_rs::btf::{Btf, BtfType, HasSize};

/// What is compared of a member: its name, offset and size, in bytes.
fn members(btf: &Btf<'_>, name: &str) -> (usize, Vec<(String, usize, usize)>) {
    let found: Struct<'_> =
        btf.type_by_name(name).unwrap_or_else(|| panic!("{name} is not in the object's BTF"));
    let members = found.iter().map(|member| {
        let offset = match member.attr {
            libbpf_rs::btf::types::MemberAttr::Normal { offset } => offset as usize / 8,
            other => panic!("{name} has a bit field: {other:?}"),
        };
        let ty: BtfType<'_> = btf.type_by_id(member.ty).expect("a type");
        (member.name.expect("a name").to_string_lossy().into_owned(), offset, size(ty))
    });
    (found.size(), members.collect())
}

fn size(ty: BtfType<'_>) -> usize {
    let ty = ty.skip_mods_and_typedefs();
    if let Ok(array) = libbpf_rs::btf::types::Array::try_from(ty) {
        return array.capacity() * size(array.contained_type());
    }
    libbpf_rs::btf_type_match!(match ty {
        BtfKind::Composite(t) => t.size(),
        BtfKind::Int(t) => t.size(),
        _ => panic!("{ty:?} should not be in a wire struct"),
    })
}

fn object() -> Btf<'static> {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("object.o");
    std::fs::write(&path, OBJECT).expect("it is written");
    Btf::from_path(&path).expect("the object has BTF")
}

#[test]
fn records_lie_in_c_as_in_rust() {
    let btf = object();
    let (header_size, header) = members(&btf, "ct_header");
    let want: Vec<(String, usize, usize)> =
        HEADER_FIELDS.iter().map(|(n, o, s)| ((*n).to_owned(), *o, *s)).collect();
    assert_eq!((header_size, &header), (HEADER_SIZE, &want));
    let kinds = [
        Kind::FileOpen,
        Kind::ProcessFork,
        Kind::ProcessExec,
        Kind::ProcessExit,
        Kind::ApiCall,
        Kind::KernelCrypto,
    ];
    for kind in kinds {
        let (total, fields) = members(&btf, kind.c_name());
        let mut want = vec![("h".to_owned(), 0, HEADER_SIZE)];
        want.extend(kind.fields().iter().map(|f| (f.name.to_owned(), f.offset, f.size)));
        assert_eq!(fields, want, "{}", kind.c_name());
        let end = kind.fields().last().map_or(HEADER_SIZE, |f| f.offset + f.size);
        assert_eq!(total, end.next_multiple_of(8), "{}", kind.c_name());
    }
}

#[test]
fn tables_of_calls_lie_in_c_as_in_rust() {
    use crypto_tracer_recorder::api::{counts, sites};
    let btf = object();
    let tables = [
        ("ct_api_site", sites::SITE_BYTES, sites::SITE_FIELDS),
        ("ct_api_count_key", counts::KEY_BYTES, counts::KEY_FIELDS),
        ("ct_api_counted", counts::COUNTED_BYTES, counts::COUNTED_FIELDS),
    ];
    for (name, bytes, fields) in tables {
        let want: Vec<(String, usize, usize)> =
            fields.iter().map(|(n, o, s)| ((*n).to_owned(), *o, *s)).collect();
        assert_eq!(members(&btf, name), (bytes, want), "{name}");
    }
}

#[test]
fn parts_of_handshakes_lie_in_c_as_in_rust() {
    let (total, fields) = members(&object(), "ct_tls_part");
    let mut want = vec![("h".to_owned(), 0, HEADER_SIZE)];
    want.extend(PART_FIELDS.iter().map(|(n, o, s)| ((*n).to_owned(), *o, *s)));
    assert_eq!((total, fields), (PART_BYTES, want));
}

#[test]
fn the_configuration_lies_in_c_as_in_rust() {
    let (total, fields) = members(&object(), "ct_config");
    let want: Vec<(String, usize, usize)> =
        CONFIG_FIELDS.iter().map(|(n, o, s)| ((*n).to_owned(), *o, *s)).collect();
    assert_eq!((total, fields), (CONFIG_BYTES, want));
}
