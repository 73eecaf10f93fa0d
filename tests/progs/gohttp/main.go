// SPDX-License-Identifier: GPL-2.0-or-later

// An HTTP server and its clients in one process, on the loopback interface. Each handler and each client prints what it did:
// the truth of tests/run/go.test. Handlers recurse, so stacks grow while requests are open; some wait, so goroutines
// change threads.
package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"sync"
	"time"
)

//go:noinline
func deep(n int) int {
	var frame [64]int

	frame[n%64] = n
	if n == 0 {
		return 0
	}
	return deep(n-1) + frame[n%64] - n + 1
}

//go:noinline
func fetch(url string) (status int, err error) {
	deep(500)
	r, err := http.Get(url)
	if err != nil {
		return 0, err
	}
	defer r.Body.Close()
	_, err = io.Copy(io.Discard, r.Body)
	return r.StatusCode, err
}

func main() {
	n := 8
	var mu sync.Mutex
	var wg sync.WaitGroup

	if len(os.Args) > 1 {
		n, _ = strconv.Atoi(os.Args[1])
	}
	// a tracer may want to come first
	for len(os.Args) > 2 {
		if _, err := os.Stat(os.Args[2]); err == nil {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	handle := func(w http.ResponseWriter, r *http.Request) {
		wait, _ := strconv.Atoi(r.URL.Query().Get("ms"))
		if r.URL.Query().Get("status") != "" {
			status, _ := strconv.Atoi(r.URL.Query().Get("status"))
			w.WriteHeader(status)
		}
		time.Sleep(time.Duration(wait) * time.Millisecond)
		fmt.Fprintln(w, deep(1000))
		mu.Lock()
		fmt.Println("served", r.Method, r.URL.Path)
		mu.Unlock()
	}
	server := &http.Server{Handler: http.HandlerFunc(handle)}
	go server.Serve(l)
	for i := 0; i < n; i++ {
		wg.Add(1)
		go func(i int) {
			defer wg.Done()
			url := fmt.Sprintf("http://%s/item/%d?ms=%d", l.Addr(), i, 20*(i%4))
			status, err := fetch(url)
			mu.Lock()
			fmt.Println("fetched", url, status, err, 20*(i%4))
			mu.Unlock()
		}(i)
	}
	wg.Wait()
	http.Post(fmt.Sprintf("http://%s/form", l.Addr()), "text/plain", nil)
	if len(os.Args) > 2 {
		for _, status := range []int{404, 500, 302} {
			url := fmt.Sprintf("http://%s/said?status=%d", l.Addr(), status)
			got, err := fetch(url)
			fmt.Println("fetched", url, got, err, 0)
		}
		// nobody listens on port 1
		status, err := fetch("http://127.0.0.1:1/nobody?x=1")
		fmt.Println("failed", status, err != nil)
		// the same over HTTP/2 with TLS
		tls := httptest.NewUnstartedServer(http.HandlerFunc(handle))
		tls.EnableHTTP2 = true
		tls.StartTLS()
		for _, status := range []int{200, 404} {
			url := fmt.Sprintf("%s/second?status=%d", tls.URL, status)
			r, err := tls.Client().Get(url)
			if err != nil {
				fmt.Println(err)
				os.Exit(1)
			}
			io.Copy(io.Discard, r.Body)
			r.Body.Close()
			fmt.Println("fetched", url, r.StatusCode, err, 0, r.Proto)
		}
		tls.Close()
	}
	// the servers have written what the clients have, but may not know it yet
	http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	server.Shutdown(context.Background())
}
