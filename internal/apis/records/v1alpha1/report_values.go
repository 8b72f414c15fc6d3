package v1alpha1

import (
	"encoding/json"
	"fmt"
)

// Values returns the parameters by name, as SQL has them: text, numbers, booleans and nil.
func (s *ReportSpec) Values() (map[string]any, error) {
	values := map[string]any{}
	if s.Parameters == nil || len(s.Parameters.Raw) == 0 || string(s.Parameters.Raw) == "null" {
		return values, nil
	}
	if err := json.Unmarshal(s.Parameters.Raw, &values); err != nil {
		return nil, fmt.Errorf("write names and values: %w", err)
	}
	for name, value := range values {
		switch value.(type) {
		case nil, string, bool, float64:
		default:
			return nil, fmt.Errorf("the value of %s is neither text, number, boolean nor null", name)
		}
	}
	return values, nil
}
