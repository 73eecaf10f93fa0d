// SPDX-License-Identifier: GPL-2.0-or-later

// hotcost in Go, for bench/user-engine: reads lines "FUNCTION CALLS THREADS" and answers each with the nanoseconds of its thread's own time
// that one call takes. A function that checks its stack, one that does not, and assembly.
package main

import (
	"fmt"
	"os"
	"runtime"
	"sync"
	"syscall"
	"unsafe"
)

//go:noinline
func checked(a int) int { return unprobed(a) }

//go:noinline
func unprobed(a int) int { return a + 1 }

//go:noinline
//go:nosplit
func unchecked(a int) int {
	return (a ^ a>>40) + 1
}

func assembly(a int) int

var functions = map[string]func(int) int{"checked": checked, "unchecked": unchecked, "assembly": assembly}

func threadTime() int64 {
	var ts syscall.Timespec

	syscall.Syscall(syscall.SYS_CLOCK_GETTIME, 3, uintptr(unsafe.Pointer(&ts)), 0)
	return ts.Nano()
}

func work(f func(int) int, calls int) float64 {
	runtime.LockOSThread()
	sum, from := 0, threadTime()
	for i := 0; i < calls; i++ {
		sum += f(i)
	}
	to := threadTime()
	if sum != calls*(calls+1)/2 {
		fmt.Fprintln(os.Stderr, "computed something else")
		os.Exit(1)
	}
	return float64(to-from) / float64(calls)
}

func main() {
	for {
		var name string
		var calls, threads int

		if n, _ := fmt.Scan(&name, &calls, &threads); n != 3 {
			return
		}
		var wg sync.WaitGroup
		took := make([]float64, threads)
		for t := range took {
			wg.Add(1)
			go func(t int) {
				defer wg.Done()
				took[t] = work(functions[name], calls)
			}(t)
		}
		wg.Wait()
		ns := 0.0
		for _, t := range took {
			ns += t / float64(threads)
		}
		fmt.Printf("%.3f\n", ns)
	}
}
