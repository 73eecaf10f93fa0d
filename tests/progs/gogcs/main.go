// SPDX-License-Identifier: GPL-2.0-or-later

// Garbage collections, forced and not. Waits for the file that its argument names, so that a tracer can come before. Run with
// GODEBUG=gctrace=1 the runtime itself says what it did: the truth of tests/run/gc.test.
package main

import (
	"fmt"
	"os"
	"runtime"
	"time"
)

var keep [][]byte
var sink []byte

func main() {
	for len(os.Args) > 1 {
		if _, err := os.Stat(os.Args[1]); err == nil {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	for i := 0; i < 3; i++ {
		runtime.GC()
	}
	for i := 0; i < 3000; i++ {
		sink = make([]byte, 10000)
		if i%100 == 0 {
			keep = append(keep, sink)
		}
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	fmt.Println("cycles", m.NumGC, "forced", m.NumForcedGC)
}
