package rows

import (
	"time"

	"github.com/mckinsey/ark-server/internal/mvcc"
	"github.com/mckinsey/ark-server/internal/mvcc/named"
)

// Author is who wrote a row of the log, and when.
type Author struct {
	ID int64
	At int64 // milliseconds since 1970
	mvcc.Actor
}

// Columns are those of the author, in the log or an alias of it. quote is what the
// database has around names.
func (a *Author) Columns(table string, quote string) named.Columns {
	list := named.Columns{named.Of(table, "id", &a.ID), named.Of(table, "at", &a.At)}
	for _, t := range Actor(&a.Actor) {
		list = append(list, named.Col("coalesce("+table+"."+quote+t.Name+quote+", '')", t.Value))
	}
	return list
}

// Author is the revision's.
func (a *Author) Author() mvcc.Author {
	return mvcc.Author{Revision: Revision(a.ID), Actor: a.Actor, Time: time.UnixMilli(a.At)}
}

// EachRevision hands over the author of the first row of each revision.
func EachRevision(each func(mvcc.Author) error) func(*Author) error {
	last := int64(0)
	return func(a *Author) error {
		if revision := Revision(a.ID); revision != last {
			last = revision
			return each(a.Author())
		}
		return nil
	}
}
