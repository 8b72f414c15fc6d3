package main

import (
	"fmt"
	"io"
	"sync"
)

// lineWriter writes whole lines from any goroutine.
type lineWriter struct {
	mu sync.Mutex
	to io.Writer
}

func (l *lineWriter) write(line string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	fmt.Fprintln(l.to, line)
}
