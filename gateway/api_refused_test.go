package gateway_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"testing"

	"github.com/latchkey-io/latchkey/auth"
)

// linesOf counts the trail's lines about one request.
func (h *house) linesOf(a answer) (of []auth.Event) {
	h.t.Helper()
	for line := range bytes.Lines(h.trail.all()) {
		var e auth.Event
		if err := json.Unmarshal(line, &e); err != nil {
			h.t.Fatal(err)
		}
		if e.Request == a.header.Get("X-Request-Id") {
			of = append(of, e)
		}
	}
	return of
}

// What somebody known is refused has a line in the trail, exactly one, also
// where nothing was tried: bodies that cannot be read, values out of bounds,
// lists that are not theirs. What is missing, or shown to nobody, has none.
func TestRefusedRequestsAreInTheTrail(t *testing.T) {
	t.Parallel()
	h := newHouse(t, houseConfig{})
	const users, tokens, old = "/access/api/v2/users", "/access/api/v1/tokens", "/artifactory/api/security/token"
	admin, alice := basic("admin", h.adminPassword), basic("alice", alicePassword)
	for _, c := range []struct {
		method, path, body string
		as                 with
		status             int
		action             string // "": no line
	}{
		{"POST", users, `{"username":"bob","username":"eve"}`, admin, 400, "request.refused"},
		{"POST", users, `{"username":"bob","email":"b@example.com","password":"short"}`, admin, 400, "user.create"},
		{"POST", tokens, `{"scopes":"all"}`, alice, 400, "request.refused"},
		{"POST", tokens, `{"scope":"applied-permissions/groups:crew"}`, alice, 403, "request.refused"},
		{"POST", tokens, `{"scope":"applied-permissions/admin"}`, alice, 403, "token.create"},
		{"POST", old, `{"grant_type":"password"}`, alice, 400, "request.refused"},
		{"POST", old + "/revoke", `{}`, alice, 400, "request.refused"},
		{"GET", old, ``, alice, 403, "request.refused"},
		{"GET", users, ``, alice, 403, "request.refused"},
		{"POST", v1 + "/users", `{"nmae":"x"}`, admin, 400, "request.refused"},
		{"GET", v1 + "/users", ``, alice, 403, "request.refused"},
		{"GET", users + "/nobody", ``, admin, 404, ""},
		{"POST", tokens, `{"nonsense":1}`, func(*http.Request) {}, 400, ""},
	} {
		as := []with{c.as}
		var body any
		if c.body != "" {
			body, as = c.body, append(as, header("Content-Type", "application/json"))
		}
		a := h.in(t).do(c.method, c.path, body, as...).is(c.status)
		lines := h.linesOf(a)
		switch {
		case c.action == "" && len(lines) > 0, c.action != "" && len(lines) != 1:
			t.Errorf("%s %s %s: %d lines, %+v", c.method, c.path, c.body, len(lines), lines)
		case c.action != "" && (lines[0].Action != c.action || lines[0].Result != "refused" || lines[0].User == "" || lines[0].Cause == ""):
			t.Errorf("%s %s %s: %+v", c.method, c.path, c.body, lines[0])
		}
	}
}

// Where a credential is not needed for one thing and is for another, a wrong
// one is told as anywhere else when it was needed after all.
func TestOverlookedCredentialsAreToldWhenNeeded(t *testing.T) {
	t.Parallel()
	h := newHouse(t, houseConfig{})
	const tokens = "/access/api/v1/tokens"
	asJSON := header("Content-Type", "application/json")
	wrongKey := header("X-JFrog-Art-Api", "AKCp8"+string(bytes.Repeat([]byte("x"), 68)))
	h.do("POST", tokens, `{}`, asJSON, wrongKey).is(http.StatusForbidden)
	h.do("POST", tokens, `{"grant_type":"refresh_token","refresh_token":"x"}`, asJSON, wrongKey).is(http.StatusNotFound)
	for range 12 {
		h.do("POST", tokens, `{}`, asJSON, basic("alice", "always the same wrong one"))
	}
	h.do("POST", tokens, `{}`, asJSON, basic("alice", "always the same wrong one")).is(http.StatusForbidden)
}
