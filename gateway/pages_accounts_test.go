package gateway_test

import (
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/latchkey-io/latchkey/auth"
	"github.com/latchkey-io/latchkey/gateway"
)

const accountsURL = "/ui/profile/accounts"

// page is a page of a browser's.
func (h *house) page(j jar, at string) answer {
	h.t.Helper()
	a := h.do("GET", at, nil, navigate, h.fromHere(j))
	a.guarded()
	return a
}

// TestLinkAndUnlink an account elsewhere, as its owner.
func TestLinkAndUnlink(t *testing.T) {
	t.Parallel()
	h, e := newHouseWithDoors(t, houseConfig{})
	j := h.signedIn("alice", alicePassword, false)
	shut := h.page(j, accountsURL).is(http.StatusOK).holds("Example Corp", "Not linked", "Locked")
	if strings.Contains(shut.body, `value="bind"`) {
		t.Error("linking is offered while the profile is locked")
	}
	h.submit("/-/oauth/corp/start", url.Values{"purpose": {"bind"}}, h.fromHere(j)).is(http.StatusForbidden).holds("Unlock it")
	if lie := h.do("GET", accountsURL+"?done=account-linked", nil, fromElsewhere, j.send).is(http.StatusOK); strings.Contains(lie.body, "The account is linked") {
		t.Error("a link of another site says that an account was linked")
	}
	h.submit("/ui/profile/unlock", url.Values{"password": {alicePassword}}, h.fromHere(j)).is(http.StatusSeeOther)
	h.page(j, accountsURL).is(http.StatusOK).holds("Link your account", `action="/-/oauth/corp/start"`)

	a := h.withForm(j, "corp", "bind", "//evil.example/").is(http.StatusSeeOther)
	if to := a.header.Get("Location"); to != accountsURL+"?done=account-linked#" {
		t.Fatalf("leads to %q", to)
	}
	page := h.do("GET", strings.TrimSuffix(a.header.Get("Location"), "#"), nil, fromElsewhere, j.send).is(http.StatusOK).holds("The account is linked", "ally", "ally@corp.example", "never used", "Unlink")
	if len(h.bindings("alice")) != 1 {
		t.Fatalf("%v", h.bindings("alice"))
	}
	id := h.bindings("alice")[0].ID
	if !strings.Contains(page.body, accountsURL+"/"+id+"/unlink") {
		t.Error(page.body)
	}
	// Another identity of the same provider, and the same for somebody else.
	e.be(func(e *elsewhere) { e.person.Subject = "subject-2" })
	h.withForm(j, "corp", "bind", "").is(http.StatusConflict).holds("was not linked")
	e.be(func(e *elsewhere) { e.person.Subject = "subject-1" })
	eve := h.signedIn("eve", evePassword, true)
	before := h.kept()
	h.withForm(eve, "corp", "bind", "").is(http.StatusConflict).holds("was not linked", "linked to another user")
	h.unchanged("an identity of somebody else's", before)

	in := jar{}
	h.through(in, "corp", "").is(http.StatusSeeOther)
	h.page(j, accountsURL+"/"+id+"/unlink").is(http.StatusOK).holds("Unlink your account at Example Corp?", "ally", "signed out")
	if to := h.submit(accountsURL+"/"+id+"/unlink", nil, h.fromHere(j)).is(http.StatusSeeOther).header.Get("Location"); to != accountsURL+"?done=account-unlinked" {
		t.Errorf("leads to %q", to)
	}
	if h.whoIs(in) != "" || h.whoIs(j) != "alice" || len(h.bindings("alice")) != 0 {
		t.Errorf("%q, %q", h.whoIs(in), h.whoIs(j))
	}
	h.through(jar{}, "corp", "").is(http.StatusForbidden).holds("is not linked")
	for _, method := range []func() answer{
		func() answer { return h.page(j, accountsURL+"/"+id+"/unlink") },
		func() answer { return h.submit(accountsURL+"/"+id+"/unlink", nil, h.fromHere(j)) },
	} {
		if to := method().is(http.StatusSeeOther).header.Get("Location"); to != accountsURL+"?done=account-gone" {
			t.Errorf("leads to %q", to)
		}
	}
}

// TestTheLastWayInStays, and who unlinks the account that they signed in
// through is signed out.
func TestTheLastWayInStays(t *testing.T) {
	t.Parallel()
	h, e := newHouseWithDoors(t, houseConfig{})
	e.be(func(e *elsewhere) { e.person.Subject, e.person.Login = "subject-9", "zed" })
	j := jar{}
	h.through(j, "open", "").is(http.StatusSeeOther)
	id := h.bindings("zed")[0].ID
	h.page(j, accountsURL).is(http.StatusOK).holds("you signed in through it", "for as long as you are signed in")
	before := h.kept()
	h.submit(accountsURL+"/"+id+"/unlink", nil, h.fromHere(j)).is(http.StatusForbidden).holds("sign in")
	h.unchanged("unlinking the last way in", before)

	linked := h.linked2(e)
	in := jar{}
	h.through(in, "corp", "").is(http.StatusSeeOther)
	h.submit("/-/oauth/corp/start", url.Values{"purpose": {"unlock"}}, h.fromHere(in)).is(http.StatusOK)
	h.withForm(in, "corp", "unlock", accountsURL).is(http.StatusSeeOther)
	if to := h.submit(accountsURL+"/"+linked+"/unlink", nil, h.fromHere(in)).is(http.StatusSeeOther).header.Get("Location"); to != "/ui/login?done=account-unlinked" {
		t.Errorf("leads to %q", to)
	}
	if h.whoIs(in) != "" {
		t.Error("the session goes on")
	}
	h.page(in, "/ui/login?done=account-unlinked").is(http.StatusOK).holds("is unlinked")
}

// linked2 links "subject-2" to alice and tells the id.
func (h *house) linked2(e *elsewhere) string {
	h.t.Helper()
	e.be(func(e *elsewhere) { e.person.Subject = "subject-2" })
	h.linked()
	return h.bindings("alice")[0].ID
}

// TestLinkedAccountsOfProvidersThatAreGone are shown, sign nobody in and can be
// unlinked.
func TestLinkedAccountsOfProvidersThatAreGone(t *testing.T) {
	t.Parallel()
	h, e := newHouseWithDoors(t, houseConfig{})
	j := h.linked()
	in := jar{}
	h.through(in, "corp", "").is(http.StatusSeeOther)
	h.auth.SetProviders(knownElsewhere()[1:], e)
	if h.whoIs(in) != "" {
		t.Error("its session goes on")
	}
	id := h.bindings("alice")[0].ID
	h.page(j, accountsURL).is(http.StatusOK).holds("Not here any more", "ally", accountsURL+"/"+id+"/unlink")
	h.through2(jar{}, "corp").is(http.StatusNotFound).holds("no such sign-in")
	h.page(h.signedIn("admin", h.adminPassword, true), "/ui/admin/users/alice").is(http.StatusOK).holds("its provider is gone")
	h.submit(accountsURL+"/"+id+"/unlink", nil, h.fromHere(j)).is(http.StatusSeeOther)
	if len(h.bindings("alice")) != 0 {
		t.Error("it is linked still")
	}
}

// through2 comes back from a provider that is not here any more.
func (h *house) through2(j jar, provider string) answer {
	h.t.Helper()
	to := j.take(h.do("GET", "/-/oauth/"+provider+"/start", nil, navigate, j.send)).is(http.StatusSeeOther).header.Get("Location")
	return j.take(h.do("GET", back(provider, stateOf(h.t, to)), nil, fromElsewhere, j.send))
}

// TestUnlockingElsewhere: a session through a provider is unlocked as the
// provider's settings say, and forms that find the profile locked say how.
func TestUnlockingElsewhere(t *testing.T) {
	t.Parallel()
	h, e := newHouseWithDoors(t, houseConfig{})
	h.linked()
	again := jar{}
	h.through(again, "corp", "").is(http.StatusSeeOther)
	panel := h.page(again, "/ui/profile").is(http.StatusOK).holds("Locked", "Sign in at Example Corp again to unlock", `name="purpose" value="unlock"`)
	if strings.Contains(panel.body, `type="password"`) {
		t.Error("it asks for a password")
	}
	h.submit("/ui/profile/unlock", url.Values{"password": {alicePassword}}, h.fromHere(again)).is(http.StatusForbidden).holds("Sign in at Example Corp again")
	form := h.submit("/ui/profile/account/name", url.Values{"display_name": {"Typed Here"}}, h.fromHere(again)).is(http.StatusForbidden)
	form.holds("Typed Here", "Unlock in another tab", `href="/ui/profile/unlock"`)
	if strings.Contains(form.body, `type="password"`) {
		t.Error("the form asks for a password")
	}
	h.page(again, "/ui/profile/unlock?next=%2Fui%2Fprofile%2Fssh").is(http.StatusOK).holds(`value="/ui/profile/ssh"`)
	if to := h.withForm(again, "corp", "unlock", "/ui/profile/ssh").is(http.StatusSeeOther).header.Get("Location"); to != "/ui/profile/ssh#" {
		t.Errorf("leads to %q", to)
	}
	h.page(again, "/ui/profile").is(http.StatusOK).holds("Unlocked until", "Lock now")
	h.submit("/ui/profile/account/name", url.Values{"display_name": {"Typed Here"}}, h.fromHere(again)).is(http.StatusSeeOther)

	// With another account there, from another session, or at another provider: no.
	h.submit("/ui/profile/lock", nil, h.fromHere(again)).is(http.StatusSeeOther)
	e.be(func(e *elsewhere) { e.person.Subject = "subject-2" })
	h.withForm(again, "corp", "unlock", "").is(http.StatusForbidden).holds("still locked")
	e.be(func(e *elsewhere) { e.person.Subject = "subject-1" })
	h.submit("/-/oauth/other/start", url.Values{"purpose": {"unlock"}}, h.fromHere(again)).is(http.StatusForbidden)
	to := onward(again.take(h.submit("/-/oauth/corp/start", url.Values{"purpose": {"unlock"}}, h.fromHere(again))).is(http.StatusOK))
	again.take(h.submit("/ui/logout", nil, h.fromHere(again)))
	h.through(again, "corp", "").is(http.StatusSeeOther) // signed in anew meanwhile
	again.take(h.do("GET", back("corp", stateOf(t, to)), nil, fromElsewhere, again.send)).is(http.StatusForbidden).holds("still locked")
	h.page(again, "/ui/profile").is(http.StatusOK).holds("Locked")
	h.submit("/-/oauth/corp/start", url.Values{"purpose": {"sign_in"}}, h.fromHere(again)).is(http.StatusBadRequest)

	e.be(func(e *elsewhere) { e.person.Subject, e.person.Login = "subject-3", "opal" })
	open := jar{}
	h.through(open, "open", "").is(http.StatusSeeOther)
	bar := h.page(open, "/ui/profile").is(http.StatusOK).holds("Unlocked for as long as you are signed in", "Generate")
	if strings.Contains(bar.body, "Lock now") || strings.Contains(bar.body, "data-countdown") {
		t.Error(bar.body)
	}

	e.be(func(e *elsewhere) { e.person.Subject, e.person.Login = "subject-4", "otto" })
	none := jar{}
	h.through(none, "other", "").is(http.StatusSeeOther)
	h.page(none, "/ui/profile").is(http.StatusOK).holds("Locked", "You signed in through Other, and your account has no password here", "Ask an administrator")
	h.page(none, "/ui/profile/account").is(http.StatusOK)
}

// TestProgramsAreLetInWithoutAPassword by who unlocks elsewhere.
func TestProgramsAreLetInWithoutAPassword(t *testing.T) {
	t.Parallel()
	h, _ := newHouseWithDoors(t, houseConfig{})
	h.linked()
	h.requestLogin(program)
	j := jar{}
	next := h.through(j, "corp", "/ui/login?jfClientSession="+program).is(http.StatusSeeOther).header.Get("Location")
	page := h.page(j, strings.TrimSuffix(next, "#")).is(http.StatusOK).holds("Unlock your profile")
	at := "/ui/profile/unlock?next=" + url.QueryEscape("/ui/login?jfClientSession="+program)
	if !strings.Contains(page.body, `href="`+at+`"`) || strings.Contains(page.body, `type="password"`) {
		t.Error(page.body)
	}
	h.page(j, at).is(http.StatusOK)
	if to := h.withForm(j, "corp", "unlock", "/ui/login?jfClientSession="+program).is(http.StatusSeeOther).header.Get("Location"); to != next {
		t.Errorf("leads to %q", to)
	}
	h.page(j, strings.TrimSuffix(next, "#")).is(http.StatusOK).holds("Let it in")
}

// TestWaysOfForms: no other site makes a browser link an account or unlock,
// and no answer counts in another session than the one it was asked for in.
func TestWaysOfForms(t *testing.T) {
	t.Parallel()
	h, _ := newHouseWithDoors(t, houseConfig{})
	alice, eve := h.signedIn("alice", alicePassword, true), h.signedIn("eve", evePassword, true)
	for what, as := range evil {
		for _, purpose := range []string{"bind", "unlock"} {
			a := h.submit("/-/oauth/corp/start", url.Values{"purpose": {purpose}}, append([]with{h.fromHere(alice)}, as...)...)
			if a.status != http.StatusForbidden || a.header.Get("Set-Cookie") != "" {
				t.Errorf("%s: %d %v", what, a.status, a.header)
			}
		}
	}
	if to := h.submit("/-/oauth/corp/start", url.Values{"purpose": {"bind"}}).is(http.StatusSeeOther).header.Get("Location"); !strings.Contains(to, "/ui/login") {
		t.Errorf("nobody is led to %q", to)
	}
	h.submit("/-/oauth/corp/start", url.Values{"purpose": {"bind"}}, basic("alice", alicePassword)).is(http.StatusForbidden)
	for _, body := range []string{"purpose=bind&session=x", "purpose=bind&purpose=unlock", "", "purpose=BIND", "a=%zz"} {
		a := h.do("POST", "/-/oauth/corp/start", body, header("Content-Type", form), h.fromHere(alice))
		if a.status < 400 || a.status >= 500 || a.header.Get("Set-Cookie") != "" {
			t.Errorf("%q: %d", body, a.status)
		}
	}
	before := h.kept()
	page := h.submit("/-/oauth/corp/start", url.Values{"purpose": {"bind"}}, h.fromHere(eve)).is(http.StatusOK)
	page.guarded()
	eve.take(page)
	// Eve's answer in alice's browser, even with eve's cookie planted there.
	h.do("GET", back("corp", stateOf(t, onward(page))), nil, fromElsewhere, alice.send).is(http.StatusBadRequest)
	planted := maps.Clone(eve)
	planted["latchkey"] = alice["latchkey"]
	h.do("GET", back("corp", stateOf(t, onward(page))), nil, fromElsewhere, planted.send).is(http.StatusForbidden).holds("was not linked")
	page = h.submit("/-/oauth/corp/start", url.Values{"purpose": {"bind"}}, h.fromHere(eve)).is(http.StatusOK)
	nobody := jar{}
	nobody.take(page)
	h.do("GET", back("corp", stateOf(t, onward(page))), nil, fromElsewhere, nobody.send).is(http.StatusForbidden).holds("session here has ended", "Sign in")
	h.unchanged("answers in other sessions", before)

	// The profile locked itself on the way.
	page = alice.take(h.submit("/-/oauth/corp/start", url.Values{"purpose": {"bind"}}, h.fromHere(alice))).is(http.StatusOK)
	h.submit("/ui/profile/lock", nil, h.fromHere(alice)).is(http.StatusSeeOther)
	alice.take(h.do("GET", back("corp", stateOf(t, onward(page))), nil, fromElsewhere, alice.send)).is(http.StatusForbidden).holds("locked itself")
	if len(h.bindings("alice")) != 0 || len(h.bindings("eve")) != 0 {
		t.Error("something was linked")
	}
}

// TestLinkedAccountsInTheAPI and on the pages of administrators.
func TestLinkedAccountsInTheAPI(t *testing.T) {
	t.Parallel()
	h, _ := newHouseWithDoors(t, houseConfig{})
	j := h.linked()
	providers := h.do("GET", gateway.APIRoot+"/providers", nil).is(http.StatusOK).items()
	if len(providers) != 3 || providers[0]["start"] != h.origin+"/-/oauth/corp/start" || providers[0]["title"] != "Example Corp" || providers[0]["type"] != "oidc" {
		t.Errorf("%v", providers)
	}
	for _, at := range []string{"/me/bindings", "/users/alice/bindings"} {
		all := h.do("GET", gateway.APIRoot+at, nil, basic("alice", alicePassword)).is(http.StatusOK).items()
		if len(all) != 1 || all[0]["issuer"] != "https://corp.example" || all[0]["subject"] != "subject-1" || all[0]["login"] != "ally" {
			t.Errorf("%v", all)
		}
	}
	id := h.bindings("alice")[0].ID
	h.do("GET", gateway.APIRoot+"/users/alice/bindings", nil, basic("eve", evePassword)).is(http.StatusForbidden)
	h.do("DELETE", gateway.APIRoot+"/bindings/"+id, nil, basic("eve", evePassword)).code(http.StatusNotFound, auth.NotFound)
	h.do("DELETE", gateway.APIRoot+"/bindings/nothing", nil, basic("alice", alicePassword)).is(http.StatusNotFound)
	h.do("DELETE", gateway.APIRoot+"/bindings/"+id, nil).is(http.StatusUnauthorized)
	h.do("DELETE", gateway.APIRoot+"/bindings/"+id, nil, h.fromHere(j), header("Origin", "https://evil.example"), header("Sec-Fetch-Site", "cross-site")).is(http.StatusForbidden)

	admin := h.signedIn("admin", h.adminPassword, true)
	h.page(admin, "/ui/admin/users/alice").is(http.StatusOK).holds("Example Corp: ally", "/ui/admin/users/alice/accounts/"+id+"/end")
	h.page(admin, "/ui/admin/users/alice/accounts").is(http.StatusOK).holds("1 in all")
	h.page(admin, "/ui/admin/users/alice/delete").is(http.StatusOK).holds("Linked accounts")
	in := jar{}
	h.through(in, "corp", "").is(http.StatusSeeOther)
	h.page(admin, "/ui/admin/users/alice").is(http.StatusOK).holds("through Example Corp")
	h.page(admin, "/ui/admin/users/alice/accounts/"+id+"/end").is(http.StatusOK).holds("Unlink an account of alice?")
	h.submit("/ui/admin/users/alice/accounts/"+id+"/end", nil, h.fromHere(admin)).is(http.StatusSeeOther)
	if h.whoIs(in) != "" || len(h.bindings("alice")) != 0 {
		t.Error("it is linked still")
	}
	h.link("alice", alicePassword)
	h.do("DELETE", gateway.APIRoot+"/bindings/"+h.bindings("alice")[0].ID, nil, basic("alice", alicePassword)).is(http.StatusNoContent)

	link, err := h.auth.Passwords.ResetLink(t.Context(), h.admin, "alice")
	if err != nil {
		t.Fatal(err)
	}
	h.link("alice", alicePassword)
	h.do("GET", "/ui/reset?user=alice&key="+link.Key.Reveal(), nil, navigate).is(http.StatusOK).holds("1 linked account")
}

// TestHostileAccountsElsewhere: what a provider tells of people, and its title,
// stay text on every page.
func TestHostileAccountsElsewhere(t *testing.T) {
	t.Parallel()
	h, e := newHouseWithDoors(t, houseConfig{})
	for _, text := range hostile {
		e.be(func(e *elsewhere) {
			e.person.Login, e.person.Email, e.person.DisplayName, e.person.Subject = text, text, text, "s "+text
		})
		known := knownElsewhere()
		known[0].Title = text
		h.auth.SetProviders(known, e)
		j := h.signedIn("alice", alicePassword, true)
		a := h.withForm(j, "corp", "bind", "")
		if a.status >= 500 {
			t.Errorf("%q: %d", text, a.status)
		}
		if a.status >= 400 {
			a.page()
		}
		h.walk(h.fromHere(j), func(a answer) { a.page() })
		h.walk(h.fromHere(h.signedIn("admin", h.adminPassword, true)), func(a answer) { a.page() })
		h.do("GET", "/ui/login", nil, navigate).page()
		in := jar{}
		if a := h.through(in, "corp", ""); a.status >= 500 {
			t.Errorf("%q: %d", text, a.status)
		}
		e.be(func(e *elsewhere) { e.person.Subject = "nobody's" })
		h.through(jar{}, "corp", "").is(http.StatusForbidden).page()
		for _, b := range h.bindings("alice") {
			if err := h.auth.Bindings.Delete(t.Context(), h.admin, b.ID); err != nil {
				t.Fatal(err)
			}
		}
	}
}
