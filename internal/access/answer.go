package access

import (
	"iter"
	"maps"
	"slices"
)

// Decision is an Answer's verdict on a row.
type Decision uint8

const (
	// Unknown: the question was not about this row.
	Unknown Decision = iota
	// No: the user may not.
	No
	// Yes: the user may.
	Yes
)

// Answer records which rows a user may have. It is immutable and safe for concurrent use.
type Answer struct {
	all bool
	// everywhere are names that are allowed in all namespaces, including those that were not asked
	// about.
	everywhere map[string]bool
	// namespaces has all that were asked about.
	namespaces map[string]scope
	// complete reports whether names that are not in a scope are refused. Otherwise they are unknown.
	complete bool
}

// scope is what is known of a namespace.
type scope struct {
	whole bool
	names map[string]bool // whether they are allowed
}

// All reports whether the user may have every row, in any namespace.
func (a *Answer) All() bool { return a.all }

// Allows reports whether the user may have a row. It is Decide for those who hide what they do not
// know.
func (a *Answer) Allows(namespace, name string) bool {
	if a.all {
		return true
	}
	s := a.namespaces[namespace]
	return s.whole || s.names[name] || a.everywhere[name]
}

// Decide reports whether the user may have a row, or that the question was not about it.
func (a *Answer) Decide(namespace, name string) Decision {
	if a.Allows(namespace, name) {
		return Yes
	}
	s, asked := a.namespaces[namespace]
	if !asked {
		return Unknown
	}
	if _, decided := s.names[name]; decided || a.complete {
		return No
	}
	return Unknown
}

// Namespaces returns the namespaces all of whose rows the user may have, of those that were asked
// about, sorted. It is for filters, and means nothing where All is true.
func (a *Answer) Namespaces() []string {
	var whole []string
	for namespace, s := range a.namespaces {
		if s.whole {
			whole = append(whole, namespace)
		}
	}
	slices.Sort(whole)
	return whole
}

// Names returns the rows that the user may have beside those of Namespaces: namespaces and names,
// both sorted. Names that Everywhere has are not repeated.
func (a *Answer) Names() iter.Seq2[string, []string] {
	return func(yield func(string, []string) bool) {
		for _, namespace := range slices.Sorted(maps.Keys(a.namespaces)) {
			s := a.namespaces[namespace]
			if s.whole {
				continue
			}
			var names []string
			for name, allowed := range s.names {
				if allowed && !a.everywhere[name] {
					names = append(names, name)
				}
			}
			slices.Sort(names)
			if len(names) > 0 && !yield(namespace, names) {
				return
			}
		}
	}
}

// Everywhere returns the names that the user may have in every namespace, sorted.
func (a *Answer) Everywhere() []string { return slices.Sorted(maps.Keys(a.everywhere)) }
