package findings

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/mckinsey/ark-server/internal/apis/ark/install"
	"github.com/mckinsey/ark-server/internal/objectjson"
)

// TestFindingsAreBounded: clients choose the names of unknown fields.
func TestFindingsAreBounded(t *testing.T) {
	f := New()
	for i := range 3 * maxUnknown {
		fields, err := objectjson.NewUnknownFields([]objectjson.UnknownField{{Path: pathOf(t, `["status","`+strings.Repeat("x", i)+`"]`), Value: "1"}})
		if err != nil {
			t.Fatal(err)
		}
		f.NoteUnknown(install.Kinds()[0].Resource(), &fields)
	}
	counts := f.UnknownFields()
	if len(counts) != maxUnknown+1 {
		t.Errorf("%d fields are counted one by one, want %d and the others", len(counts), maxUnknown)
	}
	total := int64(0)
	for field, n := range counts {
		total += n
		if len(field.Path) > maxPath+len("...") {
			t.Errorf("a path of %d bytes", len(field.Path))
		}
	}
	if total != 3*maxUnknown {
		t.Errorf("%d counted of %d", total, 3*maxUnknown)
	}
}

func pathOf(t *testing.T, text string) (p objectjson.Path) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), &p); err != nil {
		t.Fatal(err)
	}
	return p
}
