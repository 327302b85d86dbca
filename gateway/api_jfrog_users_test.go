package gateway_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"
)

type object = map[string]any

// TestJFrogUsersV1 is the table of api/security/users, a row for each outcome.
func TestJFrogUsersV1(t *testing.T) {
	t.Parallel()
	h := newHouse(t, houseConfig{})
	admin := h.asAdmin()
	const users = security + "/users"
	h.haveGroups("readers", "writers")

	t.Run("list: 200 with name, uri and realm", func(t *testing.T) {
		h.in(t).do("GET", users, nil, admin).is(http.StatusOK).json(`[
			{"name":"admin","uri":"` + h.origin + users + `/admin","realm":"internal"},
			{"name":"alice","uri":"` + h.origin + users + `/alice","realm":"internal"},
			{"name":"eve","uri":"` + h.origin + users + `/eve","realm":"internal"}]`)
	})
	t.Run("list by a plain user: 403", func(t *testing.T) {
		h.in(t).do("GET", users, nil, basic("eve", evePassword)).refused(http.StatusForbidden)
	})
	t.Run("list by nobody: 401", func(t *testing.T) {
		h.in(t).do("GET", users, nil).refused(http.StatusUnauthorized)
	})
	t.Run("get one: 200 with the full object", func(t *testing.T) {
		h := h.in(t)
		if !h.works("alice", alicePassword) {
			t.Fatal("alice cannot sign in")
		}
		a := h.do("GET", users+"/ALICE", nil, admin).is(http.StatusOK)
		at, err := time.Parse("2006-01-02T15:04:05.000Z", a.field("lastLoggedIn"))
		if err != nil || time.Since(at) > time.Minute || time.Until(at) > 0 {
			t.Errorf("lastLoggedIn: %s, %v", a.body, err)
		}
		a.json(`{"name":"alice","email":"alice@example.com","admin":false,"profileUpdatable":true,"disableUIAccess":false,
			"internalPasswordDisabled":false,"realm":"internal","groups":[],"lastLoggedIn":"` + a.field("lastLoggedIn") + `"}`)
	})
	t.Run("get an unknown one: 404", func(t *testing.T) {
		for _, name := range []string{"nobody", "no%20name", "b%C3%B6b"} {
			h.in(t).do("GET", users+"/"+name, nil, admin).refused(http.StatusNotFound)
		}
	})
	t.Run("get by a plain user, oneself too: 403", func(t *testing.T) {
		for _, name := range []string{"alice", "eve", "EVE", "nobody"} {
			h.in(t).do("GET", users+"/"+name, nil, basic("eve", evePassword)).refused(http.StatusForbidden)
		}
	})
	t.Run("create: 201", func(t *testing.T) {
		h := h.in(t)
		h.do("PUT", users+"/Bob", object{
			"name": "bob", "email": "bob@example.com", "password": bobPassword, "profileUpdatable": false, "disableUIAccess": true, "groups": []string{"writers", "readers"},
		}, admin).text(http.StatusCreated, "bob")
		h.trailSays("user.create", "ok", "admin", "bob")
		h.do("GET", users+"/bob", nil, admin).is(http.StatusOK).json(`{"name":"bob","email":"bob@example.com","admin":false,"profileUpdatable":false,
			"disableUIAccess":true,"internalPasswordDisabled":false,"realm":"internal","groups":["readers","writers"]}`)
		if !h.works("bob", bobPassword) {
			t.Error("bob's password opens nothing")
		}
		signIn := object{"username": "bob", "password": bobPassword}
		if a := h.do("POST", v1+"/session", signIn); a.status < 400 {
			t.Errorf("whose pages are disabled signs in there: %d", a.status)
		}
	})
	t.Run("replace: 200, and what is left out is as in a new account", func(t *testing.T) {
		h := h.in(t)
		h.do("PUT", users+"/bob", object{"email": "bob@new.example.com"}, admin).text(http.StatusOK, "bob")
		a := h.do("GET", users+"/bob", nil, admin).is(http.StatusOK)
		a.json(`{"name":"bob","email":"bob@new.example.com","admin":false,"profileUpdatable":true,"disableUIAccess":false,"internalPasswordDisabled":false,
			"realm":"internal","groups":[],"lastLoggedIn":"` + a.field("lastLoggedIn") + `"}`)
		if !h.works("bob", bobPassword) {
			t.Error("the password went with the rest")
		}
	})
	t.Run("replace with a new password: 200", func(t *testing.T) {
		h := h.in(t)
		const other = "bob's third password, as long"
		h.do("PUT", users+"/bob", object{"email": "bob@example.com", "password": other}, admin).text(http.StatusOK)
		if h.works("bob", bobPassword) || !h.works("bob", other) {
			t.Error("the password is not the new one")
		}
	})
	t.Run("update: 200, and what is left out stays", func(t *testing.T) {
		h := h.in(t)
		h.do("POST", users+"/bob", object{"admin": true, "groups": []string{"readers"}}, admin).text(http.StatusOK, "bob")
		a := h.do("GET", users+"/bob", nil, admin).is(http.StatusOK)
		if !strings.Contains(a.body, `"admin":true`) || !strings.Contains(a.body, `"groups":["readers"]`) || a.field("email") != "bob@example.com" {
			t.Error(a.body)
		}
		h.do("POST", users+"/bob", object{"admin": false, "groups": nil}, admin).text(http.StatusOK)
		if a := h.do("GET", users+"/bob", nil, admin); !strings.Contains(a.body, `"groups":["readers"]`) {
			t.Errorf("null is not absent: %s", a.body)
		}
		h.do("POST", users+"/bob", object{"groups": []string{}}, admin).text(http.StatusOK)
		if a := h.do("GET", users+"/bob", nil, admin); !strings.Contains(a.body, `"groups":[]`) {
			t.Error(a.body)
		}
	})
	t.Run("update of an unknown one: 404", func(t *testing.T) {
		h.in(t).do("POST", users+"/nobody", object{"admin": true}, admin).refused(http.StatusNotFound)
		h.in(t).do("POST", users+"/nobody", object{"password": bobPassword}, admin).refused(http.StatusNotFound)
	})
	t.Run("read, change, send back", func(t *testing.T) {
		h := h.in(t)
		var account object
		if err := json.Unmarshal([]byte(h.do("GET", users+"/bob", nil, admin).is(http.StatusOK).body), &account); err != nil {
			t.Fatal(err)
		}
		account["email"], account["uri"], account["status"] = "bob@again.example.com", h.origin+users+"/bob", "enabled"
		h.do("POST", users+"/bob", account, admin).text(http.StatusOK)
		h.do("PUT", users+"/bob", account, admin, header("Content-Type", "application/vnd.org.jfrog.artifactory.security.User+json")).text(http.StatusOK)
		if a := h.do("GET", users+"/bob", nil, admin); a.field("email") != "bob@again.example.com" {
			t.Error(a.body)
		}
	})
	t.Run("delete: 200 with a text", func(t *testing.T) {
		h := h.in(t)
		h.do("DELETE", users+"/bob", nil, admin).text(http.StatusOK, "bob")
		h.trailSays("user.delete", "ok", "admin", "bob")
		h.do("GET", users+"/bob", nil, admin).refused(http.StatusNotFound)
	})
	t.Run("delete an unknown one: 404", func(t *testing.T) {
		h.in(t).do("DELETE", users+"/bob", nil, admin).refused(http.StatusNotFound)
	})
}

// TestJFrogUsersV2 is the table of access/api/v2/users.
func TestJFrogUsersV2(t *testing.T) {
	t.Parallel()
	h := newHouse(t, houseConfig{})
	admin := h.asAdmin()
	const users = access + "/users"
	h.haveGroups("readers", "writers")
	entry := func(name, status string) string {
		return `{"username":"` + name + `","uri":"` + h.origin + users + "/" + name + `","realm":"internal","status":"` + status + `"}`
	}
	t.Run("list: 200", func(t *testing.T) {
		want := `{"users":[` + entry("admin", "enabled") + "," + entry("alice", "enabled") + "," + entry("eve", "enabled") + `]}`
		for _, query := range []string{"", "?limit=100000", "?descending=true", "?descending_order=false&cursor="} {
			h.in(t).do("GET", users+query, nil, admin).is(http.StatusOK).json(want)
		}
	})
	t.Run("list in pages", func(t *testing.T) {
		h := h.in(t)
		h.do("GET", users+"?limit=2", nil, admin).is(http.StatusOK).json(`{"users":[` + entry("admin", "enabled") + "," + entry("alice", "enabled") + `],"cursor":"alice"}`)
		h.do("GET", users+"?limit=2&cursor=alice", nil, admin).is(http.StatusOK).json(`{"users":[` + entry("eve", "enabled") + `]}`)
	})
	t.Run("list with what is no page: 400", func(t *testing.T) {
		for _, query := range []string{"limit=0", "limit=-1", "limit=x", "limit=1&limit=2", "cursor=a&cursor=b", "only_admins=true", "a;b"} {
			h.in(t).do("GET", users+"?"+query, nil, admin).refused(http.StatusBadRequest)
		}
	})
	t.Run("create: 201 with the full object", func(t *testing.T) {
		h := h.in(t)
		a := h.do("POST", users, object{
			"username": "Bob", "email": "bob@example.com", "password": bobPassword, "groups": []string{"readers"}, "admin": false,
			"profile_updatable": false, "internal_password_disabled": false, "disable_ui_access": true,
		}, admin).is(http.StatusCreated)
		a.json(`{"username":"bob","email":"bob@example.com","admin":false,"effective_admin":false,"profile_updatable":false,"disable_ui_access":true,
			"internal_password_disabled":false,"realm":"internal","groups":["readers"],"status":"enabled"}`)
		h.trailSays("user.create", "ok", "admin", "bob")
	})
	t.Run("create when there is one: 409", func(t *testing.T) {
		h := h.in(t)
		for _, name := range []string{"bob", "BOB"} {
			h.do("POST", users, object{"username": name, "email": "b@example.com", "password": evePassword, "admin": true}, admin).refused(http.StatusConflict)
		}
		h.trailSays("user.create", "refused", "admin", "bob")
		if !h.works("bob", bobPassword) || strings.Contains(h.do("GET", users+"/bob", nil, admin).body, `"admin":true`) {
			t.Error("bob is another")
		}
	})
	t.Run("create without a password, where none is kept here: 201", func(t *testing.T) {
		h := h.in(t)
		h.do("POST", users, object{"username": "carl", "email": "carl@example.com", "internal_password_disabled": true}, admin).is(http.StatusCreated)
	})
	t.Run("get: 200 with last_logged_in", func(t *testing.T) {
		h := h.in(t)
		if !h.works("bob", bobPassword) {
			t.Error("bob cannot sign in")
		}
		a := h.do("GET", users+"/bob", nil, admin).is(http.StatusOK)
		if _, err := time.Parse(time.RFC3339, a.field("last_logged_in")); err != nil {
			t.Errorf("%s: %v", a.body, err)
		}
	})
	t.Run("status words", func(t *testing.T) {
		h := h.in(t)
		h.do("POST", v1+"/users/carl/disable", nil, admin).is(http.StatusNoContent)
		if a := h.do("GET", users+"/carl", nil, admin); a.field("status") != "disabled" {
			t.Error(a.body)
		}
		h.do("GET", users+"?cursor=bob&limit=1", nil, admin).is(http.StatusOK).json(`{"users":[` + entry("carl", "disabled") + `],"cursor":"carl"}`)
		h.do("PATCH", users+"/carl", object{"status": "enabled"}, admin).refused(http.StatusBadRequest, "status")
		h.do("PATCH", users+"/carl", object{"status": "disabled", "admin": true}, admin).is(http.StatusOK)
		if a := h.do("GET", users+"/carl", nil, admin); !strings.Contains(a.body, `"admin":true,"effective_admin":false`) {
			t.Errorf("who is disabled is no administrator in effect: %s", a.body)
		}
	})
	t.Run("patch: 200 with the full object", func(t *testing.T) {
		h := h.in(t)
		a := h.do("PATCH", users+"/bob", object{"username": "bob", "email": "bob@new.example.com", "admin": true, "effective_admin": true}, admin).is(http.StatusOK)
		a.json(`{"username":"bob","email":"bob@new.example.com","admin":true,"effective_admin":true,"profile_updatable":false,"disable_ui_access":true,
			"internal_password_disabled":false,"realm":"internal","groups":["readers"],"status":"enabled"}`)
		h.do("PATCH", users+"/bob", object{"admin": false}, admin).is(http.StatusOK)
	})
	t.Run("patch where the password comes back: 400 without one", func(t *testing.T) {
		h := h.in(t)
		h.do("PATCH", users+"/bob", object{"internal_password_disabled": true}, admin).is(http.StatusOK)
		h.do("PATCH", users+"/bob", object{"internal_password_disabled": false}, admin).refused(http.StatusBadRequest, "password", "internal_password_disabled")
		h.do("PATCH", users+"/bob", object{"internal_password_disabled": false, "password": bobPassword}, admin).is(http.StatusOK)
		if !h.works("bob", bobPassword) {
			t.Error("bob cannot sign in")
		}
	})
	t.Run("groups: 200 with the list", func(t *testing.T) {
		h := h.in(t)
		h.do("PATCH", users+"/bob/groups", object{"add": []string{"writers"}, "remove": []string{"readers"}}, admin).is(http.StatusOK).json(`["writers"]`)
		h.trailSays("user.update", "ok", "admin", "bob")
		h.do("PATCH", users+"/bob/groups", object{"add": []string{"writers", "writers", "readers"}}, admin).is(http.StatusOK).json(`["readers","writers"]`)
		h.do("PATCH", users+"/bob/groups", object{"remove": []string{"nothing", "writers"}, "add": nil}, admin).is(http.StatusOK).json(`["readers"]`)
		h.do("PATCH", users+"/bob/groups", object{}, admin).is(http.StatusOK).json(`["readers"]`)
	})
	t.Run("groups that are none: 400, and nothing changes", func(t *testing.T) {
		h := h.in(t)
		h.do("PATCH", users+"/bob/groups", object{"add": []string{"nothing"}, "remove": []string{"readers"}}, admin).refused(http.StatusBadRequest, "nothing")
		h.do("PATCH", users+"/bob/groups", object{"add": []string{"readers"}, "remove": []string{"readers"}}, admin).refused(http.StatusBadRequest)
		h.do("PATCH", users+"/nobody/groups", object{"add": []string{"readers"}}, admin).refused(http.StatusNotFound)
		if a := h.do("GET", users+"/bob", nil, admin); !strings.Contains(a.body, `"groups":["readers"]`) {
			t.Error(a.body)
		}
	})
	t.Run("delete: 204", func(t *testing.T) {
		h := h.in(t)
		h.do("DELETE", users+"/BOB", nil, admin).empty(http.StatusNoContent)
		h.trailSays("user.delete", "ok", "admin", "bob")
	})
	t.Run("unknown: 404", func(t *testing.T) {
		h := h.in(t)
		h.do("GET", users+"/bob", nil, admin).refused(http.StatusNotFound)
		h.do("PATCH", users+"/bob", object{"admin": true}, admin).refused(http.StatusNotFound)
		h.do("DELETE", users+"/bob", nil, admin).refused(http.StatusNotFound)
		h.do("POST", users+"/bob/unlock", nil, admin).refused(http.StatusNotFound)
		h.do("POST", users+"/bob/password/expire", nil, admin).refused(http.StatusNotFound)
		h.do("PUT", users+"/bob/password", object{"password": bobPassword}, admin).refused(http.StatusNotFound)
	})
	t.Run("by nobody: 401", func(t *testing.T) {
		h.in(t).do("GET", users, nil).refused(http.StatusUnauthorized)
		h.in(t).do("POST", users, object{"username": "bob"}).refused(http.StatusUnauthorized)
	})
}

// TestJFrogUserBodies: a body says one thing, all of it means something here,
// and one that is refused changes nothing.
func TestJFrogUserBodies(t *testing.T) {
	t.Parallel()
	h := newHouse(t, houseConfig{})
	admin := h.asAdmin()
	h.bob()
	h.haveGroups("readers")
	before := h.do("GET", access+"/users/bob", nil, admin).body
	long := strings.Repeat("x", 65)
	for name, c := range map[string]struct {
		at, body string
		says     string
	}{
		"replace without an email":             {"PUT /bob", `{"admin":true}`, "email"},
		"replace with an empty email":          {"PUT /bob", `{"admin":true,"email":""}`, "email"},
		"create without an email":              {"PUT /carl", `{"password":"` + bobPassword + `"}`, "email"},
		"create without a password":            {"PUT /carl", `{"email":"carl@example.com"}`, "password"},
		"create with an empty password":        {"PUT /carl", `{"email":"carl@example.com","password":""}`, "password"},
		"create with a short password":         {"PUT /carl", `{"email":"carl@example.com","password":"short"}`, "password.min_length"},
		"create with no address":               {"PUT /carl", `{"email":"carl","password":"` + bobPassword + `"}`, "e-mail"},
		"create in no group":                   {"PUT /carl", `{"email":"carl@example.com","password":"` + bobPassword + `","groups":["nothing"]}`, "nothing"},
		"create under a name too long":         {"PUT /" + long, `{"email":"carl@example.com","password":"` + bobPassword + `"}`, "64"},
		"create under no name":                 {"PUT /car%20l", `{"email":"carl@example.com","password":"` + bobPassword + `"}`, "a-z"},
		"create under a name that is reserved": {"PUT /me", `{"email":"carl@example.com","password":"` + bobPassword + `"}`, "me"},
		"a Kelvin sign in the path":            {"PUT /%E2%84%AAarl", `{"email":"carl@example.com","password":"` + bobPassword + `"}`, "a-z"},
		"a long s in the body":                 {"POST /bob", `{"name":"boſ"}`, "name"},
		"another name in the body":             {"POST /bob", `{"name":"alice","admin":true}`, "name"},
		"another name in the body of a new":    {"PUT /carl", `{"name":"eve","email":"carl@example.com","password":"` + bobPassword + `"}`, "name"},
		"an empty name in the body":            {"POST /bob", `{"name":"","admin":true}`, "name"},
		"a short password, with rights":        {"POST /bob", `{"password":"short","admin":true}`, "password.min_length"},
		"a key twice":                          {"POST /bob", `{"admin":false,"admin":true}`, "twice"},
		"a key twice, null the first":          {"POST /bob", `{"admin":null,"admin":true}`, "twice"},
		"a key in other letters":               {"POST /bob", `{"Admin":true}`, "not known"},
		"a key with a long s":                  {"POST /bob", `{"paſſword":"` + bobPassword + `"}`, "not known"},
		"a key that is unknown":                {"POST /bob", `{"admin":true,"superAdmin":true}`, "not known"},
		"the key of the other version":         {"POST /bob", `{"disable_ui_access":false}`, "not known"},
		"a text for a truth":                   {"POST /bob", `{"admin":"true"}`, "true or false"},
		"a group as an object":                 {"POST /bob", `{"groups":[{"name":"readers"}]}`, "groups"},
		"a group that is null":                 {"POST /bob", `{"groups":[null],"admin":true}`, "group name"},
		"another realm":                        {"POST /bob", `{"realm":"ldap"}`, "realm"},
		"another source":                       {"POST /bob", `{"source":"saml","realm":"internal"}`, "source"},
		"another realm for a new one":          {"PUT /carl", `{"realm":"ldap","email":"carl@example.com","password":"` + bobPassword + `"}`, "realm"},
		"another status":                       {"POST /bob", `{"status":"disabled"}`, "status"},
		"another uri":                          {"POST /bob", `{"uri":"http://elsewhere.example.com/bob"}`, "uri"},
		"nothing":                              {"POST /bob", ``, ""},
		"a list":                               {"POST /bob", `[]`, "object"},
		"two objects":                          {"POST /bob", `{"admin":false}{"admin":true}`, "follows"},
		"more than an object":                  {"POST /bob", `{"email":"` + strings.Repeat("x", 70<<10) + `"}`, "large"},
		"an email too long":                    {"POST /bob", `{"email":"` + strings.Repeat("x", 300) + `@example.com"}`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			method, path, _ := strings.Cut(c.at, " ")
			a := h.in(t).do(method, security+"/users"+path, c.body, admin)
			status := http.StatusBadRequest
			switch name {
			case "nothing":
				status = http.StatusUnsupportedMediaType
			case "more than an object":
				status = http.StatusRequestEntityTooLarge
			}
			a.refused(status, c.says)
		})
	}
	for _, key := range []string{"shouldInvite", "offlineMode", "policyManager", "policyViewer", "watchManager", "reportsManager", "resourcesManager", "projectAdmin"} {
		t.Run("granting "+key, func(t *testing.T) {
			h := h.in(t)
			h.do("POST", security+"/users/bob", object{key: true, "admin": true}, admin).refused(http.StatusBadRequest, key)
			h.do("PUT", security+"/users/carl", object{key: true, "email": "carl@example.com", "password": bobPassword}, admin).refused(http.StatusBadRequest, key)
			h.do("POST", security+"/users/bob", object{key: false}, admin).text(http.StatusOK)
			h.do("POST", security+"/users/bob", object{key: nil}, admin).text(http.StatusOK)
		})
	}
	for _, key := range []string{"should_invite", "policy_manager", "policy_viewer", "watch_manager", "reports_manager", "resources_manager", "manage_webhook", "platform_auditor", "project_admin"} {
		t.Run("granting "+key, func(t *testing.T) {
			h := h.in(t)
			h.do("PATCH", access+"/users/bob", object{key: true, "admin": true}, admin).refused(http.StatusBadRequest, key)
			h.do("POST", access+"/users", object{key: true, "username": "carl", "email": "carl@example.com", "password": bobPassword}, admin).refused(http.StatusBadRequest, key)
			h.do("PATCH", access+"/users/bob", object{key: false}, admin).is(http.StatusOK)
		})
	}
	for name, body := range map[string]string{
		"no name": `{"email":"carl@example.com","password":"` + bobPassword + `"}`, "no email": `{"username":"carl","password":"` + bobPassword + `"}`,
		"no password": `{"username":"carl","email":"carl@example.com"}`, "a Kelvin sign": `{"username":"\u212aarl","email":"carl@example.com","password":"` + bobPassword + `"}`,
		"a name twice":            `{"username":"carl","username":"karl","email":"carl@example.com","password":"` + bobPassword + `"}`,
		"an administrator's look": `{"username":"carl","effective_admin":true,"email":"carl@example.com","password":"` + bobPassword + `"}`,
		"a short password":        `{"username":"carl","email":"carl@example.com","password":"short"}`,
		"a realm":                 `{"username":"carl","realm":"ldap","email":"carl@example.com","password":"` + bobPassword + `"}`,
		"invited":                 `{"username":"carl","status":"disabled","email":"carl@example.com","password":"` + bobPassword + `"}`,
	} {
		t.Run("v2 create: "+name, func(t *testing.T) {
			h.in(t).do("POST", access+"/users", body, admin).refused(http.StatusBadRequest)
		})
	}
	if after := h.do("GET", access+"/users/bob", nil, admin).body; after != before {
		t.Errorf("bob was %s and is %s", before, after)
	}
	if !h.works("bob", bobPassword) {
		t.Error("bob's password was changed")
	}
	for _, name := range []string{"carl", "karl", "me"} {
		h.do("GET", access+"/users/"+name, nil, admin).refused(http.StatusNotFound)
	}
}
