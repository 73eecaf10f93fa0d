// SPDX-License-Identifier: GPL-2.0-or-later
// Traced program: recursion in goroutines whose stacks grow meanwhile and that change threads. Prints calls and
// returns as a script's maps are printed.
package main

import (
	"fmt"
	"runtime"
	"sync"
)

var in, out int
var mu sync.Mutex

//go:noinline
func down(n int) int {
	var room [64]byte // to make the stack grow
	mu.Lock()
	in++
	mu.Unlock()
	room[n%64] = byte(n)
	if n%100 == 0 {
		runtime.Gosched()
	}
	r := 0
	if n > 0 {
		r = down(n - 1)
	}
	mu.Lock()
	out++
	mu.Unlock()
	return r + int(room[n%64])&1
}

func main() {
	var wg sync.WaitGroup
	for i := 0; i < 4; i++ {
		wg.Add(1)
		go func() {
			defer wg.Done()
			down(2000)
		}()
	}
	wg.Wait()
	fmt.Printf("@in: %d\n@out: %d\n", in, out)
}
