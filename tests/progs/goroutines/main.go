// SPDX-License-Identifier: GPL-2.0-or-later

// Goroutines that sleep a known number of times, and wait for a pipe in a known number of system calls; each prints its own
// number, as its stack says it. Waits for the file that its argument names, so that a tracer can come before.
package main

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"
)

func number() string {
	var b [64]byte

	return strings.Fields(string(b[:runtime.Stack(b[:], false)]))[1]
}

func main() {
	var wg sync.WaitGroup

	for len(os.Args) > 1 {
		if _, err := os.Stat(os.Args[1]); err == nil {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	for i := 1; i <= 4; i++ {
		wg.Add(1)
		go func(naps int) {
			defer wg.Done()
			me := number()
			for k := 0; k < naps; k++ {
				time.Sleep(2 * time.Millisecond)
			}
			fmt.Println("slept", me, naps)
		}(i)
	}
	wg.Wait()
	done := make(chan bool)
	go func() {
		var ts = syscall.Timespec{Nsec: 1000000}

		me := number()
		for k := 0; k < 7; k++ {
			syscall.Nanosleep(&ts, nil)
		}
		fmt.Println("called", me, 7)
		done <- true
	}()
	<-done
	for runtime.NumGoroutine() > 1 {
		time.Sleep(time.Millisecond)
	}
}
