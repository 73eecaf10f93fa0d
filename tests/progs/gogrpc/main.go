// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What gRPC looks like on the wire, without its library: an HTTP/2 server with TLS whose answers end in trailers, and a client in
 * the same process. Waits for the file that is its first argument, then prints for each call: path, status of gRPC,
 * bytes sent and received.
 */
package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"strings"
	"time"
)

func certificate() tls.Certificate {
	key, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	t := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	der, err := x509.CreateCertificate(rand.Reader, t, t, &key.PublicKey, key)
	if err != nil {
		panic(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func answer(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	h := w.Header()
	h.Set("Content-Type", "application/grpc")
	h.Set("Trailer", "Grpc-Status, Grpc-Message")
	w.WriteHeader(200)
	w.Write(body)
	w.Write([]byte{0, 0, 0, 0, 0})
	if strings.HasSuffix(r.URL.Path, "Missing") {
		h.Set("Grpc-Status", "5")
		h.Set("Grpc-Message", "no such thing")
	} else {
		h.Set("Grpc-Status", "0")
	}
}

func main() {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	s := &http.Server{TLSConfig: &tls.Config{Certificates: []tls.Certificate{certificate()}}, Handler: http.HandlerFunc(answer)}
	go s.ServeTLS(l, "", "")
	for _, err := os.Stat(os.Args[1]); err != nil; _, err = os.Stat(os.Args[1]) {
		time.Sleep(20 * time.Millisecond)
	}
	c := &http.Client{Transport: &http.Transport{ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	for i, path := range []string{"/pkg.Svc/Say", "/pkg.Svc/Missing", "/pkg.Svc/Say", "/pkg.Other/Long"} {
		body := make([]byte, 5+i*30000)
		q, _ := http.NewRequest("POST", "https://"+l.Addr().String()+path, bytes.NewReader(body))
		q.Header.Set("Content-Type", "application/grpc")
		q.Header.Set("Te", "trailers")
		r, err := c.Do(q)
		if err != nil {
			panic(err)
		}
		got, _ := io.ReadAll(r.Body)
		r.Body.Close()
		fmt.Println(path, r.Trailer.Get("Grpc-Status"), len(body), len(got))
	}
	// the server has written what the client has, but may not know it yet
	c.CloseIdleConnections()
	s.Shutdown(context.Background())
}
