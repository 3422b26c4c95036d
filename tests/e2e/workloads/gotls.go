// A Go client and a Go server in one program.
package main

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"os"
)

func main() {
	pair, err := tls.LoadX509KeyPair("server.crt", "server.key")
	if err != nil {
		panic(err)
	}
	pem, _ := os.ReadFile("server.crt")
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{pair}})
	if err != nil {
		panic(err)
	}
	go func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			go func() { io.Copy(io.Discard, c); c.Close() }()
		}
	}()
	for _, max := range []uint16{tls.VersionTLS13, tls.VersionTLS12} {
		raw, err := net.Dial("tcp", listener.Addr().String())
		if err != nil {
			panic(err)
		}
		c := tls.Client(raw, &tls.Config{RootCAs: pool, ServerName: "www.shop.example", MaxVersion: max})
		if err := c.Handshake(); err != nil {
			panic(err)
		}
		s := c.ConnectionState()
		fmt.Printf("[%d, \"%s\"]\n", s.Version, tls.CipherSuiteName(s.CipherSuite))
		c.Close()
	}
}
