package mvcc

import (
	"bytes"
	"slices"
)

// maxItems is the number of keys that fills a tree node. Wide nodes keep the
// tree shallow; narrow ones make a copied path cheap.
const (
	maxItems = 63
	minItems = maxItems / 2
)

// tree is an immutable ordered set of keys, a B-tree whose nodes know the size
// of their subtree, so that a span is counted and weighed in logarithmic time. The zero value is
// empty. Any number of goroutines may read one.
type tree struct{ root *node }

type node struct {
	// owner is the mark of the editor that may change the node in place.
	owner *mark
	items []*KeyValue
	kids  []*node // nil in a leaf, else len(items)+1
	size  int     // items here and below
	bytes int64   // of their keys and values
}

// weight is what a version counts for in its node's bytes.
func weight(kv *KeyValue) int64 {
	if kv == nil {
		return 0
	}
	return int64(len(kv.Key) + len(kv.Value))
}

// find returns the position of the first item >= key, and whether it is key.
func (n *node) find(key []byte) (int, bool) {
	lo, hi := 0, len(n.items)
	for lo < hi {
		mid := int(uint(lo+hi) >> 1)
		switch c := bytes.Compare(n.items[mid].Key, key); {
		case c < 0:
			lo = mid + 1
		case c > 0:
			hi = mid
		default:
			return mid, true
		}
	}
	return lo, false
}

func (t tree) len() int {
	if t.root == nil {
		return 0
	}
	return t.root.size
}

// get returns the version under key, or nil.
func (t tree) get(key []byte) *KeyValue {
	for n := t.root; n != nil; {
		i, found := n.find(key)
		if found {
			return n.items[i]
		}
		if n.kids == nil {
			return nil
		}
		n = n.kids[i]
	}
	return nil
}

// rank counts the keys below key.
func (t tree) rank(key []byte) int {
	total := 0
	for n := t.root; n != nil; {
		i, found := n.find(key)
		total += i
		if n.kids == nil {
			return total
		}
		for _, kid := range n.kids[:i] {
			total += kid.size
		}
		if found {
			return total + n.kids[i].size
		}
		n = n.kids[i]
	}
	return total
}

// count counts the keys of a span.
func (t tree) count(s Span) int {
	switch {
	case s.single():
		if t.get(s.Key) == nil {
			return 0
		}
		return 1
	case s.open():
		return t.len() - t.rank(s.Key)
	default:
		return max(0, t.rank(s.End)-t.rank(s.Key))
	}
}

// weigh returns the bytes of the keys and values of a span.
func (t tree) weigh(s Span) int64 {
	switch {
	case t.root == nil:
		return 0
	case s.single():
		return weight(t.get(s.Key))
	case s.open():
		return t.root.bytes - t.below(s.Key)
	default:
		return max(0, t.below(s.End)-t.below(s.Key))
	}
}

// below returns the bytes of what is below the key.
func (t tree) below(key []byte) int64 {
	total := int64(0)
	for n := t.root; n != nil; {
		i, found := n.find(key)
		for _, kv := range n.items[:i] {
			total += weight(kv)
		}
		if n.kids == nil {
			return total
		}
		for _, kid := range n.kids[:i] {
			total += kid.bytes
		}
		if found {
			return total + n.kids[i].bytes
		}
		n = n.kids[i]
	}
	return total
}

// ascend calls visit with the keys of a span in order until it returns false.
func (t tree) ascend(s Span, visit func(*KeyValue) bool) {
	if s.single() {
		if kv := t.get(s.Key); kv != nil {
			visit(kv)
		}
		return
	}
	if t.root == nil {
		return
	}
	end := s.End
	if s.open() {
		end = nil
	}
	t.root.ascend(s.Key, end, visit)
}

func (n *node) ascend(from, end []byte, visit func(*KeyValue) bool) bool {
	i, found := n.find(from)
	if n.kids != nil && !found && !n.kids[i].ascend(from, end, visit) {
		return false
	}
	for ; i < len(n.items); i++ {
		if end != nil && bytes.Compare(n.items[i].Key, end) >= 0 {
			return false
		}
		if !visit(n.items[i]) {
			return false
		}
		if n.kids != nil && !n.kids[i+1].ascend(nil, end, visit) {
			return false
		}
	}
	return true
}

// editor changes a tree without disturbing those that read it: it copies each
// node that it has not made itself. Not safe for concurrent use; drop it once
// its tree has been handed out.
type editor struct {
	tree
	mark *mark
}

// mark tells an editor from all others. Nodes refer to it rather than to their editor, whose tree
// would live as long as any of them, and with it what that tree's nodes refer to: all
// there has ever been.
type mark struct{ _ byte } // each has an address of its own

func (t tree) edit() *editor { return &editor{tree: t, mark: new(mark)} }

func (e *editor) own(n *node) *node {
	if n.owner == e.mark {
		return n
	}
	c := &node{owner: e.mark, size: n.size, bytes: n.bytes}
	// Room for one more saves a second copy by the insert that follows.
	c.items = append(make([]*KeyValue, 0, min(maxItems, len(n.items)+1)), n.items...)
	if n.kids != nil {
		c.kids = append(make([]*node, 0, min(maxItems+1, len(n.kids)+1)), n.kids...)
	}
	return c
}

func (e *editor) ownKid(n *node, i int) *node {
	kid := e.own(n.kids[i])
	n.kids[i] = kid
	return kid
}

// set puts kv under its key and returns what was there, or nil.
func (e *editor) set(kv *KeyValue) *KeyValue {
	if e.root == nil {
		e.root = &node{owner: e.mark, items: []*KeyValue{kv}, size: 1, bytes: weight(kv)}
		return nil
	}
	e.root = e.own(e.root)
	if len(e.root.items) == maxItems {
		old := e.root
		e.root = &node{owner: e.mark, kids: []*node{old}, size: old.size, bytes: old.bytes}
		e.split(e.root, 0)
	}
	return e.insert(e.root, kv)
}

// insert works on a node that is owned and not full.
func (e *editor) insert(n *node, kv *KeyValue) *KeyValue {
	i, found := n.find(kv.Key)
	if !found && n.kids != nil && len(n.kids[i].items) == maxItems {
		e.split(n, i)
		switch c := bytes.Compare(kv.Key, n.items[i].Key); {
		case c > 0:
			i++
		case c == 0:
			found = true
		}
	}
	if found {
		prev := n.items[i]
		n.items[i] = kv
		n.bytes += weight(kv) - weight(prev)
		return prev
	}
	if n.kids == nil {
		n.items = slices.Insert(n.items, i, kv)
		n.size++
		n.bytes += weight(kv)
		return nil
	}
	prev := e.insert(e.ownKid(n, i), kv)
	if prev == nil {
		n.size++
	}
	n.bytes += weight(kv) - weight(prev)
	return prev
}

// split moves the upper half of kid i of n, which is full, into a new sibling.
func (e *editor) split(n *node, i int) {
	left := e.ownKid(n, i)
	mid := len(left.items) / 2
	right := &node{owner: e.mark, items: slices.Clone(left.items[mid+1:])}
	up := left.items[mid]
	clear(left.items[mid:])
	left.items = left.items[:mid]
	if left.kids != nil {
		right.kids = slices.Clone(left.kids[mid+1:])
		clear(left.kids[mid+1:])
		left.kids = left.kids[:mid+1]
	}
	left.resize()
	right.resize()
	n.items = slices.Insert(n.items, i, up)
	n.kids = slices.Insert(n.kids, i+1, right)
}

func (n *node) resize() {
	n.size, n.bytes = len(n.items), 0
	for _, kv := range n.items {
		n.bytes += weight(kv)
	}
	for _, kid := range n.kids {
		n.size += kid.size
		n.bytes += kid.bytes
	}
}

// remove deletes key and returns what was there, or nil.
func (e *editor) remove(key []byte) *KeyValue {
	if e.get(key) == nil {
		return nil // and nothing has been copied
	}
	e.root = e.own(e.root)
	out := e.delete(e.root, key)
	if len(e.root.items) == 0 {
		if e.root.kids == nil {
			e.root = nil
		} else {
			e.root = e.root.kids[0]
		}
	}
	return out
}

// delete removes key, which exists below n. n is owned and, but for the root,
// has more than minItems items, so that one can go.
func (e *editor) delete(n *node, key []byte) *KeyValue {
	i, found := n.find(key)
	if n.kids == nil {
		out := n.items[i]
		n.items = slices.Delete(n.items, i, i+1)
		n.size--
		n.bytes -= weight(out)
		return out
	}
	if len(n.kids[i].items) <= minItems {
		e.fill(n, i)
		return e.delete(n, key)
	}
	n.size--
	kid := e.ownKid(n, i)
	if !found {
		out := e.delete(kid, key)
		n.bytes -= weight(out)
		return out
	}
	// The key's place is taken by its predecessor, the greatest below it.
	out := n.items[i]
	n.items[i] = e.delete(kid, kid.last().Key)
	n.bytes -= weight(out)
	return out
}

func (n *node) last() *KeyValue {
	for n.kids != nil {
		n = n.kids[len(n.kids)-1]
	}
	return n.items[len(n.items)-1]
}

// fill gives kid i of n an item more: from a sibling that can spare one, or by
// merging it with one that cannot.
func (e *editor) fill(n *node, i int) {
	switch {
	case i > 0 && len(n.kids[i-1].items) > minItems:
		kid, left := e.ownKid(n, i), e.ownKid(n, i-1)
		kid.items = slices.Insert(kid.items, 0, n.items[i-1])
		n.items[i-1] = left.items[len(left.items)-1]
		left.items = slices.Delete(left.items, len(left.items)-1, len(left.items))
		if left.kids != nil {
			moved := left.kids[len(left.kids)-1]
			left.kids = slices.Delete(left.kids, len(left.kids)-1, len(left.kids))
			kid.kids = slices.Insert(kid.kids, 0, moved)
		}
		kid.resize()
		left.resize()
	case i < len(n.items) && len(n.kids[i+1].items) > minItems:
		kid, right := e.ownKid(n, i), e.ownKid(n, i+1)
		kid.items = append(kid.items, n.items[i])
		n.items[i] = right.items[0]
		right.items = slices.Delete(right.items, 0, 1)
		if right.kids != nil {
			kid.kids = append(kid.kids, right.kids[0])
			right.kids = slices.Delete(right.kids, 0, 1)
		}
		kid.resize()
		right.resize()
	default:
		if i == len(n.items) {
			i--
		}
		kid, right := e.ownKid(n, i), n.kids[i+1]
		kid.items = append(append(kid.items, n.items[i]), right.items...)
		kid.kids = append(kid.kids, right.kids...)
		n.items = slices.Delete(n.items, i, i+1)
		n.kids = slices.Delete(n.kids, i+1, i+2)
		kid.resize()
	}
}
