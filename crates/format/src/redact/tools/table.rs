//! The programs and their options.
//!
//! Invariant: the test of [`super::super::argv`] runs each program's example.

use super::Form::{Both, EachWord, Ending, Glued, Next, Word};
use super::Kind::{KeyOrPath, KeyParameter, Quoted, Secret, Source, UserThen};
use super::{ECHO, Tool, row};

/// The programs.
pub(in super::super) const TOOLS: &[Tool] = &[
    Tool {
        names: &[
            "mysql",
            "mysqldump",
            "mysqlimport",
            "mysqlshow",
            "mysqlcheck",
            "mysqlpump",
            "mysqlbinlog",
            "mariadb",
            "mariadb-dump",
            "mariadb-import",
            "mariadb-show",
            "mariadb-check",
            "mariadb-binlog",
            "mysqlsh",
            "mycli",
        ],
        of: None,
        rows: &[row("-p", Glued, Secret), row("password", Word, Quoted)],
        example: ("mysql -u root -ps3cret -h db", "mysql -u root -p[REDACTED] -h db"),
    },
    Tool {
        names: &["mysqladmin", "mariadb-admin"],
        of: None,
        rows: &[row("-p", Glued, Secret), row("password", Word, Secret)],
        example: ("mysqladmin -ps3cr1 password s3cr2", "mysqladmin -p[REDACTED] password [REDACTED]"),
    },
    Tool {
        names: &["curl"],
        of: None,
        rows: &[
            row("-u", Both, UserThen(b':')),
            row("--user", Next, UserThen(b':')),
            row("--user=", Glued, UserThen(b':')),
            row("-U", Both, UserThen(b':')),
            row("--proxy-user", Next, UserThen(b':')),
            row("--proxy-user=", Glued, UserThen(b':')),
            row("-E", Both, UserThen(b':')),
            row("--cert", Next, UserThen(b':')),
            row("--proxy-cert", Next, UserThen(b':')),
            row("-b", Both, Secret),
        ],
        example: (
            "curl -su bob:s3cr1 --user=bob:s3cr2 -U p:s3cr3 -E c.pem:s3cr4 -b s=s3cr5 https://x",
            "curl -su bob:[REDACTED] --user=bob:[REDACTED] -U p:[REDACTED] -E c.pem:[REDACTED] -b [REDACTED] https://x",
        ),
    },
    Tool {
        names: &["wget", "wget2"],
        of: None,
        rows: &[row("--user", Next, UserThen(b':')), row("--proxy-user", Next, UserThen(b':'))],
        example: ("wget --user bob:s3cret http://x", "wget --user bob:[REDACTED] http://x"),
    },
    Tool {
        names: &["http", "https", "xh", "httpie"],
        of: None,
        rows: &[row("-a", Both, UserThen(b':')), row("--auth", Next, UserThen(b':'))],
        example: ("http -a bob:s3cret x.org", "http -a bob:[REDACTED] x.org"),
    },
    Tool {
        names: &["ab"],
        of: None,
        rows: &[row("-A", Both, UserThen(b':')), row("-P", Both, UserThen(b':')), row("-C", Both, Secret)],
        example: ("ab -A bob:s3cr1 -C c=s3cr2 http://x/", "ab -A bob:[REDACTED] -C [REDACTED] http://x/"),
    },
    Tool {
        names: &["sshpass"],
        of: None,
        rows: &[row("-p", Both, Secret)],
        example: ("sshpass -p s3cret ssh -p 22 host", "sshpass -p [REDACTED] ssh -p 22 host"),
    },
    // Ends the reach of a wrapper such as sshpass: its own -p is a port.
    Tool {
        names: &["ssh", "scp", "sftp", "rsync"],
        of: None,
        rows: &[],
        example: ("ssh -p 22 host", "ssh -p 22 host"),
    },
    Tool {
        names: &["redis-cli", "valkey-cli", "keydb-cli", "redis-benchmark"],
        of: None,
        rows: &[
            row("-a", Both, Secret),
            row("auth", Word, Secret),
            row("requirepass", Word, Secret),
            row("masterauth", Word, Secret),
        ],
        example: (
            "redis-cli -h db -a s3cr1 config set requirepass s3cr2",
            "redis-cli -h db -a [REDACTED] config set requirepass [REDACTED]",
        ),
    },
    Tool {
        names: &["mongo", "mongosh", "mongodump", "mongorestore", "mongoexport", "mongoimport"],
        of: None,
        rows: &[row("-p", Both, Secret)],
        example: ("mongosh -u bob -p s3cret db", "mongosh -u bob -p [REDACTED] db"),
    },
    Tool {
        names: &["docker", "podman", "nerdctl", "buildah", "helm", "skopeo", "oras", "crane"],
        of: None,
        rows: &[
            row("--creds", Next, UserThen(b':')),
            row("--creds=", Glued, UserThen(b':')),
            row("--src-creds", Next, UserThen(b':')),
            row("--dest-creds", Next, UserThen(b':')),
        ],
        example: ("skopeo copy --src-creds bob:s3cret a b", "skopeo copy --src-creds bob:[REDACTED] a b"),
    },
    Tool {
        names: &["az", "oc"],
        of: None,
        rows: &[],
        example: ("az account list -o x", "az account list -o x"),
    },
    Tool {
        names: &["ssh-keygen"],
        of: None,
        rows: &[row("-N", Both, Secret), row("-P", Both, Secret)],
        example: (
            "ssh-keygen -t rsa -N s3cr1 -P s3cr2 -f key",
            "ssh-keygen -t rsa -N [REDACTED] -P [REDACTED] -f key",
        ),
    },
    // Only where its output goes into a program that reads a password: see [`super::super::argv`].
    Tool {
        names: &[ECHO, "printf"],
        of: None,
        rows: &[row("", EachWord, Secret)],
        example: (
            "sh -c 'echo -n s3cr | docker login --password-stdin x'",
            "sh -c 'echo -n [REDACTED] | docker login --password-stdin x'",
        ),
    },
    Tool {
        names: &["login"],
        of: Some("docker podman nerdctl buildah helm skopeo oras crane az oc"),
        rows: &[row("-p", Both, Secret)],
        example: ("docker login -u bob -p s3cret reg.io", "docker login -u bob -p [REDACTED] reg.io"),
    },
    Tool {
        names: &["openssl"],
        of: None,
        rows: &[
            row("-passin", Next, Source),
            row("-passout", Next, Source),
            row("-pass", Next, Source),
            row("-password", Next, Source),
            row("-passwd", Next, Source),
            row("-srppass", Next, Secret),
            row("-k", Next, Secret),
            row("-K", Next, Secret),
            row("-psk", Next, Secret),
            // Names a person or device, as a PSK identity in a handshake does, which is dropped too.
            row("-psk_identity", Next, Secret),
            row("-hmac", Next, Secret),
            row("-macopt", Next, KeyParameter),
            row("-sigopt", Next, KeyParameter),
            row("-pkeyopt", Next, KeyParameter),
            row("-kdfopt", Next, KeyParameter),
            row("-secret", Next, Secret),
        ],
        example: (
            "openssl enc -aes-256-cbc -k s3cr1 -K s3cr2 -pass pass:s3cr3 -passin file:/etc/pw -hmac s3cr4 -macopt hexkey:s3cr5 -in /etc/x",
            "openssl enc -aes-256-cbc -k [REDACTED] -K [REDACTED] -pass pass:[REDACTED] -passin file:/etc/pw -hmac [REDACTED] -macopt hexkey:[REDACTED] -in /etc/x",
        ),
    },
    Tool {
        names: &["gnutls-cli", "gnutls-cli-debug"],
        of: None,
        // As `-psk_identity` of openssl.
        rows: &[row("--pskusername", Next, Secret), row("--pskusername=", Glued, Secret)],
        example: (
            "gnutls-cli --pskusername s3cr1 --pskusername=s3cr2 --port 443 x",
            "gnutls-cli --pskusername [REDACTED] --pskusername=[REDACTED] --port 443 x",
        ),
    },
    Tool {
        names: &["passwd"],
        of: Some("openssl"),
        rows: &[row("", EachWord, Secret)],
        example: ("openssl passwd -6 s3cret", "openssl passwd -6 [REDACTED]"),
    },
    Tool {
        names: &["mkpasswd", "wpa_passphrase", "chpasswd"],
        of: None,
        rows: &[row("", EachWord, Secret)],
        example: ("mkpasswd -s s3cret", "mkpasswd -s [REDACTED]"),
    },
    Tool {
        names: &["htpasswd"],
        of: None,
        rows: &[row("-b", Next, Secret), row("", EachWord, Secret)],
        example: ("htpasswd -nb bob s3cret", "htpasswd -nb [REDACTED] [REDACTED]"),
    },
    Tool {
        names: &["useradd", "usermod", "groupadd", "adduser"],
        of: None,
        rows: &[row("-p", Both, Secret)],
        example: ("useradd -p s3cret bob", "useradd -p [REDACTED] bob"),
    },
    Tool {
        names: &["7z", "7za", "7zr", "7zz", "rar", "unrar"],
        of: None,
        rows: &[row("-p", Glued, Secret), row("-hp", Glued, Secret)],
        example: ("7z a -ps3cret x.7z y", "7z a -p[REDACTED] x.7z y"),
    },
    Tool {
        names: &["zip", "unzip", "zipcloak"],
        of: None,
        rows: &[row("-P", Both, Secret)],
        example: ("unzip -P s3cret x.zip", "unzip -P [REDACTED] x.zip"),
    },
    Tool {
        names: &[
            "ldapsearch",
            "ldapadd",
            "ldapmodify",
            "ldapdelete",
            "ldapwhoami",
            "ldapcompare",
            "ldapmodrdn",
            "ldappasswd",
        ],
        of: None,
        rows: &[row("-w", Both, Secret), row("-s", Both, Secret), row("-a", Both, Secret)],
        example: ("ldapsearch -x -w s3cret -b dc=x", "ldapsearch -x -w [REDACTED] -b dc=x"),
    },
    Tool {
        names: &["snmpget", "snmpwalk", "snmpset", "snmpbulkwalk", "snmpgetnext", "snmptrap"],
        of: None,
        rows: &[row("-A", Both, Secret), row("-X", Both, Secret), row("-c", Both, Secret)],
        example: (
            "snmpget -A s3cr1 -X s3cr2 -c s3cr3 host",
            "snmpget -A [REDACTED] -X [REDACTED] -c [REDACTED] host",
        ),
    },
    Tool {
        names: &["ipmitool"],
        of: None,
        rows: &[row("-P", Both, Secret), row("-k", Both, Secret), row("-y", Both, Secret)],
        example: ("ipmitool -U adm -P s3cret power status", "ipmitool -U adm -P [REDACTED] power status"),
    },
    Tool {
        names: &["smbclient", "rpcclient", "net", "winexe", "smbget", "smbcacls", "nmblookup"],
        of: None,
        rows: &[
            row("-U", Both, UserThen(b'%')),
            row("--user", Next, UserThen(b'%')),
            row("--user=", Glued, UserThen(b'%')),
        ],
        example: ("smbclient -U bob%s3cret //h/x", "smbclient -U bob%[REDACTED] //h/x"),
    },
    Tool {
        names: &["lftp"],
        of: None,
        rows: &[row("-u", Both, UserThen(b','))],
        example: ("lftp -u bob,s3cret ftp.x", "lftp -u bob,[REDACTED] ftp.x"),
    },
    Tool {
        names: &["xfreerdp", "xfreerdp3", "wlfreerdp", "rdesktop", "ncftp", "ncftpget", "ncftpput"],
        of: None,
        rows: &[row("-p", Both, Secret), row("/p:", Glued, Secret)],
        example: ("xfreerdp /u:bob /p:s3cret /v:host", "xfreerdp /u:bob /p:[REDACTED] /v:host"),
    },
    Tool {
        names: &[
            "pkcs11-tool",
            "pkcs15-tool",
            "pkcs15-init",
            "softhsm2-util",
            "yubico-piv-tool",
            "cryptsetup-pkcs11",
        ],
        of: None,
        rows: &[row("-p", Both, Secret), row("-P", Next, Secret)],
        example: ("pkcs11-tool -l -p s3cret -O", "pkcs11-tool -l -p [REDACTED] -O"),
    },
    Tool {
        names: &["certutil", "pk12util", "modutil", "signtool"],
        of: None,
        rows: &[
            row("-W", Both, Secret),
            row("-w", Next, Source),
            row("-K", Next, Secret),
            row("/p", Next, Secret),
        ],
        example: ("pk12util -i x.p12 -W s3cret", "pk12util -i x.p12 -W [REDACTED]"),
    },
    Tool {
        names: &["mosquitto_pub", "mosquitto_sub", "mosquitto_rr", "sqlcmd", "bcp", "tsql"],
        of: None,
        rows: &[row("-P", Both, Secret)],
        example: ("mosquitto_pub -u bob -P s3cret -t x", "mosquitto_pub -u bob -P [REDACTED] -t x"),
    },
    Tool {
        names: &["sqlplus", "sqlldr", "expdp", "impdp", "rman"],
        of: None,
        rows: &[row("", EachWord, UserThen(b'/'))],
        example: ("sqlplus -s bob/s3cret@db", "sqlplus -s bob/[REDACTED]"),
    },
    Tool {
        names: &["nmcli"],
        of: None,
        rows: &[
            row("password", Word, Secret),
            row("wifi-sec.psk", Word, Secret),
            row("802-11-wireless-security.psk", Word, Secret),
        ],
        example: ("nmcli dev wifi connect x password s3cret", "nmcli dev wifi connect x password [REDACTED]"),
    },
    Tool {
        names: &["aws", "mc", "s3cmd"],
        of: None,
        rows: &[
            row("aws_secret_access_key", Word, Secret),
            row("aws_session_token", Word, Secret),
            row("aws_access_key_id", Word, Secret),
            row("--value", Next, Secret),
            row("--value=", Glued, Secret),
        ],
        example: (
            "aws configure set aws_secret_access_key s3cr1 ; aws ssm put-parameter --name x --value s3cr2",
            "aws configure set aws_secret_access_key [REDACTED] ; aws ssm put-parameter --name x --value [REDACTED]",
        ),
    },
    Tool {
        names: &["npm", "yarn", "pnpm"],
        of: None,
        rows: &[
            row("_authToken", Ending, Secret),
            row("_auth", Ending, Secret),
            row("_password", Ending, Secret),
        ],
        example: (
            "npm config set //r.org/:_authToken s3cret",
            "npm config set //r.org/:_authToken [REDACTED]",
        ),
    },
    Tool {
        names: &["kubectl", "kustomize"],
        of: None,
        rows: &[row("--from-literal", Next, UserThen(b'=')), row("--from-literal=", Glued, UserThen(b'='))],
        example: (
            "kubectl create secret generic x --from-literal=foo=s3cr1 --from-literal bar=s3cr2",
            "kubectl create secret generic x --from-literal=foo=[REDACTED] --from-literal bar=[REDACTED]",
        ),
    },
    Tool {
        names: &["vault", "bao", "cargo", "bw", "ngrok"],
        of: None,
        rows: &[],
        example: ("vault status -format x", "vault status -format x"),
    },
    Tool {
        names: &["put", "patch", "write"],
        of: Some("vault"),
        rows: &[row("", EachWord, UserThen(b'='))],
        example: ("vault kv put -mount=m path k=s3cret", "vault kv put -mount=m path k=[REDACTED]"),
    },
    Tool {
        names: &["login", "unseal", "unwrap", "unlock", "authtoken", "add-authtoken"],
        of: Some("vault"),
        rows: &[row("", EachWord, Secret)],
        example: (
            "vault operator unseal s3cr1 ; vault login s3cr2 ; cargo login s3cr3 ; ngrok authtoken s3cr4 ; bw unlock s3cr5",
            "vault operator unseal [REDACTED] ; vault login [REDACTED] ; cargo login [REDACTED] ; ngrok authtoken [REDACTED] ; bw unlock [REDACTED]",
        ),
    },
    Tool {
        names: &["etcdctl"],
        of: None,
        rows: &[row("--user", Next, UserThen(b':')), row("--user=", Glued, UserThen(b':'))],
        example: (
            "etcdctl --user root:s3cr1 --user=root:s3cr2 get k",
            "etcdctl --user root:[REDACTED] --user=root:[REDACTED] get k",
        ),
    },
    Tool {
        names: &["twine"],
        of: None,
        rows: &[row("-p", Both, Secret)],
        example: ("twine upload -u bob -p s3cret dist/x", "twine upload -u bob -p [REDACTED] dist/x"),
    },
    Tool {
        names: &["plink", "pscp", "psftp", "putty", "kitty"],
        of: None,
        rows: &[row("-pw", Both, Secret)],
        example: ("plink -pw s3cr1 -pws3cr2 -P 22 host", "plink -pw [REDACTED] -pw[REDACTED] -P 22 host"),
    },
    Tool {
        names: &["kadmin", "kadmin.local"],
        of: None,
        rows: &[row("-w", Both, Secret)],
        example: ("kadmin -p bob/admin -w s3cret", "kadmin -p bob/admin -w [REDACTED]"),
    },
    Tool {
        names: &["rabbitmqctl"],
        of: None,
        rows: &[],
        example: ("rabbitmqctl list_users", "rabbitmqctl list_users"),
    },
    Tool {
        names: &["change_password", "add_user", "authenticate_user"],
        of: Some("rabbitmqctl"),
        rows: &[row("", EachWord, Secret)],
        example: (
            "rabbitmqctl -q change_password bob s3cret",
            "rabbitmqctl -q change_password [REDACTED] [REDACTED]",
        ),
    },
    Tool {
        names: &["mosquitto_passwd"],
        of: None,
        rows: &[row("", EachWord, Secret)],
        example: ("mosquitto_passwd -b f bob s3cret", "mosquitto_passwd -b [REDACTED] [REDACTED] [REDACTED]"),
    },
    Tool {
        names: &["wg", "awg"],
        of: None,
        rows: &[row("private-key", Word, KeyOrPath), row("preshared-key", Word, KeyOrPath)],
        example: (
            "wg set wg0 private-key s3cr1= peer x preshared-key /s3cr2= ; wg set wg0 private-key /etc/wg.key",
            "wg set wg0 private-key [REDACTED] peer x preshared-key [REDACTED] ; wg set wg0 private-key /etc/wg.key",
        ),
    },
    Tool {
        names: &["psql", "sqlite3", "sqlcipher", "cqlsh", "clickhouse-client"],
        of: None,
        rows: &[row("password", Word, Quoted), row("-p", Next, Quoted)],
        example: (
            "psql -c \"alter role x password 's3cret'\"",
            "psql -c \"alter role x password [REDACTED]\"",
        ),
    },
];
