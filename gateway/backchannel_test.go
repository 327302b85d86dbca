package gateway_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/latchkey-io/latchkey/auth"
)

// sayLogout is a provider that says that sessions are over.
func (h *house) sayLogout(provider, token string, shown ...with) answer {
	h.t.Helper()
	return h.do("POST", "/-/oauth/"+provider+"/logout", url.Values{"logout_token": {token}}.Encode(), append([]with{header("Content-Type", form)}, shown...)...)
}

// TestLogoutByTheProvider ends the sessions that it names, and no others.
func TestLogoutByTheProvider(t *testing.T) {
	t.Parallel()
	h, e := newHouseWithDoors(t, houseConfig{})
	with := h.linked()
	e.be(func(e *elsewhere) { e.person.SID = "sid-1" })
	one, two := jar{}, jar{}
	h.through(one, "corp", "").is(http.StatusSeeOther)
	e.be(func(e *elsewhere) { e.person.SID = "sid-2" })
	h.through(two, "corp", "").is(http.StatusSeeOther)
	e.be(func(e *elsewhere) {
		e.over = auth.ExternalLogout{Provider: "corp", Issuer: "https://corp.example", SID: "sid-1", ID: "jti-1"}
	})
	for name, a := range map[string]answer{
		"a wrong token": h.sayLogout("corp", "bad.corp"), "another provider's": h.sayLogout("other", "good.corp"), "no token": h.sayLogout("corp", ""),
		"too long":       h.sayLogout("corp", "good.corp"+strings.Repeat("x", 17<<10)),
		"far too long":   h.sayLogout("corp", strings.Repeat("x", 64<<10)),
		"JSON":           h.do("POST", "/-/oauth/corp/logout", `{"logout_token":"good.corp"}`),
		"in the address": h.do("POST", "/-/oauth/corp/logout?logout_token=good.corp", "x=y", header("Content-Type", form)),
		"two":            h.do("POST", "/-/oauth/corp/logout", "logout_token=good.corp&logout_token=good.corp", header("Content-Type", form)),
		"nobody's":       h.sayLogout("nobody", "good.corp"),
	} {
		a.is(http.StatusBadRequest)
		if a.header.Get("Cache-Control") != "no-store" || a.field("error") != "invalid_request" {
			t.Errorf("%s: %v %s", name, a.header, a.body)
		}
	}
	if h.whoIs(one) != "alice" {
		t.Fatal("a session has ended")
	}
	if !strings.Contains(string(h.trail.all()), "the signature is wrong") {
		t.Error("the trail does not say why")
	}
	h.do("GET", "/-/oauth/corp/logout", nil).is(http.StatusMethodNotAllowed)
	// A cookie or credential that comes along is not looked at.
	ok := h.sayLogout("corp", "good.corp", basic("alice", "wrong wrong wrong"), two.send).is(http.StatusOK)
	if ok.header.Get("Cache-Control") != "no-store" || ok.body != "" {
		t.Errorf("%v %q", ok.header, ok.body)
	}
	if h.whoIs(one) != "" || h.whoIs(two) != "alice" || h.whoIs(with) != "alice" {
		t.Errorf("%q %q %q", h.whoIs(one), h.whoIs(two), h.whoIs(with))
	}
	e.be(func(e *elsewhere) {
		e.over = auth.ExternalLogout{Provider: "corp", Issuer: "https://corp.example", Subject: "subject-1", ID: "jti-2"}
	})
	h.sayLogout("corp", "good.corp").is(http.StatusOK)
	if h.whoIs(two) != "" || h.whoIs(with) != "alice" {
		t.Errorf("%q %q", h.whoIs(two), h.whoIs(with))
	}
	e.be(func(e *elsewhere) { e.over.Subject, e.over.ID = "somebody unknown", "jti-3" })
	h.sayLogout("corp", "good.corp").is(http.StatusOK)
	e.be(func(e *elsewhere) { e.down = &auth.Error{Code: auth.Unavailable, Reason: "its keys cannot be had"} })
	h.sayLogout("corp", "good.corp").is(http.StatusServiceUnavailable)
}
