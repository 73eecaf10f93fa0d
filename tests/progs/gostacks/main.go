// SPDX-License-Identifier: GPL-2.0-or-later

// A Go program that does to its stacks what Go programs do, all at once and all the time: goroutines that come and go, recursion that grows
// stacks and gives them back, a collector that always runs, a CPU profile, preemption, signals, panics. It computes what it must find,
// and prints how often it called what: the truth of tests/run/go_stacks.test. Arguments: milliseconds, of a profile a second or 0.
package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"runtime/pprof"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// no stack check: too little is needed
//
//go:noinline
func leaf(a, b int) int { return a*31 + b }

// no stack check: that is asked for; and it jumps back, so that it can be preempted
//
//go:noinline
//go:nosplit
func spin(n int) int {
	sum := 0
	for i := 0; i < n; i++ {
		sum += i ^ n
	}
	return sum
}

//go:noinline
//go:nosplit
func last(p *[8]int, i int) int { return p[i&7] + i }

// stands at the very end of what may be left of a stack
//
//go:noinline
//go:nosplit
func chain(n int) int { return link(n) + 1 }

//go:noinline
//go:nosplit
func link(n int) int { return leaf(n, 1) + 2 }

//go:noinline
func deep(n int) int {
	var frame [48]int

	frame[n%48] = n
	if n == 0 {
		return chain(0)
	}
	return deep(n-1) + leaf(frame[n%48], 0) - n*31
}

//go:noinline
func breaks(n int) (ret int) {
	defer func() { ret = recover().(int) }()
	if n >= 0 {
		panic(leaf(n, 2))
	}
	return 0
}

type counts struct{ leaf, spin, last, chain, deep, breaks, wrong uint64 }

func (c *counts) add(o *counts) {
	atomic.AddUint64(&c.leaf, o.leaf)
	atomic.AddUint64(&c.spin, o.spin)
	atomic.AddUint64(&c.last, o.last)
	atomic.AddUint64(&c.chain, o.chain)
	atomic.AddUint64(&c.deep, o.deep)
	atomic.AddUint64(&c.breaks, o.breaks)
	atomic.AddUint64(&c.wrong, o.wrong)
}

func (c *counts) want(is bool) {
	if !is {
		c.wrong++
	}
}

func work(seed int, total *counts, wg *sync.WaitGroup) {
	var c counts
	var words [8]int
	defer wg.Done()

	for i := 0; i < 20; i++ {
		n := seed%7 + i
		sum := 0
		for k := 0; k < n; k++ {
			sum += k ^ n
		}
		c.want(spin(n) == sum)
		c.want(leaf(seed, i) == seed*31+i)
		words[i&7] = seed
		c.want(last(&words, i) == seed+i)
		c.want(chain(n) == n*31+4)
	}
	d := seed % 300
	c.want(deep(d) == 4)
	c.want(breaks(seed) == seed*31+2)
	from := bytes.Repeat([]byte{byte(seed)}, seed%3000)
	to := append([]byte(nil), from...)
	c.want(bytes.Equal(from, to) && bytes.IndexByte(to, byte(seed+1)) < 0)
	text := strconv.Itoa(seed)
	m := map[string]int{text: seed}
	c.want(m[text] == seed)
	c.spin, c.last, c.chain, c.breaks = 20, 20, 21, 1
	c.deep = uint64(d + 1)
	c.leaf = 20 + 21 + uint64(d) + 1
	total.add(&c)
}

func main() {
	ms, _ := strconv.Atoi(os.Args[1])
	hz, _ := strconv.Atoi(os.Args[2])
	end := time.Now().Add(time.Duration(ms) * time.Millisecond)
	var total counts
	var started uint64
	var feeders sync.WaitGroup

	debug.SetGCPercent(1)
	if hz > 0 {
		runtime.SetCPUProfileRate(hz)
		pprof.StartCPUProfile(io.Discard)
	}
	told := make(chan os.Signal, 100)
	signal.Notify(told, syscall.SIGUSR1)
	go func() {
		for range told {
		}
	}()
	for f := 0; f < 2*runtime.GOMAXPROCS(0); f++ {
		feeders.Add(1)
		go func() {
			defer feeders.Done()
			for time.Now().Before(end) {
				var wg sync.WaitGroup
				for i := 0; i < 10; i++ {
					wg.Add(1)
					go work(int(atomic.AddUint64(&started, 1)), &total, &wg)
				}
				wg.Wait()
				syscall.Kill(syscall.Getpid(), syscall.SIGUSR1)
			}
		}()
	}
	feeders.Wait()
	if hz > 0 {
		pprof.StopCPUProfile()
	}
	fmt.Printf("leaf %d\nspin %d\nlast %d\nchain %d\nlink %d\ndeep %d\nbreaks %d\n", total.leaf, total.spin, total.last,
		total.chain, total.chain, total.deep, total.breaks)
	fmt.Printf("wrong %d\n", total.wrong)
}
