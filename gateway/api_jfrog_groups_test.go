package gateway_test

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// TestJFrogGroupsV1 is the table of api/security/groups.
func TestJFrogGroupsV1(t *testing.T) {
	t.Parallel()
	h := newHouse(t, houseConfig{})
	admin := h.asAdmin()
	h.bob()
	const groups = security + "/groups"
	with := groups + "/team%20one?includeUsers=true"
	of := func(members string) string {
		return `{"name":"team one","description":"who build","autoJoin":false,"adminPrivileges":false,"realm":"internal"` + members + `}`
	}
	t.Run("list when there is none: 200 []", func(t *testing.T) {
		h.in(t).do("GET", groups, nil, admin).is(http.StatusOK).json(`[]`)
	})
	t.Run("create: 201", func(t *testing.T) {
		h := h.in(t)
		h.do("PUT", groups+"/team%20one", object{
			"name": "team one", "description": "who build", "autoJoin": false, "adminPrivileges": false, "realm": "internal", "userNames": []string{"BOB"},
			"watchManager": false, "policyManager": false, "reportsManager": false,
		}, admin, header("Content-Type", "application/vnd.org.jfrog.artifactory.security.Group+json")).text(http.StatusCreated, "team one")
		h.trailSays("group.change", "ok", "admin", "team one")
		h.trailSays("user.update", "ok", "admin", "bob")
	})
	t.Run("list: 200 with name and uri", func(t *testing.T) {
		h.in(t).do("GET", groups, nil, admin).is(http.StatusOK).json(`[{"name":"team one","uri":"` + h.origin + groups + `/team%20one"}]`)
	})
	t.Run("get one: 200, its members where they are asked for", func(t *testing.T) {
		h := h.in(t)
		h.do("GET", groups+"/team%20one", nil, admin).is(http.StatusOK).json(of(""))
		h.do("GET", groups+"/team%20one?includeUsers=false", nil, admin).is(http.StatusOK).json(of(""))
		h.do("GET", with, nil, admin).is(http.StatusOK).json(of(`,"userNames":["bob"]`))
	})
	t.Run("replace: 201 as well, and the members with it", func(t *testing.T) {
		h := h.in(t)
		h.do("PUT", groups+"/team%20one", object{"description": "who build", "userNames": []string{"alice", "eve"}}, admin).text(http.StatusCreated)
		h.do("GET", with, nil, admin).is(http.StatusOK).json(of(`,"userNames":["alice","eve"]`))
		h.do("PUT", groups+"/team%20one", object{"description": "who build", "userNames": []string{"alice"}}, admin).text(http.StatusCreated)
		h.do("GET", with, nil, admin).is(http.StatusOK).json(of(`,"userNames":["alice"]`))
	})
	t.Run("update: 200, and nobody leaves", func(t *testing.T) {
		h := h.in(t)
		h.do("POST", groups+"/team%20one", object{"userNames": []string{"bob"}}, admin).text(http.StatusOK)
		h.do("POST", groups+"/team%20one", object{"userNames": nil}, admin).text(http.StatusOK)
		h.do("POST", groups+"/team%20one", object{"userNames": []string{}, "externalId": "", "realmAttributes": ""}, admin).text(http.StatusOK)
		h.do("GET", with, nil, admin).is(http.StatusOK).json(of(`,"userNames":["alice","bob"]`))
		h.do("POST", groups+"/team%20one", object{"description": "who mend"}, admin).text(http.StatusOK)
		if a := h.do("GET", with, nil, admin); a.field("description") != "who mend" {
			t.Error(a.body)
		}
	})
	t.Run("replace without members: everybody leaves", func(t *testing.T) {
		h := h.in(t)
		h.do("PUT", groups+"/team%20one", object{"description": "who build"}, admin).text(http.StatusCreated)
		h.do("GET", with, nil, admin).is(http.StatusOK).json(of(`,"userNames":[]`))
	})
	t.Run("a member who is none: 400, and nothing changes", func(t *testing.T) {
		h := h.in(t)
		for _, names := range [][]string{{"alice", "nobody"}, {"alice", "no name"}, {"alice", ""}} {
			h.do("PUT", groups+"/team%20one", object{"description": "another", "userNames": names}, admin).refused(http.StatusBadRequest, "userNames")
			h.do("POST", groups+"/team%20one", object{"description": "another", "userNames": names}, admin).refused(http.StatusBadRequest, "userNames")
			h.do("PUT", groups+"/team%20two", object{"userNames": names}, admin).refused(http.StatusBadRequest, "userNames")
		}
		h.do("GET", with, nil, admin).is(http.StatusOK).json(of(`,"userNames":[]`))
		h.do("GET", groups+"/team%20two", nil, admin).refused(http.StatusNotFound)
	})
	t.Run("unknown: 404", func(t *testing.T) {
		h := h.in(t)
		h.do("GET", groups+"/nothing", nil, admin).refused(http.StatusNotFound)
		h.do("POST", groups+"/nothing", object{"description": "x"}, admin).refused(http.StatusNotFound)
		h.do("POST", groups+"/nothing", object{"userNames": []string{"bob"}}, admin).refused(http.StatusNotFound)
		h.do("DELETE", groups+"/nothing", nil, admin).refused(http.StatusNotFound)
	})
	t.Run("delete: 200 with a text, and everybody is out of it", func(t *testing.T) {
		h := h.in(t)
		h.do("POST", groups+"/team%20one", object{"userNames": []string{"bob"}}, admin).text(http.StatusOK)
		h.do("DELETE", groups+"/team%20one", nil, admin).text(http.StatusOK, "team one")
		h.trailSays("group.delete", "ok", "admin", "team one")
		if a := h.do("GET", security+"/users/bob", nil, admin); !strings.Contains(a.body, `"groups":[]`) {
			t.Error(a.body)
		}
	})
}

// TestJFrogGroupsV2 is the table of access/api/v2/groups.
func TestJFrogGroupsV2(t *testing.T) {
	t.Parallel()
	h := newHouse(t, houseConfig{})
	admin := h.asAdmin()
	h.bob()
	const groups = access + "/groups"
	of := func(description, members string) string {
		return `{"name":"builders","description":"` + description + `","auto_join":false,"admin_privileges":false,"realm":"internal","members":[` + members + `]}`
	}
	t.Run("create: 201 with the full object", func(t *testing.T) {
		h := h.in(t)
		h.do("POST", groups, object{"name": "builders", "description": "who build", "auto_join": false, "admin_privileges": false, "members": []string{"bob"}}, admin).
			is(http.StatusCreated).json(of("who build", `"bob"`))
		h.trailSays("group.change", "ok", "admin", "builders")
	})
	t.Run("create when there is one: 409", func(t *testing.T) {
		h.in(t).do("POST", groups, object{"name": "builders", "members": []string{"eve"}}, admin).refused(http.StatusConflict)
		h.in(t).do("GET", groups+"/builders", nil, admin).is(http.StatusOK).json(of("who build", `"bob"`))
	})
	t.Run("create what is no group: 400", func(t *testing.T) {
		for _, body := range []object{{}, {"name": ""}, {"name": "a,b"}, {"name": strings.Repeat("x", 65)}, {"name": "x", "members": []string{"nobody"}}, {"name": "x", "description": strings.Repeat("x", 2000)}} {
			h.in(t).do("POST", groups, body, admin).refused(http.StatusBadRequest)
		}
		h.in(t).do("GET", groups+"/x", nil, admin).refused(http.StatusNotFound)
	})
	t.Run("list: 200, in pages", func(t *testing.T) {
		h := h.in(t)
		h.haveGroups("abbots")
		entry := func(name string) string {
			return `{"group_name":"` + name + `","uri":"` + h.origin + groups + "/" + name + `"}`
		}
		h.do("GET", groups, nil, admin).is(http.StatusOK).json(`{"groups":[` + entry("abbots") + "," + entry("builders") + `]}`)
		h.do("GET", groups+"?limit=1", nil, admin).is(http.StatusOK).json(`{"groups":[` + entry("abbots") + `],"cursor":"abbots"}`)
		h.do("GET", groups+"?limit=1&cursor=abbots", nil, admin).is(http.StatusOK).json(`{"groups":[` + entry("builders") + `]}`)
		h.do("GET", groups+"?limit=no", nil, admin).refused(http.StatusBadRequest)
	})
	t.Run("get: 200", func(t *testing.T) {
		h.in(t).do("GET", groups+"/builders", nil, admin).is(http.StatusOK).json(of("who build", `"bob"`))
	})
	t.Run("patch: 200", func(t *testing.T) {
		h := h.in(t)
		h.do("PATCH", groups+"/builders", object{"name": "builders", "description": "who mend", "external_id": ""}, admin).is(http.StatusOK).json(of("who mend", `"bob"`))
		h.do("PATCH", groups+"/builders", object{}, admin).is(http.StatusOK).json(of("who mend", `"bob"`))
		h.do("PATCH", groups+"/builders", object{"members": []string{"eve"}}, admin).refused(http.StatusBadRequest, "/members")
	})
	t.Run("members: 200 with the list", func(t *testing.T) {
		h := h.in(t)
		h.do("PATCH", groups+"/builders/members", object{"add": []string{"Alice"}, "remove": []string{"bob", "eve"}}, admin).is(http.StatusOK).json(`["alice"]`)
		h.do("PATCH", groups+"/builders/members", object{"add": []string{"alice", "bob"}, "remove": nil}, admin).is(http.StatusOK).json(`["alice","bob"]`)
		h.do("PATCH", groups+"/builders/members", object{}, admin).is(http.StatusOK).json(`["alice","bob"]`)
	})
	t.Run("members that are none: 400, and nothing changes", func(t *testing.T) {
		h := h.in(t)
		h.do("PATCH", groups+"/builders/members", object{"add": []string{"nobody"}, "remove": []string{"bob"}}, admin).refused(http.StatusBadRequest, "nobody")
		h.do("PATCH", groups+"/builders/members", object{"add": []string{"eve"}, "remove": []string{"nobody"}}, admin).refused(http.StatusBadRequest, "nobody")
		h.do("PATCH", groups+"/builders/members", object{"add": []string{"BOB"}, "remove": []string{"bob"}}, admin).refused(http.StatusBadRequest)
		h.do("PATCH", groups+"/builders/members", `{"add":["eve"],"add":["bob"]}`, admin).refused(http.StatusBadRequest)
		h.do("PATCH", groups+"/nothing/members", object{"add": []string{"eve"}}, admin).refused(http.StatusNotFound)
		h.do("GET", groups+"/builders", nil, admin).is(http.StatusOK).json(of("who mend", `"alice","bob"`))
	})
	t.Run("delete: 204", func(t *testing.T) {
		h := h.in(t)
		h.do("DELETE", groups+"/builders", nil, admin).empty(http.StatusNoContent)
		h.trailSays("group.delete", "ok", "admin", "builders")
	})
	t.Run("unknown: 404", func(t *testing.T) {
		h := h.in(t)
		h.do("GET", groups+"/builders", nil, admin).refused(http.StatusNotFound)
		h.do("PATCH", groups+"/builders", object{"description": "x"}, admin).refused(http.StatusNotFound)
		h.do("DELETE", groups+"/builders", nil, admin).refused(http.StatusNotFound)
	})
}

// TestJFrogGroupBodies: what a group cannot do here is not promised, and one
// that is refused changes nothing.
func TestJFrogGroupBodies(t *testing.T) {
	t.Parallel()
	h := newHouse(t, houseConfig{})
	admin := h.asAdmin()
	h.haveGroups("readers")
	before := h.do("GET", access+"/groups/readers", nil, admin).body
	for _, key := range []string{"autoJoin", "adminPrivileges", "policyManager", "watchManager", "reportsManager", "resourcesManager"} {
		t.Run("granting "+key, func(t *testing.T) {
			h := h.in(t)
			for _, at := range []string{"PUT /readers", "POST /readers", "PUT /writers"} {
				method, path, _ := strings.Cut(at, " ")
				h.do(method, security+"/groups"+path, object{key: true, "description": "x", "userNames": []string{"eve"}}, admin).refused(http.StatusBadRequest, key)
			}
			h.do("POST", security+"/groups/readers", object{key: false}, admin).text(http.StatusOK)
			h.do("POST", security+"/groups/readers", object{key: nil}, admin).text(http.StatusOK)
		})
	}
	for _, key := range []string{"auto_join", "admin_privileges", "policy_manager", "watch_manager", "reports_manager", "resources_manager"} {
		t.Run("granting "+key, func(t *testing.T) {
			h := h.in(t)
			h.do("POST", access+"/groups", object{key: true, "name": "writers"}, admin).refused(http.StatusBadRequest, key)
			h.do("PATCH", access+"/groups/readers", object{key: true, "description": "x"}, admin).refused(http.StatusBadRequest, key)
			h.do("PATCH", access+"/groups/readers", object{key: false}, admin).is(http.StatusOK)
		})
	}
	for body, says := range map[string]string{
		`{"name":"writers","description":"x"}`:                "name",
		`{"name":"Readers","description":"x"}`:                "name",
		`{"realm":"ldap","description":"x"}`:                  "realm",
		`{"realmAttributes":"cn=x","description":"x"}`:        "realm attributes",
		`{"externalId":"x","description":"x"}`:                "external id",
		`{"uri":"http://x/","description":"x"}`:               "uri",
		`{"description":"y","description":"x"}`:               "twice",
		`{"Description":"x"}`:                                 "not known",
		`{"description":"x","nested":{}}`:                     "not known",
		`{"auto_join":false,"description":"x"}`:               "not known",
		`{"description":1}`:                                   "a text",
		`{"userNames":{"eve":true},"description":"x"}`:        "a list",
		`{"userNames":"eve","description":"x"}`:               "a list",
		`{"description":"a` + "\u0007" + `b"}`:                "",
		`{"description":"` + strings.Repeat("x", 2000) + `"}`: "1024",
	} {
		t.Run(says, func(t *testing.T) {
			h.in(t).do("POST", security+"/groups/readers", body, admin).refused(http.StatusBadRequest, says)
			h.in(t).do("PUT", security+"/groups/readers", body, admin).refused(http.StatusBadRequest, says)
		})
	}
	h.do("PUT", security+"/groups/"+strings.Repeat("x", 65), object{}, admin).refused(http.StatusBadRequest)
	h.do("PUT", security+"/groups/a%2Cb", object{}, admin).refused(http.StatusBadRequest)
	many := make([]string, 1001)
	for i := range many {
		many[i] = "u" + strconv.Itoa(i)
	}
	h.do("PATCH", access+"/groups/readers/members", object{"add": many}, admin).refused(http.StatusBadRequest, "1000")
	if after := h.do("GET", access+"/groups/readers", nil, admin).body; after != before {
		t.Errorf("was %s and is %s", before, after)
	}
	if got := h.do("GET", access+"/groups", nil, admin); strings.Count(got.body, "group_name") != 1 {
		t.Error(got.body)
	}
}

// TestJFrogGroupsAtOnce: changes of one user's groups that come at once all
// count, and a group that one of them takes away does not come back.
func TestJFrogGroupsAtOnce(t *testing.T) {
	t.Parallel()
	h := newHouse(t, houseConfig{})
	admin := h.asAdmin()
	var names []string
	for i := range 8 {
		names = append(names, "g"+strconv.Itoa(i))
	}
	h.haveGroups(names...)
	h.haveGroups("taken")
	h.do("PATCH", access+"/users/alice/groups", object{"add": []string{"taken"}}, admin).is(http.StatusOK)
	var all sync.WaitGroup
	for i, name := range append(slices.Clone(names), "taken") {
		all.Go(func() {
			change := object{"add": []string{name}}
			if name == "taken" {
				change = object{"remove": []string{name}}
			}
			path := access + "/users/alice/groups"
			if i%2 == 1 {
				path, change = access+"/groups/"+name+"/members", object{"add": []string{"alice"}}
			}
			if a := h.do("PATCH", path, change, admin); a.status != http.StatusOK {
				t.Errorf("%s: %d %s", a.at, a.status, a.body)
			}
		})
	}
	all.Wait()
	h.do("PATCH", access+"/users/alice/groups", object{}, admin).is(http.StatusOK).json(`["` + strings.Join(names, `","`) + `"]`)
}
