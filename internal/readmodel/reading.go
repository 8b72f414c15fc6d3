package readmodel

// How says how the value of a column is made from an object. It lets the same columns be read by
// SQL where objects are stored.
type How int

// The ways. Paths lead to a field; those of what is no field are said beside it.
const (
	// OfNone is the column of a side view.
	OfNone How = iota
	// OfText is a text that is not empty, the first of the paths that has one.
	OfText
	// OfTextOrJSON is a text, or JSON for what is none.
	OfTextOrJSON
	OfJSON
	OfInteger
	OfBoolean
	// OfDuration is a Go duration, in milliseconds.
	OfDuration
	// OfCount is the length of a list.
	OfCount
	// OfNames are those of a list of references, as JSON; the second path is the fields that have the
	// name, of which the first that is there counts.
	OfNames
	// OfAddress is a URL without user information, parameters and fragment, which may hold
	// credentials.
	OfAddress
	// OfReady is the status of the first condition that there is of those types, which are the path.
	OfReady
	// OfSize is the bytes of the object as it is stored.
	OfSize
)

// Reading is how the value of a column is made.
type Reading struct {
	How   How
	Paths [][]string
	// read is nil where an object does not say it.
	read func(object) any
}
