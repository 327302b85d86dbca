package gateway_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/latchkey-io/latchkey/auth"
)

// peopleRow is one way to read or change accounts in the JFrog dialect.
type peopleRow struct {
	at    string // {user} and {group} are filled in
	body  any
	trail string // the action that a refusal is noted as; "": it is only read
}

// peopleRows are all of them, each with a body that an administrator may send.
func peopleRows() []peopleRow {
	const s, a = security, access
	update := object{"email": "changed@example.com", "admin": true}
	return []peopleRow{
		{"GET " + s + "/users", nil, ""},
		{"GET " + s + "/users/{user}", nil, ""},
		{"PUT " + s + "/users/{user}", object{"email": "changed@example.com", "password": "a password of another", "admin": true}, "user.create"},
		{"POST " + s + "/users/{user}", update, "user.update"},
		{"POST " + s + "/users/{user}", object{"password": "a password of another"}, "user.update"},
		{"DELETE " + s + "/users/{user}", nil, "user.delete"},
		{"GET " + s + "/groups", nil, ""},
		{"GET " + s + "/groups/{group}", nil, ""},
		{"GET " + s + "/groups/{group}?includeUsers=true", nil, ""},
		{"PUT " + s + "/groups/{group}", object{"userNames": []string{"eve"}}, "group.change"},
		{"POST " + s + "/groups/{group}", object{"userNames": []string{"eve"}}, "group.change"},
		{"POST " + s + "/groups/{group}", object{"description": "changed"}, "group.change"},
		{"DELETE " + s + "/groups/{group}", nil, "group.delete"},
		{"POST " + s + "/users/authorization/expirePassword", []string{"{user}"}, "password.expire"},
		{"POST " + s + "/users/authorization/expirePasswords", []string{"{user}"}, "password.expire"},
		{"POST " + s + "/users/authorization/expirePassword/{user}", nil, "password.expire"},
		{"POST " + s + "/users/authorization/expirePasswordForAllUsers", nil, "password.expire"},
		{"POST " + s + "/users/authorization/unexpirePassword/{user}", nil, "password.unexpire"},
		{"POST " + s + "/users/authorization/unexpirePasswordForAllUsers", nil, "password.unexpire"},
		{"GET " + s + "/configuration/passwordExpirationPolicy", nil, ""},
		{"PUT " + s + "/configuration/passwordExpirationPolicy", object{"enabled": true}, ""},
		{"GET " + s + "/userLockPolicy", nil, ""},
		{"PUT " + s + "/userLockPolicy", object{"enabled": true}, ""},
		{"GET " + s + "/lockedUsers", nil, ""},
		{"POST " + s + "/unlockUsers", []string{"{user}"}, "user.clear_guesses"},
		{"POST " + s + "/unlockUsers/{user}", nil, "user.clear_guesses"},
		{"POST " + s + "/unlockAllUsers", nil, ""},

		{"GET " + a + "/users", nil, ""},
		{"POST " + a + "/users", object{"username": "mallory", "email": "m@example.com", "password": "a password of another", "admin": true}, "user.create"},
		{"GET " + a + "/users/{user}", nil, ""},
		{"PATCH " + a + "/users/{user}", update, "user.update"},
		{"PATCH " + a + "/users/{user}", object{"password": "a password of another"}, "user.update"},
		{"DELETE " + a + "/users/{user}", nil, "user.delete"},
		{"PATCH " + a + "/users/{user}/groups", object{"add": []string{"secret"}}, "user.update"},
		{"PUT " + a + "/users/{user}/password", object{"password": "a password of another"}, "password.change"},
		{"POST " + a + "/users/{user}/password/expire", nil, "password.expire"},
		{"POST " + a + "/users/{user}/unlock", nil, "user.clear_guesses"},
		{"GET " + a + "/groups", nil, ""},
		{"POST " + a + "/groups", object{"name": "mine", "members": []string{"eve"}}, "group.change"},
		{"GET " + a + "/groups/{group}", nil, ""},
		{"PATCH " + a + "/groups/{group}", object{"description": "changed"}, "group.change"},
		{"DELETE " + a + "/groups/{group}", nil, "group.delete"},
		{"PATCH " + a + "/groups/{group}/members", object{"add": []string{"eve"}}, "group.change"},
	}
}

// of fills names in.
func (p peopleRow) of(user, group string) (method, path string, body any) {
	fill := strings.NewReplacer("{user}", user, "{group}", group)
	method, path, _ = strings.Cut(fill.Replace(p.at), " ")
	if p.body == nil {
		return method, path, nil
	}
	raw, _ := json.Marshal(p.body) // of texts, lists and maps
	return method, path, fill.Replace(string(raw))
}

// state is all accounts and groups, as the administrator sees them.
func (h *house) state() string {
	h.t.Helper()
	var all strings.Builder
	users, _, err := h.auth.Users.List(h.t.Context(), h.admin, auth.Query{})
	if err != nil {
		h.t.Fatal(err)
	}
	groups, err := h.auth.Groups.List(h.t.Context(), h.admin)
	if err != nil {
		h.t.Fatal(err)
	}
	if err := json.NewEncoder(&all).Encode([]any{users, groups}); err != nil {
		h.t.Fatal(err)
	}
	return all.String()
}

// refusals counts the lines of the trail that refuse an action to a user.
func (h *house) refusals(action, user string) int {
	n := 0
	for line := range bytes.Lines(h.trail.all()) {
		var e auth.Event
		if json.Unmarshal(line, &e) == nil && e.Action == action && e.User == user && e.Result == "refused" {
			n++
		}
	}
	return n
}

// TestJFrogAccountsAreTheAdministrators: nobody else reads or changes an
// account or a group, their own neither, with whatever credential; a refusal
// does not tell who exists, and is noted.
func TestJFrogAccountsAreTheAdministrators(t *testing.T) {
	t.Parallel()
	h := newHouse(t, houseConfig{})
	h.haveGroups("secret")
	h.do("PATCH", access+"/groups/secret/members", object{"add": []string{"alice", "eve"}}, h.asAdmin()).is(http.StatusOK)
	token := func(scope, name, password string) with {
		return bearer(h.do("POST", v1+"/me/tokens", object{"scope": scope}, basic(name, password)).is(http.StatusCreated).field("access_token"))
	}
	callers := map[string]struct {
		shown with
		user  string
	}{
		"eve by password":              {basic("eve", evePassword), "eve"},
		"eve by API key":               {apiKey(h.do("POST", keyURL, nil, basic("eve", evePassword)).is(http.StatusCreated).field("apiKey")), "eve"},
		"eve's group by token":         {token("applied-permissions/groups:secret", "eve", evePassword), "eve"},
		"the administrator's one repo": {token("artifact:lfs/team/*:r,w", "admin", h.adminPassword), "admin"},
		"the administrator's metrics":  {token("system:metrics:r", "admin", h.adminPassword), "admin"},
	}
	before := h.state()
	for name, c := range callers {
		t.Run(name, func(t *testing.T) {
			h := h.in(t)
			for _, row := range peopleRows() {
				noted := h.refusals(row.trail, c.user)
				method, path, body := row.of("alice", "secret")
				h.do(method, path, body, c.shown).refused(http.StatusForbidden)
				if row.trail != "" && h.refusals(row.trail, c.user) == noted {
					t.Errorf("%s %s: the trail has no line about %s", method, path, row.trail)
				}
				method, path, body = row.of("nobody", "nothing")
				if a := h.do(method, path, body, c.shown).refused(http.StatusForbidden); strings.Contains(a.body, "not found") {
					t.Errorf("%s tells who exists: %s", a.at, a.body)
				}
				if name == "eve by password" && strings.HasSuffix(row.at, "/password") {
					continue // hers to change, with the old one shown: TestJFrogSetPassword
				}
				method, path, body = row.of(c.user, "secret")
				h.do(method, path, body, c.shown).refused(http.StatusForbidden)
			}
		})
	}
	t.Run("nobody", func(t *testing.T) {
		for _, row := range peopleRows() {
			method, path, body := row.of("alice", "secret")
			h.in(t).do(method, path, body).refused(http.StatusUnauthorized)
			h.in(t).do(method, path, body, basic("admin", "a wrong password here")).is2(http.StatusUnauthorized, http.StatusForbidden)
		}
	})
	if after := h.state(); after != before {
		t.Errorf("it was\n%s and is\n%s", before, after)
	}
	for name, password := range map[string]string{"alice": alicePassword, "eve": evePassword} {
		if !h.works(name, password) {
			t.Errorf("%s cannot sign in", name)
		}
	}
}

// is2 checks that the status is one of two.
func (a answer) is2(one, other int) {
	a.t.Helper()
	if a.status != one && a.status != other {
		a.t.Errorf("%s: %d %s", a.at, a.status, a.body)
	}
}

// TestJFrogAccountsThroughSSH: an administrator's token that was made with an
// SSH key gives nobody more than before, and half a change is none.
func TestJFrogAccountsThroughSSH(t *testing.T) {
	t.Parallel()
	h := newHouse(t, houseConfig{})
	h.haveGroups("secret")
	shown := h.throughSSH()
	h.do("GET", access+"/users/alice", nil, shown).is(http.StatusOK)
	before := h.state()
	for _, row := range peopleRows() {
		switch row.trail {
		case "user.create", "user.update", "password.change", "password.unexpire", "user.clear_guesses":
		case "group.change":
			if raw, _ := json.Marshal(row.body); !bytes.Contains(raw, []byte("eve")) {
				continue // describes a group, which lets nobody in
			}
		default:
			continue
		}
		method, path, body := row.of("alice", "secret")
		h.do(method, path, body, shown).refused(http.StatusForbidden, "SSH")
		method, path, body = row.of("carl", "other")
		h.do(method, path, body, shown).is2(http.StatusForbidden, http.StatusNotFound)
	}
	if after := h.state(); after != before {
		t.Errorf("it was\n%s and is\n%s", before, after)
	}
}

// TestJFrogAccountsFromALockedPage: a session that is not unlocked reads and
// changes no account.
func TestJFrogAccountsFromALockedPage(t *testing.T) {
	t.Parallel()
	h := newHouse(t, houseConfig{})
	h.haveGroups("secret")
	page := h.browser(h.signIn("admin", h.adminPassword))
	before := h.state()
	for _, row := range peopleRows() {
		if row.trail == "" {
			continue
		}
		method, path, body := row.of("alice", "secret")
		h.do(method, path, body, page).refused(http.StatusForbidden, "locked")
	}
	if after := h.state(); after != before {
		t.Errorf("it was\n%s and is\n%s", before, after)
	}
}

// TestJFrogAccountsFromAnotherSite: a page of another site changes nothing
// with what the browser remembers.
func TestJFrogAccountsFromAnotherSite(t *testing.T) {
	t.Parallel()
	h := newHouse(t, houseConfig{})
	h.haveGroups("secret")
	before := h.state()
	for _, row := range peopleRows() {
		method, path, body := row.of("alice", "secret")
		if method == "GET" {
			continue
		}
		h.do(method, path, body, h.asAdmin(), header("Origin", "https://evil.example.com"), header("Sec-Fetch-Site", "cross-site")).refused(http.StatusForbidden, "another site")
		if _, list := row.body.(object); list {
			h.do(method, path, body, h.asAdmin(), header("Content-Type", "text/plain")).is2(http.StatusUnsupportedMediaType, http.StatusBadRequest)
			h.do(method, path, body, h.asAdmin(), header("Content-Type", "application/x-www-form-urlencoded")).is2(http.StatusUnsupportedMediaType, http.StatusBadRequest)
		}
	}
	if after := h.state(); after != before {
		t.Errorf("it was\n%s and is\n%s", before, after)
	}
}

// TestJFrogReplacingOneself: an administrator who replaces the own account
// does not lose the right by leaving it out.
func TestJFrogReplacingOneself(t *testing.T) {
	t.Parallel()
	h := newHouse(t, houseConfig{})
	before := h.state()
	h.do("PUT", security+"/users/admin", object{"email": "x@example.com"}, h.asAdmin()).refused(http.StatusForbidden, "right")
	h.do("POST", security+"/users/admin", object{"admin": false}, h.asAdmin()).refused(http.StatusForbidden)
	h.do("PATCH", access+"/users/ADMIN", object{"admin": false, "email": "x@example.com"}, h.asAdmin()).refused(http.StatusForbidden)
	h.do("DELETE", security+"/users/admin", nil, h.asAdmin()).refused(http.StatusForbidden)
	h.do("DELETE", access+"/users/admin", nil, h.asAdmin()).refused(http.StatusForbidden)
	if after := h.state(); after != before {
		t.Errorf("it was\n%s and is\n%s", before, after)
	}
	h.do("PUT", security+"/users/admin", object{"email": "x@example.com", "admin": true}, h.asAdmin()).text(http.StatusOK)
}

// TestJFrogNamesakes: an account made under the name of one that is gone has
// nothing of it.
func TestJFrogNamesakes(t *testing.T) {
	t.Parallel()
	h := newHouse(t, houseConfig{})
	admin := h.asAdmin()
	h.haveGroups("secret")
	h.bob()
	h.do("POST", security+"/users/bob", object{"admin": true, "groups": []string{"secret"}}, admin).text(http.StatusOK)
	key := h.do("POST", keyURL, nil, basic("bob", bobPassword)).is(http.StatusCreated).field("apiKey")
	h.do("DELETE", security+"/users/bob", nil, admin).text(http.StatusOK)
	h.do("PUT", security+"/users/bob", object{"email": "other@example.com", "password": "another bob has another one"}, admin).text(http.StatusCreated)
	h.do("GET", security+"/users/bob", nil, admin).is(http.StatusOK).json(`{"name":"bob","email":"other@example.com","admin":false,"profileUpdatable":true,
		"disableUIAccess":false,"internalPasswordDisabled":false,"realm":"internal","groups":[]}`)
	h.do("GET", v1+"/whoami", nil, apiKey(key)).is(http.StatusForbidden)
	if h.works("bob", bobPassword) {
		t.Error("the namesake has the old password")
	}
}
