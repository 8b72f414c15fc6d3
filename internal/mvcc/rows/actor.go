package rows

import "github.com/mckinsey/ark-server/internal/mvcc"

// Text is a column of the log that says who wrote, and how. It is NULL where nothing is known,
// which takes no room.
type Text struct {
	Name  string
	Value *string
}

// Texts is how many of them a row has.
const Texts = 7

// Actor returns them, with where an actor has each.
func Actor(a *mvcc.Actor) [Texts]Text {
	return [...]Text{
		{"user", &a.User},
		{"groups", &a.Groups},
		{"impersonator", &a.Impersonator},
		{"user_agent", &a.UserAgent},
		{"field_manager", &a.FieldManager},
		{"audit_id", &a.AuditID},
		{"verb", &a.Verb},
	}
}
