package objectjson

// insertUnknown appends an object's JSON text, as an encoder here writes it, with
// unknown fields where they were. A field is left out if the list that it was in has
// become too short, or if the text has a field of that name.
func insertUnknown(to []byte, text []byte, fields []UnknownField) ([]byte, bool) {
	r := reader{text: text, limit: deepest}
	return insertAt(to, &r, fields, 0)
}

// insertAt takes the value at the reader's place, which the steps of the fields' paths
// before depth lead to.
func insertAt(to []byte, r *reader, fields []UnknownField, depth int) ([]byte, bool) {
	switch r.next() {
	case '{':
		return insertInObject(to, r, fields, depth)
	case '[':
		return insertInList(to, r, fields, depth)
	}
	begin := r.at
	if !r.skipValue() {
		return to, false
	}
	if string(r.text[begin:r.at]) == "null" {
		if made, ok := create(nil, fields, depth); ok {
			return append(to, made...), true
		}
	}
	return append(to, r.text[begin:r.at]...), true
}

func insertInObject(to []byte, r *reader, fields []UnknownField, depth int) ([]byte, bool) {
	groups := groupsOf(fields, depth)
	start := len(to)
	for n := 0; ; n++ {
		key, more, ok := r.key(n)
		if !ok {
			return to, false
		}
		if !more {
			break
		}
		to = append(to, ',', '"')
		to = append(append(to, key...), '"', ':')
		text, ok := meaning(key)
		if !ok {
			return to, false
		}
		inside := take(&groups, depth, name(text))
		if len(inside) == 0 || len(inside[0].Path) == depth+1 {
			r.next()
			begin := r.at
			if !r.skipValue() {
				return to, false
			}
			to = append(to, r.text[begin:r.at]...)
			continue
		}
		if to, ok = insertAt(to, r, inside, depth+1); !ok {
			return to, false
		}
	}
	for _, group := range groups {
		to = appendGroup(to, group, depth)
	}
	return closeObject(to, start), true
}

func insertInList(to []byte, r *reader, fields []UnknownField, depth int) ([]byte, bool) {
	groups := groupsOf(fields, depth)
	to = append(to, '[')
	for n := 0; ; n++ {
		more, ok := r.element(n)
		if !ok {
			return to, false
		}
		if !more {
			return append(to, ']'), true
		}
		if n > 0 {
			to = append(to, ',')
		}
		if to, ok = insertAt(to, r, take(&groups, depth, Index(n)), depth+1); !ok {
			return to, false
		}
	}
}

// create makes the object that fields were in and that the text does not have, being
// empty; ok is false if there is none to make.
func create(to []byte, fields []UnknownField, depth int) (made []byte, ok bool) {
	start := len(to)
	for _, group := range groupsOf(fields, depth) {
		to = appendGroup(to, group, depth)
	}
	if len(to) == start {
		return to, false
	}
	return closeObject(to, start), true
}

// appendGroup appends ,"name":value for fields that share the step at depth.
func appendGroup(to []byte, group []UnknownField, depth int) []byte {
	step := group[0].Path[depth]
	if step.isIndex {
		return to
	}
	begin := len(to)
	to = append(appendString(append(to, ','), step.name), ':')
	var ok bool
	if len(group[0].Path) == depth+1 {
		to, ok = appendRaw(to, []byte(group[0].Value))
	} else {
		to, ok = create(to, group, depth+1)
	}
	if !ok {
		return to[:begin]
	}
	return to
}

// closeObject turns the members from start on, each with a comma before it, into an object.
func closeObject(to []byte, start int) []byte {
	if len(to) == start {
		return append(to, '{', '}')
	}
	to[start] = '{'
	return append(to, '}')
}

// groupsOf groups fields, which are in the order of their paths, by the step at depth.
func groupsOf(fields []UnknownField, depth int) [][]UnknownField {
	var groups [][]UnknownField
	for _, f := range fields {
		if len(f.Path) <= depth {
			continue
		}
		if last := len(groups) - 1; last >= 0 && groups[last][0].Path[depth] == f.Path[depth] {
			groups[last] = append(groups[last], f)
			continue
		}
		groups = append(groups, []UnknownField{f})
	}
	return groups
}

// take removes the group with the step and returns it.
func take(groups *[][]UnknownField, depth int, step Step) []UnknownField {
	for i, group := range *groups {
		if group[0].Path[depth] == step {
			*groups = append((*groups)[:i:i], (*groups)[i+1:]...)
			return group
		}
	}
	return nil
}
