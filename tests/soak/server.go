// SPDX-License-Identifier: GPL-2.0-or-later
// Server under soak: answers /?n=N with f(N); recursion makes stacks grow, some calls panic and are recovered.
package main

import (
	"fmt"
	"net/http"
	"os"
	"strconv"
)

//go:noinline
func deep(n int) int {
	var room [128]byte
	room[n%128] = 1
	if n == 0 {
		return 0
	}
	return deep(n-1) + int(room[n%128])
}

//go:noinline
func risky(n int) int {
	if n%7 == 0 {
		panic("seven")
	}
	return n * 2
}

//go:noinline
func safe(n int) (r int) {
	defer func() {
		if recover() != nil {
			r = -1
		}
	}()
	return risky(n)
}

func answer(w http.ResponseWriter, r *http.Request) {
	n, _ := strconv.Atoi(r.URL.Query().Get("n"))
	done := make(chan int)
	go func() { done <- deep(n % 500) }()
	fmt.Fprintf(w, "%d %d\n", <-done, safe(n))
}

func main() {
	http.HandleFunc("/", answer)
	fmt.Fprintln(os.Stderr, http.ListenAndServe("127.0.0.1:"+os.Args[1], nil))
}
