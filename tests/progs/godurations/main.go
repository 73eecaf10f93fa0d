// SPDX-License-Identifier: GPL-2.0-or-later

// Traced program: a Go function that takes known times on goroutines that change threads and grow their stacks; prints
// "handle MICROSECONDS NAME" for each call.
package main

import (
	"fmt"
	"sync"
	"time"
)

type server struct{ name string }

//go:noinline
func grow(n int) int {
	var pad [512]byte
	pad[n%512] = byte(n)
	if n == 0 {
		return int(pad[0])
	}
	return grow(n-1) + int(pad[n%512])
}

//go:noinline
func (s *server) handle(ms int) int {
	start := time.Now()
	time.Sleep(time.Duration(ms) * time.Millisecond)
	sum := grow(100 * ms)
	fmt.Printf("handle %d %s\n", time.Since(start).Microseconds(), s.name)
	return sum
}

func main() {
	var wg sync.WaitGroup
	for i := 0; i < 8; i++ {
		wg.Add(1)
		go func(i int) {
			defer wg.Done()
			s := &server{fmt.Sprintf("s%d", i)}
			s.handle(1 + 10*(i%3))
		}(i)
	}
	wg.Wait()
}
