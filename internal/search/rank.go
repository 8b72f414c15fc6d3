package search

import (
	"math"
	"slices"

	"github.com/mckinsey/ark-server/internal/search/token"
)

// weights are the weights of words in names, descriptions, prompts and inputs, and answers.
var weights = [4]float64{8, 4, 2, 1}

// wholeWeight is the weight of a complete identifier: gpt-4 ranks higher than the prefix of
// gpt-4.1.
const wholeWeight = 8

// k and b are the parameters of BM25.
const (
	k = 1.2
	b = 0.75
)

// candidate is an object that was found, with its texts in the order of weights.
type candidate struct {
	id    int64
	item  Item
	texts [4]string
	score float64
}

// rank sets the scores: BM25 with field weights. Its statistics cover only the objects that were
// found, which the caller may read.
func rank(found []candidate, terms []term) {
	counts := make([][]float64, len(found)) // for each candidate and term
	lengths, total := make([]float64, len(found)), 0.0
	with := make([]float64, len(terms))
	for i, c := range found {
		counts[i] = make([]float64, len(terms))
		for f, text := range c.texts {
			words := token.Index(text)
			lengths[i] += float64(len(words))
			for j, t := range terms {
				counts[i][j] += weights[f] * float64(t.count(words))
			}
		}
		total += lengths[i]
		for j := range terms {
			if counts[i][j] > 0 {
				with[j]++
			}
		}
	}
	n, average := float64(len(found)), max(total/max(float64(len(found)), 1), 1)
	for i := range found {
		for j := range terms {
			idf := math.Log(1 + (n-with[j]+0.5)/(with[j]+0.5))
			tf := counts[i][j]
			found[i].score += idf * tf * (k + 1) / (tf + k*(1-b+b*lengths[i]/average))
		}
		found[i].score = math.Round(found[i].score*1e6) / 1e6
	}
	slices.SortFunc(found, func(x, y candidate) int {
		switch {
		case x.score > y.score:
			return -1
		case x.score < y.score:
			return 1
		}
		return int(min(max(y.id-x.id, -1), 1))
	})
}

// count returns how often a term occurs in a text.
func (t term) count(words []string) (n int) {
	for i, word := range words {
		if t.whole != "" && word == t.whole {
			n += wholeWeight
		}
		if len(t.sequence) == 0 || t.exact() || i+len(t.sequence) > len(words) {
			continue
		}
		matches := true
		for j, want := range t.sequence {
			got := words[i+j]
			last := j == len(t.sequence)-1 && (t.prefix || t.short())
			if got != want && (!last || len(got) < len(want) || got[:len(want)] != want) {
				matches = false
				break
			}
		}
		if matches {
			n++
		}
	}
	return n
}
