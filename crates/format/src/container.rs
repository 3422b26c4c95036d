//! Which container a cgroup belongs to, by its path.
//!
//! Invariants:
//! - The table `SHAPES` is the only list of how container managers name their cgroups.
//! - The innermost container counts; the manager's own processes (`libpod-conmon-…`, `lxc.monitor…`) are in none.

/// A container, as its cgroup names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Container<'a> {
    /// Who runs it: `docker`, `containerd`, `cri-o`, `podman`, `lxc`, `systemd-nspawn`, `kubernetes`.
    pub runtime: &'static str,
    /// Its id (64 hexadecimal digits), or its name where the manager uses that.
    pub id: &'a str,
}

/// What an id looks like.
#[derive(Clone, Copy)]
enum Id {
    /// 64 hexadecimal digits.
    Hex,
    /// 32 hexadecimal digits, `-`, digits: a task of ECS.
    EcsTask,
    /// Any name.
    Name,
}

struct Shape {
    runtime: &'static str,
    /// How the component above begins; empty: it doesn't matter.
    parent: &'static str,
    prefix: &'static str,
    suffix: &'static str,
    id: Id,
}

const fn shape(
    runtime: &'static str,
    parent: &'static str,
    prefix: &'static str,
    suffix: &'static str,
    id: Id,
) -> Shape {
    Shape { runtime, parent, prefix, suffix, id }
}

/// The first shape that fits a component decides.
const SHAPES: &[Shape] = &[
    shape("docker", "", "docker-", ".scope", Id::Hex),
    shape("docker", "docker", "", "", Id::Hex),
    shape("containerd", "", "cri-containerd-", ".scope", Id::Hex),
    shape("containerd", "", "nerdctl-", ".scope", Id::Hex),
    // runc's systemd driver in cgroupfs notation: SLICE:cri-containerd:ID
    shape("containerd", "", "*:cri-containerd:", "", Id::Hex),
    shape("cri-o", "", "crio-", ".scope", Id::Hex),
    shape("podman", "", "libpod-", ".scope", Id::Hex),
    shape("podman", "libpod_parent", "libpod-", "", Id::Hex),
    shape("kubernetes", "pod", "", "", Id::Hex),
    shape("kubernetes", "kubepods", "", "", Id::Hex),
    shape("ecs", "ecs", "", "", Id::EcsTask),
    shape("docker", "", "", "", Id::Hex),
    shape("lxc", "", "lxc.payload.", "", Id::Name),
    shape("lxc", "lxc.payload", "", "", Id::Name),
    shape("lxc", "lxc", "", "", Id::Name),
    shape("systemd-nspawn", "machine.slice", "systemd-nspawn@", ".service", Id::Name),
    shape("systemd-nspawn", "machine.slice", "machine-", ".scope", Id::Name),
];

/// The container of a cgroup path.
pub fn container(cgroup_path: &[u8]) -> Option<Container<'_>> {
    let path = std::str::from_utf8(cgroup_path).ok()?;
    let mut end = path.len();
    loop {
        let start = path[..end].rfind('/').map_or(0, |at| at + 1);
        let parent = path[..start].trim_end_matches('/').rsplit('/').next().unwrap_or_default();
        let component = &path[start..end];
        if let Some(found) = SHAPES.iter().find_map(|shape| shape.fits(parent, component)) {
            return Some(found);
        }
        end = start.checked_sub(1)?;
    }
}

/// The id (or name) of the container of a cgroup path.
pub fn container_id(cgroup_path: &[u8]) -> Option<&str> {
    container(cgroup_path).map(|container| container.id)
}

impl Shape {
    fn fits<'a>(&self, parent: &str, component: &'a str) -> Option<Container<'a>> {
        // A name says little by itself: there the parent must be exactly this.
        let parent_fits = match self.id {
            Id::Name => self.parent.is_empty() || parent == self.parent,
            Id::Hex | Id::EcsTask => parent.starts_with(self.parent),
        };
        let rest = match self.prefix.strip_prefix('*') {
            Some(middle) => component.find(middle).and_then(|at| component.get(at + middle.len()..)),
            None => component.strip_prefix(self.prefix),
        };
        let id = rest?.strip_suffix(self.suffix)?;
        let hex = |s: &str, len: usize| s.len() == len && s.bytes().all(|b| b.is_ascii_hexdigit());
        let id_fits = match self.id {
            Id::Hex => hex(id, 64),
            Id::EcsTask => id.split_once('-').is_some_and(|(task, n)| {
                hex(task, 32) && !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit())
            }),
            Id::Name => !id.is_empty(),
        };
        (parent_fits && id_fits).then_some(Container { runtime: self.runtime, id })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_manager_is_known_by_its_paths() {
        let id = "0123456789abcdef".repeat(4);
        for (path, want) in [
            ("/docker/ID", Some(("docker", "ID"))),
            ("/docker/ID/init.scope", Some(("docker", "ID"))),
            ("/system.slice/docker-ID.scope", Some(("docker", "ID"))),
            (
                "/user.slice/user-1000.slice/user@1000.service/app.slice/docker-ID.scope",
                Some(("docker", "ID")),
            ),
            ("/kubepods/burstable/pod4e1a/ID", Some(("kubernetes", "ID"))),
            ("/kubepods/ID", Some(("kubernetes", "ID"))),
            (
                "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod4e.slice/cri-containerd-ID.scope",
                Some(("containerd", "ID")),
            ),
            ("/kubepods.slice/kubepods-pod4e.slice/crio-ID.scope", Some(("cri-o", "ID"))),
            (
                "/kubepods.slice/kubepods-pod4e.slice/kubepods-pod4e.slice:cri-containerd:ID",
                Some(("containerd", "ID")),
            ),
            ("/system.slice/nerdctl-ID.scope", Some(("containerd", "ID"))),
            ("/machine.slice/libpod-ID.scope/container", Some(("podman", "ID"))),
            ("/libpod_parent/libpod-ID", Some(("podman", "ID"))),
            ("/machine.slice/libpod-conmon-ID.scope", None),
            ("/ecs/abc/ID", Some(("docker", "ID"))),
            (
                "/ecs/0123456789abcdef0123456789abcdef-42",
                Some(("ecs", "0123456789abcdef0123456789abcdef-42")),
            ),
            ("/lxc/web", Some(("lxc", "web"))),
            ("/lxc/web/system.slice/nginx.service", Some(("lxc", "web"))),
            ("/lxc.payload.web", Some(("lxc", "web"))),
            ("/lxc.payload/web/init.scope", Some(("lxc", "web"))),
            ("/lxc.monitor.web", None),
            ("/lxc.monitor/web", None),
            ("/machine.slice/machine-deb.scope/payload", Some(("systemd-nspawn", "deb"))),
            ("/machine.slice/systemd-nspawn@deb.service/payload", Some(("systemd-nspawn", "deb"))),
            ("/docker/ID/docker/ID2", Some(("docker", "ID2"))),
            ("/system.slice/ssh.service", None),
            ("/user.slice/user-1000.slice/session-1.scope", None),
            ("/system.slice/docker.service", None),
            ("/docker/short", None),
            ("/", None),
            ("", None),
        ] {
            let id2 = "f".repeat(64);
            let fill = |s: &str| s.replace("ID2", &id2).replace("ID", &id);
            let path = fill(path);
            let got = container(path.as_bytes()).map(|c| (c.runtime, c.id.to_string()));
            assert_eq!(got, want.map(|(r, i)| (r, fill(i))), "{path}");
            assert_eq!(container_id(path.as_bytes()).map(str::to_string), want.map(|(_, i)| fill(i)));
        }
        assert_eq!(container(b"/docker/\xff"), None);
    }
}
