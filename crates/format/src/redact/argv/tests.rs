//! Command lines as users type them, and what is left of them.

use super::super::tools::TOOLS;
use super::*;
use proptest::prelude::*;

/// Arguments are separated by a blank here, except inside quotes, which go.
fn arguments(line: &str) -> Vec<u8> {
    let mut argv = Vec::new();
    for range in words::split(line.as_bytes()) {
        let (_, inner, _) = words::unquote(&line.as_bytes()[range]);
        argv.extend_from_slice(inner);
        argv.push(0);
    }
    argv
}

fn text(argv: &[u8]) -> String {
    String::from_utf8_lossy(argv).replace('\0', "\u{2423}")
}

fn check(line: &str, want: &str) {
    let got = redact(&arguments(line)).into_owned();
    assert_eq!(text(&got), text(&arguments(want)), "{line}");
    assert_eq!(text(&redact(&got)), text(&got), "again: {line}");
}

#[test]
fn each_programs_row_redacts_its_example() {
    for tool in TOOLS {
        let (line, want) = tool.example;
        check(line, want);
        if !tool.rows.is_empty() {
            assert!(line.contains("s3cr") && !want.contains("s3cr"), "{line}");
        }
        // The same as a shell's command line, in one argument.
        if !line.contains('"') {
            let shell = redact(format!("sh\0-c\0{line}\0").as_bytes()).into_owned();
            assert!(!text(&shell).contains("s3cr"), "{}", text(&shell));
        }
    }
}

/// What a user types, and what is left of it.
const LINES: &[(&str, &str)] = &[
    ("x --password s3cr", "x --password [REDACTED]"),
    ("x --password=s3cr", "x --password=[REDACTED]"),
    ("x '--password=s3cr with blanks'", "x --password=[REDACTED]"),
    ("x --password -s3cr", "x --password [REDACTED]"),
    ("x --password= s3cr y", "x --password= [REDACTED] y"),
    ("x --password -- s3cr y", "x --password -- [REDACTED] y"),
    ("sh -c 'read -r PASSWORD <<< s3cr; ls'", "sh -c 'read -r PASSWORD <<< [REDACTED] ls'"),
    ("bash -c 'x<<<s3cr ls'", "bash -c 'x<<<[REDACTED] ls'"),
    ("x '<password>s3cr s3cr</password>'", "x '<password>[REDACTED]</password>'"),
    ("az storage x --account-key /s3crabcd+efg==", "az storage x --account-key [REDACTED]"),
    ("x --access-key /s3crabcd+efg==", "x --access-key [REDACTED]"),
    ("x --key /etc/x.key --cert /etc/x.pem", "x --key /etc/x.key --cert /etc/x.pem"),
    (
        "env MAX_API_TOKEN=s3cr SKIP_SECRET=s3cr NO_PROXY_PASSWORD=s3cr",
        "env MAX_API_TOKEN=[REDACTED] SKIP_SECRET=[REDACTED] NO_PROXY_PASSWORD=[REDACTED]",
    ),
    (
        "mysql -e \"SET PASSWORD FOR 'a'@'b' = PASSWORD('s3cr')\"",
        "mysql -e \"SET PASSWORD FOR 'a'@'b' = [REDACTED]\"",
    ),
    ("x -e \"SET PASSWORD FOR 'a'@'b' = 's3cr'\"", "x -e \"SET PASSWORD FOR 'a'@'b' = [REDACTED]\""),
    ("x -e \"ALTER USER a IDENTIFIED BY's3cr'\"", "x -e \"ALTER USER a IDENTIFIED BY [REDACTED]\""),
    ("prog -pws3cr -v", "prog -pw[REDACTED] -v"),
    ("mysqldump5.7 '-ps3cr s3cr' db", "mysqldump5.7 -p[REDACTED] db"),
    ("java jdbc:oracle:thin:u/s3cr@h", "java jdbc:oracle:thin:u/[REDACTED]@h"),
    ("x -c 'ALTER ROLE a PASSWORD $$s3cr$$'", "x -c 'ALTER ROLE a PASSWORD [REDACTED]'"),
    ("sh -c '[ \"$TOKEN\" == \"s3cr\" ] || ls'", "sh -c '[ \"$TOKEN\" == [REDACTED] ] || ls'"),
    ("x --password '' y", "x --password '' y"),
    ("certbot --dns-credentials /etc/cf.ini", "certbot --dns-credentials /etc/cf.ini"),
    ("sh -c 'echo hello'", "sh -c 'echo hello'"),
    ("az login -u id -p s3cr", "az login -u id -p [REDACTED]"),
    ("x /password:s3cr -v /etc/token:/x", "x /password:[REDACTED] -v /etc/token:/x"),
    ("x --password --token s3cr y", "x --password [REDACTED] [REDACTED] y"),
    (
        "x --api-key s3cr --apikey=s3cr api_key=s3cr",
        "x --api-key [REDACTED] --apikey=[REDACTED] api_key=[REDACTED]",
    ),
    ("x --private-key /etc/k.pem", "x --private-key /etc/k.pem"),
    ("x --private-key s3cr", "x --private-key [REDACTED]"),
    ("x --password-file /etc/pw --ask-pass y", "x --password-file /etc/pw --ask-pass y"),
    ("x -p 22 -u bob --key /etc/x.key", "x -p 22 -u bob --key /etc/x.key"),
    ("mkdir -p /srv/x", "mkdir -p /srv/x"),
    (
        "env DB_PASSWORD=s3cr AWS_SECRET_ACCESS_KEY=s3cr ls",
        "env DB_PASSWORD=[REDACTED] AWS_SECRET_ACCESS_KEY=[REDACTED] ls",
    ),
    ("curl -H 'Authorization: Bearer s3cr' https://x", "curl -H 'Authorization: [REDACTED]' https://x"),
    (
        "curl -H 'X-Api-Key: s3cr' -H 'Accept: text/html'",
        "curl -H 'X-Api-Key: [REDACTED]' -H 'Accept: text/html'",
    ),
    ("curl -H 'Cookie: a=s3cr; b=s3cr'", "curl -H 'Cookie: [REDACTED]'"),
    ("curl '-HAuthorization: Basic s3cr'", "curl '-HAuthorization: [REDACTED]'"),
    (
        "git -c 'http.extraHeader=Authorization: Basic s3cr' fetch",
        "git -c 'http.extraHeader=Authorization: [REDACTED]' fetch",
    ),
    ("git clone https://bob:s3cr@host/x", "git clone https://bob:[REDACTED]@host/x"),
    ("wget https://h/?a=1&sig=s3cr&b=2", "wget https://h/?a=1&sig=[REDACTED]&b=2"),
    (
        "java -Djavax.net.ssl.keyStorePassword=s3cr -jar x.jar",
        "java -Djavax.net.ssl.keyStorePassword=[REDACTED] -jar x.jar",
    ),
    (
        "keytool -storepass s3cr -keypass s3cr -list",
        "keytool -storepass [REDACTED] -keypass [REDACTED] -list",
    ),
    ("openssl s_client -psk s3cr -connect h:443", "openssl s_client -psk [REDACTED] -connect h:443"),
    ("openssl s_client -psk_identity bob -tls1_3", "openssl s_client -psk_identity [REDACTED] -tls1_3"),
    ("openssl rsa -in /etc/x.key -passin env:PW", "openssl rsa -in /etc/x.key -passin env:PW"),
    (
        "openssl x509 -in pkcs11:token=t;pin-value=s3cr",
        "openssl x509 -in pkcs11:token=t;pin-value=[REDACTED]",
    ),
    ("sudo -u bob mysql -ps3cr", "sudo -u bob mysql -p[REDACTED]"),
    ("sshpass -ps3cr ssh -p 22 h", "sshpass -p[REDACTED] ssh -p 22 h"),
    ("docker run -e TOKEN=s3cr -p 80:80 img", "docker run -e TOKEN=[REDACTED] -p 80:80 img"),
    ("sh -c 'mysql -ps3cr; mkdir -p x'", "sh -c 'mysql -p[REDACTED] mkdir -p x'"),
    ("sh -c 'export PASSWORD=s3cr; ls -l'", "sh -c 'export PASSWORD=[REDACTED] ls -l'"),
    ("sh -c 'PGPASSWORD=s3cr psql -h db'", "sh -c 'PGPASSWORD=[REDACTED] psql -h db'"),
    (
        "mysql -e \"CREATE USER x IDENTIFIED BY 's3cr'\"",
        "mysql -e \"CREATE USER x IDENTIFIED BY [REDACTED]\"",
    ),
    ("x '{\"password\": \"s3cr s3cr\", \"n\": 1}'", "x '{\"password\": [REDACTED] \"n\": 1}'"),
    ("x 'password = s3cr'", "x 'password = [REDACTED]'"),
    ("x AKIAIOSFODNN7EXAMPLE", "x [REDACTED]"),
    ("ls /etc/ssl -l --color=auto", "ls /etc/ssl -l --color=auto"),
    ("python3 -c 'import ssl; print(1)'", "python3 -c 'import ssl; print(1)'"),
];

#[test]
fn secrets_go_and_the_rest_stays() {
    for (line, want) in LINES {
        check(line, want);
    }
}

#[test]
fn quotes_in_quotes_are_followed() {
    let argv = b"ssh\0h\0bash -c \"curl -H 'Authorization: Bearer s3cr' -u 'a:s3cr' https://x\"\0";
    assert_eq!(
        text(&redact(argv)),
        text(b"ssh\0h\0bash -c \"curl -H 'Authorization: [REDACTED]' -u 'a:[REDACTED]' https://x\"\0")
    );
}

#[test]
fn what_is_not_secret_is_not_copied_differently() {
    for argv in [&b"a\0\0b\0"[..], b"", b"\0", b"x", b"nginx: worker process", b"a\0b"] {
        assert!(matches!(redact(argv), Cow::Borrowed(_)), "{}", text(argv));
    }
}

fn piece() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "mysql",
        "curl",
        "openssl",
        "passwd",
        "sshpass",
        "-p",
        "-u",
        "-k",
        "-pass",
        "--password",
        "--token",
        "password",
        "token",
        "key",
        "=",
        ":",
        " ",
        "\0",
        "'",
        "\"",
        "\\",
        "&",
        ";",
        "?",
        "//",
        "@",
        "/",
        "x",
        "a:b",
        "Authorization",
        "Bearer",
        "identified",
        "by",
        "pkcs11:",
        "AKIAIOSFODNN7EXAMPLE",
        "-----BEGIN ",
        "-----END ",
        "-----",
        "{",
        "}",
        "[REDACTED]",
        "-c",
        "http",
        "%",
        "pass:",
        "stdin",
        "<<<",
        "<token>",
        "</",
        "(",
        "]",
        "--",
        "for",
        "jdbc:oracle:",
        "vault",
        "login",
        "-pw",
        ",",
        "-",
        "\u{1}",
        "\u{e9}",
    ])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]
    #[test]
    fn redacting_twice_is_redacting_once(pieces in prop::collection::vec(piece(), 0..14)) {
        let argv = pieces.concat().into_bytes();
        let once = redact(&argv).into_owned();
        prop_assert_eq!(text(&redact(&once)), text(&once));
    }

    #[test]
    fn arguments_keep_their_number(pieces in prop::collection::vec(piece(), 0..14)) {
        let argv = pieces.concat().into_bytes();
        let nuls = |b: &[u8]| b.iter().filter(|&&b| b == 0).count();
        prop_assert_eq!(nuls(&redact(&argv)), nuls(&argv));
    }

    #[test]
    fn any_bytes_are_taken(argv in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = redact(&argv);
    }
}
