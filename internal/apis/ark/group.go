package ark

// GroupName is the API group of every kind in this tree.
const GroupName = "ark.mckinsey.com"
