package v1alpha1

import "time"

// Duration is a span of time as a text for [time.ParseDuration], such as 30s, 5m
// or 1h30m. Decoding and encoding keep the text, where metav1.Duration turns 5m
// into 5m0s: what is stored can be told from what a client sends.
//
// Decoding accepts any text; validation refuses what Parse cannot read,
// because only validation can name the field.
type Duration string

// Parse returns the span of time. It fails for texts that are no durations,
// the empty one included, which no valid object holds.
func (d Duration) Parse() (time.Duration, error) {
	return time.ParseDuration(string(d))
}

// GoForm returns the text that metav1.Duration writes, such as 5m0s for 5m. A
// text that is no duration is returned as it is.
func (d Duration) GoForm() Duration {
	span, err := d.Parse()
	if err != nil {
		return d
	}
	return Duration(span.String())
}
