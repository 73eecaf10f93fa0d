// SPDX-License-Identifier: GPL-2.0-or-later

// Goroutines whose calls overlap, move their stacks and end by panics; each prints its own entries and returns behind its number.
// The truth of tests/run/flow.test.
package main

import (
	"fmt"
	"runtime"
	"strings"
	"sync"
	"time"
)

var mu sync.Mutex

type task struct {
	id    string
	depth int
	lines []string
}

func (t *task) enter(name string) {
	t.lines = append(t.lines, t.id+" "+strings.Repeat("  ", t.depth)+"-> "+name)
	t.depth++
}

func (t *task) leave(name string) {
	t.depth--
	t.lines = append(t.lines, t.id+" "+strings.Repeat("  ", t.depth)+"<- "+name)
}

//go:noinline
func grow(n int) int {
	var frame [64]int

	frame[n%64] = n
	if n == 0 {
		return 0
	}
	return grow(n-1) + frame[n%64] - n
}

//go:noinline
func leaf(t *task, n int) int {
	t.enter("leaf")
	if n == 2 {
		panic("on purpose")
	}
	time.Sleep(time.Millisecond)
	n += grow(300)
	t.leave("leaf")
	return n
}

func inlined(t *task, n int) int {
	return leaf(t, n) * 2
}

//go:noinline
func middle(t *task, n int) int {
	t.enter("middle")
	t.enter("inlined") // it is too small to say so itself
	r := inlined(t, n)
	t.leave("inlined")
	r += leaf(t, n+10)
	t.leave("middle")
	return r
}

//go:noinline
func guarded(t *task, n int) (r int) {
	t.enter("guarded")
	depth := t.depth
	defer func() {
		recover()
		t.depth = depth
		t.leave("guarded")
	}()
	return middle(t, n)
}

func main() {
	var wg sync.WaitGroup

	for i := 0; i < 5; i++ {
		wg.Add(1)
		go func(i int) {
			var b [64]byte

			defer wg.Done()
			t := &task{id: strings.Fields(string(b[:runtime.Stack(b[:], false)]))[1]}
			guarded(t, i)
			guarded(t, i+1)
			mu.Lock()
			fmt.Println(strings.Join(t.lines, "\n"))
			mu.Unlock()
		}(i)
	}
	wg.Wait()
}
