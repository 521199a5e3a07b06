// timer_cancel_go.go [TIMERS]: time.AfterFunc and Stop, 100,000 others being armed: ns.
package main

import (
	"fmt"
	"math/rand"
	"os"
	"runtime"
	"strconv"
	"syscall"
	"time"
)

func cpu() int64 {
	var usage syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &usage)
	return usage.Utime.Nano() + usage.Stime.Nano()
}

func chance() time.Duration { return time.Minute + time.Duration(rand.Intn(60000))*time.Millisecond }

func main() {
	runtime.GOMAXPROCS(1)
	timers := 100000
	if len(os.Args) > 1 {
		timers, _ = strconv.Atoi(os.Args[1])
	}
	for i := 0; i < timers; i++ {
		time.AfterFunc(chance(), func() {})
	}
	const enough = 300000
	start := cpu()
	for i := 0; i < enough; i++ {
		time.AfterFunc(chance(), func() {}).Stop()
	}
	fmt.Printf("%.2f\n", float64(cpu()-start)/enough)
}
