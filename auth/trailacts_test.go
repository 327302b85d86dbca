package auth_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"strconv"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/latchkey-io/latchkey/auth"
)

// actNames are the acts that allow.go names.
func actNames(t *testing.T) (all []string) {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), "allow.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(f, func(n ast.Node) bool {
		if spec, ok := n.(*ast.ValueSpec); ok {
			if kind, ok := spec.Type.(*ast.Ident); ok && kind.Name == "act" {
				for _, v := range spec.Values {
					name, err := strconv.Unquote(v.(*ast.BasicLit).Value)
					if err != nil {
						t.Fatal(err)
					}
					all = append(all, name)
				}
			}
		}
		return true
	})
	if len(all) < 50 {
		t.Fatalf("only %d acts found", len(all))
	}
	return all
}

func TestEveryActHasASentence(t *testing.T) {
	told := map[string]string{}
	for _, name := range actNames(t) {
		for _, result := range []string{"ok", "refused", "failed"} {
			s := auth.Event{Action: name, Result: result, User: "alice"}.Sentence()
			first, _ := utf8.DecodeRuneInString(s)
			switch {
			case s == name:
				t.Errorf("%s has no sentence: give it one in trailacts.go", name)
			case !unicode.IsUpper(first) || strings.TrimSpace(s) != s && result == "ok" || strings.HasSuffix(s, "."):
				t.Errorf("%s %s: %q", name, result, s)
			case told[s] != "":
				t.Errorf("%s and %s are both told as %q", told[s], name, s)
			}
			told[s] = name
		}
	}
}

func TestSentences(t *testing.T) {
	for want, e := range map[string]auth.Event{
		"Generated an identity token":                          {Action: "token.create", Result: "ok", User: "alice", Target: "alice 7f"},
		"Generated an identity token for bob":                  {Action: "token.create", Result: "ok", User: "alice", Target: "bob 7f"},
		"Tried to generate an identity token, and was refused": {Action: "token.create", Result: "refused", User: "eve", Target: "made up"},
		"Signed in":                 {Action: "session.sign_in", Result: "ok", User: "alice", Target: "id"},
		"Made the account bob":      {Action: "user.create", Result: "ok", User: "local:0", Target: "bob"},
		"Changed the account alice": {Action: "user.update", Result: "ok", User: "alice", Target: "alice"},
		"Tried to change the password of bob, which failed":   {Action: "password.change", Result: "failed", User: "alice", Target: "bob"},
		"Deleted the group crew":                              {Action: "group.delete", Result: "ok", User: "alice", Target: "crew"},
		"Tried to do something by a request, and was refused": {Action: "request.refused", Result: "refused", User: "alice", Target: "GET /x"},
		"A wrong password was tried":                          {Action: "identify", Result: "refused", User: "alice", Credential: "password", Cause: "unauthenticated: the credential is not accepted: wrong password"},
		"A password was tried and refused":                    {Action: "identify", Result: "refused", User: "alice", Credential: "password", Cause: "the account is disabled"},
		"An API key that does not work was tried":             {Action: "identify", Result: "refused", Credential: "api_key"},
		"A credential that does not work was tried":           {Action: "identify", Result: "refused"},
		"A line of the audit trail cannot be read":            {Action: auth.ActionUnreadable, Result: "failed"},
		"something.of.a.later.version":                        {Action: "something.of.a.later.version", Result: "ok"},
	} {
		if got := e.Sentence(); got != want {
			t.Errorf("%+v: %q, want %q", e, got, want)
		}
	}
}
