// pool_stream_go.go: a stream of tiny jobs through a channel to two goroutines: ns of CPU time for one.
package main

import (
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
)

func cpu() int64 {
	var usage syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &usage)
	return usage.Utime.Nano() + usage.Stime.Nano()
}

func main() {
	runtime.GOMAXPROCS(2)
	const jobs = 300000
	line := make(chan func(), 1024)
	var group sync.WaitGroup
	var count int64
	for i := 0; i < 2; i++ {
		group.Add(1)
		go func() {
			for job := range line {
				job()
			}
			group.Done()
		}()
	}
	var start int64
	for i := -jobs / 10; i < jobs; i++ {
		if i == 0 {
			start = cpu()
		}
		line <- func() { atomic.AddInt64(&count, 1) }
	}
	close(line)
	group.Wait()
	fmt.Printf("%.2f\n", float64(cpu()-start)/jobs)
}
