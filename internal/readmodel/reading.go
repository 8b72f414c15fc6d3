package readmodel

// How is the way in which the value of a column is derived from an object. With it, the same
// columns can be read by SQL where the objects are stored.
type How int

// The ways. Paths lead to a field, except where stated otherwise.
const (
	// OfNone is for the columns of side views.
	OfNone How = iota
	// OfText is a string that is not empty, the first one among the paths.
	OfText
	// OfTextOrJSON is a string, or the JSON of another value.
	OfTextOrJSON
	OfJSON
	OfInteger
	OfBoolean
	// OfDuration is a Go duration, in milliseconds.
	OfDuration
	// OfCount is the length of a list.
	OfCount
	// OfNames are the names in a list of references, as JSON. The second path lists the possible
	// fields of the name; the first that exists is used.
	OfNames
	// OfAddress is a URL without user information, query and fragment, which may contain credentials.
	OfAddress
	// OfReady is the status of the first condition whose type is in the path.
	OfReady
	// OfSize is the size of the stored object in bytes.
	OfSize
)

// Reading describes how the value of a column is derived.
type Reading struct {
	How   How
	Paths [][]string
	// read is nil if the value is not in the object.
	read func(object) any
}
