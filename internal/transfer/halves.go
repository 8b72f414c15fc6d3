package transfer

// halves are the parts of an object that are written by different requests, without what a server
// sets itself.
type halves struct {
	main, status map[string]any
	uid, version string
	deleting     bool
}

// own are the fields of the metadata that a server sets. managedFields follow from the writes.
var own = []string{"uid", "resourceVersion", "creationTimestamp", "generation", "deletionTimestamp", "deletionGracePeriodSeconds", "selfLink", "managedFields"}

// split takes an object apart, and leaves it as it is.
func split(content map[string]any) halves {
	h := halves{main: map[string]any{}, status: map[string]any{}}
	for key, value := range content {
		h.main[key] = value
	}
	if status, ok := content["status"].(map[string]any); ok {
		h.status = status
	}
	delete(h.main, "status")
	meta := map[string]any{}
	for key, value := range metadata(content) {
		meta[key] = value
	}
	h.uid, _ = meta["uid"].(string)
	h.version, _ = meta["resourceVersion"].(string)
	h.deleting = meta["deletionTimestamp"] != nil
	for _, key := range own {
		delete(meta, key)
	}
	for key, value := range meta { // an empty list is none
		switch value := value.(type) {
		case []any:
			if len(value) == 0 {
				delete(meta, key)
			}
		case map[string]any:
			if len(value) == 0 {
				delete(meta, key)
			}
		}
	}
	h.main["metadata"] = meta
	return h
}

// metadata is never nil for an object that has been read.
func metadata(content map[string]any) map[string]any {
	meta, _ := content["metadata"].(map[string]any)
	return meta
}

func finalizers(content map[string]any) []string {
	list, _ := metadata(content)["finalizers"].([]any)
	var names []string
	for _, one := range list {
		if name, ok := one.(string); ok {
			names = append(names, name)
		}
	}
	return names
}
