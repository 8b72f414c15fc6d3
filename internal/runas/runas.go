package runas

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// The environment variables by which the image asks for it.
const (
	// UserVariable holds the user and the group, such as 65532:65532; 0:0 stays root.
	UserVariable = "ARK_RUN_AS"
	// FolderVariable holds the folder that is given to them; empty for none.
	FolderVariable = "ARK_RUN_AS_FOLDER"
)

// user is a numeric user and group.
type user struct{ uid, gid int }

// parseUser parses UID:GID.
func parseUser(text string) (user, error) {
	left, right, found := strings.Cut(text, ":")
	uid, err := strconv.ParseUint(left, 10, 31)
	if err == nil && found {
		var gid uint64
		if gid, err = strconv.ParseUint(right, 10, 31); err == nil && (uid == 0) == (gid == 0) {
			return user{int(uid), int(gid)}, nil
		}
	}
	return user{}, fmt.Errorf("%s=%s: use numbers, UID:GID, such as 65532:65532, or 0:0 to stay root", UserVariable, text)
}

// wanted returns the user to become, if there is one.
func wanted() (u user, ok bool, err error) {
	text := os.Getenv(UserVariable)
	if text == "" || os.Getuid() != 0 {
		return user{}, false, nil
	}
	if u, err = parseUser(text); err != nil || u.uid == 0 {
		return user{}, false, err
	}
	return u, true, nil
}
