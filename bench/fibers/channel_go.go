// channel_go.go: a message between two goroutines on one thread through channels of capacity 1, there and back: ns per
// message.
package main

import (
	"fmt"
	"runtime"
	"syscall"
)

func cpu() int64 {
	var usage syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &usage)
	return usage.Utime.Nano() + usage.Stime.Nano()
}

func main() {
	runtime.GOMAXPROCS(1)
	there, back := make(chan uint64, 1), make(chan uint64, 1)
	go func() {
		for message := range there {
			back <- message
		}
	}()
	const enough = 300000
	for i := uint64(0); i < 1000; i++ {
		there <- i
		<-back
	}
	start := cpu()
	for i := uint64(0); i < enough; i++ {
		there <- i
		<-back
	}
	fmt.Printf("%.2f\n", float64(cpu()-start)/(2*enough))
}
