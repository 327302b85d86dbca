package jfrog_test

import (
	"strings"
	"testing"

	"github.com/latchkey-io/latchkey/auth"
	"github.com/latchkey-io/latchkey/gateway/jfrog"
)

const installation = "01hx5c2m"

// scopeRows are texts of the legacy API with what they mean here; an empty
// meaning is a refusal.
var scopeRows = []struct{ old, means string }{
	{"member-of-groups:*", "applied-permissions/user"},
	{"member-of-groups:* api:*", "applied-permissions/user"},
	{"api:* member-of-groups:*", "applied-permissions/user"},
	{"member-of-groups:readers", "applied-permissions/groups:readers"},
	{"member-of-groups:readers,writers", "applied-permissions/groups:readers,writers"},
	{`member-of-groups:readers,"two words"`, `applied-permissions/groups:readers,"two words"`},
	{`member-of-groups:"a",b`, "applied-permissions/groups:a,b"},
	{"jfrt@" + installation + ":admin", "applied-permissions/admin"},
	{"jfac@" + installation + ":admin", "applied-permissions/admin"},
	{"path:team/assets:read", "artifact:team/assets:r"},
	{"path:team:read,write,delete", "artifact:team:d,r,w"},
	{"path:team/assets/**:*", "artifact:team/assets/**:*"},
	{"path:team/assets:annotate,manage,distribute", "artifact:team/assets:a,m,x"},
	{"path:a:read path:b:read,write", "artifact:a:r artifact:b:r,w"},
	{"applied-permissions/user", "applied-permissions/user"},
	{"applied-permissions/groups:readers api:*", "applied-permissions/groups:readers"},
	{"artifact:team/assets:r,w", "artifact:team/assets:r,w"},
	{"system:metrics:r", "system:metrics:r"},

	{"", ""}, {" ", ""}, {"api:*", ""}, {"api:* api:*", ""}, {"api:read", ""},
	{"member-of-groups", ""}, {"member-of-groups:", ""}, {"member-of-groups:a,*", ""}, {"member-of-groups:a,,b", ""},
	{"Member-Of-Groups:*", ""}, {"member-of-groups:a/b", ""}, {"member-of-groups:*\tapi:*", ""}, {`member-of-groups:"a`, ""},
	{`member-of-groups:"a applied-permissions/admin`, ""},
	{"jfrt@other:admin", ""}, {"jfrt@:admin", ""}, {":admin", ""}, {"admin", ""}, {"jfrt@*:admin", ""},
	{"jfxr@" + installation + ":admin", ""}, {"jfrt@" + installation + ":Admin", ""},
	{"path:", ""}, {"path:team", ""}, {"path:team:", ""}, {"path::read", ""}, {"path:team:r", ""}, {"path:team:read,execute", ""},
	{"path:team:Read", ""}, {"path:../x:read", ""}, {"path:a//b:read", ""}, {"path:team:read,", ""},
	{"member-of-groups:* nonsense", ""},
	{strings.Repeat("x", auth.MaxScope+1), ""},
	{strings.TrimSpace(strings.Repeat("path:a:read ", 60)), ""},
}

func TestOldScopes(t *testing.T) {
	t.Parallel()
	for _, row := range scopeRows {
		scopes, repeated, err := jfrog.ReadOldScopes(row.old, installation)
		if got := scopes.String(); got != row.means {
			t.Errorf("%q means %q, want %q (%v)", row.old, got, row.means, err)
		}
		if row.means == "" {
			e, ok := err.(*auth.Error)
			if !ok || e.Code != auth.Invalid || e.Field != "scope" {
				t.Errorf("%q: %v", row.old, err)
			}
			continue
		}
		if !strings.HasSuffix(repeated, " api:*") || strings.Count(repeated, "api:*") != 1 {
			t.Errorf("%q is repeated as %q", row.old, repeated)
		}
		for _, part := range strings.Fields(row.old) {
			if !strings.Contains(repeated, part) {
				t.Errorf("%q is repeated as %q", row.old, repeated)
			}
		}
	}
}

// What is misspelt is answered in the grammar that the caller speaks.
func TestOldScopesRefusedInWords(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"member-of-group:x":     "known are member-of-groups:* or :NAME",
		"jfrt@other:admin":      "jfrt@" + installation + ":admin",
		"path:team/assets:r":    "the words are read, write, delete",
		"artifact:team/assets":  "as artifact:team/assets:r,w",
		"api:*":                 "try member-of-groups:*",
		"applied-permissions/x": "applied-permissions/user",
	} {
		if _, _, err := jfrog.ReadOldScopes(text, installation); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

// FuzzOldScopes: what is read is what auth reads, and what is written back
// means the same.
func FuzzOldScopes(f *testing.F) {
	for _, row := range scopeRows {
		f.Add(row.old)
	}
	f.Fuzz(func(t *testing.T, text string) {
		scopes, repeated, err := jfrog.ReadOldScopes(text, installation)
		if err != nil {
			if len(scopes) > 0 {
				t.Errorf("%q is refused and means %q", text, scopes)
			}
			return
		}
		kept := scopes.String()
		read, err := auth.ParseScopes(kept)
		if err != nil {
			if len(kept) > auth.MaxScope || len(scopes) > 1 {
				return // longer than what it came from: refused when a token is made
			}
			t.Fatalf("%q means %q: %v", text, kept, err)
		}
		if read.String() != kept {
			t.Errorf("%q means %q, which auth reads as %q", text, kept, read)
		}
		again, _, err := jfrog.ReadOldScopes(repeated, installation)
		if err == nil && again.String() != kept || err != nil && len(repeated) <= auth.MaxScope {
			t.Errorf("%q is repeated as %q, which means %q, %v", text, repeated, again, err)
		}
		old := jfrog.OldText(kept, installation)
		again, _, err = jfrog.ReadOldScopes(old, installation)
		if err == nil && again.String() != kept || err != nil && len(old) <= auth.MaxScope {
			t.Errorf("%q is %q, which means %q, %v", kept, old, again, err)
		}
	})
}
