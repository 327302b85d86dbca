package gateway_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/latchkey-io/latchkey/auth"
)

// TestGroupsPage adds, edits and deletes groups, whatever they are called.
func TestGroupsPage(t *testing.T) {
	t.Parallel()
	h := newHouse(t, houseConfig{})
	o := h.office(true)
	o.get("/ui/admin/groups").is(http.StatusOK).says("There are no groups yet", "group:builders")
	for _, name := range []string{"builders", "<svg onload=alert(1)>", "100%", `a\b`, "..;x", "new", "ä & ö?#"} {
		at := "?group=" + url.QueryEscape(name)
		o.leads(o.post("/ui/admin/groups/new", "name", name, "description", "first\r\nsecond"), "/ui/admin/groups", "The group is added").says(name, "second").lacks("<svg onload")
		if g, err := h.auth.Groups.Get(t.Context(), h.admin, name); err != nil || g.Description != "first\nsecond" {
			t.Errorf("%q: %+v, %v", name, g, err)
		}
		o.get("/ui/admin/groups/edit"+at).is(http.StatusOK).says("Edit "+name, "second").lacks("<svg onload")
		o.leads(o.post("/ui/admin/groups/edit"+at, "description", "<svg onload=alert(2)>"), "/ui/admin/groups", "Saved").lacks("<svg onload")
		if _, err := h.auth.Users.Update(t.Context(), h.admin, "alice", auth.UserChange{Join: []string{name}}); err != nil {
			t.Fatal(err)
		}
		o.get("/ui/admin/users/alice/edit").is(http.StatusOK).says(name).lacks("<svg onload")
		o.get("/ui/admin/groups/delete"+at).is(http.StatusOK).says("Delete the group "+name+"?", "group:"+name, "is not known here").lacks("<svg onload")
		o.leads(o.post("/ui/admin/groups/delete"+at), "/ui/admin/groups", "The group is deleted")
		if u, err := h.auth.Users.Get(t.Context(), h.admin, "alice"); err != nil || len(u.Groups) > 0 {
			t.Errorf("%q: %+v, %v", name, u, err)
		}
		o.get("/ui/admin/groups/edit" + at).is(http.StatusNotFound)
		o.post("/ui/admin/groups/delete" + at).is(http.StatusNotFound)
	}
	o.post("/ui/admin/groups/new", "name", "a,b", "description", "kept").is(http.StatusBadRequest).says("A group name has", `value="a,b"`, "kept")
	o.post("/ui/admin/groups/new", "name", "dots", "description", strings.Repeat("ä", 600)).is(http.StatusBadRequest).says("at most 1024 bytes")
	o.leads(o.post("/ui/admin/groups/new", "name", "twice", "description", ""), "/ui/admin/groups", "added")
	o.post("/ui/admin/groups/new", "name", "twice", "description", "").is(http.StatusConflict).says(`There is a group "twice" already`)
}

// TestManyGroups are paged, searched, and typed instead of ticked.
func TestManyGroups(t *testing.T) {
	t.Parallel()
	h := newHouse(t, houseConfig{})
	for i := range 60 {
		if _, err := h.auth.Groups.Create(t.Context(), h.admin, fmt.Sprintf("group%02d", i), ""); err != nil {
			t.Fatal(err)
		}
	}
	o := h.office(true)
	o.get("/ui/admin/groups").is(http.StatusOK).says("group00", "group49", "Page 1 of 2").lacks("group50")
	o.get("/ui/admin/groups?page=2").is(http.StatusOK).says("group50", "group59").lacks("group49")
	o.get("/ui/admin/groups?search=GROUP&page=2").is(http.StatusOK).says("group50", `href="/ui/admin/groups?search=GROUP"`)
	o.get("/ui/admin/groups?search=p5").is(http.StatusOK).says("group50").lacks("group49")
	o.get("/ui/admin/groups?search=%3Csvg+onload").is(http.StatusOK).says("No group has").lacks("<svg onload")

	o.get("/ui/admin/users/alice/edit").is(http.StatusOK).says("separated by commas").lacks(`type="checkbox" value="group00"`)
	o.leads(o.post("/ui/admin/users/alice/edit", "email", "alice@example.com", "was_email", "alice@example.com", "groups", "group07,  group11 ,", "was_groups", "", "may_update_profile", "1", "was_may_update_profile", "1"),
		"/ui/admin/users/alice", "group07, group11")
	o.post("/ui/admin/users/alice/edit", "email", "alice@example.com", "was_email", "alice@example.com", "groups", "group07, ghosts", "was_groups", "group07, group11").
		is(http.StatusBadRequest).says(`There is no group "ghosts"`, `value="group07, ghosts"`)
}

// TestRevokingAllKeys asks for the words.
func TestRevokingAllKeys(t *testing.T) {
	t.Parallel()
	h := furnished(t)
	o := h.office(true)
	has := func() bool { _, err := h.auth.Keys.Get(t.Context(), h.admin, "alice"); return err == nil }
	o.get("/ui/admin/keys").is(http.StatusOK).says("Revoke all API keys", "Users can generate API keys")
	o.get("/ui/admin/keys/revoke-all").is(http.StatusOK).says("Revoke everybody’s API keys?", "yours included")
	for _, words := range []string{"", "yes", "Revoke All"} {
		o.post("/ui/admin/keys/revoke-all", "words", words).is(http.StatusBadRequest).says("exactly to go on")
	}
	if !has() {
		t.Error("the key is gone")
	}
	o.leads(o.post("/ui/admin/keys/revoke-all", "words", "revoke all"), "/ui/admin/keys", "All API keys are revoked")
	if has() {
		t.Error("the key goes on")
	}
	h.auth.SetPolicy(auth.Policy{NoNewAPIKeys: true})
	o.get("/ui/admin/keys").is(http.StatusOK).says("cannot generate API keys any more")
}
