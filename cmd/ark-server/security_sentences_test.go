package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// securitySentences maps each sentence, and each row of a table, of two sections of
// docs/security.md to the tests that verify it. The key is the beginning of the sentence.
var securitySentences = map[string][]string{
	// Data at rest, backups
	"A standalone server stores Secrets encrypted":        {"cmd/ark-server TestSecretsAtRest", "cmd/ark-server TestEncryptionConfiguration"},
	"Whoever loses that file loses the Secrets":           {"internal/encryption TestMissingKey", "cmd/ark-server TestSecretsAtRest"},
	"`ark-server backup --include-keys` takes the folder": {"cmd/ark-server TestSecretsAtRest"},
	"Without the keys, `ark-server export":                {"cmd/ark-server TestSecretsAtRest"},
	"Secrets from before a release that encrypts":         {"internal/encryption TestPlainSecretsAreGone", "cmd/ark-server TestEncryptionConfiguration"},
	"On PostgreSQL and MySQL old rows go with compaction": {"internal/mvcc/postgres TestEngine", "internal/mvcc/mysql TestEngine"},
	"`ark-server secrets rotate-key` adds a key":          {"internal/encryption TestRotate", "cmd/ark-server TestSecretsAtRest"},
	"Servers that share their keys through the database":  {"internal/sharedkeys TestServersAgree", "e2e/servers TestKeysInTheDatabase"},
	"Ark's own objects, ConfigMaps and everything else":   {"cmd/ark-server TestWhatStaysReadable"},
	"A backup of SQLite leaves out free pages":            {"internal/mvcc/sqlite TestBackupHasNoFreePages"},
	"A deleted object stays readable":                     {"cmd/ark-server TestWhatStaysReadable", "internal/encryption TestPlainSecretsAreGone"},

	// Users of a standalone server
	"the admin, in `system:masters`":                   {"internal/standalone TestAccess", "cmd/ark-server TestNewAdminToken"},
	"a user | a token that":                            {"cmd/ark-server TestTokenCommands", "internal/standalone TestUserTokens", "internal/token TestRevoked"},
	"a user | a client certificate":                    {"internal/standalone TestAccess", "internal/standalone TestCertificateUsersAreBound", "internal/standalone TestExpiredCertificate"},
	"a user of an issuer outside":                      {"internal/standalone TestOIDC", "internal/standalone TestAuthenticationConfiguration"},
	"a service account | a token":                      {"internal/standalone TestServiceAccountTokens", "internal/standalone TestServiceAccountKey"},
	"anybody | nothing":                                {"internal/standalone TestAccess"},
	"Of a user's token, 32 random bytes":               {"cmd/ark-server TestTokenCommands", "internal/token TestTokens"},
	"The text is printed once":                         {"cmd/ark-server TestTokenCommands", "e2e/kubectl TestAudit"},
	"A token is made for those only":                   {"internal/standalone TestUserTokens"},
	"Members of `system:masters` may do anything":      {"internal/standalone TestDefaultRoles", "internal/standalone TestAccess"},
	"Everybody else has what roles and bindings grant": {"internal/standalone TestRightsCountForRows", "e2e/kubectl TestReadme", "e2e/access TestStandaloneAsKubeAPIServer"},
	"Keys in old versions of objects are shown":        {"cmd/ark-server TestHistoryHidesKeys", "cmd/ark-server TestAsOf", "cmd/ark-server TestUndelete"},
	"Changes of the history in the database are found": {"internal/history TestChain", "cmd/ark-server TestHistoryChain", "internal/server TestHeadInAuditLog"},
	"Nobody grants what they do not have":              {"internal/standalone TestEscalation"},
	"The role `view` leaves out":                       {"internal/standalone TestDefaultRoles", "internal/standalone TestChartsViewIsOurs"},
	"A service account's token is good for an hour":    {"internal/standalone TestServiceAccountTokens"},
	"A service account has no rights":                  {"e2e/kubectl TestControlPlane"},
	"An audit event names the token by its ID":         {"e2e/kubectl TestAudit", "internal/token TestTokens"},
	"The flags for audit are those of kube-apiserver":  {"e2e/kubectl TestAudit", "cmd/ark-server TestAuditLogFile"},
	"The serving certificate is generated and renewed": {"internal/standalone TestKeysAreKept", "internal/standalone TestOwnCertificate"},
	"The port never speaks plain HTTP":                 {"cmd/ark-server TestUsersAreCounted"},
	"Beyond loopback, the start prints how many users": {"cmd/ark-server TestUsersAreCounted"},
}

// sentencesOf returns the sentences of a section, and the rows of its tables, without the addresses
// of links.
func sentencesOf(t *testing.T, page, section string) []string {
	t.Helper()
	_, text, found := strings.Cut(page, "\n## "+section+"\n")
	if !found {
		t.Fatalf("there is no section %q", section)
	}
	text, _, _ = strings.Cut(text, "\n## ")
	text = regexp.MustCompile(`\[([^\]]+)\]\([^)]+\)`).ReplaceAllString(text, "$1")
	var all []string
	for paragraph := range strings.SplitSeq(text, "\n\n") {
		if strings.HasPrefix(strings.TrimSpace(paragraph), "|") {
			rows := strings.Split(strings.TrimSpace(paragraph), "\n")
			for _, row := range rows[min(2, len(rows)):] {
				all = append(all, strings.Trim(row, "| "))
			}
			continue
		}
		paragraph = strings.Join(strings.Fields(paragraph), " ")
		for _, end := range slices.Backward(regexp.MustCompile("\\. [A-Z`]").FindAllStringIndex(paragraph, -1)) {
			all = append(all, paragraph[end[0]+2:])
			paragraph = paragraph[:end[0]+1]
		}
		if paragraph != "" {
			all = append(all, paragraph)
		}
	}
	return all
}

// TestSecuritySentences checks that each sentence about users, tokens, roles, encryption and
// service accounts has a test, which exists.
func TestSecuritySentences(t *testing.T) {
	page := readFile(t, root, "docs", "security.md")
	used := map[string]int{}
	for _, section := range []string{"Data at rest, backups", "Users of a standalone server"} {
		for _, sentence := range sentencesOf(t, page, section) {
			found := 0
			for begin := range securitySentences {
				if strings.HasPrefix(sentence, begin) {
					used[begin]++
					found++
				}
			}
			if found != 1 {
				t.Errorf("docs/security.md, %q: %d entries of securitySentences, want one that names its test", sentence, found)
			}
		}
	}
	for begin, tests := range securitySentences {
		if used[begin] != 1 {
			t.Errorf("%d sentences of docs/security.md begin with %q, want one", used[begin], begin)
		}
		if len(tests) == 0 {
			t.Errorf("%q: no test", begin)
		}
		for _, test := range tests {
			folder, name, _ := strings.Cut(test, " ")
			if !hasTest(t, filepath.Join(root, filepath.FromSlash(folder)), name) {
				t.Errorf("%q: %s has no %s", begin, folder, name)
			}
		}
	}
}

func TestSentencesOf(t *testing.T) {
	got := sentencesOf(t, "\n## A\n\nOne is a. Two is\n[b](c.md) and v1.2. `three` too.\n\n| h |\n|---|\n| r | s |\n\n## B\n\nNo.\n", "A")
	slices.Sort(got)
	if want := []string{"One is a.", "Two is b and v1.2.", "`three` too.", "r | s"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// hasTest reports whether a folder has a test with the given name.
func hasTest(t *testing.T, folder, name string) bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	return slices.ContainsFunc(files, func(file string) bool {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		return strings.Contains(string(text), "func "+name+"(t *testing.T)")
	})
}
