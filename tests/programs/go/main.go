// Known calls of Go's crypto/tls. Arguments: a certificate of localhost, and its key.
package main

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"os"
)

func want(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func said(function string, count int, result, args string) {
	fmt.Printf("{\"function\":%q,\"count\":%d,\"result\":%q,\"args\":{%s}}\n", function, count, result, args)
}

func handshake(server, client *tls.Config, good bool) {
	near, far := net.Pipe()
	ended := make(chan error)
	go func() { ended <- tls.Server(far, server).Handshake() }()
	err := tls.Client(near, client).Handshake()
	near.Close()
	<-ended
	if (err == nil) != good {
		fmt.Fprintln(os.Stderr, "the handshake:", err)
		os.Exit(1)
	}
}

func main() {
	pair, err := tls.LoadX509KeyPair(os.Args[1], os.Args[2])
	want(err)
	said("crypto/tls.LoadX509KeyPair", 1, "unknown", "")
	text, err := os.ReadFile(os.Args[1])
	want(err)
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(text)
	said("crypto/x509.(*CertPool).AppendCertsFromPEM", 1, "unknown", "")
	// The system's roots, which crypto/x509 loads for itself.
	os.Setenv("SSL_CERT_FILE", os.Args[1])
	_, err = x509.SystemCertPool()
	want(err)
	server := &tls.Config{Certificates: []tls.Certificate{pair}, SessionTicketsDisabled: true}
	for i := 0; i < 2; i++ {
		handshake(server, &tls.Config{RootCAs: pool, ServerName: "localhost"}, true)
	}
	said("crypto/tls.(*Conn).clientHandshake", 2, "success", "")
	said("crypto/tls.(*Conn).serverHandshake", 2, "success", "")
	handshake(server, &tls.Config{RootCAs: x509.NewCertPool(), ServerName: "localhost"}, false)
	said("crypto/tls.(*Conn).clientHandshake", 1, "failure", "")
	said("crypto/tls.(*Conn).serverHandshake", 1, "failure", "")
	said("crypto/x509.(*Certificate).Verify", 3, "unknown", "")
	_, err = rsa.GenerateMultiPrimeKey(rand.Reader, 3, 1024)
	want(err)
	said("crypto/rsa.GenerateMultiPrimeKey", 1, "unknown", "\"bits\":1024")
	_, _, err = ed25519.GenerateKey(nil)
	want(err)
	said("crypto/ed25519.GenerateKey", 1, "unknown", "")
}
