// SPDX-License-Identifier: GPL-2.0-or-later

// gotls URL: gets it, and prints length, protocol and the connection's own address.
// gotls serve PORT: serves www/ with cert.pem and key.pem, and logs addresses as the tests' nginx does.
package main

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"os"
	"strings"
)

func serve(port string) error {
	log, err := os.Create("log")
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", "127.0.0.1:"+port)
	if err != nil {
		return err
	}
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		here := r.Context().Value(http.LocalAddrContextKey).(net.Addr).String()
		if r.URL.Path != "/ready" {
			fmt.Fprintln(log, strings.ReplaceAll(r.RemoteAddr, ":", " "), strings.ReplaceAll(here, ":", " "), r.URL.Path)
			http.ServeFile(w, r, "www"+r.URL.Path)
		}
	})
	return http.ServeTLS(l, nil, "cert.pem", "key.pem")
}

func get(url string) error {
	config := &tls.Config{InsecureSkipVerify: true}
	if name := os.Getenv("SSLKEYLOGFILE"); name != "" {
		f, err := os.Create(name)
		if err != nil {
			return err
		}
		config.KeyLogWriter = f
	}
	trace := &httptrace.ClientTrace{GotConn: func(i httptrace.GotConnInfo) { fmt.Println("local", i.Conn.LocalAddr()) }}
	req, err := http.NewRequest("GET", url, nil)
	if err != nil {
		return err
	}
	c := &http.Client{Transport: &http.Transport{TLSClientConfig: config}}
	r, err := c.Do(req.WithContext(httptrace.WithClientTrace(req.Context(), trace)))
	if err != nil {
		return err
	}
	b, err := io.ReadAll(r.Body)
	fmt.Println(len(b), r.Proto)
	return err
}

func main() {
	var err error
	if len(os.Args) == 3 {
		err = serve(os.Args[2])
	} else {
		err = get(os.Args[1])
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
