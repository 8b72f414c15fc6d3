package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/mckinsey/ark-server/internal/history"
)

// times measures n calls of question.
func times(n int, question func() error) ([]time.Duration, error) {
	var all []time.Duration
	for range n {
		begin := time.Now()
		if err := question(); err != nil {
			return nil, err
		}
		all = append(all, time.Since(begin))
	}
	slices.Sort(all)
	return all, nil
}

func show(what string, all []time.Duration) {
	at := func(p int) float64 { return float64(all[min(len(all)*p/100, len(all)-1)].Microseconds()) / 1000 }
	fmt.Printf("%s: p50 %.1f ms, p99 %.1f ms\n", what, at(50), at(99))
}

func (b *bench) ask(ctx context.Context) error {
	one, err := times(asked, func() error {
		namespace, name := b.name(rand.IntN(b.objects))
		_, err := b.archive.List(ctx, history.Query{Resource: agents, Namespace: namespace, Name: name, Objects: true})
		return err
	})
	if err != nil {
		return err
	}
	show("all versions of an object", one)
	week, err := times(weeks, func() error {
		_, err := b.archive.List(ctx, history.Query{User: fmt.Sprintf("user%03d", rand.IntN(users)), Since: time.Now().Add(-7 * 24 * time.Hour)})
		return err
	})
	if err != nil {
		return err
	}
	show("the newest 500 versions of a user's week", week)
	middle := b.store.Revision() / 2
	past, err := times(5, func() error {
		n, cont := 0, ""
		for n < asOf {
			page, err := b.archive.AsOf(ctx, agents, "", middle, 500, cont)
			if err != nil {
				return err
			}
			if n += len(page.Items); page.Continue == "" {
				break
			}
			cont = page.Continue
		}
		return nil
	})
	if err != nil {
		return err
	}
	show(fmt.Sprintf("%d objects as of a revision", min(asOf, b.objects)), past)
	return nil
}

// retention compares the latency of writers with and without a pass, alternately.
func (b *bench) retention(ctx context.Context) error {
	const rounds, length = 2, 4 * time.Second
	load := func() ([]time.Duration, error) {
		var mu sync.Mutex
		var all []time.Duration
		end := time.Now().Add(length)
		var group sync.WaitGroup
		var failed error
		for range 4 {
			group.Go(func() {
				for time.Now().Before(end) {
					begin := time.Now()
					err := b.put(ctx, rand.IntN(b.objects), rand.IntN(1000))
					mu.Lock()
					all = append(all, time.Since(begin))
					failed = err
					mu.Unlock()
					time.Sleep(2 * time.Millisecond)
				}
			})
		}
		group.Wait()
		slices.Sort(all)
		return all, failed
	}
	var alone, beside []time.Duration
	removed := 0
	for round := range rounds {
		all, err := load()
		if err != nil {
			return err
		}
		alone = append(alone, all...)
		passing, stop := context.WithCancel(ctx)
		ended := make(chan error, 1)
		go func() {
			report, err := b.archive.Retain(passing, history.Policy{Rules: []history.Rule{{Versions: 12 - 2*round}}}, time.Now().Add(time.Hour), false)
			for _, n := range report.Removed {
				removed += n
			}
			ended <- err
		}()
		if all, err = load(); err != nil {
			stop()
			return err
		}
		beside = append(beside, all...)
		stop()
		if err := <-ended; err != nil && passing.Err() == nil {
			return err
		}
	}
	slices.Sort(alone)
	slices.Sort(beside)
	show("a write", alone)
	show(fmt.Sprintf("a write beside a retention pass, which removed %d versions", removed), beside)
	fmt.Printf("p99 with the pass / without: %.2f\n", float64(beside[len(beside)*99/100])/float64(alone[len(alone)*99/100]))
	return nil
}
