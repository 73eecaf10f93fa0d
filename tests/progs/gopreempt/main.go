// SPDX-License-Identifier: GPL-2.0-or-later

// Many goroutines that do nothing but call a function, so that Go preempts each of them somewhere in it, every 10 ms, and it waits there for
// its turn. Arguments: how many, and a file: until it is there. What they compute is compared at the end.
package main

import (
	"fmt"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

//go:noinline
func hot(a int, sums *[4]int) int {
	sums[a&3] += a
	return cold(a, sums)
}

//go:noinline
func cold(a int, sums *[4]int) int {
	if a&1 == 0 {
		return a + len(sums)
	}
	return a
}

func main() {
	n, _ := strconv.Atoi(os.Args[1])
	var isEnd, wrong uint32
	var wg sync.WaitGroup

	for i := 0; i < n; i++ {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for atomic.LoadUint32(&isEnd) == 0 {
				var sums [4]int
				all := 0
				for k := 0; k < 200000; k++ {
					all += hot(k, &sums)
				}
				if all != 200000*199999/2+4*100000 || sums[0]+sums[1]+sums[2]+sums[3] != 200000*199999/2 {
					atomic.AddUint32(&wrong, 1)
				}
			}
		}()
	}
	time.Sleep(400 * time.Millisecond)
	fmt.Println("runs")
	for {
		if _, err := os.Stat(os.Args[2]); err == nil {
			break
		}
		time.Sleep(time.Millisecond)
	}
	atomic.StoreUint32(&isEnd, 1)
	wg.Wait()
	fmt.Println("wrong", wrong)
}
