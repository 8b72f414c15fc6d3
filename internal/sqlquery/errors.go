package sqlquery

import (
	"errors"
	"regexp"
	"strings"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// single refuses more than one statement: only white space or comments may follow the first ;.
func single(statement string) error {
	for i := 0; i < len(statement); {
		switch rest := statement[i:]; {
		case strings.HasPrefix(rest, "--"):
			i += through(rest, "\n", 2)
		case strings.HasPrefix(rest, "/*"):
			i += through(rest, "*/", 2)
		case rest[0] == '\'' || rest[0] == '"' || rest[0] == '`':
			i += through(rest, rest[:1], 1) // a doubled delimiter begins the next part
		case rest[0] == '[':
			i += through(rest, "]", 1)
		case rest[0] == ';':
			if after := i + 1; !blank(statement[after:]) {
				line, column := place(statement, after)
				return &Error{"there is more than one statement", line, column}
			}
			return nil
		default:
			i++
		}
	}
	return nil
}

// through returns the length of the prefix of a text that ends with end, which is searched for from
// a byte on.
func through(text, end string, from int) int {
	if i := strings.Index(text[from:], end); i >= 0 {
		return from + i + len(end)
	}
	return len(text)
}

func blank(text string) bool {
	for text = strings.TrimLeft(text, " \t\r\n\f;"); text != ""; text = strings.TrimLeft(text, " \t\r\n\f;") {
		switch {
		case strings.HasPrefix(text, "--"):
			text = text[through(text, "\n", 2):]
		case strings.HasPrefix(text, "/*"):
			text = text[through(text, "*/", 2):]
		default:
			return false
		}
	}
	return true
}

// place returns the line and column of an offset.
func place(statement string, offset int) (line, column int) {
	before := statement[:min(offset, len(statement))]
	line = strings.Count(before, "\n") + 1
	return line, len([]rune(before[strings.LastIndex(before, "\n")+1:])) + 1
}

var (
	near     = regexp.MustCompile(`near "([^"]*)"`)
	noSuch   = regexp.MustCompile(`(?:no such (?:column|table|function)|ambiguous column name): (\S+?)(?: \(|$)`)
	notFound = regexp.MustCompile(`prohibited|not authorized|authorization`)
)

// explain converts an error of SQLite to an error of the statement. It drops texts of SQLite that
// name base tables, which occur if something is denied. prepare, if it is not nil, compiles a part
// of the statement: with it, explain finds which of several occurrences of a word is wrong.
func explain(err error, statement string, box *sandbox, prepare func(string) error) error {
	var own *Error
	if errors.As(err, &own) {
		return err
	}
	var e *sqlite.Error
	if !errors.As(err, &e) {
		if strings.Contains(err.Error(), "missing argument") || strings.Contains(err.Error(), "named") {
			return &Error{Message: "a parameter of the statement has no value"}
		}
		return &Error{Message: "the statement cannot be run"}
	}
	message := strings.TrimPrefix(e.Error(), "SQL logic error: ")
	if i := strings.LastIndex(message, " ("); i > 0 {
		message = message[:i]
	}
	switch e.Code() & 0xff {
	case sqlite3.SQLITE_AUTH:
		return &Error{Message: "the statement does what is not allowed: use one SELECT over the documented views and functions"}
	case sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM:
		return &Error{Message: "only SELECT is allowed"}
	case sqlite3.SQLITE_TOOBIG:
		return &Error{Message: "a value or the statement is too large"}
	case sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_FULL:
		return &Error{Message: "the statement needs too much memory"}
	case sqlite3.SQLITE_ERROR, sqlite3.SQLITE_RANGE, sqlite3.SQLITE_MISMATCH:
	case sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CANTOPEN:
		return err
	default:
		return &Error{Message: "the statement cannot be run"}
	}
	if notFound.MatchString(message) {
		return &Error{Message: "the statement does what is not allowed: use one SELECT over the documented views and functions"}
	}
	if strings.Contains(message, box.secret) || strings.Contains(message, box.schema) || strings.Contains(message, "main.") {
		return &Error{Message: "the statement cannot be run"}
	}
	fault := &Error{Message: message}
	if found := near.FindStringSubmatch(message); found != nil {
		fault.Line, fault.Column = placeOfToken(statement, found[1], prepare)
	} else if found := noSuch.FindStringSubmatch(message); found != nil {
		if at := occurrences(statement, found[1]); len(at) > 0 {
			fault.Line, fault.Column = place(statement, at[0])
		}
	}
	return fault
}

// placeOfToken returns the position of the token at which the syntax error is: the first occurrence
// up to which the statement gives the same error.
func placeOfToken(statement, token string, prepare func(string) error) (line, column int) {
	at := occurrences(statement, token)
	for _, i := range at[:min(len(at), maxTries)] {
		if len(at) == 1 || prepare == nil {
			return place(statement, i)
		}
		err := prepare(statement[:i+len(token)])
		if err != nil && strings.Contains(err.Error(), `near "`+token+`"`) {
			return place(statement, i)
		}
	}
	return 0, 0
}

// maxTries bounds how many parts of a statement are compiled to find the position of an error.
const maxTries = 50

// occurrences returns the byte offsets at which a word begins that is not part of a longer one.
func occurrences(text, word string) (all []int) {
	if word == "" {
		return nil
	}
	inWord := func(i int) bool {
		return i >= 0 && i < len(text) && (text[i] == '_' || text[i] >= 0x80 || text[i] >= '0' && text[i] <= '9' || text[i]|0x20 >= 'a' && text[i]|0x20 <= 'z')
	}
	for i := 0; ; {
		next := strings.Index(text[i:], word)
		if next < 0 {
			return all
		}
		i += next
		if !(inWord(i) && inWord(i-1)) && !(inWord(i+len(word)-1) && inWord(i+len(word))) {
			all = append(all, i)
		}
		i += len(word)
	}
}
