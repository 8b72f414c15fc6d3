package registrytest

// WithoutEmpty returns decoded JSON without the members that are null, or objects that
// hold nothing else: a server may write an absent field either way.
func WithoutEmpty(value any) any {
	switch v := value.(type) {
	case map[string]any:
		out := map[string]any{}
		for key, member := range v {
			if member = WithoutEmpty(member); member != nil {
				out[key] = member
			}
		}
		if len(out) == 0 {
			return nil
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = WithoutEmpty(v[i])
		}
		return out
	}
	return value
}
