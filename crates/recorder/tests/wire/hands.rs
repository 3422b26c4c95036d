//! Sockets that change hands: whoever shakes hands is the process that is recorded, not who opened the connection.

use super::{TLS13_CLIENT, folder, handshake, log, need_bpf, python};

/// Accepts a connection and says who it is; the handshake is another process's, which says so too.
const SERVER: &str = r#"
import os, socket, ssl, sys
def serve(s):
    with open("by.txt", "w") as f: f.write(str(os.getpid()))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain("cert.pem", "key.pem")
    context.wrap_socket(s, server_side=True).recv(100)
listener = socket.create_server(("127.0.0.1", int(sys.argv[2])))
here, there = socket.socketpair()
child = os.fork() if sys.argv[1] == "passed" else None
if child == 0:
    _, [fd], _, _ = socket.recv_fds(there, 1, 1)
    serve(socket.socket(fileno=fd))
    os._exit(0)
print("ACCEPT", flush=True)
s, _ = listener.accept()
with open("accepted.txt", "w") as f: f.write(str(os.getpid()))
if child:
    socket.send_fds(here, [b"s"], [s.fileno()])
    s.close()
else:
    child = os.fork()
    if child == 0:
        serve(s)
        os._exit(0)
os.waitpid(child, 0)
"#;

fn server_that(way: &str) {
    let dir = folder();
    std::fs::write(dir.path().join("server.py"), SERVER).expect("written");
    let script = format!(
        "'{}' -IS server.py {way} $port >server.log 2>&1 & server=$!
i=0; until grep -q ACCEPT server.log || [ $i = 600 ]; do sleep 0.05; i=$((i+1)); done
openssl s_client -connect 127.0.0.1:$port </dev/null >client.log 2>&1",
        python()
    );
    let [_, server] = handshake(dir.path(), &script, &TLS13_CLIENT);
    let pid = |name: &str| log(dir.path(), name).parse::<u32>().expect("a pid");
    let (by, accepted) = (pid("by.txt"), pid("accepted.txt"));
    assert_ne!(by, accepted);
    assert!(server.iter().all(|s| s.header.tgid == by), "not of {accepted}, which accepted it");
}

#[test]
fn a_server_that_forks_for_each_connection_is_seen_in_its_child() {
    need_bpf!();
    server_that("forked");
}

#[test]
fn a_connection_that_was_passed_on_is_seen_where_it_went() {
    need_bpf!();
    server_that("passed");
}
