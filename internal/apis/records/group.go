package records

// GroupName is the API group of every kind in this tree.
const GroupName = "records.ark.mckinsey.com"
