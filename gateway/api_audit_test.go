package gateway_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-io/latchkey/auth"
)

func TestActivityIsPagedNewestFirst(t *testing.T) {
	t.Parallel()
	h := newHouse(t, houseConfig{})
	alice, admin := basic("alice", alicePassword), basic("admin", h.adminPassword)
	for range 3 {
		h.do("POST", v1+"/me/tokens", map[string]any{"description": "ci"}, alice).is(http.StatusCreated)
	}
	h.do("DELETE", v1+"/users/alice/sessions", nil, admin).is(http.StatusNoContent)
	var got []string
	for at := v1 + "/me/activity?limit=1"; ; {
		a := h.do("GET", at, nil, alice).is(http.StatusOK)
		for _, e := range a.items() {
			got = append(got, fmt.Sprint(e["user"], " ", e["action"], " ", e["address"] != nil))
		}
		next := a.field("next")
		if next == "" {
			break
		}
		at = v1 + "/me/activity?limit=1&before=" + next
	}
	want := "admin session.revoke false|alice token.create true|alice token.create true|alice token.create true|"
	if !strings.HasPrefix(strings.Join(got, "|")+"|", want) {
		t.Errorf("%q", got)
	}
	if seen := h.do("GET", v1+"/users/alice/activity", nil, admin).is(http.StatusOK).items(); len(seen) != len(got) {
		t.Errorf("an administrator sees %d events, the owner %d", len(seen), len(got))
	}
	h.do("GET", v1+"/users/admin/activity", nil, alice).code(http.StatusForbidden, auth.Forbidden)
	h.do("GET", v1+"/users/nobody/activity", nil, admin).code(http.StatusNotFound, auth.NotFound)
	h.do("GET", v1+"/me/activity", nil).is(http.StatusUnauthorized)
	for _, forged := range []string{"0", "-1", "x", "1.5", "99999999999999999999"} {
		h.do("GET", v1+"/me/activity?before="+forged, nil, alice).code(http.StatusBadRequest, auth.Invalid)
	}
	for _, forged := range []string{"1", "7", "9223372036854775807"} { // within a line, or beyond the end
		h.do("GET", v1+"/me/activity?before="+forged, nil, alice).is(http.StatusOK)
	}
}

func TestAuditAnswersTheNewestThatMatch(t *testing.T) {
	t.Parallel()
	h := newHouse(t, houseConfig{})
	admin := basic("admin", h.adminPassword)
	for n := range 5 {
		h.do("POST", v1+"/groups", map[string]any{"name": fmt.Sprintf("team%d", n)}, admin).is(http.StatusCreated)
	}
	ask := func(query url.Values) (targets string) {
		for _, e := range h.do("GET", v1+"/audit?"+query.Encode(), nil, admin).is(http.StatusOK).items() {
			targets += fmt.Sprint(e["target"], " ")
		}
		return targets
	}
	if got, want := ask(url.Values{"action": {"group."}, "limit": {"2"}}), "team3 team4 "; got != want {
		t.Errorf("the newest two: %q, want %q", got, want)
	}
	if got, want := ask(url.Values{"text": {"TEAM2"}}), "team2 "; got != want {
		t.Errorf("by text: %q, want %q", got, want)
	}
	if got := ask(url.Values{"until": {time.Now().Add(-time.Hour).Format(time.RFC3339)}}); got != "" {
		t.Errorf("of an hour ago: %q", got)
	}
	h.do("GET", v1+"/audit?until=yesterday", nil, admin).code(http.StatusBadRequest, auth.Invalid)
	h.do("GET", v1+"/audit?text="+strings.Repeat("x", 201), nil, admin).code(http.StatusBadRequest, auth.Invalid)
}

func TestHealthIsForAdministrators(t *testing.T) {
	t.Parallel()
	h := newHouse(t, houseConfig{})
	parts := h.do("GET", v1+"/health", nil, basic("admin", h.adminPassword)).is(http.StatusOK).items()
	if len(parts) != 1 || parts[0]["name"] != "store" || parts[0]["ok"] != true {
		t.Errorf("%+v", parts)
	}
	h.do("GET", v1+"/health", nil, basic("alice", alicePassword)).code(http.StatusForbidden, auth.Forbidden)
}
