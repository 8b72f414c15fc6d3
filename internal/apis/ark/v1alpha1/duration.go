package v1alpha1

import "time"

// Duration is a span of time as its author wrote it: a text for
// [time.ParseDuration], such as 30s, 5m or 1h30m. The text is kept, so that an
// object comes back as it was applied and applying it again changes nothing;
// metav1.Duration would turn 5m into 5m0s.
//
// Decoding accepts any text; validation refuses what Parse cannot read,
// because only validation can name the field.
type Duration string

// Parse returns the span of time. It fails for texts that are no durations,
// the empty one included, which no valid object holds.
func (d Duration) Parse() (time.Duration, error) {
	return time.ParseDuration(string(d))
}
