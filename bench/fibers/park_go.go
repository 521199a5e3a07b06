// park_go.go [FIBERS]: goroutines that wait on a channel: create (ns each), rss, tables and total (bytes each).
package main

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"syscall"
)

func cpu() int64 {
	var usage syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &usage)
	return usage.Utime.Nano() + usage.Stime.Nano()
}

func status(name string) float64 {
	text, _ := os.ReadFile("/proc/self/status")
	for _, line := range strings.Split(string(text), "\n") {
		if strings.HasPrefix(line, name) {
			kilobytes, _ := strconv.ParseFloat(strings.Fields(line)[1], 64)
			return kilobytes * 1024
		}
	}
	return 0
}

func main() {
	runtime.GOMAXPROCS(1)
	fibers := 100000
	if len(os.Args) > 1 {
		fibers, _ = strconv.Atoi(os.Args[1])
	}
	count := float64(fibers)
	release, parked := make(chan bool), 0
	rss, tables, start := status("VmRSS:"), status("VmPTE:"), cpu()
	for i := 0; i < fibers; i++ {
		go func() {
			parked++
			<-release
		}()
	}
	for parked < fibers {
		runtime.Gosched()
	}
	fmt.Printf("create %.2f\n", float64(cpu()-start)/count)
	rss = (status("VmRSS:") - rss) / count
	tables = (status("VmPTE:") - tables) / count
	fmt.Printf("rss %.2f\ntables %.2f\ntotal %.2f\n", rss, tables, rss+tables)
}
