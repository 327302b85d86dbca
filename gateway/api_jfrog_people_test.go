package gateway_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/netip"
	"reflect"
	"strings"

	"golang.org/x/crypto/ssh"

	"github.com/latchkey-io/latchkey/auth"
)

const (
	security = "/artifactory/api/security"
	access   = "/access/api/v2"

	bobPassword = "bob has one as well, a long one"
)

// accessErrors fails unless the body is {"errors":[{"code":…,"detail":…,
// "message":…}]}, with the status in words as the code.
func (a answer) accessErrors() answer {
	a.t.Helper()
	var object struct {
		Errors []map[string]string `json:"errors"`
	}
	err := json.Unmarshal([]byte(a.body), &object)
	code := strings.ToUpper(strings.ReplaceAll(http.StatusText(a.status), " ", "_"))
	if err != nil || len(object.Errors) != 1 || len(object.Errors[0]) != 3 || object.Errors[0]["code"] != code || object.Errors[0]["detail"] == "" || object.Errors[0]["message"] == "" {
		a.t.Errorf("%s: %d %q is not the shape of Access", a.at, a.status, a.body)
	}
	return a
}

// refused checks the status and the shape of errors where the path lies, and
// that the answer says some words.
func (a answer) refused(status int, words ...string) answer {
	a.t.Helper()
	a.is(status)
	if _, path, _ := strings.Cut(a.at, " "); strings.HasPrefix(path, "/access/") {
		a.accessErrors()
	} else {
		a.envelope()
	}
	for _, w := range words {
		if !strings.Contains(a.body, w) {
			a.t.Errorf("%s: %s does not say %q", a.at, a.body, w)
		}
	}
	return a
}

// text checks the status and that the body is a text.
func (a answer) text(status int, words ...string) answer {
	a.t.Helper()
	a.is(status)
	if got := a.header.Get("Content-Type"); got != "text/plain; charset=utf-8" {
		a.t.Errorf("%s: Content-Type %q", a.at, got)
	}
	for _, w := range words {
		if !strings.Contains(a.body, w) {
			a.t.Errorf("%s: %q does not say %q", a.at, a.body, w)
		}
	}
	return a
}

// json compares the body with what is expected, given as JSON.
func (a answer) json(want string) answer {
	a.t.Helper()
	var got, expected any
	if err := json.Unmarshal([]byte(want), &expected); err != nil {
		a.t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(a.body), &got); err != nil || !reflect.DeepEqual(got, expected) {
		a.t.Errorf("%s: %s, want %s", a.at, a.body, want)
	}
	return a
}

// empty checks the status of an answer without a body.
func (a answer) empty(status int) {
	a.t.Helper()
	if a.is(status); a.body != "" {
		a.t.Errorf("%s: %q", a.at, a.body)
	}
}

// trailSays fails unless the latest line of the trail about an action is this.
func (h *house) trailSays(action, result, user, target string) {
	h.t.Helper()
	var last auth.Event
	for line := range bytes.Lines(h.trail.all()) {
		var e auth.Event
		if err := json.Unmarshal(line, &e); err != nil {
			h.t.Fatal(err)
		}
		if e.Action == action {
			last = e
		}
	}
	if last.Result != result || last.User != user || last.Target != target {
		h.t.Errorf("the trail's last %s is %+v, want %s by %s of %s", action, last, result, user, target)
	}
}

// works reports whether a password opens the door.
func (h *house) works(name, password string) bool {
	h.t.Helper()
	return h.do("GET", v1+"/whoami", nil, basic(name, password)).status == http.StatusOK
}

// asAdmin is the administrator by a credential that nobody guesses at.
func (h *house) asAdmin() with { return basic("admin", h.adminPassword) }

// bob makes a user.
func (h *house) bob() {
	h.t.Helper()
	h.secret.texts = append(h.secret.texts, bobPassword)
	h.do("PUT", security+"/users/bob", map[string]any{"email": "bob@example.com", "password": bobPassword}, h.asAdmin()).is(http.StatusCreated)
}

// haveGroups makes groups.
func (h *house) haveGroups(names ...string) {
	h.t.Helper()
	for _, name := range names {
		if _, err := h.auth.Groups.Create(h.t.Context(), h.admin, name, "who are "+name); err != nil {
			h.t.Fatal(err)
		}
	}
}

// throughSSH is the administrator by a token that was made with an SSH key.
func (h *house) throughSSH() with {
	h.t.Helper()
	line := ed25519Line(h.t)
	key, _, _, _, err := ssh.ParseAuthorizedKey([]byte(line))
	if err != nil {
		h.t.Fatal(err)
	}
	if _, err := h.auth.SSHKeys.Create(h.t.Context(), h.admin, auth.NewSSHKey{Owner: "admin", Line: line}); err != nil {
		h.t.Fatal(err)
	}
	who, err := h.auth.Identify(h.t.Context(), auth.Peer{Addr: netip.MustParseAddr("127.0.0.1"), Door: "ssh"}, auth.SSHKey{Key: key})
	if err != nil {
		h.t.Fatal(err)
	}
	token, err := h.auth.Tokens.Create(h.t.Context(), who, auth.NewToken{Life: auth.Endless})
	if err != nil {
		h.t.Fatal(err)
	}
	return bearer(token.JWT.Reveal())
}
