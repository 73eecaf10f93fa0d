// SPDX-License-Identifier: GPL-2.0-or-later

// Traced program: goroutines that call functions with known answers until SIGTERM, while stacks grow and move, garbage is collected,
// panics go through frames and goroutines are preempted; says how many answers there were and how many were wrong.
package main

import (
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
)

//go:noinline
func by_value(i int) int {
	return i*3 + 1
}

//go:noinline
func by_growth(n int) int {
	var room [256]byte
	if n == 0 {
		return int(room[0])
	}
	room[n%256] = 1
	return by_growth(n-1) + int(room[n%256])
}

//go:noinline
func by_panic(i int) (r int) {
	defer func() {
		if e := recover(); e != nil {
			r = e.(int) + 1
		}
	}()
	if i%2 == 0 {
		panic(by_value(i))
	}
	return i
}

//go:noinline
func by_garbage(n int) int {
	s := make([]*int, 0)
	for i := 0; i < n; i++ {
		v := i
		s = append(s, &v)
	}
	sum := 0
	for _, p := range s {
		sum += *p
	}
	return sum
}

//go:noinline
func by_channel(i int) int {
	c := make(chan int)
	go func() { c <- by_value(i) }()
	return <-c
}

func isRight(i int) bool {
	n := i % 50
	panicked := i
	if i%2 == 0 {
		panicked = i*3 + 2
	}
	return by_value(i) == i*3+1 && by_growth(n) == n && by_panic(i) == panicked &&
		by_garbage(n) == n*(n-1)/2 && by_channel(i) == i*3+1
}

func main() {
	var rounds, wrong atomic.Int64
	var done atomic.Bool
	var all sync.WaitGroup
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM)
	for g := 0; g < 4; g++ {
		all.Add(1)
		go func() {
			defer all.Done()
			for i := 0; !done.Load(); i = (i + 1) & 0xffff {
				rounds.Add(1)
				if !isRight(i) {
					wrong.Add(1)
				}
				if i%100 == 0 { // new stacks
					fresh := make(chan bool)
					go func() { fresh <- by_growth(200) == 200 }()
					if !<-fresh {
						wrong.Add(1)
					}
				}
				if i%1000 == 0 {
					runtime.GC()
				}
			}
		}()
	}
	fmt.Println("ready")
	<-stop
	done.Store(true)
	all.Wait()
	fmt.Printf("%d rounds, %d wrong\n", rounds.Load(), wrong.Load())
	if wrong.Load() != 0 {
		os.Exit(1)
	}
}
