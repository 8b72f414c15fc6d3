package mvcc

import "fmt"

// SideInputError says what a call of SideTables asks for that it does not take. Nothing was queued.
type SideInputError struct {
	// What is wrong. Most is the limit that Is exceeds, 0 where it is no matter of a limit.
	What     string
	Is, Most int
}

func (e *SideInputError) Error() string {
	if e.Most > 0 {
		return fmt.Sprintf("%s: %d, the limit is %d", e.What, e.Is, e.Most)
	}
	return e.What
}

// defaultSideBytes is the default of SideQuery.MaxBytes.
const defaultSideBytes = 1 << 20

// atMost is an error if a number exceeds its limit.
func atMost(what string, is, most int) error {
	if is > most {
		return &SideInputError{what, is, most}
	}
	return nil
}

func checkSideTable(name string) error {
	if err := atMost("the bytes of a side table's name", len(name), MaxSideTable); err != nil {
		return err
	}
	for _, c := range []byte(name) {
		if c != '_' && (c < 'a' || c > 'z') {
			return &SideInputError{What: fmt.Sprintf("the name %q of a side table: it may have a to z and underscores", name)}
		}
	}
	if name == "" {
		return &SideInputError{What: "the side table has no name"}
	}
	return nil
}

func checkSideKeys(keys ...[]byte) error {
	for _, key := range keys {
		if err := atMost("the bytes of a side row's key", len(key), MaxSideKey); err != nil {
			return err
		}
	}
	return nil
}

func (s *SideSpan) check() error {
	if err := checkSideTable(s.Table); err != nil {
		return err
	}
	if err := checkSideKeys(s.From); err != nil {
		return err
	}
	// The end of one key's span has a byte more.
	return atMost("the bytes of the end of a span of side rows", len(s.To), MaxSideKey+1)
}

func (c *SideNewest) check() error {
	if err := checkSideTable(c.Table); err != nil {
		return err
	}
	return checkSideKeys(c.Key)
}

func checkSideRows(rows []SideRow) error {
	if err := atMost("the rows of one append", len(rows), MaxSideRows); err != nil {
		return err
	}
	bytes := 0
	for i := range rows {
		r := &rows[i]
		if err := checkSideTable(r.Table); err != nil {
			return err
		}
		if err := checkSideKeys(r.Key); err != nil {
			return err
		}
		if bytes += len(r.Data); bytes > MaxSideData {
			break
		}
	}
	return atMost("the bytes of the data of one append", bytes, MaxSideData)
}

// complete checks a query and fills in its defaults.
func (q *SideQuery) complete() error {
	if err := q.check(); err != nil {
		return err
	}
	if q.After != nil {
		if err := checkSideKeys(q.After.Key); err != nil {
			return err
		}
	}
	if err := checkSideKeys(q.Tail); err != nil {
		return err
	}
	if q.Limit < 0 || q.MaxBytes < 0 {
		return &SideInputError{What: "a page of side rows has a negative limit"}
	}
	if q.Limit == 0 {
		q.Limit = MaxSideRows
	}
	if q.MaxBytes == 0 {
		q.MaxBytes = defaultSideBytes
	}
	if err := atMost("the rows of a page of side rows", q.Limit, MaxSideRows); err != nil {
		return err
	}
	return atMost("the bytes of a page of side rows", q.MaxBytes, MaxSideData)
}

func checkSideMost(most int) error {
	if most < 1 {
		return &SideInputError{What: "a delete of side rows is to delete none: ask for one row at least"}
	}
	return atMost("the rows of a delete of side rows", most, MaxSideRows)
}
